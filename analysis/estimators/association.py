"""Whether two quantities of the same runs go together within cells.

Cells differ in both by design: what a factor does to each is what differences are for. Here only
runs of one cell are compared, so that the difference between cells cannot pass for an association.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.cells import ZERO_SPREAD, Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.notes import Caution, Note, NotedError, Reason, say
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


def association(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Kendall's rank correlation with the main outcome over the cells of a mean.

    Raises
    ------
    AnalysisError
        If the estimand is not of a further outcome, measured on the same runs.
    """
    if asked.beside is None:
        raise NotedError(say("association_of_further", claim=asked.id))
    return estimate_association(
        cells,
        asked.beside,
        np.sort(asked.groups(cells)[0].cells),
        confidence=how.confidence,
        shared_seeds=how.shared_seeds,
    )


def estimate_association(
    cells: Cells, beside: RunTable, used: IntArray, *, confidence: float, shared_seeds: bool
) -> Finding:
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

    Returns
    -------
    Finding
        Its runs are the converged ones, with both values, of the cells that entered.
    """
    index = cells.run_cell
    counts = _complete(cells.table, beside)
    runs = np.bincount(index[counts], minlength=len(cells))
    planned = used[cells.planned[used] > 0]
    kept = planned[runs[planned] >= MIN_RUNS]
    total = int(runs[kept].sum())
    if problem := _too_few(planned, kept, total):
        return Finding(None, None, problem, runs=total)
    mine = counts & np.isin(index, kept)
    found = stratified_tau(concordances(cells.table.value[mine], beside.value[mine], index[mine]))
    if found is None:
        return replace(refused(Reason.NO_VARIANCE, "pairs_do_not_vary"), runs=total)
    if shared_seeds and kept.size > 1:
        shared = refused(Reason.SHARED_SEEDS, "association_shares_seeds", found.tau)
        return replace(shared, runs=total)
    notes = _cautions(planned.size, kept.size, total)
    return replace(_finding(found, notes, confidence), runs=total)


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
