"""Effect sizes of two groups of values: Hedges' g, Cliff's delta, probability of improvement.

Differences in the outcome's own unit come first (`estimate_mean`); these stand beside them.

References
----------
.. [1] Hedges & Olkin (1985), Statistical Methods for Meta-Analysis, ch. 5, eq. 6 and 8-10.
.. [2] Cliff (1993), Psychological Bulletin 114, 494-509; Feng & Cliff (2004), Journal of Modern
   Applied Statistical Methods 3, 322-332 (asymmetric interval).
.. [3] Agarwal et al. (2021), NeurIPS (probability of improvement).
.. [4] Newcombe (2006), Statistics in Medicine 25, 559-573 (method 5: score limits with Hanley and
   McNeil's variance).
.. [5] Lehmann (1953), Annals of Mathematical Statistics 24, 23-43 (probabilities of rank orders
   where one distribution is a power of the other).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import gammaln

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile


@dataclass(frozen=True, slots=True)
class StandardisedDifference:
    """Difference of two means in units of the pooled standard deviation.

    Attributes
    ----------
    cohen_d, hedges_g, correction : float
        ``g = correction * d``, the correction being Hedges' exact J.
    sd_pooled : float
        In the unit of the data.
    variance : float
        Of g.
    interval : Interval
        Of g.
    """

    cohen_d: float
    hedges_g: float
    correction: float
    sd_pooled: float
    variance: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Dominance:
    """How often a value of the first group exceeds one of the second.

    Attributes
    ----------
    greater, less, ties : int
        Pairs of values.
    delta : float
        Cliff's delta, ``(greater - less) / pairs``.
    variance : float
        Of delta.
    interval : Interval
        Of delta: the wider, end by end, of `score_limits` and `feng_cliff`.
    """

    greater: int
    less: int
    ties: int
    delta: float
    variance: float
    interval: Interval

    @property
    def probability_of_improvement(self) -> Interval:
        """P(first > second) + P(tie) / 2 = (1 + delta) / 2, with its interval [3]_."""
        of = self.interval
        return Interval(
            (1 + self.delta) / 2, (1 + of.low) / 2, (1 + of.high) / 2, "probability_of_improvement"
        )


def small_sample_correction(df: float) -> float:
    """Hedges' exact factor J(df) = gamma(df/2) / (sqrt(df/2) gamma((df - 1)/2)) ([1]_, eq. 6e).

    Raises
    ------
    ValueError
        If ``df`` is not above 1: the factor is then not defined.
    """
    if not df > 1:
        raise ValueError(f"Hedges' correction needs more than 1 degree of freedom, got {df:g}")
    return float(np.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / np.sqrt(df / 2))


def standardised_difference(
    first: FloatArray, second: FloatArray, *, confidence: float
) -> StandardisedDifference:
    """Hedges' g of ``mean(first) - mean(second)``, with normal limits ([1]_, eq. 8-10).

    Parameters
    ----------
    first, second : ndarray of shape (n1,) and (n2,)
        Together at least four values.
    confidence : float

    Raises
    ------
    ValueError
        If there are too few values, or no value differs from its group's mean.
    """
    n1, n2 = first.size, second.size
    df = float(n1 + n2 - 2)
    correction = small_sample_correction(df)
    squares = float(((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum())
    largest = max(float(np.abs(first).max()), float(np.abs(second).max()))
    sd = float(np.sqrt(squares / df))
    if not sd > 1e-10 * largest:
        raise ValueError("all values of each group are the same: no spread to divide by")
    d = float(first.mean() - second.mean()) / sd
    g = correction * d
    inverse = (n1 + n2) / (n1 * n2)
    variance = inverse + g**2 / (2 * (n1 + n2))
    half = normal_quantile(confidence) * float(np.sqrt(variance))
    found = Interval(g, g - half, g + half, "hedges_g_hedges_olkin", df=df)
    return StandardisedDifference(d, g, correction, sd, variance, found)


def cliffs_delta(first: FloatArray, second: FloatArray, *, confidence: float) -> Dominance:
    """Cliff's delta with an interval that does not widen as the groups come apart.

    Feng and Cliff's interval [2]_ follows the observed variance of delta, which vanishes as the
    groups come apart; score limits [4]_ take the variance that goes with each delta. The interval
    holds both.

    Parameters
    ----------
    first, second : ndarray of shape (n1,) and (n2,)
        Two values each at least.
    confidence : float

    Returns
    -------
    Dominance
        At delta = 1 or -1 the observed order leaves no variance, and score limits stand alone.

    Raises
    ------
    ValueError
        If a group has fewer than two values.
    """
    n1, n2 = first.size, second.size
    if min(n1, n2) < 2:
        raise ValueError(f"Cliff's delta needs two values in each group, got {n1} and {n2}")
    ordered = np.sort(second)
    below = np.searchsorted(ordered, first, side="left")
    above = n2 - np.searchsorted(ordered, first, side="right")
    greater, less = int(below.sum()), int(above.sum())
    delta = (greater - less) / (n1 * n2)
    spread = _cliff_variance(first, second, (below - above) / n2, delta)
    low, high = score_limits(delta, n1, n2, confidence=confidence)
    if abs(delta) < 1:
        beside = feng_cliff(delta, spread, confidence=confidence)
        low, high = min(low, beside.low), max(high, beside.high)
    found = Interval(delta, low, high, "mann_whitney_score")
    return Dominance(greater, less, n1 * n2 - greater - less, delta, spread, found)


def score_limits(delta: float, n1: int, n2: int, *, confidence: float) -> tuple[float, float]:
    """Limits of delta that depend on delta alone, and rise with it [4]_.

    With theta = (1 + delta) / 2 they solve ``(observed - theta)^2 = z^2 V(theta)``, V being Hanley
    and McNeil's variance of the Mann-Whitney statistic for exponential values. No limit is further
    from -1 or 1 than that of separated groups, which is taken from the exact probability that all
    pairs have one order where that is wider (`_separated`).
    """
    share = (1 + delta) / 2
    low = _score_low(share, n1, n2, confidence)
    return 2 * low - 1, 1 - 2 * _score_low(1 - share, n1, n2, confidence)


def _score_low(share: float, n1: int, n2: int, confidence: float) -> float:
    """Lower score limit of P(first > second) + P(tie) / 2."""
    z2 = normal_quantile(confidence) ** 2
    more = (n1 + n2) / 2 - 1

    def outside(theta: float) -> bool:
        factor = 1 + more * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (share - theta) ** 2 > z2 * theta * (1 - theta) * factor / (n1 * n2)

    return min(_last(outside, share), _separated(n1, n2, (1 - confidence) / 2))


@lru_cache(maxsize=4_096)
def _separated(n1: int, n2: int, tail: float) -> float:
    """Share under which all pairs have the first group above with probability `tail` [5]_.

    Where one survival function, or one distribution function, is a power of the other: the lower
    of the two shares. At one half it is the permutation test's, one in the number of orders.
    """

    def rare(theta: float, size: int, other: int) -> bool:
        odds = theta / (1 - theta)
        steps = np.arange(1, size + 1) * odds
        return bool(np.log(steps / (steps + other)).sum() < np.log(tail))

    return min(_last(lambda x: rare(x, n1, n2), 1.0), _last(lambda x: rare(x, n2, n1), 1.0))


def _last(holds: Callable[[float], bool], high: float) -> float:
    """Where a condition that holds from 0 on ends, by bisection below `high`."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        if middle > 0 and holds(middle):
            low = middle
        else:
            high = middle
    return low


