"""Weighted sums over the cells within each replicate, for runs that share seeds across cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class SeedContrasts:
    """One contrast a seed.

    Attributes
    ----------
    seeds : tuple of str
        Replicates with a run that counts in every cell of the contrast; G of them.
    values : ndarray of shape (G,)
    incomplete : int
        Replicates that lack a converged run in some of the cells.
    """

    seeds: tuple[str, ...]
    values: FloatArray
    incomplete: int


def by_seed(
    cells: Cells,
    weights: FloatArray,
    value: FloatArray,
    present: BoolArray,
    *,
    complete: bool = True,
) -> SeedContrasts:
    """Weighted sums within each replicate.

    Parameters
    ----------
    cells : Cells
    weights : ndarray of shape (C, K)
        One sum a column.
    value, present : ndarrays of shape (N,)
        Number of each run, and whether it counts.
    complete : bool
        Only replicates with a run that counts in every cell that some sum needs; otherwise all.

    Returns
    -------
    SeedContrasts
        ``values`` has shape (G,) for one sum, (G, K) for more.
    """
    asked = (weights != 0).any(axis=1)
    mine = np.flatnonzero(asked[cells.run_cell])
    occurs = np.bincount(cells.run_seed[mine], minlength=len(cells.seed_names)) > 0
    among, seed = np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[cells.run_seed[mine]]
    counted = present[mine]
    full = np.bincount(seed[counted], minlength=among.size) == int(asked.sum())
    kept = full if complete else np.ones_like(full)
    at, who = mine[counted], seed[counted]
    parts = weights[cells.run_cell[at]] * value[at, None]
    sums = np.stack([np.bincount(who, part, minlength=among.size) for part in parts.T], axis=1)
    chosen = sums[kept, 0] if weights.shape[1] == 1 else sums[kept]
    names = tuple(cells.seed_names[i] for i in among[kept].tolist())
    return SeedContrasts(names, chosen, int((~full).sum()))


def shares_by_seed(cells: Cells, used: IntArray, weights: FloatArray) -> FloatArray:
    """Weighted share of converged runs within each replicate that ran everywhere; shape (G,).

    Parameters
    ----------
    cells : Cells
    used : ndarray of shape (M,)
    weights : ndarray of shape (M,)
        They sum to 1.
    """
    column = np.zeros((len(cells), 1))
    column[used, 0] = weights
    learned = cells.table.converged.astype(np.float64)
    return by_seed(cells, column, learned, cells.table.labelled).values
