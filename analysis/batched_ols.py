"""Many least squares fits at once, on cells: what resampling refits.

Regressors are constant within cells, so a fit needs the cells' counts and sums only. With fixed
counts all fits are one matrix product; with counts that vary (converged runs among resampled ones)
they are weighted normal equations, solved in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.cells import Cells
from vggstudy.analysis.resampling import CHUNK_DRAWS, Strata, resample_indices

LOST_RANK = 1e8
"""A solution this many times longer than its right-hand side tells of a singular matrix."""

BLOCK = 2_048
"""Fits solved at a time, which bounds the memory."""

RIDGE = 1e-13
"""Relative to a unit diagonal: keeps the solver from stopping at a singular matrix of a batch."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchedFits:
    """Coefficients of B fits.

    Attributes
    ----------
    coefficients : ndarray of shape (B, P)
        Zero where `failed`.
    failed : ndarray of bool, shape (B,)
        Fits whose cells with runs do not determine all coefficients.
    """

    coefficients: FloatArray
    failed: BoolArray


def fixed_size_fits(design: FloatArray, n: FloatArray, means: FloatArray) -> FloatArray:
    """Least squares coefficients for many sets of cell means with the same counts.

    Parameters
    ----------
    design : ndarray of shape (C, P)
        Of full column rank.
    n : ndarray of shape (C,)
        Runs of each cell.
    means : ndarray of shape (B, C)

    Returns
    -------
    ndarray of shape (B, P)
    """
    root = np.sqrt(n)
    return np.asarray(means @ (np.linalg.pinv(design * root[:, None]) * root).T)


def random_size_fits(design: FloatArray, counts: FloatArray, sums: FloatArray) -> BatchedFits:
    """Least squares coefficients where every fit has its own counts.

    Parameters
    ----------
    design : ndarray of shape (C, P)
        Of full column rank on the cells that have runs in some fit.
    counts, sums : ndarrays of shape (B, C)
        Runs of each cell and the sum of their values.
    """
    basis, triangle = _orthonormal(design, counts.sum(axis=0))
    blocks = [
        _solve(basis, counts[first : first + BLOCK], sums[first : first + BLOCK])
        for first in range(0, len(counts), BLOCK)
    ]
    solved = np.concatenate(blocks)
    failed = np.abs(solved[:, :, 1]).max(axis=1) > LOST_RANK
    coefficients = np.linalg.solve(triangle, solved[:, :, 0].T).T
    return BatchedFits(np.where(failed[:, None], 0.0, coefficients), failed)


def _solve(basis: FloatArray, counts: FloatArray, sums: FloatArray) -> FloatArray:
    """Solutions for the data, and for a probe of no special direction; shape (B, P, 2).

    The probe's solution explodes where the rank is lost.
    """
    size = basis.shape[1]
    runs = np.maximum(counts.sum(axis=1), 1.0)[:, None]
    probe = np.broadcast_to(np.cos(np.arange(1.0, size + 1)), (len(counts), size))
    sides = np.stack([sums @ basis / runs, probe], axis=2)
    return np.asarray(np.linalg.solve(_normal_matrices(basis, counts / runs), sides))


def _orthonormal(design: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Basis Q (C, P) and triangle R with QR the design; Q'WQ is the identity, W the weights.

    In this basis the normal matrices of the fits are near the identity, and lost rank shows.
    """
    root = np.sqrt(weight / weight.sum())[:, None]
    scaled, triangle = np.linalg.qr(design * root)
    return np.divide(scaled, root, out=np.zeros_like(scaled), where=root > 0), triangle


def _normal_matrices(basis: FloatArray, weights: FloatArray) -> FloatArray:
    """``Q'WQ`` of every row of weights, shape (B, P, P); upper triangles by one product."""
    size = basis.shape[1]
    rows, columns = np.triu_indices(size)
    packed = weights @ (basis[:, rows] * basis[:, columns])
    found = np.empty((len(weights), size, size))
    found[:, rows, columns] = packed
    found[:, columns, rows] = packed
    return found + RIDGE * np.eye(size)


def resample_converged(
    cells: Cells,
    design: FloatArray,
    fitted: FloatArray,
    *,
    n_resamples: int,
    rng: np.random.Generator,
    inflate: bool,
    chunk_draws: int = CHUNK_DRAWS,
) -> BatchedFits:
    """Deviations of the coefficients over resamples of all runs, failed ones included.

    Runs are resampled within cells; each resample is fitted to its converged runs, whose number
    varies. Residuals about the model are resampled in place of values, which is the same in exact
    arithmetic and loses fewer digits.

    Parameters
    ----------
    cells : Cells
    design : ndarray of shape (C, P)
        Of full column rank on the cells with converged runs.
    fitted : ndarray of shape (C,)
        The model's mean of each cell.
    n_resamples : int
    rng : Generator
    inflate : bool
        Multiply the runs' deviations from their cell's mean by ``sqrt(k / (k - 1))``, k converged
        runs, which makes the variance of a resampled mean the unbiased one.
    chunk_draws : int
        Draws held at a time; changes nothing but the memory.

    Returns
    -------
    BatchedFits
        Coefficients minus those of the model.
    """
    used = np.flatnonzero(cells.k > 0)
    strata, learned = _residuals(cells, used, fitted, inflate=inflate)
    counts, sums = [], []
    for index in resample_indices(
        strata, n_resamples=n_resamples, rng=rng, chunk_draws=chunk_draws
    ):
        counts.append(np.add.reduceat(learned[index], strata.starts, axis=1))
        sums.append(np.add.reduceat(strata.values[index], strata.starts, axis=1))
    return random_size_fits(design[used], np.concatenate(counts), np.concatenate(sums))


def _residuals(
    cells: Cells, used: IntArray, fitted: FloatArray, *, inflate: bool
) -> tuple[Strata, FloatArray]:
    """All labelled runs of the used cells, with residual and 1 where converged, else 0 and 0."""
    sizes, k = cells.n[used].astype(np.int64), cells.k[used].astype(np.int64)
    within = np.arange(cells.values.size) - np.repeat(cells.start[used], k)
    at = np.repeat(np.cumsum(sizes) - sizes, k) + within
    factor = np.where(inflate & (k > 1), np.sqrt(k / np.maximum(k - 1, 1)), 1.0)
    mean = cells.mean[used]
    values, learned = np.zeros(int(sizes.sum())), np.zeros(int(sizes.sum()))
    centred = cells.values - np.repeat(mean, k)
    values[at] = np.repeat(mean - fitted[used], k) + centred * np.repeat(factor, k)
    learned[at] = 1.0
    return Strata(sizes, values), learned
