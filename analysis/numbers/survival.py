"""Times until something happens, of runs some of which were not followed until it did.

A run has a time and whether it got there then; one that did not is known to have taken longer.

References
----------
.. [1] Kaplan & Meier (1958), Journal of the American Statistical Association 53, 457-481, eq. 1.
.. [2] Greenwood (1926), Reports on Public Health and Medical Subjects 33, 1-26.
.. [3] Andersen, Borgan, Gill & Keiding (1993), Statistical Models Based on Counting Processes,
   section IV.3 (influence of a run on the curve), V.2 (log-rank).
.. [4] Fay, Brittain & Proschan (2013), Biostatistics 14, 723-736 (beta products), section 3.
.. [5] Peto, Pike et al. (1977), British Journal of Cancer 35, 1-39 (ratio from the log-rank test).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence, normal_quantile

EXACT = 20_000
"""Allocations of runs to two groups up to which all are counted; of more, `DRAWS` are drawn."""

DRAWS = 9_999
CHUNK = 4_000_000
ROUNDING = 1e-9
"""Sums of scores that differ by less are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class KaplanMeier:
    """The share of runs that have not got there yet, after each time at which some did.

    Attributes
    ----------
    time : ndarray of shape (J,)
        Distinct times at which runs got there, increasing.
    at_risk, events : ndarrays of shape (J,)
        Runs followed until just before, and those of them that got there.
    survival : ndarray of shape (J,)
        From that time on.
    """

    time: FloatArray
    at_risk: FloatArray
    events: FloatArray
    survival: FloatArray

    def restricted_mean(self, horizon: float) -> float:
        """Area under the curve from 0 to the horizon: the mean of min(time, horizon)."""
        return float(self._areas(horizon).sum())

    def _areas(self, horizon: float) -> FloatArray:
        """Area of each step below the horizon, the first from 0; shape (J + 1,)."""
        ends = np.minimum(np.concatenate([[0.0], self.time, [np.inf]]), horizon)
        return np.asarray(np.diff(ends) * np.concatenate([[1.0], self.survival]))

    def area_after(self, horizon: float) -> FloatArray:
        """Area under the curve from each time to the horizon; shape (J,)."""
        return np.asarray(np.cumsum(self._areas(horizon)[:0:-1])[::-1])


def kaplan_meier(time: FloatArray, reached: BoolArray) -> KaplanMeier:
    """The product-limit estimate [1]_; runs that were lost at a time count as followed until then.

    Parameters
    ----------
    time : ndarray of shape (N,)
        Not negative.
    reached : ndarray of shape (N,)
    """
    when, counts = np.unique(time[reached], return_counts=True)
    at_risk = time.size - np.searchsorted(np.sort(time), when, side="left").astype(np.float64)
    events = counts.astype(np.float64)
    survival = np.cumprod(1 - events / at_risk, dtype=np.float64)
    return KaplanMeier(when, at_risk, events, survival)


def restricted_values(time: FloatArray, reached: BoolArray, horizon: float) -> FloatArray:
    """One number a run, whose mean is the restricted mean and whose spread is that of its estimate.

    The restricted mean plus the run's influence on it [3]_. Where every run was followed to the
    horizon or got there before, it is min(time, horizon); the sum of squared influences over N
    squared is Greenwood's variance of the area [2]_.

    Parameters
    ----------
    time, reached : ndarrays of shape (N,)
    horizon : float

    Returns
    -------
    ndarray of shape (N,)
    """
    curve = kaplan_meier(time, reached)
    hazard = curve.events / curve.at_risk
    last = hazard >= 1  # all runs that were left got there: none of them differs from the others
    slope = np.where(last, 0.0, curve.area_after(horizon) / np.where(last, 1.0, 1 - hazard))
    slope = slope * time.size / curve.at_risk
    followed = np.concatenate([[0.0], np.cumsum(slope * hazard)])
    influence = followed[np.searchsorted(curve.time, time, side="right")]
    influence[reached] -= slope[np.searchsorted(curve.time, time[reached])]
    return np.asarray(curve.restricted_mean(horizon) + influence)


def reached_by(
    time: FloatArray, reached: BoolArray, horizon: float, *, confidence: float
) -> Interval:
    """Probability of getting there by a time, with its beta product interval [4]_.

    Parameters
    ----------
    time, reached : ndarrays of shape (N,)
    horizon : float
    confidence : float

    Returns
    -------
    Interval
        Clopper and Pearson's where no run was lost before; else the two moments of the products
        give the beta distributions whose quantiles are the ends.
    """
    check_confidence(confidence)
    curve, tail = kaplan_meier(time, reached), (1 - confidence) / 2
    kept = curve.time <= horizon
    # Runs that get there together count as one after another.
    risks = [
        risk - i
        for risk, count in zip(curve.at_risk[kept], curve.events[kept], strict=True)
        for i in range(int(count))
    ]
    left = float(((time > horizon) | (~reached & (time == horizon))).sum())
    survival = float(curve.survival[kept][-1]) if kept.any() else 1.0
    low = 0.0 if not risks else 1 - _quantile(risks, 1 - tail)
    high = 1.0 if not left else 1 - _quantile([*risks, left], tail)
    return Interval(1 - survival, low, high, "beta_product")


