"""Intervals from bootstrap replicates: calibrated, percentile, basic, BCa, studentized.

References
----------
.. [1] Davison & Hinkley (1997), Bootstrap Methods and their Application, eq. 5.7, 5.8 and 5.21;
   interpolation of quantiles eq. 5.8; acceleration with unequal strata eq. 5.29.
.. [2] Hesterberg (2015), The American Statistician 69, 371-386, section 5 (narrowness of the
   percentile interval: the factors sqrt(n / (n - 1)) and t / z).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.resampling import Strata
from vggstudy.analysis.numbers.student import t_quantile

Method = Literal["calibrated", "percentile", "basic", "bca", "studentized"]


FEW_RUNS, STRICT = 10, 0.975
"""Runs of a cell below which, and level beyond which, a calibrated interval holds the t interval:
resamples of three runs have ten means, and no quantile beyond the outermost."""


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of replicates with its Monte Carlo standard error."""

    value: float
    mc_error: float


def quantile(ordered: FloatArray, level: float) -> Quantile:
    """The ``(B + 1) * level``-th order statistic, interpolated on the normal scale ([1]_ eq. 5.8).

    The Monte Carlo error is half the distance between the quantiles one binomial standard
    deviation of the rank below and above, which assumes nothing of the distribution.

    Parameters
    ----------
    ordered : ndarray of shape (B,)
        Replicates in increasing order.
    level : float
        In (0, 1).
    """
    size = ordered.size
    spread = np.sqrt(level * (1 - level) / size)
    low = _interpolate(ordered, max(level - spread, 0.5 / size))
    high = _interpolate(ordered, min(level + spread, 1 - 0.5 / size))
    return Quantile(_interpolate(ordered, level), (high - low) / 2)


def _interpolate(ordered: FloatArray, level: float) -> float:
    """Order statistic (B + 1) * level; beyond the ends, the extreme replicate."""
    size = ordered.size
    rank = (size + 1) * level
    k = int(np.floor(rank + 1e-9))
    if k < 1:
        return float(ordered[0])
    if k >= size:
        return float(ordered[-1])
    if abs(rank - k) < 1e-9:
        return float(ordered[k - 1])
    at, left, right = ndtri([level, k / (size + 1), (k + 1) / (size + 1)])
    return float(ordered[k - 1] + (at - left) / (right - left) * (ordered[k] - ordered[k - 1]))


def _between(
    estimate: float,
    ordered: FloatArray,
    levels: tuple[float, float],
    method: str,
    factor: float = 1,
) -> Interval:
    """The interval from two quantiles of the ordered deviations, stretched by a factor."""
    low, high = quantile(ordered, levels[0]), quantile(ordered, levels[1])
    return Interval(
        estimate,
        estimate + factor * low.value,
        estimate + factor * high.value,
        method,
        mc_error_low=abs(factor) * low.mc_error,
        mc_error_high=abs(factor) * high.mc_error,
    )


def _tails(confidence: float) -> tuple[float, float]:
    return (1 - confidence) / 2, (1 + confidence) / 2


def calibrated(estimate: float, deviation: FloatArray, df: float, *, confidence: float) -> Interval:
    """Percentile limits of deviations stretched by ``t(df) / z`` [2]_.

    Parameters
    ----------
    estimate : float
    deviation : ndarray of shape (B,)
        From `linear_deviations` with ``inflate=True``: already times sqrt(n / (n - 1)).
    df : float
        Satterthwaite's degrees of freedom of the estimate.
    confidence : float
    """
    factor = t_quantile(df, confidence) / normal_quantile(confidence)
    ordered = np.sort(deviation)
    return _between(estimate, ordered, _tails(confidence), "calibrated_bootstrap", factor)


def at_least(drawn: Interval, analytic: Interval, *, fewest: int, confidence: float) -> Interval:
    """A calibrated interval, at each end the outer one of its own and of the t interval.

    With three runs a cell the resampled interval at 99.5% is 0.72 times as wide as Student's.

    Parameters
    ----------
    drawn, analytic : Interval
    fewest : int
        Runs of the smallest cell; from `FEW_RUNS` on, and up to `STRICT`, nothing changes.
    confidence : float
    """
    if fewest >= FEW_RUNS and confidence <= STRICT:
        return drawn
    found = drawn
    if analytic.low < drawn.low:
        found = replace(found, low=analytic.low, mc_error_low=0.0)
    if analytic.high > drawn.high:
        found = replace(found, high=analytic.high, mc_error_high=0.0)
    return found


def percentile(estimate: float, deviation: FloatArray, *, confidence: float) -> Interval:
    """Quantiles of the replicates ([1]_ section 5.3.1)."""
    return _between(estimate, np.sort(deviation), _tails(confidence), "percentile_bootstrap")


def basic(estimate: float, deviation: FloatArray, *, confidence: float) -> Interval:
    """Quantiles reflected about the estimate ([1]_ eq. 5.6)."""
    return _between(estimate, np.sort(-deviation), _tails(confidence), "basic_bootstrap")


def bca(
    estimate: float, deviation: FloatArray, acceleration: float, *, confidence: float
) -> Interval:
    """Bias-corrected and accelerated percentile limits ([1]_ eq. 5.21).

    The bias correction counts replicates strictly below the estimate, as R's ``boot.ci`` does.
    """
    size = deviation.size
    share = min(max(float((deviation < 0).mean()), 0.5 / size), 1 - 0.5 / size)
    z0 = float(ndtri(share))
    levels = [_bca_level(z0, float(ndtri(tail)), acceleration) for tail in _tails(confidence)]
    return _between(estimate, np.sort(deviation), (levels[0], levels[1]), "bca_bootstrap")


def _bca_level(z0: float, z: float, acceleration: float) -> float:
    """Level of the percentile that replaces a tail, kept inside (0, 1)."""
    denominator = 1 - acceleration * (z0 + z)
    if denominator <= 0:
        return float(ndtr(np.sign(z0 + z) * 8.0))
    return float(ndtr(z0 + (z0 + z) / denominator))


def acceleration(strata: Strata, weights: FloatArray) -> float:
    """BCa acceleration of a weighted sum of cell means, strata of unequal size ([1]_ eq. 5.29).

    The jackknife within a stratum with its weight held fixed gives a run the influence
    ``w * (x - mean)``; the sums take Davison and Hinkley's weights n^-3 and n^-2.
    """
    sizes = strata.sizes.astype(np.float64)
    means = np.add.reduceat(strata.values, strata.starts) / sizes
    centred = strata.values - np.repeat(means, strata.sizes)
    influence = centred * np.repeat(weights / sizes, strata.sizes)
    squares = float((influence**2).sum())
    return float((influence**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def studentized(
    estimate: float, se: float, deviation: FloatArray, error: FloatArray, *, confidence: float
) -> Interval:
    """Quantiles of ``deviation / error`` times the standard error, reflected ([1]_ eq. 5.7).

    Resamples without spread have no ratio and are left out.
    """
    usable = error > 0
    ordered = np.sort(-deviation[usable] / error[usable])
    return _between(estimate, ordered, _tails(confidence), "studentized_bootstrap", se)
