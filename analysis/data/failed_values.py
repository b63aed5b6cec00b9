"""What failed runs score, and whether that is known."""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.notes import Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray


def failed_value(cells: Cells) -> float:
    """What a failed run scores where nothing is known of it.

    The mean of all failed runs that are known; without any, the chance level, and without that the
    outcome's lower bound (`unknown_failures` refuses where it would be used).
    """
    known = cells.failed_n > 0
    if known.any():
        return float(np.average(cells.failed_mean[known], weights=cells.failed_n[known]))
    low, _ = cells.table.bounds or (0.0, 1.0)
    return cells.table.chance if cells.table.chance is not None else low


def unknown_failures(cells: Cells, used: IntArray) -> Note | None:
    """Why failed runs without an outcome leave an expected value unknown, if they do."""
    lost = float((cells.n - cells.k - cells.failed_n)[used].sum())
    known = cells.failed_n.any() or cells.table.chance is not None
    if not lost or known:
        return None
    return say("failed_value_unknown", Reason.FAILED_VALUE_UNKNOWN, n=lost)


def outcome_of_all(cells: Cells) -> FloatArray:
    """Every run's outcome; failed runs without one have what `failed_value` says; shape (N,)."""
    value = cells.table.value
    failed = cells.table.failed
    return np.where(failed & np.isnan(value), failed_value(cells), value)
