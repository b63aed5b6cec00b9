"""A quadratic through cell means: slope and curvature as weighted sums of the means.

Least squares over runs needs the cells only: the regressors are constant within them. Variances
are those within cells, which a curve that does not fit cannot inflate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from vggstudy.analysis.data.curves import Curve
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.student import Spread, satterthwaite


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """``mean = a + b (x - center) + c (x - center)^2``.

    Attributes
    ----------
    curve : Curve
    center : float
        Mean of x over runs.
    lines : ndarray of shape (3, M)
        Weights of the cell means that give a, b and c.
    coefficients : ndarray of shape (3,)
        a, b, c; the unit of the outcome per power of x.
    """

    curve: Curve
    center: float
    lines: FloatArray
    coefficients: FloatArray

    @property
    def b(self) -> float:
        """Slope at the center."""
        return float(self.coefficients[1])

    @property
    def c(self) -> float:
        """Half the second derivative."""
        return float(self.coefficients[2])

    @property
    def fitted(self) -> FloatArray:
        """Fitted means of the cells; shape (M,)."""
        return np.asarray(_powers(self.curve.x - self.center) @ self.coefficients)

    @property
    def covariance(self) -> FloatArray:
        """Covariance matrix of b and c from the variances within cells; shape (2, 2)."""
        weighted = self.lines[1:] * (self.curve.variance / self.curve.n)
        return np.asarray(weighted @ self.lines[1:].T)

    def slope_weights(self, x: float) -> FloatArray:
        """Weights of the cell means that give the slope at ``x``; shape (M,)."""
        return np.asarray(self.lines[1] + 2 * (x - self.center) * self.lines[2])

    def spread(self, weights: FloatArray) -> Spread:
        """Standard error and Satterthwaite's degrees of freedom of a sum of cell means."""
        return satterthwaite(weights, self.curve.variance, self.curve.n, self.curve.df)


@dataclass(frozen=True, slots=True)
class SignTest:
    """Student's t test of a weighted sum of cell means against zero.

    Attributes
    ----------
    estimate, se, df : float
    p_above, p_below : float
        One-sided p values of "above zero" and "below zero".
    """

    estimate: float
    se: float
    df: float
    p_above: float
    p_below: float

    @property
    def p_value(self) -> float:
        """Two-sided."""
        return min(1.0, 2 * min(self.p_above, self.p_below))


def fit_quadratic(curve: Curve) -> Quadratic:
    """Least squares over the converged runs of a curve's cells."""
    center = float(np.average(curve.x, weights=curve.n))
    root = np.sqrt(curve.n)
    inverse = np.linalg.pinv(_powers(curve.x - center) * root[:, None])
    lines = np.asarray(inverse * root, dtype=np.float64)
    return Quadratic(curve, center, lines, lines @ curve.mean)


def sign_test(quadratic: Quadratic, weights: FloatArray) -> SignTest:
    """Whether a weighted sum of the cell means lies above or below zero."""
    estimate = float(weights @ quadratic.curve.mean)
    spread = quadratic.spread(weights)
    t = estimate / spread.se
    above, below = float(stdtr(spread.df, -t)), float(stdtr(spread.df, t))
    return SignTest(estimate, spread.se, spread.df, above, below)


def _powers(x: FloatArray) -> FloatArray:
    """Columns 1, x, x^2."""
    return np.vander(x, 3, increasing=True)
