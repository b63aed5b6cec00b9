"""Fieller's confidence set for the point at which a line with random coefficients is zero.

References
----------
.. [1] Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185, section 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray

Shape = Literal["bounded", "exclusive", "all_real"]


@dataclass(frozen=True, slots=True)
class FiellerSet:
    """All points at which the line cannot be told from zero.

    Attributes
    ----------
    shape : str
        ``bounded``: from `first` to `second`. ``exclusive``: everything but what lies between
        them. ``all_real``: every number.
    first, second : float or None
        In increasing order; None where the shape has no ends.
    g : float
        ``(critical * se(slope) / slope)^2``; the set is bounded exactly when it is below one.
    critical : float
        Quantile of t that the set was made with.
    """

    shape: Shape
    first: float | None
    second: float | None
    g: float
    critical: float

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest member; infinite unless bounded."""
        if self.shape != "bounded" or self.first is None or self.second is None:
            return -math.inf, math.inf
        return self.first, self.second

    def contains(self, x: float) -> bool:
        """Whether the set holds a number."""
        if self.first is None or self.second is None:
            return True
        between = self.first <= x <= self.second
        return between if self.shape == "bounded" else x <= self.first or x >= self.second

    def inside(self, low: float, high: float) -> bool:
        """Whether the set is bounded and lies wholly between two numbers."""
        ends = self.ends
        return low < ends[0] and ends[1] < high


def fieller_set(
    intercept: float, slope: float, covariance: FloatArray, critical: float
) -> FiellerSet:
    """The set of x with ``(intercept + slope x)^2 <= critical^2 Var(intercept + slope x)`` [1]_.

    Parameters
    ----------
    intercept, slope : float
        Of the line; the turning point of ``b z + c z^2`` has intercept b and slope 2c.
    covariance : ndarray of shape (2, 2)
        Of both.
    critical : float
        Quantile of t or of the normal distribution.
    """
    square = critical**2
    v00, v01, v11 = (float(covariance[i]) for i in ((0, 0), (0, 1), (1, 1)))
    a = slope**2 - square * v11
    half = intercept * slope - square * v01
    c = intercept**2 - square * v00
    discriminant = half**2 - a * c
    g = square * v11 / slope**2 if slope else math.inf
    # At a = 0 exactly the set is a half-line, which the whole line includes.
    if a == 0 or (a < 0 and discriminant <= 0):
        return FiellerSet("all_real", None, None, g, critical)
    # Rounding can bring the discriminant of a bounded set, zero at least, below zero.
    root = -(half + math.copysign(math.sqrt(max(discriminant, 0.0)), half))
    ends = sorted((root / a, c / root)) if root else [0.0, 0.0]
    return FiellerSet("bounded" if a > 0 else "exclusive", ends[0], ends[1], g, critical)


def turning_set(
    b: float, c: float, covariance: FloatArray, *, center: float, critical: float
) -> FiellerSet:
    """The set of turning points of ``b z + c z^2``, z = x - center: zeros of ``b + 2 c z``.

    Parameters
    ----------
    b, c : float
    covariance : ndarray of shape (2, 2)
        Of b and c.
    center : float
    critical : float
    """
    doubled = np.array([1.0, 2.0])
    found = fieller_set(b, 2 * c, covariance * np.outer(doubled, doubled), critical)
    if found.first is None or found.second is None:
        return found
    return replace(found, first=found.first + center, second=found.second + center)
