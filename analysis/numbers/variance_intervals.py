"""Intervals of variances and of differences of mean squares, for normal effects.

References
----------
.. [1] Burdick & Graybill (1992), Confidence Intervals on Variance Components, section 3.3
   (modified large sample limits of a difference; after Ting et al. 1990, Journal of Statistical
   Computation and Simulation 35, 135-143).
.. [2] Searle, Casella & McCulloch (1992), Variance Components, section 3.5 (chi-squared limits).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from scipy.special import chdtri, fdtri

from vggstudy.analysis.numbers.intervals import Interval, check_confidence


@dataclass(frozen=True, slots=True)
class MeanSquare:
    """A mean square and its degrees of freedom.

    Attributes
    ----------
    value : float
    df : int
    """

    value: float
    df: int


def variance_interval(mean_square: MeanSquare, *, confidence: float) -> Interval:
    """Limits of the expectation of a mean square ([2]_): exact for normal values.

    Parameters
    ----------
    mean_square : MeanSquare
    confidence : float
    """
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    total = mean_square.value * mean_square.df
    # chdtri takes the upper tail.
    low, high = (total / float(chdtri(mean_square.df, p)) for p in (tail, 1 - tail))
    return Interval(mean_square.value, low, high, "chi_squared", df=mean_square.df)


def component_interval(
    large: MeanSquare, small: MeanSquare, divisor: float, *, confidence: float
) -> Interval:
    """Limits of ``(E[large] - E[small]) / divisor`` by modified large samples ([1]_, eq. 3.3.1-2).

    The lower limit is above 0 exactly when the F test at its tail rejects. Estimate and limits are
    not cut at 0: a negative estimate says that the data show no such variance.

    Parameters
    ----------
    large, small : MeanSquare
        Independent; ``small`` positive.
    divisor : float
        Positive.
    confidence : float
    """
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    down = _shortfall(large, small, tail)
    up = _excess(large, small, tail)
    estimate = large.value - small.value
    return Interval(
        estimate / divisor,
        (estimate - down) / divisor,
        (estimate + up) / divisor,
        "modified_large_sample",
    )


def _shortfall(large: MeanSquare, small: MeanSquare, tail: float) -> float:
    """Distance from the difference to its lower limit."""
    g1 = 1 - 1 / _chi_ratio(large.df, 1 - tail)
    h2 = 1 / _chi_ratio(small.df, tail) - 1
    f = float(fdtri(large.df, small.df, 1 - tail))
    g12 = ((f - 1) ** 2 - g1**2 * f**2 - h2**2) / f
    return _root(g1, large, h2, small, g12)


def _excess(large: MeanSquare, small: MeanSquare, tail: float) -> float:
    """Distance from the difference to its upper limit."""
    h1 = 1 / _chi_ratio(large.df, tail) - 1
    g2 = 1 - 1 / _chi_ratio(small.df, 1 - tail)
    f = float(fdtri(large.df, small.df, tail))
    h12 = ((1 - f) ** 2 - h1**2 * f**2 - g2**2) / f
    return _root(h1, large, g2, small, h12)


def _chi_ratio(df: int, p: float) -> float:
    """Quantile of chi-squared over its degrees of freedom: of F with infinite df below."""
    return float(chdtri(df, 1 - p)) / df


def _root(first: float, large: MeanSquare, second: float, small: MeanSquare, cross: float) -> float:
    a, b = large.value, small.value
    return sqrt(max(0.0, (first * a) ** 2 + (second * b) ** 2 + cross * a * b))
