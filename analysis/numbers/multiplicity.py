"""Several statements at once: Holm's steps, false discoveries, the maximum of several t statistics.

References
----------
.. [1] Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
.. [2] Hothorn, Bretz & Westfall (2008), Biometrical Journal 50, 346-363 (max-t, section 3).
.. [3] Hasler & Hothorn (2008), Biometrical Journal 50, 793-800 (max-t with unequal variances:
   every contrast has its own degrees of freedom).
.. [4] Tamhane (1979), Journal of the American Statistical Association 74, 471-480 (Welch's
   statistic at Sidak's level, T2).
.. [5] Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.bootstrap import quantile
from vggstudy.analysis.numbers.intervals import Interval, check_confidence
from vggstudy.analysis.numbers.student import cautious_freedom

DRAWS = 20_000
"""Draws behind a critical value: its Monte Carlo error is then about half a percent."""

CHUNK = 4_000_000
"""Numbers held at a time."""

FEW_RUNS = 5
"""Runs of a cell below which drawn maxima alone do not hold the level."""

SMALL_BY_CHANCE = 0.15
"""Tail of `cautious_freedom` where cells, or levels, differ in runs."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Outcome of Holm's steps for tests that answer at any confidence level.

    Attributes
    ----------
    confidence : tuple of float
        Level at which each member is to be stated: that of the step that decided it, or of the
        last step.
    decided : tuple of bool
    """

    confidence: tuple[float, ...]
    decided: tuple[bool, ...]


def holm_steps(
    decides: Sequence[Callable[[float], bool]], *, confidence: float, members: int | None = None
) -> Steps:
    """Holm's procedure without p-values: intervals are asked at the level of each step.

    Step 1 asks every member at ``1 - alpha / m``; each decision raises alpha's share for those that
    are left, ``alpha / (m - 1)`` and so on [1]_. Equivalent to comparing p-values.

    Parameters
    ----------
    decides : sequence of callables
        Given a confidence level, whether that member decides; if it does at a level, it must at
        every lower one.
    confidence : float
        Of the whole family.
    members : int, optional
        Size m of the family, where it is larger than the number of callables.
    """
    check_confidence(confidence)
    alpha = 1 - confidence
    size = len(decides) if members is None else members
    levels = [confidence] * len(decides)
    decided = [False] * len(decides)
    while size and not all(decided):
        level = 1 - alpha / max(size - sum(decided), 1)
        left = [i for i, done in enumerate(decided) if not done]
        new = [i for i in left if decides[i](level)]
        for i in left:
            levels[i] = level
        for i in new:
            decided[i] = True
        if not new:
            break
    return Steps(tuple(levels), tuple(decided))


def benjamini_hochberg(
    decides: Sequence[Callable[[float], bool]], *, rate: float
) -> tuple[bool, ...]:
    """Benjamini and Hochberg's procedure without p-values: which members are discoveries [5]_.

    Of m members all are asked at the level ``1 - rate``; if k of them decide, these are asked at
    ``1 - rate k / m``, and so on until as many decide as were asked. The k that remains is the
    largest with k p-values up to ``rate k / m``.

    Parameters
    ----------
    decides : sequence of callables
        Given a confidence level, whether that member decides; if it does at a level, it must at
        every lower one.
    rate : float
        Expected share of false ones among the discoveries, at most, where members are independent
        or depend positively.
    """
    check_confidence(1 - rate)
    left = {i: _ahead(one) for i, one in enumerate(decides) if one(1 - rate)}
    asked = len(decides)
    while left and len(left) < asked:
        asked = len(left)
        level = 1 - rate * asked / len(decides)
        left = {i: one for i, one in left.items() if one(level)}
    return tuple(i in left for i in range(len(decides)))


def _ahead(decides: Callable[[float], bool]) -> Callable[[float], bool]:
    """The same member, asked at half of the error first: what decides there decides until then."""
    held, lost = 0.0, 1.0

    def at(level: float) -> bool:
        nonlocal held, lost
        for asked in ((1 + level) / 2, level):
            if held < level and asked < lost:
                held, lost = (asked, lost) if decides(asked) else (held, asked)
        return held >= level

    return at


@dataclass(frozen=True, slots=True, eq=False)
class CellMeans:
    """Independent cell means with their variances.

    Attributes
    ----------
    mean, variance, n : ndarrays of shape (C,)
        Variance with divisor n - 1; n >= 2 unless `pooled`.
    pooled : (float, float) or None
        One variance for all cells with its degrees of freedom, which takes the place of
        `variance`.
    """

    mean: FloatArray
    variance: FloatArray
    n: FloatArray
    pooled: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.pooled is None and (self.n < 2).any():
            raise ValueError("every cell needs two runs unless the variance is pooled")


@dataclass(frozen=True, slots=True, eq=False)
class Simultaneous:
    """Contrasts with intervals that hold together.

    Attributes
    ----------
    estimate, se, df : ndarrays of shape (K,)
    low, high : ndarrays of shape (K,)
    factor : float
        What each contrast's own t quantile is multiplied by, where the draws decide.
    factor_mc_error : float
        Monte Carlo standard error of the factor.
    p_adjusted : ndarray of shape (K,)
        Share of draws whose maximum exceeds the observed statistic, (r + 1) / (B + 1); Sidak's
        where that is larger.
    drawn : ndarray of shape (K,)
        Whether the draws decide a contrast's interval, which then has a Monte Carlo error.
    """

    estimate: FloatArray
    se: FloatArray
    df: FloatArray
    low: FloatArray
    high: FloatArray
    factor: float
    factor_mc_error: float
    p_adjusted: FloatArray
    drawn: BoolArray

    def interval(self, k: int) -> Interval:
        """One contrast's interval with the Monte Carlo error of its ends."""
        half = float(self.high[k] - self.estimate[k])
        error = half / self.factor * self.factor_mc_error if self.drawn[k] else 0.0
        return Interval(
            float(self.estimate[k]),
            float(self.low[k]),
            float(self.high[k]),
            "max_t",
            df=float(self.df[k]),
            mc_error_low=error,
            mc_error_high=error,
        )


