"""Two independent estimates of one thing: their difference, and what the first lets expect.

Everything is made from estimates and the ends of their intervals, which need not lie evenly about
them: distances to the ends stand for standard errors times a quantile (MOVER).

References
----------
.. [1] Zou & Donner (2008), Statistics in Medicine 27, 1693-1702, eq. 2-3 (MOVER).
.. [2] Patil, Peng & Leek (2016), Perspectives on Psychological Science 11, 539-544 (the estimate of
   a replication is expected inside this prediction interval).
.. [3] Cumming & Maillardet (2006), Psychological Methods 11, 217-227 (how often a confidence
   interval holds the next estimate: 83% where both are as precise).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from scipy.special import ndtr

from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.proportions import mover_sum


def difference(first: Interval, second: Interval) -> Interval:
    """Interval for the second's quantity minus the first's [1]_."""
    return mover_sum((second, first), (1.0, -1.0), method="mover")


def expected(first: Interval, second: Interval) -> Interval:
    """Where an estimate as precise as the second was to be expected after the first [2]_.

    It holds the second's estimate exactly where the interval of their difference holds 0.
    """
    low = first.estimate - hypot(first.estimate - first.low, second.high - second.estimate)
    high = first.estimate + hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(first.estimate, low, high, "mover_prediction")


def capture(first: Interval, second: Interval, *, confidence: float) -> float:
    """How probably the first's interval holds the second's estimate, if both estimate one thing.

    Parameters
    ----------
    first, second : Interval
        At one confidence level.
    confidence : float
        That level.

    Returns
    -------
    float
        For normal estimates, 83.4% with equal precision at 95% [3]_.
    """
    above, below = first.high - first.estimate, first.estimate - first.low
    return _reach(above, second.estimate - second.low, confidence) - (
        1 - _reach(below, second.high - second.estimate, confidence)
    )


def _reach(own: float, other: float, confidence: float) -> float:
    """Probability that the estimates' difference on one side does not go beyond the own end."""
    return float(ndtr(normal_quantile(confidence) * own / hypot(own, other))) if own else 0.5


def combined(estimates: Sequence[Interval]) -> Interval:
    """Both estimates as one, weighted by the squared widths of their intervals; limits as [1]_."""
    weights = [1 / (one.high - one.low) ** 2 for one in estimates]
    shares = [weight / sum(weights) for weight in weights]
    return mover_sum(estimates, shares, method="mover_combined")
