"""Profile penalised likelihood limits of a smooth function of the coefficients.

The limits are the smallest and the largest value of the function among all coefficients whose
penalised log-likelihood lies within half a chi-square quantile of its maximum. For a linear
function they are those of `profile`.

References
----------
.. [1] Neale & Miller (1997), Behavior Genetics 27, 113-120.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import NonlinearConstraint, minimize

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import Binomial, LogisticFit, Span, fit_span
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.profile import METHOD

ON_BOUNDARY = 1e-5
"""Largest distance of an accepted limit from the region's edge, in units of the log-likelihood."""

Function = Callable[[FloatArray], tuple[float, FloatArray]]
"""Value and gradient, shape (P,), at coefficients of shape (P,)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """Coefficients ``centre + root @ u`` near the maximum; u is of unit scale.

    Attributes
    ----------
    model : Binomial
    k : ndarray of shape (C,)
    centre : ndarray of shape (P,)
    root : ndarray of shape (P, P)
        Lower Cholesky factor of the covariance.
    floor : float
        Smallest admitted penalised log-likelihood.
    """

    model: Binomial
    k: FloatArray
    centre: FloatArray
    root: FloatArray
    floor: float

    def at(self, u: FloatArray) -> FloatArray:
        """Coefficients of shape (P,)."""
        return self.centre + self.root @ u

    def slack(self, u: FloatArray) -> tuple[float, FloatArray]:
        """Height above the floor, and its gradient."""
        nothing = np.zeros((len(self.k), 0))
        found = fit_span(self.model, Span(self.model.X @ self.at(u), nothing), self.k)
        height = found.objective - self.floor if np.isfinite(found.objective) else -1e6
        score = np.nan_to_num(found.score)
        return height, self.root.T @ score


def function_interval(
    model: Binomial, k: FloatArray, fit: LogisticFit, function: Function, *, confidence: float
) -> Interval | None:
    """Interval of a smooth function of the coefficients.

    Parameters
    ----------
    model : Binomial
    k : ndarray of shape (C,)
    fit : LogisticFit
        Of the same data.
    function : callable
        See `Function`.
    confidence : float

    Returns
    -------
    Interval or None
        None where a limit could not be found.
    """
    root: FloatArray = np.linalg.cholesky(fit.covariance).astype(np.float64)
    z = normal_quantile(confidence)
    floor = fit.penalised_log_likelihood - z**2 / 2
    region = _Region(model, k, fit.coefficients, root, floor)
    estimate = function(fit.coefficients)[0]
    ends = [_extreme(region, function, sign, z) for sign in (1.0, -1.0)]
    if ends[0] is None or ends[1] is None:
        return None
    return Interval(estimate, ends[0], ends[1], METHOD)


def _extreme(region: _Region, function: Function, sign: float, z: float) -> float | None:
    """The smallest (sign +1) or largest (-1) value of a function over the region."""
    scale = float(np.linalg.norm(region.root.T @ function(region.centre)[1])) or 1.0

    def goal(u: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = function(region.at(u))
        return sign * value / scale, sign * (region.root.T @ gradient) / scale

    downhill = -goal(np.zeros(len(region.centre)))[1]
    edge = NonlinearConstraint(
        lambda u: np.array([region.slack(u)[0]]), 0, np.inf, jac=lambda u: region.slack(u)[1][None]
    )
    for reach in (1.0, 0.3, 0.0):
        found = minimize(
            goal,
            reach * z * downhill,
            (),
            method="SLSQP",
            jac=True,
            constraints=edge,
            options={"ftol": 1e-13, "maxiter": 200},
        )
        height, uphill = region.slack(found.x)
        if abs(height) < ON_BOUNDARY and _stationary(goal(found.x)[1], uphill):
            return sign * float(found.fun) * scale
    return None


def _stationary(goal: FloatArray, constraint: FloatArray) -> bool:
    """Whether the gradients are parallel, as Lagrange's condition asks."""
    product = float(np.linalg.norm(goal) * np.linalg.norm(constraint))
    return product > 0 and float(goal @ constraint) > (1 - 1e-4) * product
