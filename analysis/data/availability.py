"""Whether the cells of a quantity hold what it needs, and the words when they do not."""

from __future__ import annotations

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.notes import Named, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray

NAMED = 3
"""Cells named in a refusal; the rest are counted."""


def unavailable(
    cells: Cells, used: IntArray, have: FloatArray, *, minimum: int, what: str
) -> Note | None:
    """Why a quantity over the used cells is refused; None if it is not.

    Parameters
    ----------
    cells : Cells
    used : ndarray of shape (M,)
        Cells that the quantity needs.
    have : ndarray of shape (C,)
        What there is in every cell, e.g. converged runs.
    minimum : int
        What each used cell needs.
    what : str
        Its plural in words, e.g. "converged runs".
    """
    short = used[have[used] < minimum]
    if not short.size:
        return None
    if used.size == 1:
        return _one_cell(int(used[0]), cells, have, minimum, what)
    first = short[:NAMED].tolist()
    named = Named(tuple(cells.levels_of(c) for c in first), short.size - len(first))
    values = {"n": short.size, "cells": used.size, "what": what, "names": named}
    if minimum == 1:
        return say("cells_without", Reason.MISSING_CELLS, **values)
    if have[used].min() >= 1 and have[used].max() < minimum:
        if have[used].max() == 1 == cells.n[used].max():
            return say("no_replicates", Reason.TOO_FEW_RUNS, cells=used.size)
        return say("cells_with_few", Reason.TOO_FEW_RUNS, least=minimum, **values)
    return say("cells_with_few", Reason.MISSING_CELLS, least=minimum, **values)


def _one_cell(cell: int, cells: Cells, have: FloatArray, minimum: int, what: str) -> Note:
    """The refusal of a quantity that needs one cell only."""
    if cells.n[cell] == 0:
        return say("no_labelled_in_cell", Reason.NO_RUNS, names=Named((cells.levels_of(cell),)))
    if cells.k[cell] == 0 and what != "labelled runs":
        return say("none_of_runs_converged", Reason.NONE_CONVERGED, n=cells.n[cell])
    return say("needs_runs", Reason.TOO_FEW_RUNS, least=minimum, what=what, n=have[cell])
