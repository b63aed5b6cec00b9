"""Claims and ranks of studies whose runs share seeds across cells, against computations by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vggstudy.analysis import RunTable, analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.ranking import rank_models
from vggstudy.analysis.estimators.seed_ranks import compare_over_seeds
from vggstudy.analysis.numbers.proportions import PooledCounts, clopper_pearson, clustered_counts

TableMaker = Callable[..., RunTable]


@pytest.fixture
def blocks(make_table: TableMaker) -> RunTable:
    """Two arms of three cells, six seeds that act on all cells alike."""
    rng = np.random.default_rng(4)
    seed = rng.normal(0, 0.02, 6)
    return make_table(
        {
            (a, b): (0.8 + 0.01 * a + seed + rng.normal(0, 0.001, 6)).tolist()
            for a in (0, 1, 2)
            for b in (0, 1, 2)
        }
    )


def _by_seed(table: RunTable) -> pd.DataFrame:
    """Mean of each arm within each seed."""
    frame = table.to_frame()
    return frame.pivot_table("test_accuracy", index="replicate", columns="a", aggfunc="mean")


@pytest.mark.parametrize("name", ["accuracy.mean", "accuracy.mean@a=1"])
def test_a_mean_of_several_cells_has_the_t_interval_of_the_seeds_means(
    blocks: RunTable, name: str
) -> None:
    means = _by_seed(blocks)
    values = means[1] if "@" in name else means.mean(axis=1)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    claim = analyze(blocks, resamples=99, seeding="shared").claims[name]
    assert (claim.low, claim.high) == pytest.approx((expected.low, expected.high), rel=1e-9)
    apart = analyze(blocks, resamples=99).claims[name]
    # Independent runs would give an interval that is far too narrow.
    assert claim.high - claim.low > 1.5 * (apart.high - apart.low)  # type: ignore[operator] # both are available


def test_a_single_cell_s_runs_have_seeds_of_their_own(blocks: RunTable) -> None:
    shared = analyze(blocks, resamples=99, seeding="shared").claims
    apart = analyze(blocks, resamples=99).claims
    for name in ("accuracy.mean@a=0,b=1", "converged.p@a=0,b=1", "expected.mean@a=0,b=1"):
        assert shared[name] == apart[name]


def test_expected_differences_are_paired_by_seed(make_table: TableMaker) -> None:
    rng = np.random.default_rng(6)
    cells: dict[tuple[int, int], list[float | None]] = {
        (a, b): (0.8 + 0.02 * a + rng.normal(0, 0.01, 6)).tolist() for a in (0, 1) for b in (0, 1)
    }
    cells[0, 1][2] = None  # a failed run scores 0.1
    table = make_table(cells)
    means = _by_seed(table)
    expected = stats.ttest_rel(means[1], means[0]).confidence_interval(0.95)
    claim = analyze(table, resamples=99, seeding="shared").claims["expected.diff.a"]
    assert (claim.low, claim.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_where_a_cell_never_learns_the_complete_part_is_offered(make_table: TableMaker) -> None:
    rng = np.random.default_rng(9)
    cells: dict[tuple[int, int], list[float | None]] = {
        (a, b): (0.8 + rng.normal(0, 0.01, 5)).tolist() for a in range(2) for b in range(3)
    }
    cells[1, 2] = [None] * 5
    claims = analyze(make_table(cells), resamples=99, seeding="shared").claims
    for name in ("accuracy.mean", "accuracy.diff.a"):
        assert claims[name].reason == "missing_cells"
        assert claims[str(claims[name].offered)].method == "seeds_t"


def test_effective_counts_by_hand() -> None:
    shares = np.array([0.25, 0.5, 0.75, 0.5, 0.25])  # of 8 trials each: 18 of 40
    found = clustered_counts(PooledCounts(18.0, 40.0, exact=True), shares)
    p, variance = 0.45, shares.var(ddof=1) / 5
    size = p * (1 - p) / variance * (stats.t.ppf(0.975, 39) / stats.t.ppf(0.975, 4)) ** 2
    assert 5 < size < 40
    assert (found.k, found.n) == pytest.approx((p * size, size), rel=1e-12)


@pytest.mark.parametrize(
    ("shares", "size"),
    [
        ([0.0, 1.0, 1.0, 1.0, 0.0], 5.0),  # a cluster says as much as one trial
        ([0.5, 0.5, 0.5, 0.5, 0.5], 40.0),  # less dispersed than trials: as many as there are
        ([1.0, 1.0, 1.0, 1.0, 1.0], 40.0),
    ],
)
def test_effective_counts_stay_between_clusters_and_trials(
    shares: list[float], size: float
) -> None:
    values = np.array(shares)
    k = float(values.mean() * 40)
    assert clustered_counts(PooledCounts(k, 40.0, exact=True), values).n == pytest.approx(size)


def test_seeds_on_which_everything_fails_widen_a_probability(make_table: TableMaker) -> None:
    # Two of six seeds fail in all eight cells: the seeds, not 48 runs, carry the information.
    outcomes: list[float | None] = [None, None, 0.8, 0.81, 0.82, 0.83]
    table = make_table({(a, b): outcomes for a in range(2) for b in range(4)})
    shared = analyze(table, resamples=99, seeding="shared").claims["converged.p"]
    apart = analyze(table, resamples=99).claims["converged.p"]
    expected = clopper_pearson(4, 6, confidence=0.95)
    assert (shared.low, shared.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert shared.low < apart.low  # type: ignore[operator] # both are available
    assert "shared_seeds" in [note.code for note in shared.warnings]


@pytest.mark.parametrize("outcome", ["expected", "test_accuracy"])
def test_models_are_compared_within_seeds(blocks: RunTable, outcome: str) -> None:
    found = rank_models(
        Cells.from_table(blocks),
        ("a",),
        outcome=outcome,
        confidence=0.95,
        seed=1,
        shared_seeds=True,
    )
    assert found.reason is None
    means = _by_seed(blocks)
    interval = found.comparison(0, 2)
    single = stats.ttest_rel(means[2], means[0]).confidence_interval(0.95)
    assert interval.estimate == pytest.approx(float((means[2] - means[0]).mean()), rel=1e-9)
    assert interval.low < single.low < single.high < interval.high
    # The seeds' spread of 0.02 cancels: models 0.01 apart are told apart with six seeds.
    assert (found.rank_low, found.rank_high) == ((3, 2, 1), (3, 2, 1))
    apart = rank_models(Cells.from_table(blocks), ("a",), outcome=outcome, confidence=0.95, seed=1)
    assert apart.rank_low < found.rank_low


def test_two_models_have_the_paired_t_test() -> None:
    values = np.array([[0.1, 0.3], [0.2, 0.5], [0.4, 0.45], [0.3, 0.6]])
    found = compare_over_seeds(values, confidence=0.95, rng=np.random.default_rng(1))
    expected = stats.ttest_rel(values[:, 1], values[:, 0]).confidence_interval(0.95)
    (interval,) = found.intervals
    # The critical value of one pair is Student's, drawn: within four Monte Carlo errors.
    assert interval.mc_error_low is not None
    assert interval.low == pytest.approx(expected.low, abs=4 * interval.mc_error_low + 1e-12)
    assert interval.high == pytest.approx(expected.high, abs=4 * interval.mc_error_low + 1e-12)


def test_models_that_differ_alike_in_every_seed_are_no_ranking(make_table: TableMaker) -> None:
    values = [0.7, 0.8, 0.75]
    table = make_table({(a, 0): [x + 0.1 * a for x in values] for a in (0, 1)})
    found = rank_models(
        Cells.from_table(table),
        ("a",),
        outcome="test_accuracy",
        confidence=0.95,
        seed=1,
        shared_seeds=True,
    )
    assert found.reason is not None
    assert found.reason.code == "no_variance"


def test_two_seeds_are_no_ranking(make_table: TableMaker) -> None:
    table = make_table({(a, 0): [0.7, 0.8 + a / 100] for a in (0, 1)})
    found = rank_models(
        Cells.from_table(table),
        ("a",),
        outcome="expected",
        confidence=0.95,
        seed=1,
        shared_seeds=True,
    )
    assert found.reason is not None
    assert found.reason.code == "too_few_seeds"


def _diverged(chance: float | None, known: float | None) -> RunTable:
    """Runs of two cells; those that diverged have no accuracy, but for one where asked."""
    rows = [
        (a, i, "diverged" if i == 0 else "converged", None if i == 0 else 0.8 + i / 100)
        for a in (0, 1)
        for i in range(4)
    ]
    if known is not None:
        rows.append((1, 9, "failed_to_learn", known))
    frame = pd.DataFrame(rows, columns=["a", "replicate", "label", "test_accuracy"])
    return RunTable.from_frame(frame, factors=["a"], chance=chance)


def test_expected_accuracy_is_refused_where_nothing_says_what_failed_runs_score() -> None:
    claim = analyze(_diverged(None, None), resamples=99).claims["expected.mean"]
    assert (claim.status, claim.reason) == ("not_available", "failed_value_unknown")
    assert "2 failed runs have no outcome" in str(claim.reason_text)


@pytest.mark.parametrize(("chance", "known", "value"), [(0.1, None, 0.1), (0.1, 0.2, 0.2)])
def test_expected_accuracy_says_what_it_takes_failed_runs_to_score(
    chance: float, known: float | None, value: float
) -> None:
    table = _diverged(chance, known)
    claim = analyze(table, resamples=99).claims["expected.mean@a=0"]
    assert claim.estimate == pytest.approx((0.81 + 0.82 + 0.83 + value) / 4)
    assert "failed_value_assumed" in [note.code for note in claim.warnings]
