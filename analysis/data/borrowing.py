"""Which cells lend their variance to one whose runs have one value: those of its unit and scale.

Equal values say nothing of how much runs vary: a score at its ceiling, a value that was rounded.
The variance pooled over other cells stands in for that only where they are of one kind. Games, data
sets and losses have scales of their own, and the variance of one is no statement on another.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import fdtrc

from vggstudy.analysis.data.cells import Cells, pool
from vggstudy.analysis.data.levels import is_numeric
from vggstudy.analysis.notes import Named, Note, Reason, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray

RATIO = 9.0
"""Two levels whose variances differ by more have different scales, however few their runs are:
standard deviations of one to three."""

SIGNIFICANCE = 0.01
"""Of the F tests between the levels of a factor, all pairs together (Bonferroni)."""


@dataclass(frozen=True, slots=True, eq=False)
class Lent:
    """The variance with which each cell is analysed; all of shape (C,).

    Attributes
    ----------
    variance : ndarray
        The cell's own, or what others lend it; NaN where it has neither.
    df : ndarray
        Its degrees of freedom.
    borrows : ndarray of bool
        Whether it is not the cell's own.
    """

    variance: FloatArray
    df: FloatArray
    borrows: BoolArray


def lent_variance(cells: Cells, *, failed: bool = False) -> Lent:
    """The variance of converged or failed runs of every cell, borrowed where it has none.

    A cell whose runs have one value takes the variance pooled over all cells of two runs and more.
    Where levels of a factor differ in scale (their variances by more than `RATIO`, or by an F
    test), it is pooled over the cells of its own level whose runs vary: the factor that tells the
    most comes first, and the others are asked within its level. An outcome that is no fraction may
    have a unit for every level in words; a level of which no cell varies then borrows nothing. A
    cell of one run shows nothing of its scale and takes the variance of all, as cells of failed
    runs do: those guess, whatever they failed at.
    """
    return _lent(cells, failed)


@lru_cache(maxsize=8)
def _lent(cells: Cells, failed: bool) -> Lent:
    """`lent_variance`, once for the many claims on the same cells."""
    n = cells.failed_n if failed else cells.k
    own = cells.failed_variance if failed else cells.variance
    borrows = (n < 2) | ~(own > 0)
    variance = np.where(borrows, np.nan, own)
    df = np.where(borrows, np.nan, n - 1)
    if borrows.all():
        return Lent(variance, df, borrows)
    flat = borrows & (n >= 2) & (not failed)
    takes = borrows & ~flat
    variance[takes], df[takes] = pool(own, n)
    if not flat.any():
        return Lent(variance, df, borrows)
    known = _unit_known(cells, ~borrows)
    for cell in np.flatnonzero(flat & known).tolist():
        lenders = _lenders(cells, cell, ~borrows, own, n)
        if lenders.sum() == (~borrows).sum():
            lenders = n >= 2  # one scale: equal values are a part of the sample, too
        if lenders.any():
            variance[cell], df[cell] = pool(own[lenders], n[lenders])
    return Lent(variance, df, borrows)


def no_lender(cells: Cells, used: IntArray, lent: Lent) -> Note | None:
    """Why a quantity over the used cells has no interval: one of them has no variance at all."""
    lost = used[np.isnan(lent.variance[used])]
    if not lost.size:
        return None
    if lent.borrows.all():
        return say("runs_do_not_vary", Reason.NO_VARIANCE)
    named = Named((cells.levels_of(int(lost[0])),), lost.size - 1)
    return say("no_cell_of_its_scale", Reason.NO_VARIANCE, names=named)


def _lenders(
    cells: Cells, cell: int, varies: BoolArray, own: FloatArray, n: FloatArray
) -> BoolArray:
    """The cells that vary and share the scale of one that does not; shape (C,)."""
    lenders = varies.copy()
    factors = [f for f, size in enumerate(cells.shape) if size > 1]
    while factors and lenders.any():
        p = {f: _scales_alike(cells.codes[lenders, f], n[lenders], own[lenders]) for f in factors}
        worst = min(factors, key=lambda f: p[f])
        if p[worst] >= SIGNIFICANCE:
            break
        lenders &= cells.codes[:, worst] == cells.codes[cell, worst]
        factors.remove(worst)
    return lenders


def _scales_alike(level: IntArray, n: FloatArray, variance: FloatArray) -> float:
    """How likely the pooled variances of a factor's levels are as unlike as they are, if alike.

    The smallest p of the F tests of all pairs, times their number; less than `SIGNIFICANCE` where
    two variances differ by more than `RATIO`, the less the more they do.
    """
    df = np.bincount(level, weights=n - 1)
    total = np.bincount(level, weights=(n - 1) * variance)
    seen = df > 0
    df, pooled = df[seen], total[seen] / df[seen]
    first, second = np.triu_indices(len(df), 1)
    if not first.size:
        return 1.0
    up = pooled[first] > pooled[second]
    large, small = np.where(up, first, second), np.where(up, second, first)
    ratio = pooled[large] / pooled[small]
    p = first.size * float(2 * fdtrc(df[large], df[small], ratio).min())
    if (most := float(ratio.max())) > RATIO:
        return min(p, SIGNIFICANCE * RATIO / (2 * most))
    return p


def _unit_known(cells: Cells, varies: BoolArray) -> BoolArray:
    """Cells that share a unit with one that varies, as far as names and levels tell."""
    known = np.ones(len(cells), dtype=bool)
    table = cells.table
    if table.is_fraction:
        return known
    for factor, name in enumerate(table.factors):
        if all(isinstance(level, bool) or is_numeric(level) for level in table.levels[name]):
            continue
        codes = cells.codes[:, factor]
        known &= np.isin(codes, codes[varies])
    return known
