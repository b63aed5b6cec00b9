"""Complete tables of initialisations by data seeds, cell by cell."""

from __future__ import annotations

from collections import Counter

import numpy as np

from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray


def crossed_tables(table: RunTable) -> FloatArray | Note:
    """Outcomes of the cells in which every initialisation met every data seed and converged.

    Parameters
    ----------
    table : RunTable
        With streams.

    Returns
    -------
    ndarray of shape (C, I, J) or Note
        Of the numbers of seeds that most complete cells have. Refused with `Reason.MISSING_CELLS`
        where no cell is complete with two seeds of each kind.
    """
    if table.streams is None:
        return say("seeds_not_said", Reason.MISSING_CELLS)
    _, cell = np.unique(table.codes, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    found = [_complete(table, np.flatnonzero(cell == c)) for c in range(int(cell.max()) + 1)]
    whole = [one for one in found if one is not None and min(one.shape) >= 2]
    if not whole:
        return say("no_complete_crossing", Reason.MISSING_CELLS)
    shape = Counter(one.shape for one in whole).most_common(1)[0][0]
    return np.stack([one for one in whole if one.shape == shape])


def _complete(table: RunTable, rows: IntArray) -> FloatArray | None:
    """One cell's table, if each pair of its seeds has exactly one run, which converged."""
    if table.streams is None or not table.converged[rows].all():
        return None
    sides, places = zip(
        *(np.unique(column, return_inverse=True) for column in table.streams[rows].T), strict=True
    )
    shape = (sides[0].size, sides[1].size)
    if rows.size != shape[0] * shape[1]:
        return None
    found = np.full(shape, np.nan)
    found[places[0], places[1]] = table.value[rows]
    return None if np.isnan(found).any() else found
