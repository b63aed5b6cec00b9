"""Intervals of a difference of probabilities, exact for two binomial counts, and of longer sums.

The limits of a difference are Buehler's: outcomes are ordered by their MOVER limits, and the lower
limit is the smallest difference under which some pair of probabilities gives an outcome at least
as high as the one observed with probability (1 - confidence) / 2. They hold at every pair of
probabilities and at every level; Newcombe's cover down to 83% with three runs a group.

A sum of more than two terms, or of many runs, is MOVER's on Clopper-Pearson limits. These are too
short where the probabilities lie at opposite ends; there the interval also holds that of all runs
together, failures of the subtracted groups counted as successes (`opposite`).

References
----------
.. [1] Buehler (1957), Journal of the American Statistical Association 52, 482-493 (smallest
   limits for an ordering of the outcomes).
.. [2] Chan & Zhang (1999), Biometrics 55, 1202-1209 (exact limits of a difference of two
   probabilities: the largest tail over the nuisance parameter).
.. [3] Newcombe (1998), Statistics in Medicine 17, 873-890, method 10 (MOVER; here with mid-p limits
   in place of Wilson's, to order the outcomes).
.. [4] Hoeffding (1956), Annals of Mathematical Statistics 27, 713-721, theorem 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.special import betainc, gammaln

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence
from vggstudy.analysis.numbers.proportions import (
    PooledCounts,
    clopper_pearson,
    mover_sum,
    pooled_counts,
)

EXACT_RUNS = 100
"""Runs of a group up to which a difference is exact; one of two times 100 takes 10 ms."""

FAR_APART = 0.5
"""Estimate from which MOVER's interval is widened by that of all runs together."""

_NODES = (1 - np.cos(np.linspace(0, np.pi, 65))) / 2
"""Where the tail is looked at along the nuisance parameter, closest together at the ends."""

_FIRST_STEP = 1 / 64
"""How far from MOVER's limit an exact one is looked for at first."""

_ROUNDING = 1e-9
_TINY = 1e-300


def signed_probabilities(
    counts: Sequence[PooledCounts], signs: Sequence[int], *, confidence: float
) -> Interval:
    """Interval of a sum of probabilities with signs, from independent counts.

    Parameters
    ----------
    counts : sequence of PooledCounts
        Two or more. Counts that are no integers are taken to the next ones on the far side.
    signs : sequence of int
        +1 or -1; the first is +1.
    confidence : float
        Two-sided level in (0, 1).

    Returns
    -------
    Interval
        Inside what the sum cannot leave.
    """
    check_confidence(confidence)
    few = max(count.n for count in counts) < EXACT_RUNS + 1
    if list(signs) == [1, -1] and few and min(count.n for count in counts) >= 1:
        return _exact(counts[0], counts[1], confidence)
    parts = [clopper_pearson(count.k, count.n, confidence=confidence) for count in counts]
    found = mover_sum(parts, signs, method="mover_clopper_pearson")
    if abs(found.estimate) >= FAR_APART - _ROUNDING:
        beside = opposite(counts, signs, confidence=confidence)
        low, high = min(found.low, beside.low), max(found.high, beside.high)
        found = replace(found, low=low, high=high)
    ups = sum(sign > 0 for sign in signs)
    return found.clipped(ups - len(signs), ups)


def opposite(
    counts: Sequence[PooledCounts], signs: Sequence[int], *, confidence: float
) -> Interval:
    """The same from all runs together, failures of the subtracted groups counted as successes.

    With m groups of equally many runs the successes so counted are a sum of independent trials
    whose mean probability is ``(sum of signed probabilities + number subtracted) / m``: Clopper and
    Pearson's interval is conservative for it, whatever the groups' probabilities [4]_.
    """
    size = len(counts)
    k = np.array([c.k if s > 0 else c.n - c.k for c, s in zip(counts, signs, strict=True)])
    pooled = pooled_counts(k, np.array([c.n for c in counts]), np.full(size, 1 / size))
    part = clopper_pearson(pooled.k, pooled.n, confidence=confidence)
    down = sum(sign < 0 for sign in signs)
    estimate, low, high = (size * x - down for x in (part.estimate, part.low, part.high))
    return Interval(estimate, low, high, "clopper_pearson_opposite")


