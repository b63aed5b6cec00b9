"""Contrasts over seeds few of which have runs in every cell: seeds as clusters of runs.

Cells that seeds tie together, directly or through other cells, are a component; components share no
seed and are independent. Within one, departures of runs from their cells' means are summed seed by
seed [1]_, and G / (G - 1) pays for those means. Where every seed of a component has a run in all of
its cells this is the variance of one contrast a seed; two methods with seeds of their own on common
data sets are compared as Welch compares two samples of seeds.

References
----------
.. [1] Liang & Zeger (1986), Biometrika 73, 13-22.
"""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.seed_sums import shares_by_seed
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.proportions import (
    PooledCounts,
    clustered_counts,
    effective_counts,
)
from vggstudy.analysis.numbers.student import Spread

MIN_SHARES = 2
"""Seeds with a run in every cell from which on their shares tell the variance of a probability."""


def clustered_spread(
    cells: Cells, weights: FloatArray, value: FloatArray, present: BoolArray
) -> Spread | None:
    """Standard error of a weighted sum of cell means, with seeds as clusters.

    The degrees of freedom of a component are those of its seeds, each counting by the weight of its
    runs (Kish's effective number, less one); components combine by Satterthwaite's formula.

    Parameters
    ----------
    cells : Cells
    weights : ndarray of shape (C,)
        Signed, of the cells' means.
    value, present : ndarrays of shape (N,)
        Number of each run, and whether it counts.

    Returns
    -------
    Spread or None
        None where a component has one seed only, or nothing varies.
    """
    mine = np.flatnonzero(present & (weights != 0)[cells.run_cell])
    cell, seed = cells.run_cell[mine], np.unique(cells.run_seed[mine], return_inverse=True)[1]
    count = np.bincount(cell, minlength=len(cells))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(cell, weights=value[mine], minlength=len(cells)) / count
        each = np.where(count > 0, weights / count, 0.0)
    sums = np.bincount(seed, weights=each[cell] * (value[mine] - mean[cell]))
    load = np.bincount(seed, weights=np.abs(each[cell]))
    component = _components(cell, seed)
    size = np.bincount(component).astype(np.float64)
    if (size < 2).any():
        return None
    variance = size / (size - 1) * np.bincount(component, weights=sums**2)
    total = float(variance.sum())
    if not total > 0:
        return None
    df = np.bincount(component, weights=load) ** 2 / np.bincount(component, weights=load**2) - 1
    return Spread(float(np.sqrt(total)), total**2 / float((variance**2 / df).sum()))


def _components(cell: IntArray, seed: IntArray) -> IntArray:
    """Component of every seed; shape (G,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    seeds = int(seed.max()) + 1
    size = seeds + int(cell.max()) + 1
    ties = coo_array((np.ones(seed.size), (seed, seeds + cell)), shape=(size, size))
    labels = connected_components(ties, directed=False)[1][:seeds]
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)


def counts_over_seeds(
    cells: Cells, used: IntArray, weights: FloatArray, counts: PooledCounts
) -> PooledCounts:
    """Effective counts of a mean probability over cells that share seeds.

    Parameters
    ----------
    cells : Cells
    used : ndarray of shape (M,)
    weights : ndarray of shape (M,)
        They sum to 1.
    counts : PooledCounts
        As if all runs were independent.
    """
    shares = shares_by_seed(cells, used, weights)
    if shares.size >= MIN_SHARES:
        return clustered_counts(counts, shares)
    column = np.zeros(len(cells))
    column[used] = weights
    table = cells.table
    spread = clustered_spread(cells, column, table.converged.astype(np.float64), table.labelled)
    if spread is None:
        return counts
    return effective_counts(counts, spread.se**2, spread.df + 1)
