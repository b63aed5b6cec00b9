"""Models ranked by accuracy and by reliability: each is told apart by the runs that it needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis import RunTable, analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.side_by_side import rank_reliability, side_by_side
from vggstudy.analysis.numbers.differences import signed_probabilities
from vggstudy.analysis.numbers.proportions import PooledCounts
from vggstudy.errors import AnalysisError
from vggstudy.stated.hypotheses import RankingHypothesis

TableMaker = Callable[..., RunTable]
MODELS = ("a", "b", "c", "d", "e")


@pytest.fixture
def reliable(make_table: TableMaker) -> RunTable:
    """Five models of forty runs that all converge, five standard deviations apart."""
    rng = np.random.default_rng(3)
    return make_table(
        {
            (m,): (0.6 + 0.025 * i + 0.005 * rng.normal(size=40)).tolist()
            for i, m in enumerate(MODELS)
        },
        ("model",),
    )


def _apart(table: RunTable) -> dict[str, int]:
    found = side_by_side(Cells.from_table(table), ("model",), confidence=0.95, seed=1)
    return {x.outcome: sum(c.better is not None for c in x.comparisons) for x in found}


def test_reliable_models_are_told_apart_by_accuracy_alone(reliable: RunTable) -> None:
    assert _apart(reliable) == {"test_accuracy": 10, "converged": 0, "expected": 0}
    found = analyze(reliable, resamples=99)
    line = "pairs of model told apart, of 10 at once: 10 by test_accuracy, 0 by converged, 0 by "
    assert line in found.summary()


def test_models_that_fail_are_told_apart_by_reliability_alone(make_table: TableMaker) -> None:
    rng = np.random.default_rng(4)
    cells = {
        (m,): [
            x if i < k else None for i, x in enumerate((0.6 + 0.005 * rng.normal(size=40)).tolist())
        ]
        for m, k in zip(MODELS, (40, 39, 20, 19, 4), strict=True)
    }
    table = make_table(cells, ("model",))
    assert _apart(table)["converged"] == 8
    ranking = rank_reliability(Cells.from_table(table), ("model",), confidence=0.95)
    assert [ranking.models[i].name[-1] for i in ranking.order] == list(MODELS)
    assert (ranking.rank_low, ranking.rank_high) == ((1, 1, 3, 3, 5), (2, 2, 4, 4, 5))
    counts = [PooledCounts(k, 40.0, exact=True) for k in (20.0, 40.0)]
    one = signed_probabilities(counts, [1, -1], confidence=1 - 0.05 / 10)
    assert ranking.comparison(0, 2).low == pytest.approx(one.low)
    assert ranking.comparison(0, 2).high == pytest.approx(one.high)


def test_less_loss_is_better_and_more_failures_are_not(make_table: TableMaker) -> None:
    cells = {("a",): [1.0, 1.1, 1.2] * 5, ("b",): [2.0, 2.1, 2.2, *[None] * 12]}
    table = make_table(cells, ("model",), outcome="loss").directed(True)
    by_loss, by_reliability, *rest = side_by_side(
        Cells.from_table(table), ("model",), confidence=0.95, seed=1
    )
    assert not rest
    assert by_loss.order == by_reliability.order == [0, 1]
    assert by_reliability.comparisons[0].better == 0


def test_a_hypothesis_may_state_an_order_of_reliability(make_table: TableMaker) -> None:
    table = make_table({("a",): [0.6, 0.61] * 10, ("b",): [0.6, 0.62, *[None] * 18]}, ("model",))
    stated = RankingHypothesis(
        id="H1",
        text="a is the reliable one",
        kind="ranking",
        factors=["model"],
        outcome="converged",
        order=[{"model": "a"}, {"model": "b"}],
    )
    assert analyze(table, resamples=99, hypotheses=[stated]).hypotheses[0].verdict == "supported"


def test_a_ranking_needs_a_factor(reliable: RunTable) -> None:
    found = analyze(reliable, resamples=99, headline_only=True)
    with pytest.raises(AnalysisError, match="name the factors"):
        found.rankings()
    with pytest.raises(AnalysisError, match="size"):
        found.rankings("size")
    one = rank_reliability(Cells.from_table(reliable), (), confidence=0.95)
    assert one.reason is not None


CASES = {
    "all 1": (1.0,) * 5,
    "all .95": (0.95,) * 5,
    "all .5": (0.5,) * 5,
    "1, and one .9": (1.0,) * 4 + (0.9,),
    ".99 to .3": (0.99, 0.95, 0.8, 0.6, 0.3),
}


@pytest.mark.coverage
@pytest.mark.parametrize("n", [5, 40])
@pytest.mark.parametrize("case", CASES)
def test_comparisons_of_reliability_hold_together(
    case: str, n: int, make_table: TableMaker, simulated: Callable[..., None]
) -> None:
    rng, p, held, studies = np.random.default_rng(67), np.array(CASES[case]), 0, 300
    for _ in range(studies):
        learned = rng.random((5, n)) < p[:, None]
        cells = {
            (m,): [0.5 if x else None for x in row] for m, row in zip(MODELS, learned, strict=True)
        }
        table = make_table(cells, ("model",))
        found = rank_reliability(Cells.from_table(table), ("model",), confidence=0.95)
        held += all(
            c.interval.low <= p[c.second] - p[c.first] <= c.interval.high for c in found.comparisons
        )
    name = f"five models converge with {case}, n={n}"
    simulated("comparisons of reliability that all hold", name, held / studies, studies, least=0.95)
