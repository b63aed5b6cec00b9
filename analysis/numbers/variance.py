"""How much of an outcome's variance lies between groups, between seeds and within.

References
----------
.. [1] Searle, Casella & McCulloch (1992), Variance Components, section 3.6 (one way, unequal
   groups) and p. 66, eq. 3.142 (interval of the intraclass correlation).
.. [2] Henderson (1953), Biometrics 9, 226-252, method 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, fdtri

from vggstudy.analysis.notes import ModelReason, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence

ZERO_SPREAD = 1e-10
"""A standard deviation below this share of the largest value is rounding."""


@dataclass(frozen=True, slots=True)
class OneWay:
    """Components of variance between and within groups.

    Attributes
    ----------
    n, k : int
        Values and groups.
    n0 : float
        Effective group size, ``(N - sum(n^2) / N) / (k - 1)``.
    ms_between, ms_within : float
        Mean squares.
    f, p_value : float
        Test of no variance between groups.
    between_raw : float
        ``(ms_between - ms_within) / n0``; may be negative.
    icc : Interval
        Intraclass correlation: share of variance between groups, from `between_raw`, so that it
        may be negative; Searle's limits, exact for normal values in groups of equal size.
    """

    n: int
    k: int
    n0: float
    ms_between: float
    ms_within: float
    f: float
    p_value: float
    between_raw: float
    icc: Interval

    @property
    def between(self) -> float:
        """Variance between groups, at least 0."""
        return max(0.0, self.between_raw)

    @property
    def within(self) -> float:
        """Variance within groups."""
        return self.ms_within


def one_way(values: FloatArray, groups: IntArray, *, confidence: float) -> OneWay | Note:
    """One-way analysis of variance with random groups ([1]_).

    Parameters
    ----------
    values : ndarray of shape (N,)
    groups : ndarray of shape (N,)
        Any integers.
    confidence : float
        Of the intraclass correlation's interval.

    Returns
    -------
    OneWay or Note
        Refused with `Reason.TOO_FEW_RUNS` (one group, or no group with two values) or
        `Reason.NO_VARIANCE`.
    """
    check_confidence(confidence)
    names, index = np.unique(groups, return_inverse=True)
    n = np.bincount(index).astype(np.float64)
    size, k = values.size, names.size
    if k < 2 or size == k:
        return say("too_few_groups", Reason.TOO_FEW_RUNS, values=size, groups=k)
    mean = np.bincount(index, values) / n
    within = float(((values - mean[index]) ** 2).sum())
    if np.sqrt(within / size) <= ZERO_SPREAD * np.abs(values).max():
        return say("groups_do_not_vary", Reason.NO_VARIANCE)
    between = float((n * (mean - values.mean()) ** 2).sum())
    ms_between, ms_within = between / (k - 1), within / (size - k)
    n0 = float(size - (n**2).sum() / size) / (k - 1)
    f = ms_between / ms_within
    return OneWay(
        n=size,
        k=k,
        n0=n0,
        ms_between=ms_between,
        ms_within=ms_within,
        f=f,
        p_value=float(fdtrc(k - 1, size - k, f)),
        between_raw=(ms_between - ms_within) / n0,
        icc=_searle(f, n0, k - 1, size - k, confidence),
    )


def _searle(f: float, n0: float, df1: int, df2: int, confidence: float) -> Interval:
    """Interval of the intraclass correlation, from the quantiles of F."""
    tail = (1 - confidence) / 2
    upper = float(fdtri(df1, df2, 1 - tail))
    lower = float(fdtri(df1, df2, tail))
    estimate, low, high = ((x - 1) / (x + n0 - 1) for x in (f, f / upper, f / lower))
    return Interval(estimate, low, high, "searle_f")


@dataclass(frozen=True, slots=True)
class CellPlusSeed:
    """Variance of seed effects that are shared by the cells.

    Attributes
    ----------
    balanced : bool
        Every seed once in every cell.
    n_cells, n_seeds : int
    ms_seed, ms_residual : float
        Mean squares of seeds after cells, and of what is left.
    df_seed, df_residual : int
    f, p_value : float
        Test of no seed effects.
    seed_raw : float
        Variance between seeds, ``(ms_seed - ms_residual) / divisor``; may be negative.
    divisor : float
        Of the seed variance in the expectation of `ms_seed`: the number of cells when balanced.
    """

    balanced: bool
    n_cells: int
    n_seeds: int
    ms_seed: float
    ms_residual: float
    df_seed: int
    df_residual: int
    f: float
    p_value: float
    seed_raw: float
    divisor: float

    @property
    def seed(self) -> float:
        """Variance between seeds, at least 0."""
        return max(0.0, self.seed_raw)

    @property
    def residual(self) -> float:
        """Variance between runs of the same cell and seed."""
        return self.ms_residual


def cell_plus_seed(values: FloatArray, cells: IntArray, seeds: IntArray) -> CellPlusSeed | Note:
    """Seed variance beside fixed cell effects: Henderson's method 3 ([2]_).

    The expectation of the seeds' sum of squares after cells is ``trace(Z'MZ)`` times the seed
    variance plus its degrees of freedom times the residual variance, M projecting the cells out.
    With every seed once in every cell this is ``(ms_seed - ms_residual) / n_cells``.

    Parameters
    ----------
    values : ndarray of shape (N,)
    cells, seeds : ndarray of shape (N,)
        Any integers.

    Returns
    -------
    CellPlusSeed or Note
        Refused with `ModelReason.NOT_ESTIMABLE` where seeds and cells cannot be told apart, or
        `Reason.NO_VARIANCE`.
    """
    cell_names, cell = np.unique(cells, return_inverse=True)
    seed_names, seed = np.unique(seeds, return_inverse=True)
    n = np.bincount(cell).astype(np.float64)
    table = np.zeros((cell_names.size, seed_names.size))
    np.add.at(table, (cell, seed), 1.0)
    # Z'MZ and Z'My from counts: no N x N projection is formed.
    gram = np.diag(table.sum(axis=0)) - (table.T / n) @ table
    centred = values - (np.bincount(cell, values) / n)[cell]
    side = np.bincount(seed, centred)
    effects = np.linalg.pinv(gram, rtol=1e-10, hermitian=True) @ side
    df_seed = int(np.linalg.matrix_rank(gram, hermitian=True, rtol=1e-10))
    df_residual = values.size - cell_names.size - df_seed
    if df_seed < 1 or df_residual < 1:
        counts = {"seeds": seed_names.size, "cells": cell_names.size}
        return say("seeds_not_told_from_cells", ModelReason.NOT_ESTIMABLE, **counts)
    explained = effects[seed] - (np.bincount(cell, effects[seed]) / n)[cell]
    ss_seed = float(side @ effects)
    ss_residual = float(((centred - explained) ** 2).sum())
    if np.sqrt(ss_residual / values.size) <= ZERO_SPREAD * np.abs(values).max():
        return say("cells_and_seeds_explain", Reason.NO_VARIANCE)
    ms_seed, ms_residual = ss_seed / df_seed, ss_residual / df_residual
    return CellPlusSeed(
        balanced=bool((table == 1).all()),
        n_cells=cell_names.size,
        n_seeds=seed_names.size,
        ms_seed=ms_seed,
        ms_residual=ms_residual,
        df_seed=df_seed,
        df_residual=df_residual,
        f=ms_seed / ms_residual,
        p_value=float(fdtrc(df_seed, df_residual, ms_seed / ms_residual)),
        seed_raw=df_seed * (ms_seed - ms_residual) / float(np.trace(gram)),
        divisor=float(np.trace(gram)) / df_seed,
    )
