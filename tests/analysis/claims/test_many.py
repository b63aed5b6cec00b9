"""Many claims at once: which survive their number, and families that hold together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet, RunTable, analyze
from vggstudy.analysis.claims.many import FamilyError
from vggstudy.analysis.notes import Caution
from vggstudy.analysis.numbers.differences import signed_probabilities
from vggstudy.analysis.numbers.multiplicity import CellMeans, max_t
from vggstudy.analysis.numbers.proportions import PooledCounts
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.stated.hypotheses import ClaimHypothesis

TableMaker = Callable[..., RunTable]
FAMILY = "accuracy.diff.a@b=*"


@pytest.fixture
def table(make_table: TableMaker) -> RunTable:
    """Two arms in three cells, two of which differ."""
    rng = np.random.default_rng(5)
    shifts = {0: 0.05, 1: 0.016, 2: 0.0}
    return make_table(
        {
            (a, b): (0.7 + a * shift + 0.01 * rng.normal(size=6)).round(4).tolist()
            for b, shift in shifts.items()
            for a in (0, 1)
        }
    )


def _found(table: RunTable, *families: str) -> AnalysisResult:
    return analyze(table, resamples=999, seed=3, simultaneous=families)


def test_survivors_exclude_their_reference_at_the_level_of_the_last_step(table: RunTable) -> None:
    found = _found(table)
    judged = [x for x in found.claims.values() if x.survives is not None]
    assert {x.id for x in judged} == {
        x.id for x in found.claims.values() if x.reference is not None and x.available
    }
    kept = [x.id for x in judged if x.survives]
    counts = found.exploratory
    assert (counts.claims, counts.surviving) == (len(judged), len(kept))
    assert 0 < counts.surviving < counts.beyond == sum(x.side != 0 for x in judged)
    assert counts.by_chance == pytest.approx(0.05 * len(judged))
    share = 0.05 * len(kept) / len(judged)
    strict = analyze(table, resamples=999, seed=3, confidence=1 - share).claims
    assert [x.id for x in judged if strict[x.id].side] == kept


def test_registered_claims_are_judged_elsewhere(table: RunTable) -> None:
    stated = ClaimHypothesis(
        id="H1", text="so", kind="claim", claim="accuracy.diff.a", direction="above", threshold=0
    )
    plain = analyze(table, resamples=99)
    judged = analyze(table, resamples=99, hypotheses=[stated])
    assert judged.claims["accuracy.diff.a"].survives is None
    assert judged.exploratory.claims == plain.exploratory.claims - 1


def test_a_mark_is_in_the_file_and_in_no_digest(table: RunTable) -> None:
    claims = _found(table).claims
    one = next(x for x in claims.values() if x.survives)
    assert replace(one, survives=None).content_digest() == one.claim_digest
    assert ClaimSet.from_json(claims.to_json())[one.id].survives is True
    without = ClaimSet(replace(x, survives=None) for x in claims.values())
    assert '"survives"' not in without.to_json()
    assert ClaimSet.from_json(without.to_json())[one.id].survives is None


def test_a_summary_says_what_chance_would_do_and_marks_the_survivors(table: RunTable) -> None:
    text, counts = _found(table).summary(), _found(table).exploratory
    assert f"{counts.claims} exploratory claims" in text
    assert f"{counts.beyond} do, and {counts.surviving} of those survive" in text
    line = next(x for x in text.splitlines() if x.startswith("accuracy.diff.a "))
    assert "] *" in line


def test_a_family_of_means_holds_together_by_the_largest_t(table: RunTable) -> None:
    alone, found = _found(table).claims, _found(table, FAMILY).claims
    ids = [f"accuracy.diff.a@b={b}" for b in (0, 1, 2)]
    groups = [
        [np.array(table.value)[(table.codes == (a, b)).all(axis=1)] for a in (0, 1)]
        for b in (0, 1, 2)
    ]
    cells = [x for pair in groups for x in pair]
    means = CellMeans(
        np.array([x.mean() for x in cells]),
        np.array([x.var(ddof=1) for x in cells]),
        np.full(6, 6.0),
    )
    weights = np.kron(np.eye(3), np.array([-1.0, 1.0])).astype(np.float64)
    rng = claim_generator(99, "any")
    together = max_t(means, weights, confidence=0.95, rng=rng, n_draws=100_000)
    for i, name in enumerate(ids):
        claim, interval = found[name], together.interval(i)
        assert claim.estimate == alone[name].estimate
        # Both factors are drawn: four Monte Carlo errors of 20,000 draws, and of a fifth of it.
        error = 4.5 * (claim.mc_error_low or 0)
        assert claim.low == pytest.approx(interval.low, abs=error)
        assert (claim.low or 0) < (alone[name].low or 0)
        assert (claim.alternatives[0].low, claim.method) == (alone[name].low, "max_t")
        note = claim.warnings[-1]
        assert note.code == Caution.SIMULTANEOUS
        assert note.text.endswith("all 3 claims that accuracy.diff.a@b=* matches")
        assert claim.survives is None
    assert found["accuracy.diff.a"] == alone["accuracy.diff.a"]


def test_other_families_share_the_error(make_table: TableMaker) -> None:
    cells = {(a, b): [0.7 + i / 100 for i in range(6)] for a in (0, 1) for b in (0, 1)}
    cells[0, 0] = [0.7, *[None] * 5]  # type: ignore[list-item]
    found = _found(make_table(cells), "converged.diff.a*").claims["converged.diff.a@b=0"]
    counts = [PooledCounts(k, 6.0, exact=True) for k in (6.0, 1.0)]
    # The claim over both cells, and one in each.
    one = signed_probabilities(counts, [1, -1], confidence=1 - 0.05 / 3)
    assert (found.low, found.high) == pytest.approx((one.low, one.high))
    assert found.method == "exact_difference_bonferroni"


@pytest.mark.parametrize(
    ("families", "said"),
    [
        (["accuracy.diff.c*"], "'accuracy.diff.c*' matches no claim with an interval"),
        (["accuracy.diff.a"], "'accuracy.diff.a' matches accuracy.diff.a"),
        ([FAMILY, "accuracy.diff.*"], "accuracy.diff.a@b=0 is in two families"),
    ],
)
def test_what_is_no_family_is_told(table: RunTable, families: list[str], said: str) -> None:
    with pytest.raises(FamilyError, match=said.replace("*", r"\*").replace(".", r"\.")) as caught:
        _found(table, *families)
    assert caught.value.exit_code == 2
