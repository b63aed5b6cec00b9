"""Bands around mean curves, and around differences of such, that hold at all times together.

References
----------
.. [1] Degras (2011), Statistica Sinica 21, 1735-1765 (bands by the maximum of t statistics).
.. [2] Schäfer & Strimmer (2005), Statistical Applications in Genetics and Molecular Biology 4,
   article 32, table 2 and eq. 10 (correlations shrunk towards none).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.bootstrap import quantile
from vggstudy.analysis.numbers.intervals import check_confidence

DRAWS = 4_000
"""Drawn samples behind a critical value: its Monte Carlo error is about one percent."""

CHUNK = 2_000_000
"""Numbers held at a time."""

SINGLE = 2**18
"""Multiplications of a product that OpenBLAS still takes on one thread; its numbers fit the cache.

Beyond it threads wait for one another longer than they compute."""

ROOTED = 1e-3
"""A correlation matrix that is shrunk by this share, or more, has a root despite rounding."""

ZERO_SPREAD = 1e-10
"""A standard deviation below this share of the largest value is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The curves of a cell.

    Attributes
    ----------
    weight : float
        Of its mean in the sum.
    curves : ndarray of shape (n, T)
        One run a row, n of 2 or more.
    """

    weight: float
    curves: FloatArray

    @property
    def spread(self) -> FloatArray:
        """Standard deviation at each time, 0 where it is rounding; shape (T,)."""
        sd = self.curves.std(axis=0, ddof=1)
        return np.where(sd <= ZERO_SPREAD * np.abs(self.curves).max(), 0.0, sd)

    @property
    def standardised(self) -> FloatArray:
        """Deviations from the mean in standard deviations; 0 where there are none."""
        sd = self.spread
        away = self.curves - self.curves.mean(axis=0)
        return np.asarray(np.where(sd > 0, away / np.where(sd > 0, sd, 1.0), 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class CurveBandFit:
    """A sum of mean curves with its band; all arrays of shape (T,).

    Attributes
    ----------
    estimate, low, high : ndarray
        NaN for the ends where no run differs from another.
    known : ndarray of bool
        Where there is a band.
    factor : float
        What each time's own t quantile is multiplied by.
    factor_mc_error : float
    """

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    known: BoolArray
    factor: float
    factor_mc_error: float


def curve_band(
    samples: Sequence[Sample],
    *,
    confidence: float,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> CurveBandFit:
    """Band of a weighted sum of mean curves, by the maximum of its t statistics over time [1]_.

    Normal samples are drawn with the spread of every cell and its correlations between times, and
    their statistics taken as those of the runs are, their own variances included. Correlations of
    few runs are as smooth as these few: they are shrunk towards none by the weight of [2]_, so that
    the band is rather too wide than too narrow.

    Parameters
    ----------
    samples : sequence of Sample
        Independent of one another, of the same times.
    confidence : float
        Of all times together.
    rng : Generator
    draws : int

    Raises
    ------
    ValueError
        If a cell has fewer than two runs.
    """
    check_confidence(confidence)
    if min(len(one.curves) for one in samples) < 2:
        raise ValueError("every cell needs two runs")
    estimate = sum((s.weight * s.curves.mean(axis=0) for s in samples), np.zeros(1))
    parts = np.array([s.weight**2 * s.spread**2 / len(s.curves) for s in samples])
    freedom = np.array([[len(s.curves) - 1.0] for s in samples])
    known = parts.sum(axis=0) > 0
    nowhere = np.full(estimate.size, np.nan)
    if not known.any():
        return CurveBandFit(estimate, nowhere, nowhere, known, np.nan, np.nan)
    parts = parts[:, known]
    total = parts.sum(axis=0)
    df = total**2 / (parts**2 / freedom).sum(axis=0)
    own = np.asarray(stdtrit(df, 0.5 + confidence / 2), dtype=np.float64)
    maxima = np.sort(_maxima(samples, known, own, rng, draws))
    found = quantile(maxima, confidence)
    factor = max(found.value, 1.0)
    half = nowhere.copy()
    half[known] = factor * own * np.sqrt(total)
    return CurveBandFit(estimate, estimate - half, estimate + half, known, factor, found.mc_error)


def _maxima(
    samples: Sequence[Sample],
    known: BoolArray,
    own: FloatArray,
    rng: np.random.Generator,
    draws: int,
) -> FloatArray:
    """The largest ``|t| / own`` of every drawn sample; shape (draws,)."""
    most = max(one.curves[:, known].size for one in samples)
    step = max(1, CHUNK // most)
    deviations = [one.standardised[:, known] for one in samples]
    mixed = [shrinkage(away) for away in deviations]
    spreads = [one.spread[known] for one in samples]
    found = []
    for first in range(0, draws, step):
        take = min(step, draws - first)
        shift, variance = np.zeros((2, take, own.size))
        for one, away, share, sd in zip(samples, deviations, mixed, spreads, strict=True):
            mean, own_variance = _moments(away, share, rng, take)
            shift += one.weight * sd * mean
            variance += one.weight**2 * sd**2 * own_variance / len(away)
        found.append((np.abs(shift) / np.sqrt(variance) / own).max(axis=1))
    return np.concatenate(found)


def _moments(
    away: FloatArray, share: float, rng: np.random.Generator, take: int
) -> tuple[FloatArray, FloatArray]:
    """Means and variances of normal samples with a cell's shrunk correlations; each (take, T).

    A root of the correlations needs the fewest normal numbers, which take most of the time. It
    exists once they are shrunk; else the runs' own deviations are mixed.
    """
    n, times = away.shape
    moves = (away != 0).any(axis=0)
    if share < ROOTED:
        runs = np.sqrt((1 - share) / (n - 1)) * (rng.standard_normal((take, n, n)) @ away)
        runs += np.sqrt(share) * rng.standard_normal((take, n, times)) * moves
        return _mean_and_variance(runs)
    correlation = (1 - share) / (n - 1) * (away.T @ away) + share * np.eye(times)
    root = np.where(moves, np.linalg.cholesky(correlation).T, 0.0)
    mean, variance = np.empty((2, take, times))
    rows = max(1, SINGLE // (away.size * times))
    for first in range(0, take, rows):
        part = slice(first, min(first + rows, take))
        size = part.stop - first
        drawn = (rng.standard_normal((size * n, times)) @ root).reshape(size, n, times)
        mean[part], variance[part] = _mean_and_variance(drawn)
    return mean, variance


def _mean_and_variance(runs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Of each sample at each time, (take, T) of (take, n, T).

    In one pass: standardised values lie around 0, so that nothing cancels.
    """
    n = runs.shape[1]
    mean = np.einsum("ijk->ik", runs) / n
    squares = np.einsum("ijk,ijk->ik", runs, runs)
    return mean, np.maximum(squares - n * mean**2, 0.0) / (n - 1)


def shrinkage(away: FloatArray) -> float:
    """Weight in [0, 1] of no correlation between times [2]_.

    The estimated variance of the correlations over their squares, summed over all pairs of times.

    Parameters
    ----------
    away : ndarray of shape (n, T)
        Standardised deviations.
    """
    n = len(away)
    moving = away[:, (away != 0).any(axis=0)]
    if n < 3 or moving.shape[1] < 2:
        return 1.0
    mean = moving.T @ moving / n
    spread = (moving**2).T @ moving**2 / n - mean**2
    variance = n**2 / (n - 1) ** 3 * spread
    squared = (mean * n / (n - 1)) ** 2
    away_from_self = ~np.eye(len(mean), dtype=np.bool_)
    total = float(squared[away_from_self].sum())
    share = float(variance[away_from_self].sum()) / total if total > 0 else 1.0
    return min(max(share, 0.0), 1.0)
