"""Bands around mean curves, and around differences of such, that hold at all times together.

References
----------
.. [1] Degras (2011), Statistica Sinica 21, 1735-1765 (bands by the maximum of t statistics).
.. [2] Schäfer & Strimmer (2005), Statistical Applications in Genetics and Molecular Biology 4,
   article 32, table 2 and eq. 10 (correlations shrunk towards none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.bootstrap import quantile
from vggstudy.analysis.numbers.intervals import check_confidence

DRAWS = 4_000
"""Drawn samples behind a critical value: its Monte Carlo error is about one percent."""

STEP = 500
"""Samples drawn at a time."""

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
    name : str
        What its draws are called.
    """

    weight: float
    curves: FloatArray
    name: str = ""

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
    """Band of a weighted sum of mean curves: `curve_bands` of one, with draws of one generator."""
    own = dict(zip(map(id, samples), rng.spawn(len(samples)), strict=True))
    return curve_bands([samples], confidence=confidence, rng=lambda s: own[id(s)], draws=draws)[0]


def curve_bands(
    sums: Sequence[Sequence[Sample]],
    *,
    confidence: float,
    rng: Callable[[Sample], np.random.Generator],
    draws: int = DRAWS,
) -> list[CurveBandFit]:
    """Bands of weighted sums of mean curves, by the maximum of their t statistics over time [1]_.

    Normal samples are drawn with the spread of every cell and its correlations between times, and
    their statistics taken as those of the runs are, their own variances included. Correlations of
    few runs are as smooth as these few: they are shrunk towards none by the weight of [2]_, so that
    the band is rather too wide than too narrow.

    Cells whose curves are the same array in several sums are drawn once for all of these; each
    band is the one that it would be alone, but for rounding.

    Parameters
    ----------
    sums : sequence of sequence of Sample
        Samples of a sum are independent of one another; all are of the same times.
    confidence : float
        Of all times together, for each sum.
    rng : callable
        The generator of a sample's draws, at its beginning: the same for the same curves.
    draws : int

    Raises
    ------
    ValueError
        If a cell has fewer than two runs.
    """
    check_confidence(confidence)
    if any(len(one.curves) < 2 for samples in sums for one in samples):
        raise ValueError("every cell needs two runs")
    made = [_Sum.of(samples, confidence) for samples in sums]
    drawn = [one for one in made if one.known.any()]
    distinct = {id(s.curves): s for one in drawn for s in one.samples}
    cells = {key: _Cell.of(sample, rng(sample)) for key, sample in distinct.items()}
    for first in range(0, draws, STEP):
        _draw(drawn, cells, min(STEP, draws - first))
    return [one.fit(confidence) for one in made]


@dataclass(slots=True, eq=False)
class _Sum:
    """A weighted sum of mean curves, and the maxima that were drawn of it.

    Attributes
    ----------
    samples : sequence of Sample
    estimate, total : ndarray of shape (T,)
        The sum, and its variance.
    own : ndarray of shape (T,)
        Each time's own t quantile; NaN where there is no variance.
    maxima : list of ndarray
        The largest ``|t| / own`` of every drawn sample.
    """

    samples: Sequence[Sample]
    estimate: FloatArray
    total: FloatArray
    own: FloatArray
    maxima: list[FloatArray]

    @classmethod
    def of(cls, samples: Sequence[Sample], confidence: float) -> _Sum:
        """Without draws yet."""
        estimate = sum((s.weight * s.curves.mean(axis=0) for s in samples), np.zeros(1))
        parts = np.array([s.weight**2 * s.spread**2 / len(s.curves) for s in samples])
        freedom = np.array([[len(s.curves) - 1.0] for s in samples])
        total = parts.sum(axis=0)
        own = np.full(total.size, np.nan)
        known = total > 0
        df = total[known] ** 2 / (parts[:, known] ** 2 / freedom).sum(axis=0)
        own[known] = stdtrit(df, 0.5 + confidence / 2)
        return cls(samples, estimate, total, own, [])

    @property
    def known(self) -> BoolArray:
        """Where there is a band."""
        return np.asarray(self.total > 0)

    def note(self, shift: FloatArray, variance: FloatArray) -> None:
        """Keep the maxima of drawn sums with their variances; both of shape (take, T)."""
        known = self.known
        t = np.abs(shift[:, known]) / np.sqrt(variance[:, known])
        self.maxima.append((t / self.own[known]).max(axis=1))

    def fit(self, confidence: float) -> CurveBandFit:
        """The band of all that was drawn."""
        half = np.full(self.estimate.size, np.nan)
        if not self.known.any():
            return CurveBandFit(self.estimate, half, half, self.known, np.nan, np.nan)
        found = quantile(np.sort(np.concatenate(self.maxima)), confidence)
        factor = max(found.value, 1.0)
        half = factor * self.own * np.sqrt(self.total)
        ends = self.estimate - half, self.estimate + half
        return CurveBandFit(self.estimate, *ends, self.known, factor, found.mc_error)


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    """What is drawn of a cell, whichever sums it enters."""

    away: FloatArray
    share: float
    spread: FloatArray
    rng: np.random.Generator

    @classmethod
    def of(cls, sample: Sample, rng: np.random.Generator) -> _Cell:
        """Of its curves."""
        away = sample.standardised
        return cls(away, shrinkage(away), sample.spread, rng)


def _draw(sums: Sequence[_Sum], cells: Mapping[int, _Cell], take: int) -> None:
    """Draw so many samples of every cell once, and note the maximum of each sum.

    A sum is held from its first cell to its last: those of one cell each are never many at once.
    """
    shift: dict[int, FloatArray] = {}
    variance: dict[int, FloatArray] = {}
    lacking = [len({id(s.curves) for s in one.samples}) for one in sums]
    for key, cell in cells.items():
        mean, own = _moments(cell.away, cell.share, cell.rng, take)
        mean *= cell.spread
        own *= cell.spread**2 / len(cell.away)
        for at, one in enumerate(sums):
            mine = [sample.weight for sample in one.samples if id(sample.curves) == key]
            for weight in mine:
                shift[at] = shift.get(at, 0.0) + weight * mean
                variance[at] = variance.get(at, 0.0) + weight**2 * own
            lacking[at] -= bool(mine)
            if mine and not lacking[at]:
                one.note(shift.pop(at), variance.pop(at))


def _moments(
    away: FloatArray, share: float, rng: np.random.Generator, take: int
) -> tuple[FloatArray, FloatArray]:
    """Means and variances of normal samples with a cell's shrunk correlations; each (take, T).

    A root of the correlations needs the fewest normal numbers, which take most of the time. It
    exists once they are shrunk; else the runs' own deviations are mixed.
    """
    n, times = away.shape
    moves = (away != 0).any(axis=0)
    rooted = share >= ROOTED
    if rooted:
        correlation = (1 - share) / (n - 1) * (away.T @ away) + share * np.eye(times)
        root = np.where(moves, np.linalg.cholesky(correlation).T, 0.0)
    mean, variance = np.empty((2, take, times))
    rows = max(1, SINGLE // (away.size * (times if rooted else n)))
    for first in range(0, take, rows):
        part = slice(first, min(first + rows, take))
        size = part.stop - first
        if rooted:
            drawn = (rng.standard_normal((size * n, times)) @ root).reshape(size, n, times)
        else:
            drawn = np.sqrt((1 - share) / (n - 1)) * (rng.standard_normal((size, n, n)) @ away)
            drawn += np.sqrt(share) * rng.standard_normal((size, n, times)) * moves
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