def max_t(
    means: CellMeans,
    weights: FloatArray,
    *,
    confidence: float,
    rng: np.random.Generator,
    n_draws: int = DRAWS,
) -> Simultaneous:
    """Simultaneous intervals of contrasts by the maximum of their t statistics.

    Cell means are drawn from normal distributions and their variances from scaled chi-squares, cell
    by cell (or one of them for all cells, if pooled: then [2]_ is met exactly). Every statistic is
    divided by the t quantile of its own degrees of freedom [3]_, so that contrasts with few runs do
    not widen the others; the quantile of the maximum multiplies all of them.

    The draws take the variances that were seen for the true ones. Where cells differ in runs, or
    have fewer than `FEW_RUNS`, an interval is at least Welch's at Sidak's level [4]_, with cautious
    degrees of freedom where they differ: the draws alone err in up to 15% of studies at 5%.

    Parameters
    ----------
    means : CellMeans
    weights : ndarray of shape (K, C)
        One contrast a row.
    confidence : float
        Of all intervals together.
    rng : Generator
    n_draws : int

    Raises
    ------
    ValueError
        If a contrast has no variance.
    """
    check_confidence(confidence)
    estimate = weights @ means.mean
    variance = _variances(means)
    parts = weights**2 * (variance / means.n)
    total = parts.sum(axis=1)
    if not (total > 0).all():
        raise ValueError("a contrast has no variance: its statistic is not defined")
    df = _freedom(parts, total, means)
    own = np.asarray(stdtrit(df, 0.5 + confidence / 2), dtype=np.float64)
    maxima = _maxima(means, weights, own, rng, n_draws)
    found = quantile(np.sort(maxima), confidence)
    factor = max(found.value, 1.0)
    error = np.sqrt(total)
    observed = np.abs(estimate) / error
    exceed = maxima.size - np.searchsorted(np.sort(maxima), observed / own, side="left")
    apart = _sidak(parts, df, means, observed, confidence)
    half = np.maximum(factor * own, apart.critical) * error
    return Simultaneous(
        estimate=estimate,
        se=error,
        df=df,
        low=estimate - half,
        high=estimate + half,
        factor=factor,
        factor_mc_error=found.mc_error,
        p_adjusted=np.maximum((exceed + 1) / (maxima.size + 1), apart.p_adjusted),
        drawn=np.asarray(factor * own >= apart.critical),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Apart:
    """Contrasts one by one at Sidak's level; zeros where the draws suffice. Of shape (K,)."""

    critical: FloatArray
    p_adjusted: FloatArray


def _sidak(
    parts: FloatArray, df: FloatArray, means: CellMeans, observed: FloatArray, confidence: float
) -> _Apart:
    """Welch's critical values at Sidak's level, where cells are small or differ in runs."""
    used = means.n[(parts > 0).any(axis=0)]
    equal = bool((used == used[0]).all())
    if means.pooled is not None or (equal and used[0] >= FEW_RUNS):
        return _Apart(np.zeros(df.size), np.zeros(df.size))
    freedom = df if equal else cautious_freedom(parts, means.n - 1, tail=SMALL_BY_CHANCE)
    level = confidence ** (1 / df.size)
    critical = np.asarray(stdtrit(freedom, (1 + level) / 2), dtype=np.float64)
    p = 2 * np.asarray(stdtr(freedom, -observed), dtype=np.float64)
    return _Apart(critical, 1 - (1 - p) ** df.size)


def _variances(means: CellMeans) -> FloatArray:
    """Each cell's variance, or the pooled one for all."""
    if means.pooled is None:
        return means.variance
    return np.full_like(means.mean, means.pooled[0])


def _freedom(parts: FloatArray, total: FloatArray, means: CellMeans) -> FloatArray:
    """Satterthwaite's degrees of freedom of each contrast; those of the pooled variance."""
    if means.pooled is not None:
        return np.full(total.size, means.pooled[1])
    return np.asarray(total**2 / (parts**2 / (means.n - 1)).sum(axis=1))


def _maxima(
    means: CellMeans, weights: FloatArray, own: FloatArray, rng: np.random.Generator, n_draws: int
) -> FloatArray:
    """Draws of the largest ``|t| / own``; shape (n_draws,)."""
    variance = _variances(means)
    scale = np.sqrt(variance / means.n)
    count, size = weights.shape
    rows = max(1, CHUNK // max(count, size))
    found = []
    for first in range(0, n_draws, rows):
        take = min(rows, n_draws - first)
        shift = (rng.standard_normal((take, size)) * scale) @ weights.T
        if means.pooled is None:
            spread = rng.chisquare(means.n - 1, (take, size)) / (means.n - 1) * scale**2
        else:
            spread = rng.chisquare(means.pooled[1], (take, 1)) / means.pooled[1] * scale**2
        found.append((np.abs(shift) / np.sqrt(spread @ (weights**2).T) / own).max(axis=1))
    return np.concatenate(found)


def pairwise(rows: FloatArray) -> tuple[FloatArray, list[tuple[int, int]]]:
    """Contrasts of all pairs of rows, the later one minus the earlier one.

    Parameters
    ----------
    rows : ndarray of shape (L, C)

    Returns
    -------
    weights : ndarray of shape (L (L - 1) / 2, C)
    pairs : list of (int, int)
        Earlier and later row.
    """
    pairs = [(i, j) for i in range(len(rows)) for j in range(i + 1, len(rows))]
    return np.array([rows[j] - rows[i] for i, j in pairs]).reshape(len(pairs), -1), pairs