def _exact(first: PooledCounts, second: PooledCounts, confidence: float) -> Interval:
    """Buehler's limits of the first probability minus the second ([1]_, [2]_)."""
    n1, n2 = (math.floor(count.n + _ROUNDING) for count in (first, second))
    p1, p2 = first.k / first.n, second.k / second.n
    tail = (1 - confidence) / 2
    low = _lower(_below(p1 * n1), n1, _above(p2 * n2), n2, tail)
    high = -_lower(_below(p2 * n2), n2, _above(p1 * n1), n1, tail)
    return Interval(p1 - p2, min(low, p1 - p2), max(high, p1 - p2), "exact_difference")


def _below(count: float) -> int:
    return math.floor(count + _ROUNDING)


def _above(count: float) -> int:
    return math.ceil(count - _ROUNDING)


@lru_cache(maxsize=20_000)
def _lower(k1: int, n1: int, k2: int, n2: int, tail: float) -> float:
    """Smallest difference under which an outcome as high is as likely as `tail`."""
    from scipy.optimize import brentq  # costs more to import than everything else here

    order = _order(n1, n2, tail)
    as_high = (order >= order[k1, k2] - _ROUNDING).astype(np.float64)

    def excess(difference: float) -> float:
        second = max(0.0, -difference) + (1 - abs(difference)) * _NODES
        first = np.clip(second + difference, 0.0, 1.0)
        reached = np.einsum("ig,ig->g", _binomial(n1, first), as_high @ _binomial(n2, second))
        return float(reached.max()) - tail

    # The tail grows with the difference. MOVER's limit is near, mostly a little above.
    low = high = float(np.clip(order[k1, k2], -1.0, 1.0))
    step = _FIRST_STEP
    while low > -1.0 and excess(low) >= 0:
        low, high, step = max(-1.0, low - step), low, 4 * step
    if low == -1.0 and excess(-1.0) >= 0:
        return -1.0
    while high < 1.0 and excess(high) < 0:
        low, high, step = high, min(1.0, high + step), 4 * step
    return float(brentq(excess, low, high, xtol=1e-10))


@lru_cache(maxsize=64)
def _order(n1: int, n2: int, tail: float) -> FloatArray:
    """MOVER's lower limit of every outcome; shape (n1 + 1, n2 + 1)."""
    p1, p2 = (np.arange(n + 1) / n for n in (n1, n2))
    low, high = _mid_p_lows(n1, tail), 1 - _mid_p_lows(n2, tail)[::-1]
    return np.asarray(p1[:, None] - p2 - np.hypot((p1 - low)[:, None], high - p2))


@lru_cache(maxsize=256)
def _mid_p_lows(n: int, tail: float) -> FloatArray:
    """Lower mid-p limits of all counts, by bisection; shape (n + 1,)."""
    k = np.arange(1, n + 1, dtype=np.float64)
    low, high = np.zeros(n), np.ones(n)
    for _ in range(50):
        middle = (low + high) / 2
        at_least = betainc(k, n - k + 1, middle)
        more = np.where(k < n, betainc(k + 1, np.maximum(n - k, 0.5), middle), 0.0)
        above = at_least + more > 2 * tail
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.concatenate([[0.0], low])


def _binomial(n: int, p: FloatArray) -> FloatArray:
    """Probabilities of all counts; shape (n + 1, P)."""
    k, ways = _ways(n)
    won, lost = (np.log(np.maximum(x, _TINY)) for x in (p, 1 - p))
    return np.asarray(np.exp(ways + n * lost + k * (won - lost)))


@lru_cache(maxsize=256)
def _ways(n: int) -> tuple[FloatArray, FloatArray]:
    """All counts, and the logarithms of the number of ways to each; shapes (n + 1, 1)."""
    k = np.arange(n + 1.0)[:, None]
    return k, gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