def _cliff_variance(first: FloatArray, second: FloatArray, rows: FloatArray, delta: float) -> float:
    """Unbiased variance of delta from the row and column means of the dominance matrix.

    [2]_, eq. 10. Where it falls below ``(1 - delta^2) / (n1 n2 - 1)``, Cliff's lower bound takes
    its place.
    """
    n1, n2 = first.size, second.size
    ordered = np.sort(first)
    over = n1 - np.searchsorted(ordered, second, side="right")
    under = np.searchsorted(ordered, second, side="left")
    columns = (over - under) / n1
    row_squares = float(((rows - delta) ** 2).sum())
    column_squares = float(((columns - delta) ** 2).sum())
    ties = n1 * n2 - int(over.sum()) - int(under.sum())
    squares = n1 * n2 - ties - n1 * n2 * delta**2
    parts = n2**2 * row_squares + n1**2 * column_squares - squares
    unbiased = parts / (n1 * n2 * (n1 - 1) * (n2 - 1))
    return float(max(unbiased, (1 - delta**2) / (n1 * n2 - 1)))


def feng_cliff(delta: float, variance: float, *, confidence: float) -> Interval:
    """Feng and Cliff's interval, which stays within [-1, 1] ([2]_, eq. 12)."""
    spread = normal_quantile(confidence) ** 2 * variance
    centre = delta - delta**3
    half = float(np.sqrt(spread * ((1 - delta**2) ** 2 + spread)))
    scale = 1 - delta**2 + spread
    found = Interval(delta, (centre - half) / scale, (centre + half) / scale, "feng_cliff")
    return found.clipped(-1.0, 1.0)


def performance_profile(values: FloatArray, thresholds: FloatArray) -> FloatArray:
    """Share of runs whose value exceeds each threshold ([3]_, eq. 2).

    Parameters
    ----------
    values : ndarray of shape (N,)
    thresholds : ndarray of shape (T,)

    Returns
    -------
    ndarray of shape (T,)
        Fractions that fall from left to right.

    Raises
    ------
    ValueError
        If there are no values.
    """
    if not values.size:
        raise ValueError("a performance profile needs at least one value")
    above = values.size - np.searchsorted(np.sort(values), thresholds, side="right")
    return np.asarray(above / values.size, dtype=np.float64)


def performance_band(
    values: FloatArray, thresholds: FloatArray, *, confidence: float
) -> tuple[FloatArray, FloatArray]:
    """Simultaneous band of a performance profile by the Dvoretzky-Kiefer-Wolfowitz inequality.

    Valid at all thresholds together, whatever the distribution (Massart's constant 2).

    Returns
    -------
    low, high : ndarrays of shape (T,)
    """
    profile = performance_profile(values, thresholds)
    half = float(np.sqrt(np.log(2 / (1 - confidence)) / (2 * values.size)))
    return np.clip(profile - half, 0, 1), np.clip(profile + half, 0, 1)
