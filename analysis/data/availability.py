"""Whether the cells of a quantity hold what it needs, and the words when they do not."""

from __future__ import annotations

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.notes import Note, Reason
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
    named = "; ".join(cells.name(c) for c in short[:NAMED].tolist())
    more = f" and {short.size - NAMED} more" if short.size > NAMED else ""
    lack = f"no {what}" if minimum == 1 else f"fewer than {minimum} {what}"
    text = f"{short.size} of its {used.size} cells have {lack}: {named}{more}"
    return Note(Reason.MISSING_CELLS.value, text)


def _one_cell(cell: int, cells: Cells, have: FloatArray, minimum: int, what: str) -> Note:
    """The refusal of a quantity that needs one cell only."""
    if cells.n[cell] == 0:
        return Note(Reason.NO_RUNS.value, f"no labelled runs in the cell {cells.name(cell)}")
    if cells.k[cell] == 0:
        text = f"none of the {cells.n[cell]:.0f} runs converged"
        return Note(Reason.NONE_CONVERGED.value, text)
    text = f"needs at least {minimum} {what}, has {have[cell]:.0f}"
    return Note(Reason.TOO_FEW_RUNS.value, text)
