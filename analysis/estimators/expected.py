"""Expected outcome of a run, failed runs included: convergence times accuracy.

For a cell, theta = nu + pi * (mu - nu) with the mean mu of converged and nu of failed runs. The
limits of pi, mu and nu are combined by MOVER for a product; over several cells pi and mu enter
through their weighted means. The two-part mean is never bootstrapped: with few failures its
resamples miss the failures that could have happened (coverage 14 to 40%).

References
----------
.. [1] Zou, Huo & Taleban (2009), Computational Statistics & Data Analysis 53, 3755-3764 (MOVER for
   products and means of skewed data).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.borrowing import lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.data.failed_values import failed_value, unknown_failures
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.means import unusual
from vggstudy.analysis.estimators.seed_clusters import counts_over_seeds
from vggstudy.analysis.estimators.seed_sums import by_seed
from vggstudy.analysis.notes import Caution, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.proportions import (
    clopper_pearson,
    mover_sum,
    pooled_counts,
    wilson,
)
from vggstudy.analysis.numbers.student import satterthwaite, t_quantile

MIN_RUNS = 2
"""Labelled runs that a cell needs: one shows no spread. With that of other cells in its place the
interval covers 54 to 85% where they vary less, and 50% where no cell has two runs."""


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What enters theta, cell by cell; all of shape (M,).

    Attributes
    ----------
    share, converged, failed : ndarray
        k / n; mean of converged runs (the outcome's upper bound where there are none); mean of
        failed runs.
    """

    share: FloatArray
    converged: FloatArray
    failed: FloatArray


def estimate_expected(
    cells: Cells, groups: list[Group], *, confidence: float, shared_seeds: bool = False
) -> Finding:
    """Expected outcome over all runs, or a signed sum of averages of it.

    Parameters
    ----------
    cells : Cells
        Of an outcome with bounds, such as an accuracy.
    groups : list of Group
    confidence : float
    shared_seeds : bool
        Runs of one replicate share their seeds across cells: replicates are then clusters.

    Returns
    -------
    Finding
        Refused where a cell has fewer than `MIN_RUNS` labelled runs, where failed runs score above
        converged ones, where failed runs have no outcome and nothing can stand in for it, or where
        no cell of its scale tells how much the runs of a cell vary.

    Raises
    ------
    ValueError
        If the outcome has no bounds: what a cell without converged runs could reach is unknown.
    """
    if cells.table.bounds is None:
        raise ValueError(f"{cells.table.outcome} has no bounds")
    used = np.concatenate([group.cells for group in groups])
    problem = unavailable(cells, used, cells.n, minimum=MIN_RUNS, what="labelled runs")
    if problem:
        return Finding(None, None, problem)
    if lost := unknown_failures(cells, used):
        return Finding(None, None, lost)
    if lost := _no_spread(cells, used):
        return Finding(None, None, lost)
    parts = [_parts(cells, group) for group in groups]
    if any((part.converged < part.failed).any() for part in parts):
        return refused(Reason.FAILED_ABOVE_CONVERGED, "failed_above_converged")
    single = len(groups) == 1
    intervals = [
        _group(cells, group, part, confidence=confidence, exact=single, shared=shared_seeds)
        for group, part in zip(groups, parts, strict=True)
    ]
    notes = (*_cautions(cells, used.tolist()), *unusual(cells, used))
    if single:
        return Finding(intervals[0].estimate, intervals[0], cautions=notes)
    found = mover_sum(intervals, [g.sign for g in groups], method="mover_product")
    return Finding(found.estimate, found, cautions=notes)


def _no_spread(cells: Cells, used: IntArray) -> Note | None:
    """Why the spread of a used cell's converged runs is not known, although that of others is."""
    lent = lent_variance(cells)
    return None if lent.borrows.all() else no_lender(cells, used[cells.k[used] > 0], lent)


def _parts(cells: Cells, group: Group) -> _Parts:
    """Shares and means of a group's cells, with what stands in for those that are unknown."""
    at = group.cells
    _, high = cells.table.bounds or (0.0, 1.0)
    failed = np.where(cells.failed_n > 0, np.nan_to_num(cells.failed_mean), failed_value(cells))[at]
    converged = np.where(cells.k > 0, np.nan_to_num(cells.mean), high)[at]
    return _Parts(cells.k[at] / cells.n[at], converged, failed)


