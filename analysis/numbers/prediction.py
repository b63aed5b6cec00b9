"""Prediction intervals: where the next value of a sample falls.

References
----------
.. [1] Hahn & Meeker (1991), Statistical Intervals, section 4.7 (one future observation of a normal
   distribution) and 5.4 (distribution-free, by order statistics).
"""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence
from vggstudy.analysis.numbers.student import t_quantile

ROUNDING = 1e-9


def next_value(ordered: FloatArray, *, confidence: float, variance: float, df: float) -> Interval:
    """Prediction interval for one more value.

    The next value is as likely to fall into each of the N + 1 gaps of the sample, whatever the
    distribution: with so many values that a gap on each side may be left out (39 at 95%), the ends
    are order statistics ([1]_, section 5.4). With fewer they are those of a normal distribution,
    ``mean -/+ t(df) * sqrt(variance * (1 + 1 / N))`` ([1]_, section 4.7).

    Parameters
    ----------
    ordered : ndarray of shape (N,)
        In increasing order; N >= 1.
    confidence : float
        Two-sided level in (0, 1).
    variance, df : float
        Of one value, and its degrees of freedom.

    Returns
    -------
    Interval
        Its estimate is the mean, or the median between order statistics.
    """
    check_confidence(confidence)
    n = ordered.size
    out = int((1 - confidence) / 2 * (n + 1) + ROUNDING)
    if out >= 1:
        low, high = float(ordered[out - 1]), float(ordered[n - out])
        return Interval(float(np.median(ordered)), low, high, "prediction_order_statistics")
    mean = float(ordered.mean())
    half = t_quantile(df, confidence) * float(np.sqrt(variance * (1 + 1 / n)))
    return Interval(mean, mean - half, mean + half, "prediction_t", df=df)
