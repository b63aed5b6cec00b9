"""What a second study says of a first, claim by claim."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.comparing.like import Finding, Like, like
from vggstudy.analysis.comparing.pooled import pool
from vggstudy.analysis.comparing.studies import compare
from vggstudy.analysis.notes import Caution, say
from vggstudy.errors import AnalysisError

DIFFERENCE: dict[str, Any] = {"quantity": "diff", "factors": ("depth",), "reference": 0.0}


def claim(estimate: float, half: float, **given: Any) -> Claim:
    values: dict[str, Any] = {
        "id": "accuracy.diff.depth",
        "estimand": "difference",
        "outcome": "test_accuracy",
        "unit": "fraction",
        "level": 0.95,
        "n": 10,
        "k": 10,
        "estimate": estimate,
        "low": estimate - half,
        "high": estimate + half,
        **DIFFERENCE,
    }
    return Claim(**{**values, **given})


def both(first: Claim, second: Claim, **given: Any) -> Like:
    found = like(first, second, **given)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("first", "second", "finding"),
    [
        ((0.10, 0.05), (0.08, 0.05), Finding.REPLICATED),
        ((0.10, 0.05), (0.04, 0.05), Finding.OPEN),
        ((0.02, 0.05), (0.04, 0.03), Finding.AGREES),
        ((0.10, 0.05), (-0.10, 0.05), Finding.REVERSED),
        ((0.10, 0.05), (0.30, 0.05), Finding.DIFFERS),
        ((0.10, 0.05), (0.00, 0.05), Finding.DIFFERS),
    ],
)
def test_findings(
    first: tuple[float, float], second: tuple[float, float], finding: Finding
) -> None:
    assert both(claim(*first), claim(*second)).finding == finding


def test_a_claim_without_a_reference_can_only_agree_or_differ() -> None:
    mean: dict[str, Any] = {"quantity": "mean", "factors": (), "reference": None}
    assert both(claim(0.9, 0.01, **mean), claim(0.89, 0.01, **mean)).finding == Finding.AGREES
    assert both(claim(0.9, 0.01, **mean), claim(0.8, 0.01, **mean)).finding == Finding.DIFFERS


def test_a_share_stays_one_and_its_difference_between_studies_too() -> None:
    share: dict[str, Any] = {"quantity": "p", "factors": (), "reference": None}
    found = both(
        claim(1.0, 0, low=0.69, high=1.0, **share), claim(0.0, 0, low=0.0, high=0.31, **share)
    )
    assert found.expected.low == pytest.approx(0.562, abs=1e-3)
    assert found.expected.high == 1.0
    assert found.difference.low == -1.0
    assert found.finding == Finding.DIFFERS


@pytest.mark.parametrize(
    ("kind", "range_"),
    [
        ({"reference": 0.05}, (-0.14, 0.14)),
        ({"quantity": "did", "factors": ("a", "b"), "reference": 0.0}, (-0.14, 0.14)),
        ({"outcome": "generalisation_gap", "quantity": "mean", "factors": ()}, (-0.14, 0.14)),
        ({"outcome": "expected", "quantity": "mean", "factors": ()}, (0.0, 0.14)),
        ({"unit": "probability", "quantity": "improvement", "reference": 0.5}, (0.0, 0.14)),
    ],
    ids=["a margin", "two factors", "a gap", "a mean of shares", "a probability"],
)
def test_what_is_expected_keeps_to_the_values_that_there_are(
    kind: dict[str, Any], range_: tuple[float, float]
) -> None:
    expected = both(claim(0.0, 0.1, **kind), claim(0.0, 0.1, **kind)).expected
    assert (expected.low, expected.high) == pytest.approx(range_, abs=0.005)


def test_within_a_margin_is_shown_and_not_assumed() -> None:
    close = claim(0.10, 0.001), claim(0.101, 0.001)
    assert both(*close, margin=0.01).equivalent is True
    assert both(claim(0.10, 0.05), claim(0.10, 0.05), margin=0.01).equivalent is False
    assert both(*close).equivalent is None


def test_what_has_no_interval_is_not_compared() -> None:
    none = claim(
        0.1, 0.05, low=None, high=None, status="not_available", refusal=say("no_run_converged")
    )
    assert like(none, claim(0.1, 0.05)) is None
    assert like(claim(0.1, 0.05), none) is None


@pytest.mark.parametrize(
    "kind",
    [{"outcome": "best"}, {"quantity": "prediction"}, {"unit": "ratio", "reference": 1.0}],
)
def test_sets_single_runs_and_ratios_have_no_difference(kind: dict[str, Any]) -> None:
    assert like(claim(0.10, 0.05, **kind), claim(0.30, 0.05, **kind)) is None


def test_intervals_at_two_levels_are_refused() -> None:
    with pytest.raises(AnalysisError, match=r"fraction at 0\.95 in one study .* at 0\.9 in the"):
        like(claim(0.1, 0.05), claim(0.1, 0.05, level=0.9))


def at_look(level: float, name: str = "95%") -> dict[str, Any]:
    values = {"n": 1, "all": 3, "level": f"{level:.2%}", "name": name}
    return {"level": level, "warnings": (say("at_look", Caution.SEQUENTIAL, **values),)}


def test_studies_that_stopped_at_different_looks_keep_their_own_levels() -> None:
    """Each interval holds 95% at all looks together, and so does the difference of both ends."""
    early, late = claim(0.1, 0.08, **at_look(0.997)), claim(0.2, 0.06, **at_look(0.951))
    found = both(early, late)
    assert found.difference.high - found.difference.estimate == pytest.approx(0.1)
    assert found.first.confidence == found.second.confidence == 0.95
    plain = both(claim(0.1, 0.08), claim(0.2, 0.06))
    assert found.difference == plain.difference
    assert found.capture > plain.capture  # the first's standard error is less than it seems
    (one,) = pool({"a": {"x": early}, "b": {"x": late}, "c": {"x": claim(0.1, 0.05)}}).claims
    # Half-widths over the quantiles of 99.7%, 95.1% and 95%: weights of the fixed mean.
    se = np.array([0.08, 0.06, 0.05]) / norm.ppf((1 + np.array([0.997, 0.951, 0.95])) / 2)
    mean = np.average([0.1, 0.2, 0.1], weights=se**-2.0)
    q = (((np.array([0.1, 0.2, 0.1]) - mean) / se) ** 2).sum()
    assert one.spread.q == pytest.approx(q)


def test_what_a_file_says_of_looks_need_not_be_a_percentage() -> None:
    for name in ("often", "0%", "100%", "95", "1e3%", ""):
        assert claim(0.1, 0.05, **at_look(0.99, name)).confidence == 0.99


def test_counts_of_a_comparison() -> None:
    first = {name: claim(0.1, 0.05, id=name) for name in ("a.x", "a.y", "b.z", "c")}
    second = {
        "a.x": claim(0.1, 0.05, id="a.x"),
        "a.y": claim(0.4, 0.05, id="a.y"),
        "b.z": claim(0.04, 0.05, id="b.z"),
        "d": claim(0.1, 0.05, id="d"),
    }
    found = compare(("one", "two"), first, second)
    assert found.only == (("c",), ("d",))
    assert found.counts == {
        "replicated": 1,
        "open": 1,
        "agrees": 0,
        "reversed": 0,
        "differs": 1,
    }
    inside, of_all = found.expected
    assert inside == 2
    assert of_all == pytest.approx(3 * 0.95)
    held, should = found.captured
    assert held == 1  # 0.04 is outside [0.05, 0.15]
    assert should == pytest.approx(3 * 0.8342, abs=1e-3)
    some = compare(("one", "two"), first, second, match=["a.*"])
    assert [one.first.id for one in some.likes] == ["a.x", "a.y"]


def test_studies_that_differ_have_a_spread_and_a_wide_mean() -> None:
    studies = {f"s{i}": {"a": claim(x, 0.05, id="a")} for i, x in enumerate((0.0, 0.1, 0.2))}
    (found,) = pool(studies).claims
    assert found.odd
    assert found.spread.i2 > 0.9
    # By hand, weights being equal: the mean of three, t with 2 degrees of freedom.
    half = 4.302653 * 0.1 / 3**0.5
    assert (found.mean.estimate, found.mean.high) == pytest.approx((0.1, 0.1 + half), rel=1e-5)
    assert found.another.high == pytest.approx(0.1 + 4.302653 * 0.1 * (4 / 3) ** 0.5, rel=1e-5)
    alike = {name: {"a": claim(0.1, 0.05, id="a")} for name in ("x", "y")}
    (same,) = pool(alike).claims
    assert not same.odd
    assert (same.another.low, same.another.high) == (same.mean.low, same.mean.high)


def test_an_id_that_no_study_makes_unasked_is_compared_where_both_can_make_it() -> None:
    class Demanded(dict[str, Claim]):
        def __contains__(self, name: object) -> bool:
            return name == "wanted" or super().__contains__(name)

        def __missing__(self, name: str) -> Claim:
            return claim(0.1, 0.05, id=name)

    found = compare(("one", "two"), Demanded(), Demanded(), match=["wanted"])
    assert [one.id for one in found.likes] == ["wanted"]


def test_studies_with_nothing_in_common_are_refused() -> None:
    with pytest.raises(AnalysisError, match="one and two have no claim in common"):
        compare(("one", "two"), {"a": claim(0.1, 0.05)}, {"b": claim(0.1, 0.05)})
    with pytest.raises(AnalysisError, match=r"in both that matches x\.\*$"):
        compare(("one", "two"), {"a": claim(0, 1)}, {"a": claim(0, 1)}, match=["x.*"])