def _quantile(risks: Sequence[float], probability: float) -> float:
    """Of the beta distribution with the moments of a product of Beta(risk, 1)."""
    n = np.array(risks)
    first, second = float(np.prod(n / (n + 1))), float(np.prod(n / (n + 2)))
    scale = (first - second) / (second - first**2)
    return float(betaincinv(first * scale, (1 - first) * scale, probability))


@dataclass(frozen=True, slots=True, eq=False)
class TwoGroups:
    """Runs of two groups that are compared with one another.

    Attributes
    ----------
    time, reached : ndarrays of shape (N,)
    later : ndarray of shape (N,)
        Whether a run is of the second group.
    """

    time: FloatArray
    reached: BoolArray
    later: BoolArray

    @property
    def scores(self) -> FloatArray:
        """Got there, less what was to be expected by then [3]_; they sum to 0; shape (N,)."""
        curve = kaplan_meier(self.time, self.reached)
        expected = np.concatenate([[0.0], np.cumsum(curve.events / curve.at_risk)])
        return np.asarray(
            self.reached - expected[np.searchsorted(curve.time, self.time, side="right")]
        )

    @property
    def variance(self) -> float:
        """Hypergeometric variance of what the second group's scores sum to."""
        curve = kaplan_meier(self.time, self.reached)
        own = np.sort(self.time[self.later])
        share = (own.size - np.searchsorted(own, curve.time, side="left")) / curve.at_risk
        spare = np.maximum(curve.at_risk - 1, 1)
        left = (curve.at_risk - curve.events) / spare
        return float((curve.events * share * (1 - share) * left).sum())


@dataclass(frozen=True, slots=True)
class LogRank:
    """Whether one group gets there sooner, over all strata.

    Attributes
    ----------
    excess : float
        Runs of the second group that got there, less what was to be expected.
    variance : float
        Of that, if groups do not differ.
    p : float
        Two-sided, over allocations of the runs to the groups within strata.
    ratio : Interval
        Of the second group's rate over the first's: ``exp(excess / variance)`` [5]_. It excludes
        1 only where p, and the normal distribution, do.
    """

    excess: float
    variance: float
    p: float
    ratio: Interval


def log_rank(
    strata: Sequence[TwoGroups], *, confidence: float, rng: np.random.Generator
) -> LogRank | None:
    """The log-rank test over strata, against all allocations of runs to groups.

    Allocations are equally likely where groups do not differ in anything, their being followed
    included; all of them are counted where they are few, so that the test holds its level with
    three runs a group.

    Parameters
    ----------
    strata : sequence of TwoGroups
    confidence : float
    rng : Generator
        Draws allocations where they are many.

    Returns
    -------
    LogRank or None
        None where no time tells the groups apart: no run got there, or all did at once.
    """
    check_confidence(confidence)
    variance = sum(one.variance for one in strata)
    if variance <= ROUNDING:
        return None
    excess = sum(float(one.scores[one.later].sum()) for one in strata)
    sums = np.sort(np.abs(_allocations(strata, rng)))
    extreme = sums.size - int(np.searchsorted(sums, abs(excess) - ROUNDING))
    drawn = sums.size == DRAWS
    p = (extreme + drawn) / (sums.size + drawn)
    allowed = math.floor((1 - confidence) * (sums.size + drawn) + ROUNDING) - drawn
    permuted = sums[sums.size - 1 - max(allowed, 0)] / math.sqrt(variance)
    half = max(normal_quantile(confidence), float(permuted)) / math.sqrt(variance)
    middle = excess / variance
    low, high = (math.exp(min(middle + sign * half, 700.0)) for sign in (-1, 1))
    return LogRank(excess, variance, p, Interval(math.exp(middle), low, high, "log_rank"))


def _allocations(strata: Sequence[TwoGroups], rng: np.random.Generator) -> FloatArray:
    """What the second group's scores would sum to: in every allocation, or in drawn ones."""
    sizes = [(one.time.size, int(one.later.sum())) for one in strata]
    if math.prod(math.comb(n, k) for n, k in sizes) <= EXACT:
        each = (
            [sum(chosen) for chosen in itertools.combinations(one.scores.tolist(), k)]
            for one, (_, k) in zip(strata, sizes, strict=True)
        )
        return np.array([sum(parts) for parts in itertools.product(*each)])
    found = np.zeros(DRAWS)
    for one, (n, k) in zip(strata, sizes, strict=True):
        step = max(1, CHUNK // n)
        for first in range(0, DRAWS, step):
            take = min(step, DRAWS - first)
            rows = rng.permuted(np.tile(one.scores, (take, 1)), axis=1)
            found[first : first + take] += rows[:, :k].sum(axis=1)
    return found
