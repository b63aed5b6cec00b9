"""Profile penalised likelihood: intervals and tests of linear combinations of coefficients.

The combination is fixed and the rest refitted; the penalty keeps the information of the full
design, so that every value is a restriction of one and the same function ([1]_, section 2; the
convention of the R package logistf). Dropping the column instead would change the penalty with it,
and with it the answer, by the scale of the columns.

References
----------
.. [1] Heinze & Schemper (2002), Statistics in Medicine 21, 2409-2419.
.. [2] Venzon & Moolgavkar (1988), Applied Statistics 37, 87-94 (profile likelihood limits).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import Binomial, LogisticFit, Span, SpanFit, fit_span
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile

METHOD = "profile_penalised_likelihood"
DOUBLINGS = 12
"""Of the search's step, a standard error at first, before an end is called infinite."""

FLAT = 1e-7
"""Tolerance of restricted fits: their maximum is then exact to about 1e-14."""


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A penalised likelihood ratio test.

    Attributes
    ----------
    chisq : float
    df : int
    p : float
    """

    chisq: float
    df: int
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class Restricted:
    """A fit under linear constraints.

    Attributes
    ----------
    coefficients : ndarray of shape (P,)
    objective : float
        Penalised log-likelihood.
    converged : bool
        Whether this is its maximum: far out, where probabilities of 0 or 1 lie within rounding, the
        information has no inverse.
    """

    coefficients: FloatArray
    objective: float
    converged: bool = True


def root_drop(top: float, value: float) -> float:
    """``sqrt(2 (top - value))``: nearly linear in a parameter, whose limits are at z = 1.96."""
    return float(np.sqrt(2 * max(0.0, top - value)))


def fit_restricted(
    model: Binomial,
    k: FloatArray,
    rows: FloatArray,
    values: FloatArray,
    *,
    near: FloatArray | None = None,
) -> Restricted:
    """Maximise the penalised likelihood subject to ``rows @ coefficients = values``.

    Parameters
    ----------
    model : Binomial
    k : ndarray of shape (C,)
        Successes.
    rows : ndarray of shape (R, P)
        Consistent constraints; they may repeat one another.
    values : ndarray of shape (R,)
    near : ndarray of shape (P,), optional
        Coefficients to start from.
    """
    left, singular, right = np.linalg.svd(rows)
    rank = int((singular > 1e-10 * singular[0]).sum())
    basis = right[rank:].T
    fixed = right[:rank].T @ ((left[:, :rank].T @ values) / singular[:rank])
    start = None if near is None else basis.T @ (near - fixed)
    found = _fit(model, Span(model.X @ fixed, model.X @ basis), k, start)
    converged = found.converged and bool(np.isfinite(found.objective))
    return Restricted(fixed + basis @ found.g, found.objective, converged)


def _fit(model: Binomial, span: Span, k: FloatArray, start: FloatArray | None) -> SpanFit:
    """The fit from a start nearby, and from zero where that leads nowhere."""
    found = fit_span(model, span, k, start=start, tolerance=FLAT)
    if start is not None and not found.converged:
        again = fit_span(model, span, k, tolerance=FLAT)
        return again if again.converged else found
    return found


def profile_interval(
    model: Binomial, k: FloatArray, fit: LogisticFit, row: FloatArray, *, confidence: float
) -> Interval:
    """Interval of ``row @ coefficients``.

    Parameters
    ----------
    model : Binomial
    k : ndarray of shape (C,)
    fit : LogisticFit
        Of the same data.
    row : ndarray of shape (P,)
        Weights, not all zero.
    confidence : float

    Returns
    -------
    Interval
        An end is infinite where the likelihood never falls far enough: under maximum likelihood
        with separation; and where it does so beyond what double precision can tell.
    """
    estimate = float(row @ fit.coefficients)
    se = float(np.sqrt(row @ fit.covariance @ row))
    top, target = fit.penalised_log_likelihood, normal_quantile(confidence)
    near = [fit.coefficients]

    def height(value: float) -> float:
        found = fit_restricted(model, k, row[None], np.array([value]), near=near[0])
        if not found.converged:
            return np.nan
        near[0] = found.coefficients
        return root_drop(top, found.objective) - target

    low = _walk(height, estimate, -se)
    near[0] = fit.coefficients
    return Interval(estimate, low, _walk(height, estimate, se), METHOD)


def _walk(height: Callable[[float], float], start: float, step: float) -> float:
    """The zero of a function that rises from `start` on; infinite where there is none.

    Where the function cannot be told (NaN), its zero is looked for on this side of that.
    """
    inside, reach = start, step * 2.2
    for _ in range(DOUBLINGS):
        outside = start + reach
        reached = height(outside)
        if np.isnan(reached):
            reach = (inside + outside) / 2 - start
        elif reached > 0:
            try:
                return float(brentq(height, inside, outside, xtol=1e-11 * abs(step), rtol=1e-13))
            except ValueError:  # NaN between two that can be told
                break
        else:
            inside, reach = outside, 2 * reach
    return float(np.copysign(np.inf, step))


def likelihood_ratio(
    model: Binomial, k: FloatArray, fit: LogisticFit, rows: FloatArray
) -> LikelihoodRatio:
    """Test that ``rows @ coefficients = 0``.

    Parameters
    ----------
    model : Binomial
    k : ndarray of shape (C,)
    fit : LogisticFit
    rows : ndarray of shape (R, P)
        Linearly independent.
    """
    found = fit_restricted(model, k, rows, np.zeros(len(rows)))
    chisq = max(0.0, 2 * (fit.penalised_log_likelihood - found.objective))
    return LikelihoodRatio(chisq, len(rows), float(chdtrc(len(rows), chisq)))
