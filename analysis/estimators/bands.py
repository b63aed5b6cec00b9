"""Bands over the levels of a factor that hold at all levels together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast, Group
from vggstudy.analysis.data.estimands import claim_id
from vggstudy.analysis.notes import Note, Reason
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.multiplicity import CellMeans, max_t
from vggstudy.analysis.numbers.resampling import claim_generator


@dataclass(frozen=True, slots=True)
class Band:
    """Simultaneous intervals of the mean at each level of a factor.

    Attributes
    ----------
    factor : str
    levels : tuple of int
        Level indices that have an interval.
    intervals : tuple of Interval
    left_out : tuple of (int, Note)
        Levels without one, each with its reason.
    """

    factor: str
    levels: tuple[int, ...]
    intervals: tuple[Interval, ...]
    left_out: tuple[tuple[int, Note], ...]


def level_band(
    cells: Cells,
    factor: str,
    conditions: tuple[Condition, ...] = (),
    *,
    confidence: float,
    seed: int,
    pooled: bool = False,
) -> Band:
    """Means of converged runs at every level of a factor, by the maximum of their t statistics.

    Parameters
    ----------
    cells : Cells
    factor : str
    conditions : tuple of Condition
        Where the others are held; what is not held is averaged with equal weights.
    confidence : float
        Of all levels together.
    seed : int
        With the family's name, the seed of the draws.
    pooled : bool
        One within-cell variance for all cells: only where the protocol asks for it.

    Returns
    -------
    Band
        A level needs two converged runs in each of its cells; with a pooled variance, one.
    """
    table = cells.table
    kept, left_out, groups = [], [], []
    for level in range(len(table.levels[factor])):
        held = tuple(sorted((*conditions, Condition(factor, (level,))), key=lambda c: c.factor))
        group = Contrast(conditions=held).groups(cells)[0]
        minimum = 1 if pooled else 2
        reason = unavailable(cells, group.cells, cells.k, minimum=minimum, what="converged runs")
        if reason is None:
            kept.append(level)
            groups.append(group)
        else:
            left_out.append((level, reason))
    if not kept or not cells.pooled[0] > 0:
        flat = Note(Reason.NO_VARIANCE.value, "no variance within cells")
        return Band(factor, (), (), (*left_out, *((level, flat) for level in kept)))
    name = claim_id(table.outcome, Contrast(conditions=conditions), table)
    means, rows = _means(cells, groups, pooled=pooled)
    rng = claim_generator(seed, f"{name} band {factor}")
    found = max_t(means, rows, confidence=confidence, rng=rng)
    intervals = tuple(found.interval(k) for k in range(len(kept)))
    return Band(factor, tuple(kept), intervals, tuple(left_out))


def _means(cells: Cells, groups: list[Group], *, pooled: bool) -> tuple[CellMeans, FloatArray]:
    """Means of all cells in use and every level's weights; a flat cell borrows its variance."""
    used = np.concatenate([group.cells for group in groups])
    sizes = [group.cells.size for group in groups]
    level = np.repeat(np.arange(len(groups)), sizes)
    rows = (level == np.arange(len(groups))[:, None]) / np.array(sizes)[:, None]
    known = ~cells.flat[used] & ~np.isnan(cells.variance[used])
    variance = np.where(known, cells.variance[used], cells.pooled[0])
    means = CellMeans(cells.mean[used], variance, cells.k[used], cells.pooled if pooled else None)
    return means, rows
