"""How learning runs along a factor decides whether a level is needed, tolerated, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import axis_for
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.learning import learning_along
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.verdicts import Evidence, Verdict
from vggstudy.analysis.notes import Note
from vggstudy.stated.hypotheses import NeededPart

RATES = (0.001, 0.01, 0.1, 1.0)
HOW = How(0.95, Resampling("calibrated", 99, 1, 131_072))
FALLS, RISES, BOTH = (10, 10, 9, 2), (2, 9, 10, 10), (1, 10, 10, 1)


def _table(arms: Mapping[Any, Sequence[int]], n: int = 10) -> RunTable:
    """Arms with their converged runs at each learning rate."""
    frame = pd.DataFrame(
        [
            (arm, lr, seed, "converged" if seed < k else "failed_to_learn", 0.5 + seed / 100)
            for arm, counts in arms.items()
            for lr, k in zip(RATES, counts, strict=True)
            for seed in range(n)
        ],
        columns=["arm", "lr", "replicate", "label", "test_accuracy"],
    )
    return RunTable.from_frame(frame, factors=("arm", "lr"), outcome="test_accuracy")


def _maker(arms: Mapping[Any, Sequence[int]], n: int = 10, **how: Any) -> ClaimMaker:
    return ClaimMaker(Cells.from_table(_table(arms, n)), replace(HOW, **how), "inputs")


def _along(maker: ClaimMaker, levels: tuple[int, ...] = (0,), **options: Any) -> str | Note:
    cells, held = maker.cells, (Condition("arm", levels),)
    return learning_along(cells, axis_for(cells.table, "lr", None), held, maker.how, **options)


def test_where_learning_falls_a_level_is_tolerated_and_none_is_needed() -> None:
    # Taken to rise, the level needed was "< 0.001" with these counts.
    maker = _maker({"a": FALLS})
    assert _along(maker) == "decreasing"
    claim = maker.claim(maker.parse("tolerated.lr@arm=a"))
    assert claim.estimate is not None
    assert claim.low is not None
    assert 0.1 < claim.low < claim.estimate < 1
    assert claim.high is None  # two of ten do not exclude a half
    assert claim.estimand == "largest lr at which half of the runs converge, at arm = a"
    other = maker.claim(maker.parse("needed.lr@arm=a"))
    assert (other.status, other.reason) == ("not_available", "other_direction")


def test_each_direction_has_half_of_the_error() -> None:
    maker = _maker({"a": (2, 5, 5, 8)})
    found = _along(maker)
    assert isinstance(found, Note)
    assert found.code == "no_direction"
    p = found.values["a"]
    assert isinstance(p, float)
    assert 0.025 < p < 0.05
    assert _along(maker, confidence=0.9) == "increasing"


def test_at_one_level_nothing_is_told_of_learning() -> None:
    frame = _table({"a": (5, 5, 5, 5), "b": RISES}).to_frame()
    frame = frame[(frame["arm"] == "b") | (frame["lr"] == 0.1)]
    cells = Cells.from_table(RunTable.from_frame(frame, factors=("arm", "lr")))
    held = (Condition("arm", (0,)),)
    found = learning_along(cells, axis_for(cells.table, "lr", None), held, HOW)
    assert isinstance(found, Note)
    assert found.code == "too_few_levels"


def test_a_reversed_factor_mirrors_tolerated_and_needed() -> None:
    falls, rises = _maker({"a": (10, 9, 4, 0)}), _maker({"a": (0, 4, 9, 10)})
    needed = rises.claim(rises.parse("needed.lr@arm=a"))
    tolerated = falls.claim(falls.parse("tolerated.lr@arm=a"))
    assert needed.estimate == pytest.approx(0.001 / tolerated.estimate, rel=1e-6)  # type: ignore[operator]
    assert needed.low == pytest.approx(0.001 / tolerated.high, rel=1e-4)  # type: ignore[operator]
    refused = rises.claim(rises.parse("tolerated.lr@arm=a"))
    assert refused.reason == "other_direction"


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        (BOTH, "not_monotone"),
        ((5, 5, 5, 5), "no_direction"),
        ((10, 10, 10, 10), "all_converged"),
        ((0, 0, 0, 0), "none_converged"),
    ],
)
def test_without_a_direction_neither_is_claimed_and_the_reason_is_told(
    counts: Sequence[int], code: str
) -> None:
    maker = _maker({"a": counts})
    found = _along(maker)
    assert isinstance(found, Note)
    assert found.code == code
    for name in ("needed", "tolerated"):
        claim = maker.claim(maker.parse(f"{name}.lr@arm=a"))
        assert (claim.status, claim.reason, claim.estimate) == ("not_available", code, None)


def test_by_default_each_stratum_has_the_level_that_it_can_have() -> None:
    arms = {"fall": FALLS, "rise": RISES, "both": BOTH, "all": (10,) * 4, "none": (0,) * 4}
    claims = analyze(_table(arms), resamples=99).claims
    made = {id for id in claims if id.startswith(("needed", "tolerated"))}
    assert made == {"tolerated.lr@arm=fall", "needed.lr@arm=rise", "needed.lr@arm=both"}
    assert claims["needed.lr@arm=both"].reason == "not_monotone"


def test_a_declared_direction_bounds_what_always_converges() -> None:
    maker = _maker({"a": (10,) * 4}, learning={"lr": "falls"})
    claim = maker.claim(maker.parse("tolerated.lr@arm=a"))
    assert (claim.low, claim.high, claim.status) == (1.0, None, "ok")
    assert claim.warnings[0].text == "the lr tolerated is > 1, outside those run"
    few = _maker({"a": (2, 2, 1, 1)}, n=2, learning={"lr": "falls"})
    assert _along(few) == "decreasing"
    assert isinstance(_along(_maker({"a": (2, 2, 1, 1)}, n=2)), Note)


def test_a_declaration_that_the_runs_refute_is_not_followed() -> None:
    maker = _maker({"a": FALLS}, learning={"lr": "rises"})
    claim = maker.claim(maker.parse("needed.lr@arm=a"))
    assert (claim.status, claim.reason) == ("not_available", "not_monotone")
    assert "declared to rise" in str(claim.reason_text)


def test_several_strata_have_a_direction_that_none_of_them_has() -> None:
    maker = _maker({"a": (0, 1, 1, 3), "b": (0, 0, 2, 2)}, n=3)
    assert isinstance(_along(maker, (0,)), Note)
    assert isinstance(_along(maker, (1,)), Note)
    assert _along(maker, (0, 1)) == "increasing"
    # At a stricter level the same runs establish nothing.
    assert isinstance(_along(maker, (0, 1), confidence=0.9999), Note)
    against = _along(_maker({"a": FALLS, "b": RISES}), (0, 1))
    assert isinstance(against, Note)
    assert against.code == "not_monotone"


def _ordered(arms: Mapping[Any, Sequence[int]], direction: str, **of: Any) -> Evidence:
    part = NeededPart.model_validate(
        {"kind": "threshold_order", "along": "lr", "compare": "arm", "direction": direction, **of}
    )
    return Evaluator(_maker(arms)).evidence(part, 0.95)


@pytest.mark.parametrize("direction", ["above", "below"])
def test_an_order_of_levels_needed_is_not_judged_where_learning_falls(direction: str) -> None:
    # Taken to rise, one of both was supported in 99 of 100 studies like this one.
    found = _ordered({"a": (10, 5, 0, 0), "b": (10, 10, 9, 2)}, direction)
    assert found.verdict == Verdict.NOT_ESTIMABLE
    assert found.reason is not None
    assert found.reason.code == "other_direction"
    assert found.estimand == "needed.diff.arm.lr"


def test_an_order_of_levels_tolerated_is_judged_where_learning_falls() -> None:
    arms = {"a": (10, 5, 0, 0), "b": (10, 10, 9, 2)}
    found = _ordered(arms, "above", quantity="tolerated")
    assert found.verdict == Verdict.SUPPORTED
    assert found.low is not None
    assert found.low > 0
    assert found.estimand == "tolerated.diff.arm.lr"
    assert _ordered(arms, "below", quantity="tolerated").verdict == Verdict.CONTRADICTED
    rises = {"a": (2, 9, 10, 10), "b": (0, 0, 5, 10)}
    assert _ordered(rises, "above", quantity="tolerated").verdict == Verdict.NOT_ESTIMABLE
    assert _ordered(rises, "above").verdict == Verdict.SUPPORTED
