"""Intervals from Student's t: a mean, Welch's difference, weighted sums of cell means.

References
----------
.. [1] Welch (1947), Biometrika 34, 28-35.
.. [2] Satterthwaite (1946), Biometrics Bulletin 2, 110-114, eq. 17.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, stdtrit

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard error of a weighted sum of cell means.

    Attributes
    ----------
    se : float
        In the unit of the data.
    df : float
        Satterthwaite's degrees of freedom.
    """

    se: float
    df: float


def t_quantile(df: float, confidence: float) -> float:
    """Two-sided critical value of Student's t."""
    check_confidence(confidence)
    return float(stdtrit(df, 0.5 + confidence / 2))


def satterthwaite(
    weights: FloatArray, variance: FloatArray, n: FloatArray, df: FloatArray | None = None
) -> Spread:
    """Standard error and degrees of freedom of ``sum(w * mean)`` [2]_.

    Parameters
    ----------
    weights, variance, n : ndarray of shape (C,)
        Weight, variance (divisor n - 1) and number of runs of each cell.
    df : ndarray of shape (C,), optional
        Degrees of freedom of each variance; n - 1 by default.

    Raises
    ------
    ValueError
        If every weighted variance is zero: there is no spread to scale.
    """
    parts = weights**2 * variance / n
    total = float(parts.sum())
    if not total > 0:
        raise ValueError("the variances of all cells are zero")
    own = n - 1 if df is None else df
    active = parts > 0
    freedom = total**2 / float((parts[active] ** 2 / own[active]).sum())
    return Spread(float(np.sqrt(total)), freedom)


def cautious_freedom(parts: FloatArray, df: FloatArray, *, tail: float) -> FloatArray:
    """Satterthwaite's degrees of freedom where one variance may be larger than it looks.

    A variance of two runs is often small by chance: its cell then counts for little in the standard
    error and in the degrees of freedom, both. Here each cell in turn has the largest variance that
    leaves what was seen a probability of `tail`, and the fewest degrees of freedom are taken. They
    lie between those of the smallest cell and Satterthwaite's.

    Parameters
    ----------
    parts : ndarray of shape (..., C)
        Squared weight times variance over runs, of each cell; some of them above 0.
    df : ndarray of shape (C,)
        Degrees of freedom of each variance.
    tail : float
        In (0, 1).

    Returns
    -------
    ndarray of shape (...)
    """
    total = parts.sum(axis=-1, keepdims=True)
    squares = (parts**2 / df).sum(axis=-1, keepdims=True)
    larger = df / chdtri(df, 1 - tail)
    one = (total + (larger - 1) * parts) ** 2 / (squares + (larger**2 - 1) * parts**2 / df)
    return np.asarray(np.minimum(one.min(axis=-1), (total**2 / squares)[..., 0]))


def t_interval(estimate: float, spread: Spread, *, confidence: float, method: str) -> Interval:
    """Symmetric interval ``estimate -/+ t(df) * se``."""
    half = t_quantile(spread.df, confidence) * spread.se
    return Interval(estimate, estimate - half, estimate + half, method, df=spread.df)


def student_t(values: FloatArray, *, confidence: float) -> Interval:
    """Student's interval for the mean of ``values``, ndarray of shape (N,), N >= 2."""
    spread = satterthwaite(
        np.ones(1), np.array([values.var(ddof=1)]), np.array([float(values.size)])
    )
    return t_interval(float(values.mean()), spread, confidence=confidence, method="student_t")