def _group(
    cells: Cells, group: Group, parts: _Parts, *, confidence: float, exact: bool, shared: bool
) -> Interval:
    """MOVER interval of the equally weighted mean of theta over a group's cells."""
    at, weights = group.cells, group.weights
    gain = weights * (parts.converged - parts.failed)
    total = float(gain.sum())
    estimate = float(weights @ parts.failed + gain @ parts.share)
    down = up = 0.0
    if total > 0:
        counts = pooled_counts(cells.k[at], cells.n[at], gain / total)
        if shared:
            counts = counts_over_seeds(cells, at, gain / total, counts)
        limits = (clopper_pearson if exact else wilson)(counts.k, counts.n, confidence=confidence)
        down, up = total * (limits.estimate - limits.low), total * (limits.high - limits.estimate)
    width = _half_over_seeds if shared else _half_width
    half = width(cells, group, weights * parts.share, confidence, failed=False)
    other = width(cells, group, weights * (1 - parts.share), confidence, failed=True)
    low = estimate - float(np.sqrt(down**2 + half**2 + other**2))
    high = estimate + float(np.sqrt(up**2 + half**2 + other**2))
    if (cells.k[at] > 0).all():
        ceiling = float(weights @ parts.converged)
        ceiling += width(cells, group, weights, confidence, failed=False)
        high = min(high, max(ceiling, estimate))
    return Interval(estimate, low, high, "mover_product").clipped(*(cells.table.bounds or (0, 1)))


def _half_width(
    cells: Cells, group: Group, weights: FloatArray, confidence: float, *, failed: bool
) -> float:
    """Half-width of the t interval of a weighted sum of means of converged or failed runs.

    A cell with one run, or whose runs do not vary, takes the variance of cells of its scale; 0
    where no run varies at all.
    """
    lent = lent_variance(cells, failed=failed)
    n, variance = (cells.failed_n if failed else cells.k)[group.cells], lent.variance[group.cells]
    active = (n > 0) & (weights > 0) & (variance > 0)
    if not active.any():
        return 0.0
    freedom = lent.df[group.cells]
    spread = satterthwaite(weights[active], variance[active], n[active], freedom[active])
    return t_quantile(spread.df, confidence) * spread.se


def _half_over_seeds(
    cells: Cells, group: Group, weights: FloatArray, confidence: float, *, failed: bool
) -> float:
    """The same with replicates as clusters, by Liang and Zeger's variance times G / (G - 1).

    Runs' departures from their cells' means are summed within each replicate.
    """
    count = (cells.failed_n if failed else cells.k)[group.cells]
    mean = np.nan_to_num(cells.failed_mean if failed else cells.mean)
    table = cells.table
    present = (table.failed if failed else table.converged) & ~np.isnan(table.value)
    per_run = np.zeros((len(cells), 1))
    per_run[group.cells, 0] = np.where(count > 0, weights / np.maximum(count, 1), 0.0)
    rest = np.where(present, cells.table.value - mean[cells.run_cell], 0.0)
    sums = by_seed(cells, per_run, rest, present, complete=False).values
    if sums.size < 2:
        return 0.0
    se = float(np.sqrt(sums.size / (sums.size - 1) * (sums @ sums)))
    return t_quantile(sums.size - 1, confidence) * se


def _cautions(cells: Cells, used: list[int]) -> tuple[Note, ...]:
    """Cells in which at most one run converged, and failed runs whose outcome is not known."""
    lost = (cells.n - cells.k - cells.failed_n)[used]
    notes = []
    if lost.any():
        notes.append(_assumed(cells, float(lost.sum()), failed_value(cells)[used][lost > 0]))
    few = [c for c in used if cells.k[c] <= 1]
    if not few:
        return tuple(notes)
    if len(used) == 1:
        only = few[0]
        note = say("k_of_n_converged", Caution.FEW_CONVERGED, k=cells.k[only], n=cells.n[only])
    else:
        note = say("cells_at_most_one", Caution.FEW_CONVERGED, n=len(few), cells=len(used))
    return (*notes, note)


def _assumed(cells: Cells, lost: float, values: FloatArray) -> Note:
    """What failed runs without an outcome count as."""
    code = Caution.FAILED_VALUE_ASSUMED
    if cells.table.own_chance is not None and np.ptp(values) > 0:
        return say("failed_count_as_own", code, n=lost)
    if cells.table.own_chance is None and cells.failed_n.any():
        return say("failed_count_as_failed", code, n=lost)
    return say("failed_count_as", code, n=lost, other=float(values[0]))
