"""Runs that are drawn before there are any: their moments, their seeds, their failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.planning.pilot import ENOUGH, Pilot, read_pilot
from vggstudy.errors import AnalysisError

TableMaker = Callable[..., RunTable]


def _pilot(
    make_table: TableMaker, cells: dict[Any, Sequence[float | None]], *, shared: bool = False
) -> Pilot:
    factors = [f"f{i}" for i in range(len(next(iter(cells))))]
    return read_pilot(Cells.from_table(make_table(cells, factors)), [], shared_seeds=shared)


def test_a_small_pilot_understates_no_variance(make_table: TableMaker) -> None:
    values = [0.80, 0.82, 0.84]
    pilot = _pilot(make_table, {(1,): values, (2,): [0.5, 0.52, 0.54]})
    (table,) = pilot.model.draw(20_000, (1,))
    drawn = table.value[table.codes[:, 0] == 0]
    # Resampled as it is, a pilot of three has two thirds of its variance; 1% is Monte Carlo error.
    assert drawn.var() == pytest.approx(np.var(values, ddof=1), rel=0.03)
    assert drawn.mean() == pytest.approx(0.82, abs=5e-4)


def test_a_large_cell_keeps_its_shape_and_its_variance(make_table: TableMaker) -> None:
    rng = np.random.default_rng(2)
    values = 0.9 - rng.exponential(0.02, ENOUGH + 2)
    pilot = _pilot(make_table, {(1,): values.tolist()})
    (table,) = pilot.model.draw(40_000, (2,))
    assert table.value.var() == pytest.approx(values.var(ddof=1), rel=0.03)
    assert np.unique(table.value.round(12)).size == ENOUGH + 2


def test_a_larger_study_begins_with_the_smaller_one(make_table: TableMaker) -> None:
    model = _pilot(make_table, {(1,): [0.8, 0.9, None], (2,): [0.7, 0.75, 0.8]}).model
    few, many = (model.draw(n, (3, 1))[0] for n in (4, 9))
    kept = np.array([int(name) < 4 for name in many.replicate])
    np.testing.assert_array_equal(many.value[kept], few.value)
    np.testing.assert_array_equal(many.label[kept], few.label)
    assert not np.array_equal(model.draw(4, (3, 2))[0].value, few.value)


def test_runs_fail_as_often_and_as_low_as_in_the_pilot(make_table: TableMaker) -> None:
    model = _pilot(make_table, {(1,): [0.8, 0.9, None, None, 0.85], (2,): [0.7, 0.75, 0.8]}).model
    (table,) = model.draw(10_000, (4,))
    first = table.codes[:, 0] == 0
    assert table.converged[first].mean() == pytest.approx(0.6, abs=0.015)  # 3 standard errors
    assert table.converged[~first].all()
    assert set(table.value[~table.converged]) == {0.1}


def test_shared_seeds_move_cells_together(make_table: TableMaker) -> None:
    rng = np.random.default_rng(6)
    seeds = rng.normal(0, 0.03, 40)
    cells = {(i,): (0.5 + seeds + rng.normal(0, 0.01, 40)).tolist() for i in range(3)}
    pilot = _pilot(make_table, cells, shared=True)
    assert pilot.model.seed_sd == pytest.approx(seeds.std(ddof=1), rel=0.1)
    (table,) = pilot.model.draw(4_000, (5,))
    columns = table.value.reshape(3, -1)
    together = np.asarray(np.corrcoef(columns))[0, 1]
    assert together == pytest.approx(0.9, abs=0.04)  # .03^2 / (.03^2 + .01^2)
    alone = _pilot(make_table, cells).model.draw(4_000, (5,))[0].value.reshape(3, -1)
    assert abs(np.asarray(np.corrcoef(alone))[0, 1]) < 0.05


def test_what_a_pilot_leaves_open_covers_the_truth(make_table: TableMaker) -> None:
    """The spread that is drawn as possible holds the true one in eight of ten pilots."""
    rng, held, pilots = np.random.default_rng(7), 0, 120
    for i in range(pilots):
        cells = {(c,): (0.5 + rng.normal(0, 0.02, 4)).tolist() for c in range(4)}
        pilot = _pilot(make_table, cells)
        spreads = [pilot.possible((8, i, j)).sd[0].mean() for j in range(60)]
        low, high = np.quantile(spreads, [0.1, 0.9])
        held += low <= 0.02 <= high
    assert held / pilots == pytest.approx(0.8, abs=0.12)  # 3 standard errors


def test_a_pilot_that_says_nothing_is_refused(make_table: TableMaker) -> None:
    with pytest.raises(AnalysisError, match="no run of the pilot converged"):
        _pilot(make_table, {(1,): [None, None], (2,): [None]})
    with pytest.raises(AnalysisError, match="nothing says how runs vary"):
        _pilot(make_table, {(1,): [0.8, None], (2,): [0.7]})
