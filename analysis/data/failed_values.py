"""What failed runs score, and whether that is known."""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.notes import Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray


def failed_value(cells: Cells) -> FloatArray:
    """What a failed run of each cell scores where nothing is known of it; shape (C,).

    The mean of all failed runs that are known; without any, the chance level, and without that the
    outcome's lower bound (`unknown_failures` refuses where it would be used). Where runs differ in
    their chance level, each cell has that of its own runs: the failed runs of other data say
    nothing of it.
    """
    known = cells.failed_n > 0
    low, _ = cells.table.bounds or (0.0, 1.0)
    if cells.table.own_chance is not None:
        return np.where(np.isnan(own := _own_chance(cells)), low, own)
    value = low if cells.table.chance is None else cells.table.chance
    if known.any():
        value = float(np.average(cells.failed_mean[known], weights=cells.failed_n[known]))
    return np.full(len(cells), value)


def _own_chance(cells: Cells) -> FloatArray:
    """Mean chance level of each cell's runs; NaN where none says it; shape (C,)."""
    table = cells.table
    if table.own_chance is None:
        return np.full(len(cells), np.nan if table.chance is None else table.chance)
    said = ~np.isnan(table.own_chance)
    at, size = cells.run_cell[said], len(cells)
    with np.errstate(invalid="ignore"):
        total = np.bincount(at, weights=table.own_chance[said], minlength=size)
        return np.asarray(total / np.bincount(at, minlength=size))


def unknown_failures(cells: Cells, used: IntArray) -> Note | None:
    """Why failed runs without an outcome leave an expected value unknown, if they do."""
    own = cells.table.own_chance is not None
    if not own and (cells.failed_n.any() or cells.table.chance is not None):
        return None
    unknown = (cells.failed_n == 0) & np.isnan(_own_chance(cells))
    lost = float(np.where(unknown, cells.n - cells.k - cells.failed_n, 0.0)[used].sum())
    return say("failed_value_unknown", Reason.FAILED_VALUE_UNKNOWN, n=lost) if lost else None


def outcome_of_all(cells: Cells) -> FloatArray:
    """Every run's outcome; failed runs without one have what `failed_value` says; shape (N,)."""
    value = cells.table.value
    failed = cells.table.failed
    return np.where(failed & np.isnan(value), failed_value(cells)[cells.run_cell], value)
