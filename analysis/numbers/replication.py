"""Two estimates of one thing: their difference, and what the first lets expect.

Everything is made from estimates and the ends of their intervals, which need not lie evenly about
them: distances to the ends stand for standard errors times a quantile (MOVER). Estimates are
independent, or of a known correlation [4]_: of means of the same seeds, whose correlation is that
of the pairs, the interval of the difference is then Student's of the pairs' differences.

Studies that stopped at a look have intervals at levels of their own, each of which holds 95% at all
looks together. The same formula takes the ends as they are: the difference then holds that too, as
simulation shows (docs/coverage.md).

References
----------
.. [1] Zou & Donner (2008), Statistics in Medicine 27, 1693-1702, eq. 2-3 (MOVER).
.. [2] Patil, Peng & Leek (2016), Perspectives on Psychological Science 11, 539-544 (the estimate of
   a replication is expected inside this prediction interval).
.. [3] Cumming & Maillardet (2006), Psychological Methods 11, 217-227 (how often a confidence
   interval holds the next estimate: 83% where both are as precise).
.. [4] Zou (2007), Psychological Methods 12, 399-413, eq. 15 (MOVER of correlated estimates).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from scipy.special import ndtr

from vggstudy.analysis.numbers.intervals import Interval, normal_quantile


def difference(first: Interval, second: Interval, *, correlation: float = 0.0) -> Interval:
    """Interval for the second's quantity minus the first's [1]_ [4]_."""
    estimate = second.estimate - first.estimate
    below = _apart(second.estimate - second.low, first.high - first.estimate, correlation)
    above = _apart(second.high - second.estimate, first.estimate - first.low, correlation)
    return Interval(estimate, estimate - below, estimate + above, "mover")


def _apart(one: float, other: float, correlation: float) -> float:
    """How far a difference reaches, from how far its parts do."""
    return sqrt(max(one * one + other * other - 2 * correlation * one * other, 0.0))


def expected(first: Interval, change: Interval) -> Interval:
    """Where an estimate as precise as the second was to be expected after the first [2]_.

    It holds the second's estimate exactly where the interval of their difference, ``change``, holds
    0.
    """
    low = first.estimate - (change.high - change.estimate)
    high = first.estimate + (change.estimate - change.low)
    return Interval(first.estimate, low, high, "mover_prediction")


def capture(
    first: Interval,
    second: Interval,
    *,
    levels: tuple[float, float],
    correlation: float = 0.0,
) -> float:
    """How probably the first's interval holds the second's estimate, if both estimate one thing.

    Parameters
    ----------
    first, second : Interval
    levels : (float, float)
        Confidence level of each.
    correlation : float

    Returns
    -------
    float
        For normal estimates, 83.4% with equal precision at 95% [3]_.
    """
    z = [normal_quantile(level) for level in levels]
    above, below = first.high - first.estimate, first.estimate - first.low
    up = _apart(above / z[0], (second.estimate - second.low) / z[1], correlation)
    down = _apart(below / z[0], (second.high - second.estimate) / z[1], correlation)
    return _reach(above, up) - (1 - _reach(below, down))


def _reach(own: float, apart: float) -> float:
    """Probability that the estimates' difference on one side does not go beyond the own end.

    ``apart`` is the standard error of that difference.
    """
    if not own:
        return 0.5
    return float(ndtr(own / apart)) if apart else 1.0


def combined(
    estimates: Sequence[Interval],
    *,
    levels: tuple[float, float] = (0.95, 0.95),
    correlation: float = 0.0,
) -> Interval:
    """Both estimates as one, of least variance by the widths of their intervals; limits as [4]_.

    Neither counts negatively, as the less precise of two that go together closely would.

    Parameters
    ----------
    estimates : sequence of Interval
        Two.
    levels : (float, float)
        Confidence level of each, where they differ.
    correlation : float
    """
    z = [1.0, normal_quantile(levels[1]) / normal_quantile(levels[0])]
    a, b = ((one.high - one.low) / unit for one, unit in zip(estimates, z, strict=True))
    both = a * a + b * b - 2 * correlation * a * b
    share = min(max((b * b - correlation * a * b) / both, 0.0), 1.0) if both > 0 else 0.5
    first, second = estimates
    estimate = share * first.estimate + (1 - share) * second.estimate
    ends = [
        _apart(share * x, (1 - share) * y, -correlation)
        for x, y in (
            (first.estimate - first.low, second.estimate - second.low),
            (first.high - first.estimate, second.high - second.estimate),
        )
    ]
    return Interval(estimate, estimate - ends[0], estimate + ends[1], "mover_combined")
