"""Whether two quantities of the same runs go together within cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.cells import ZERO_SPREAD, Cells, cell_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.notes import Caution, Note, Reason, say
from vggstudy.analysis.numbers.arrays import BoolArray, IntArray
from vggstudy.analysis.numbers.kendall import (
    StratifiedTau,
    cells_interval,
    concordances,
    score_interval,
    stratified_tau,
)

MIN_RUNS = 3
"""Converged runs of a cell that enters; in cells of fewer there is next to nothing to compare."""

MIN_SPARE, WARN_SPARE = 8, 20
"""Runs beyond the first of each cell for an interval at all, and without a warning."""

MIN_CELLS_BESIDE = 8
"""Cells from which Student's interval over cells stands beside."""


@dataclass(frozen=True, slots=True)
class Associated:
    """A finding with the number of runs behind it.

    Attributes
    ----------
    finding : Finding
    runs : int
        Converged runs, with both values, of the cells that entered.
    """

    finding: Finding
    runs: int


def same_runs(first: RunTable, second: RunTable) -> bool:
    """Whether two tables hold one row each for the same runs, in the same order."""
    return first.replicate == second.replicate and np.array_equal(first.codes, second.codes)


def estimate_association(
    cells: Cells, beside: RunTable, used: IntArray, *, confidence: float, shared_seeds: bool
) -> Associated:
    """Kendall's rank correlation of two quantities within cells, among converged runs.

    Parameters
    ----------
    cells : Cells
        Of the one quantity.
    beside : RunTable
        The same runs with the other, which also says which of them have converged.
    used : ndarray of shape (M,)
        Indices of cells.
    confidence : float
    shared_seeds : bool
        Runs of one replicate share their seeds across cells: cells are then not independent, and
        several of them have no interval.
    """
    index = cell_of(cells)
    counts = _complete(cells.table, beside)
    runs = np.bincount(index[counts], minlength=len(cells))
    planned = used[cells.planned[used] > 0]
    kept = planned[runs[planned] >= MIN_RUNS]
    total = int(runs[kept].sum())
    if problem := _too_few(planned, kept, total):
        return Associated(Finding(None, None, problem), total)
    mine = counts & np.isin(index, kept)
    found = stratified_tau(concordances(cells.table.value[mine], beside.value[mine], index[mine]))
    if found is None:
        return Associated(refused(Reason.NO_VARIANCE, "pairs_do_not_vary"), total)
    if shared_seeds and kept.size > 1:
        shared = refused(Reason.SHARED_SEEDS, "association_shares_seeds", found.tau)
        return Associated(shared, total)
    notes = _cautions(planned.size, kept.size, total)
    return Associated(_finding(found, notes, confidence), total)


def _complete(table: RunTable, beside: RunTable) -> BoolArray:
    """Converged runs with both values; shape (N,)."""
    return np.asarray(beside.converged & np.isfinite(table.value) & np.isfinite(beside.value))


def _too_few(planned: IntArray, kept: IntArray, total: int) -> Note | None:
    """Why so few runs have no interval."""
    if not kept.size:
        name, size = "no_cell_with_converged", planned.size
        return say(name, Reason.TOO_FEW_RUNS, cells=size, least=MIN_RUNS)
    spare = total - kept.size
    if spare < MIN_SPARE:
        return say("few_spare_runs", Reason.TOO_FEW_RUNS, least=MIN_SPARE, n=spare)
    return None


def _cautions(planned: int, kept: int, total: int) -> tuple[Note, ...]:
    """Few runs, and cells that do not enter."""
    notes = []
    if total - kept < WARN_SPARE:
        notes.append(say("only_spare_runs", Caution.FEW_RUNS, n=total - kept))
    if kept < planned:
        left = planned - kept
        values = {"n": left, "cells": planned, "least": MIN_RUNS}
        notes.append(say("cells_left_out", Caution.CELLS_LEFT_OUT, **values))
    return tuple(notes)


def _finding(found: StratifiedTau, notes: tuple[Note, ...], confidence: float) -> Finding:
    """The interval, and that over cells beside it where there are enough."""
    interval = score_interval(found, confidence=confidence)
    enough = found.shares.size >= MIN_CELLS_BESIDE and float(np.ptp(found.shares)) > ZERO_SPREAD
    beside = (cells_interval(found, confidence=confidence),) if enough else ()
    return Finding(found.tau, interval, cautions=notes, alternatives=beside)
