"""Student, Welch, Satterthwaite; the interquartile mean and the median."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.means import spread_where_flat
from vggstudy.analysis.numbers.robust import interquartile_mean, median_interval
from vggstudy.analysis.numbers.student import (
    Spread,
    cautious_freedom,
    satterthwaite,
    student_t,
    t_interval,
)

TableMaker = Callable[..., RunTable]
LEDGERS = ("main", "balanced30", "degenerate", "monotone")
# Means of four-decimal numbers and quantiles of t: 1e-12 relative on both sides.
TIGHT = 1e-9


def _cell(cells: Cells, row: dict[str, Any]) -> int:
    levels = cells.table.levels
    codes = [levels[name].index(row[name]) for name in cells.table.factors]
    return int(np.ravel_multi_index(codes, cells.shape))


@pytest.mark.parametrize("name", LEDGERS)
def test_cell_moments_and_t_intervals_equal_those_of_r(
    ledger: Callable[[str], RunTable], oracle: Callable[[str], dict[str, Any]], name: str
) -> None:
    cells = Cells.from_table(ledger(name))
    for row in oracle(name)["cells"]:
        c = _cell(cells, row)
        assert (cells.n[c], cells.k[c]) == (row["n"], row["n_converged"])
        if row["acc_conv_n"] == 0:
            assert np.isnan(cells.mean[c])
            continue
        assert cells.mean[c] == pytest.approx(row["acc_conv_mean"], rel=TIGHT)
        if row["acc_conv_n"] < 2:
            assert np.isnan(cells.variance[c])
            continue
        # R reports rounding noise (1e-17) for a cell of equal values, where we say 0.
        assert cells.variance[c] ** 0.5 == pytest.approx(row["acc_conv_sd"], rel=TIGHT, abs=1e-15)
        found = (
            student_t(cells.cell_values(c), confidence=0.95) if row["acc_conv_sd"] > 1e-15 else None
        )
        if found:
            expected = (row["acc_conv_t_lo"], row["acc_conv_t_hi"])
            assert (found.low, found.high) == pytest.approx(expected, rel=TIGHT)


CONTRASTS = {
    "bn": Contrast(("batch_norm",), ((0, 1),)),
    "depth": Contrast(("depth",), ((0, 1),)),
    "dn": Contrast(("data_norm",), ((0, 1),)),
    "did_bn_depth": Contrast(("batch_norm", "depth"), ((0, 1), (0, 1))),
    "bn_at_shallow": Contrast(("batch_norm",), ((0, 1),), (Condition("depth", (0,)),)),
    "bn_at_deep": Contrast(("batch_norm",), ((0, 1),), (Condition("depth", (1,)),)),
    "dn_at_bn0": Contrast(("data_norm",), ((0, 1),), (Condition("batch_norm", (0,)),)),
    "dn_at_bn1": Contrast(("data_norm",), ((0, 1),), (Condition("batch_norm", (1,)),)),
}


@pytest.mark.parametrize("name", LEDGERS)
def test_contrasts_of_cell_means_equal_those_of_r(
    ledger: Callable[[str], RunTable], oracle: Callable[[str], dict[str, Any]], name: str
) -> None:
    # R averages over blocks; where all are complete, its contrast is ours.
    cells = Cells.from_table(ledger(name))
    compared = 0
    for row in oracle(name)["cell_contrasts"]["acc_conv"]:
        groups = CONTRASTS[row["name"]].groups(cells)
        used = np.concatenate([group.cells for group in groups])
        if row["n_blocks"] != row["n_blocks_total"] or (cells.k[used] < 2).any():
            continue
        weights = np.concatenate([group.sign * group.weights for group in groups])
        spread = spread_where_flat(cells, used, weights)
        assert isinstance(spread, Spread)
        if cells.k[used].min() < 3:
            # A cell of two runs has cautious degrees of freedom; R's are Satterthwaite's own.
            assert spread.df < row["df"]
            spread = satterthwaite(weights, cells.variance[used], cells.k[used])
        estimate = float(weights @ cells.mean[used])
        found = t_interval(estimate, spread, confidence=0.95, method="x")
        expected = [row[key] for key in ("estimate", "se", "df", "lo", "hi")]
        actual = [found.estimate, spread.se, found.df, found.low, found.high]
        assert actual == pytest.approx(expected, rel=TIGHT, abs=1e-12)
        compared += 1
    assert compared == {"main": 1, "balanced30": 8, "degenerate": 0, "monotone": 2}[name]


@pytest.mark.parametrize("name", LEDGERS)
def test_differences_of_two_cells_equal_welch_in_r(
    ledger: Callable[[str], RunTable], oracle: Callable[[str], dict[str, Any]], name: str
) -> None:
    cells = Cells.from_table(ledger(name))
    rows = [x for x in oracle(name)["welch_bn_by_depth_batch_dn"]["converged"] if x["se"]]
    for row in rows:
        first = cells.cell_values(_cell(cells, {**row, "batch_norm": 1}))
        second = cells.cell_values(_cell(cells, {**row, "batch_norm": 0}))
        spread = satterthwaite(
            np.array([1.0, -1.0]),
            np.array([first.var(ddof=1), second.var(ddof=1)]),
            np.array([float(first.size), float(second.size)]),
        )
        found = t_interval(first.mean() - second.mean(), spread, confidence=0.95, method="welch")
        expected = [row[key] for key in ("diff", "df", "lo", "hi")]
        # A cell of equal values has a variance of 1e-34 in R, and 0 or as little here.
        assert [found.estimate, found.df, found.low, found.high] == pytest.approx(
            expected, rel=1e-7
        )
    assert len(rows) >= 4


def test_equal_sizes_and_variances_give_welch_the_pooled_degrees_of_freedom() -> None:
    spread = satterthwaite(np.array([1.0, -1.0]), np.full(2, 4.0), np.full(2, 8.0))
    assert (spread.se, spread.df) == pytest.approx((1.0, 14.0))


def test_no_spread_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="zero"):
        satterthwaite(np.ones(2), np.zeros(2), np.full(2, 5.0))


def test_six_equal_values_are_flat_although_their_variance_is_not_zero(
    make_table: Callable[..., RunTable],
) -> None:
    values = [0.7 + 0.1 + 0.1] * 3 + [0.9] * 3  # equal up to rounding only
    assert np.var(values, ddof=1) > 0
    cells = Cells.from_table(make_table({(0, 0): values, (0, 1): [0.9, 0.91, 0.92]}))
    assert cells.flat.tolist() == [True, False]
    assert cells.variance[0] == 0


def test_interquartile_mean_is_the_trimmed_mean_of_scipy_and_r(
    ledger: Callable[[str], RunTable], oracle: Callable[[str], dict[str, Any]]
) -> None:
    cells = Cells.from_table(ledger("balanced30"))
    for row in oracle("balanced30")["cells"]:
        values = cells.cell_values(_cell(cells, row))
        found = float(interquartile_mean(values))
        assert found == pytest.approx(row["iqm_conv"]["iqm_trim"], rel=1e-12)
        assert found == pytest.approx(float(stats.trim_mean(values, 0.25)), rel=1e-12)


def test_interquartile_mean_works_along_the_last_axis() -> None:
    values = np.array([[4.0, 1, 3, 2], [10.0, 10, 10, 50]])
    assert interquartile_mean(values).tolist() == [2.5, 10]


@pytest.mark.parametrize(("n", "depth"), [(6, 1), (8, 1), (9, 2), (12, 3), (15, 4), (30, 10)])
def test_median_limits_lie_between_neighbouring_order_statistics(n: int, depth: int) -> None:
    values = np.arange(1.0, n + 1)
    found = median_interval(values, confidence=0.95)
    assert depth <= found.low <= depth + 1
    assert found.low + found.high == pytest.approx(n + 1)  # symmetric ranks
    assert found.estimate == np.median(values)


def test_five_values_cannot_bound_a_median_at_95_percent() -> None:
    with pytest.raises(ValueError, match="cannot bound the median"):
        median_interval(np.arange(5.0), confidence=0.95)
    assert median_interval(np.arange(5.0), confidence=0.9).low >= 0


def test_median_interval_of_published_data() -> None:
    # Hettmansperger & Sheather's weights by hand: n = 10, depth 2 covers 0.97852, depth 3 0.89062;
    # I = 0.32444, lambda = 8 I / (2 + 6 I) = 0.65766 from the outer to the inner statistic.
    found = median_interval(np.arange(1.0, 11), confidence=0.95)
    assert found.low == pytest.approx(2.65766, abs=5e-6)


PARTS = np.array([3.0, 1.0, 0.5, 0.2])
FREEDOM = np.array([1.0, 4, 9, 19])


def test_cautious_degrees_of_freedom_lie_between_the_smallest_cells_and_satterthwaites() -> None:
    plain = PARTS.sum() ** 2 / (PARTS**2 / FREEDOM).sum()
    found = [float(cautious_freedom(PARTS, FREEDOM, tail=t)) for t in (0.4, 0.3, 0.1, 1e-6)]
    assert all(a > b for a, b in itertools.pairwise([plain, *found]))
    assert found[-1] == pytest.approx(FREEDOM.min(), rel=1e-4)


def test_cautious_degrees_of_freedom_by_hand() -> None:
    """One cell's variance times df / chi-squared quantile: 1 / 0.1485 = 6.735 for one of two runs.

    (2 x 6.735 + 1)^2 / ((2 x 6.735)^2 / 1 + 1 / 10) = 1.1534, below that of the other cell.
    """
    found = cautious_freedom(np.array([2.0, 1.0]), np.array([1.0, 10.0]), tail=0.3)
    assert float(found) == pytest.approx(1.1534, abs=2e-3)


def test_many_runs_leave_satterthwaites_degrees_of_freedom_almost_alone() -> None:
    parts, df = np.ones(8), np.full(8, 999.0)
    plain = parts.sum() ** 2 / (parts**2 / df).sum()
    assert float(cautious_freedom(parts, df, tail=0.3)) == pytest.approx(plain, rel=0.01)


def test_cells_of_two_runs_and_no_others_have_cautious_degrees_of_freedom(
    make_table: TableMaker,
) -> None:
    runs = [0.81, 0.84, 0.82]
    for take, cautious in ((2, True), (3, False)):
        cells = Cells.from_table(make_table({(0, 0): runs[:take], (0, 1): [0.7, 0.9, 0.75, 0.7]}))
        used, weights = np.arange(2), np.array([0.5, 0.5])
        found = spread_where_flat(cells, used, weights)
        assert isinstance(found, Spread)
        plain = satterthwaite(weights, cells.variance[used], cells.k[used])
        assert found.se == plain.se
        assert (found.df < plain.df) is cautious
