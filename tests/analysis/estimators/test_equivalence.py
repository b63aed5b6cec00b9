"""Equivalence against R, and its identity with the 90% interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast, Group
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.equivalence import Equivalence, spread_by_cell, tost
from vggstudy.analysis.estimators.seeds import difference_over_seeds
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.student import Spread, satterthwaite

Ledger = Callable[[str], RunTable]
Oracle = Callable[[str], dict[str, Any]]
TableMaker = Callable[..., RunTable]
CLOSED = 1e-9  # closed forms on both sides


def check(found: Equivalence, expected: dict[str, Any]) -> None:
    assert found.estimate == pytest.approx(expected["estimate"], rel=CLOSED)
    assert found.se == pytest.approx(expected["se"], rel=CLOSED)
    assert found.df == pytest.approx(expected["df"], rel=CLOSED)
    assert found.p_lower == pytest.approx(expected["p_lower"], rel=1e-7)  # far in a tail
    assert found.p_upper == pytest.approx(expected["p_upper"], rel=1e-7)
    assert found.p == pytest.approx(expected["p_tost"], rel=1e-7)
    assert found.interval.low == pytest.approx(expected["lo90"], rel=CLOSED)
    assert found.interval.high == pytest.approx(expected["hi90"], rel=CLOSED)
    assert found.equivalent is expected["equivalent_at_05"]


def contrast_of(table: RunTable, depth: int | None) -> Contrast:
    """Data normalisation on top of batch normalisation."""
    held = [Condition("batch_norm", (1,))]
    if depth is not None:
        held.append(Condition("depth", (table.levels["depth"].index(depth),)))
    return Contrast(("data_norm",), ((0, 1),), tuple(held))


@pytest.mark.parametrize("name", ["main", "balanced30", "monotone"])
@pytest.mark.parametrize("depth", [None, 11, 19])
def test_equivalence_of_r(name: str, depth: int | None, ledger: Ledger, oracle: Oracle) -> None:
    table = ledger(name)
    if depth not in {None, *table.levels["depth"]}:
        pytest.skip("no such depth in this ledger")
    key = "converged" if depth is None else f"converged_depth{depth}"
    expected = oracle(name)["tost_dn_on_bn"].get(key)
    if expected is None or "error" in expected.get("cell_welch", {}):
        pytest.skip("R gives no value")
    cells = Cells.from_table(table)
    groups = contrast_of(table, depth).groups(cells)
    if (cells.k[np.concatenate([g.cells for g in groups])] < 2).any():
        pytest.skip("R leaves out incomplete blocks")
    estimate = float(sum(g.sign * (g.weights @ cells.mean[g.cells]) for g in groups))
    by_cell = spread_by_cell(cells, groups)
    used = np.concatenate([g.cells for g in groups])
    if cells.k[used].min() < 3:
        # A cell of two runs has cautious degrees of freedom; R's are Satterthwaite's own.
        assert by_cell.df < expected["cell_welch"]["df"]
        weights = np.concatenate([g.sign * g.weights for g in groups])
        by_cell = satterthwaite(weights, cells.variance[used], cells.k[used])
    check(tost(estimate, by_cell, margin=0.005, alpha=0.05, method="x"), expected["cell_welch"])
    values = [np.concatenate([cells.cell_values(int(c)) for c in g.cells]) for g in groups]
    plain = satterthwaite(
        np.array([1.0, -1.0]),
        np.array([v.var(ddof=1) for v in values]),
        np.array([float(v.size) for v in values]),
    )
    difference = float(values[0].mean() - values[1].mean())
    check(tost(difference, plain, margin=0.005, alpha=0.05, method="x"), expected["welch"])
    if name == "main":  # no pair is missing: one difference a seed has the mean of R's pairs
        estimate, spread = difference_over_seeds(cells, groups, paired=True)
        assert estimate == pytest.approx(expected["paired"]["estimate"], rel=CLOSED)
        assert spread.df < expected["paired"]["df"]


def test_pooled_variance_by_cell_is_r_s_in_main(ledger: Ledger, oracle: Oracle) -> None:
    # R pools over the cells of the runs with batch normalisation, so the table is cut to them.
    frame = ledger("main").to_frame()
    table = RunTable.from_frame(
        frame[frame["batch_norm"] == 1], factors=("depth", "batch_size", "data_norm")
    )
    cells = Cells.from_table(table)
    groups = Contrast(("data_norm",), ((0, 1),)).groups(cells)
    estimate = float(sum(g.sign * (g.weights @ cells.mean[g.cells]) for g in groups))
    spread = spread_by_cell(cells, groups, pooled=True)
    expected = oracle("main")["tost_dn_on_bn"]["converged"]["cell_pooled"]
    check(tost(estimate, spread, margin=0.005, alpha=0.05, method="x"), expected)


def test_a_test_that_ignores_cells_drowns_the_margin(ledger: Ledger, oracle: Oracle) -> None:
    expected = oracle("main")["tost_dn_on_bn"]["converged"]
    assert not expected["welch"]["equivalent_at_05"]
    assert expected["cell_welch"]["equivalent_at_05"]


@settings(deadline=None)
@given(st.floats(-0.02, 0.02), st.floats(1e-4, 0.01), st.floats(2, 200), st.floats(1e-3, 0.02))
def test_rejection_is_the_same_as_the_90_percent_interval_inside_the_margin(
    estimate: float, se: float, df: float, margin: float
) -> None:
    found = tost(estimate, Spread(se, df), margin=margin, alpha=0.05, method="x")
    if abs(found.p - 0.05) > 1e-9:  # on the edge, rounding decides
        assert found.equivalent == (found.p < 0.05)


@pytest.mark.parametrize(
    ("margin", "alpha", "se", "message"),
    [
        (0.0, 0.05, 0.1, "margin of equivalence must be positive, got 0.0"),
        (0.1, 0.5, 0.1, "alpha must lie between 0 and 0.5, got 0.5"),
        (0.1, 0.05, 0.0, "standard error is zero"),
    ],
)
def test_impossible_tests_are_refused(margin: float, alpha: float, se: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tost(0.0, Spread(se, 5), margin=margin, alpha=alpha, method="x")


def by_seed(cells: Cells, groups: list[Group]) -> FloatArray:
    """One difference a replicate, all cells alike, from the rows of the table."""
    table, found = cells.table, []
    for name in dict.fromkeys(table.replicate):
        mine = {
            int(c): float(table.value[i])
            for i, c in enumerate(cells.run_cell.tolist())
            if table.replicate[i] == name and table.converged[i]
        }
        if all(int(c) in mine for g in groups for c in g.cells):
            found.append(
                sum(g.sign * float(np.mean([mine[int(c)] for c in g.cells])) for g in groups)
            )
    return np.array(found)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("name", ["main", "balanced30"])
def test_a_difference_over_seeds_is_a_t_test_of_one_value_a_seed(
    name: str, paired: bool, ledger: Ledger
) -> None:
    cells = Cells.from_table(ledger(name))
    groups = contrast_of(cells.table, 11).groups(cells)
    values = by_seed(cells, groups)
    estimate, spread = difference_over_seeds(cells, groups, paired=paired)
    limits = stats.ttest_1samp(values, 0.0).confidence_interval(0.90)
    found = tost(estimate, spread, margin=0.005, alpha=0.05, method="x").interval
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high), rel=CLOSED)
    assert spread.df == values.size - 1


def test_cells_weigh_alike_however_many_pairs_they_have(make_table: TableMaker) -> None:
    # Cell b=0 has pairs of seeds 0 to 5, b=1 of 0 to 2; a run without a partner is no pair.
    cells = Cells.from_table(
        make_table(
            {
                (0, 0): [0.5, 0.6, 0.7, 0.5, 0.6, 0.7],
                (0, 1): [0.6, 0.7, 0.9, 0.7, 0.8, 0.7],
                (1, 0): [0.5, 0.6, 0.7, 0.9, None, None],
                (1, 1): [0.9, 0.8, 0.9, None, 0.1, 0.2],
            }
        )
    )
    groups = Contrast(("b",), ((0, 1),)).groups(cells)
    estimate, spread = difference_over_seeds(cells, groups, paired=True)
    seeds = np.array([(0.1 + 0.4) / 2, (0.1 + 0.2) / 2, (0.2 + 0.2) / 2])
    assert estimate == pytest.approx(seeds.mean())
    assert (spread.se, spread.df) == pytest.approx((seeds.std(ddof=1) / 3**0.5, 2))


def test_pairs_few_of_whose_seeds_are_complete_are_clusters(make_table: TableMaker) -> None:
    cells = Cells.from_table(
        make_table(
            {
                (0, 0): [0.5, 0.62, 0.7, None],
                (0, 1): [0.61, 0.7, 0.9, 0.7],
                (1, 0): [None, 0.6, 0.71, 0.9],
                (1, 1): [0.9, 0.83, None, 0.95],
            }
        )
    )
    groups = Contrast(("b",), ((0, 1),)).groups(cells)
    estimate, spread = difference_over_seeds(cells, groups, paired=True)
    pairs = np.array([(0.11 + 0.08 + 0.2) / 3, (0.23 + 0.05) / 2])
    assert estimate == pytest.approx(pairs.mean())
    assert 0 < spread.df <= 3


def test_pairs_of_too_few_seeds_or_without_spread_are_refused(make_table: TableMaker) -> None:
    groups = Contrast(("b",), ((0, 1),))
    few = Cells.from_table(make_table({(0, 0): [0.5, 0.6, None], (0, 1): [0.7, None, 0.9]}))
    with pytest.raises(ValueError, match=r"needs at least 3 seeds .* has 1 of"):
        difference_over_seeds(few, groups.groups(few), paired=True)
    alike = Cells.from_table(make_table({(0, 0): [0.5, 0.6, 0.7], (0, 1): [0.6, 0.7, 0.8]}))
    with pytest.raises(ValueError, match="all seeds give the same value"):
        difference_over_seeds(alike, groups.groups(alike))
    uneven = [Group(1, np.array([0])), Group(-1, np.array([0, 1]))]
    with pytest.raises(ValueError, match="pairs need two groups"):
        difference_over_seeds(alike, uneven, paired=True)
