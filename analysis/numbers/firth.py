"""Logistic regression on cells: Firth's penalised likelihood, and maximum likelihood.

Data are grouped: successes k of n trials at each row of a design. A fit that does not converge is
data, not an error.

References
----------
.. [1] Firth (1993), Biometrika 80, 27-38, section 3.
.. [2] Heinze & Schemper (2002), Statistics in Medicine 21, 2409-2419, eq. 2-4.
.. [3] Kosmidis & Firth (2021), Biometrika 108, 71-82 (the estimates are finite).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray

TOLERANCE = 1e-11
"""Largest change of a linear predictor at which a fit has converged."""

MAX_ITERATIONS = 200
"""Evaluations of the likelihood, halved steps included; ordinary fits need 5 to 15."""

STEP_CAP = 5.0
"""Largest change of a linear predictor in one step; invariant under scaling of the columns."""

ROUNDING = 1e-12
"""Fall of the objective, relative to its size, that is no fall."""

OUT_OF_ITERATIONS = "no convergence within the iterations"
SINGULAR = "the information matrix is singular"


@dataclass(frozen=True, slots=True, eq=False)
class Binomial:
    """A design with its trials.

    Attributes
    ----------
    X : ndarray of shape (C, P)
        Design of full column rank; its information is the penalty's.
    n : ndarray of shape (C,)
        Trials, positive.
    penalised : bool
        Firth's penalty ``0.5 log|X'WX|``, or none (maximum likelihood).
    """

    X: FloatArray
    n: FloatArray
    penalised: bool = True

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.n.shape != (len(self.X),) or not (self.n > 0).all():
            raise ValueError(f"X must be (C, P) and n positive, got {self.X.shape}, {self.n.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """Linear predictors that a fit may choose from: ``offset + free @ g``.

    Attributes
    ----------
    offset : ndarray of shape (C,)
    free : ndarray of shape (C, Q)
        Q may be 0: then nothing is left to fit.
    """

    offset: FloatArray
    free: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LogisticFit:
    """One fitted response.

    Attributes
    ----------
    coefficients, se : ndarray of shape (P,)
        Estimates, and square roots of the covariance's diagonal.
    covariance : ndarray of shape (P, P)
        ``(X'WX)^-1`` at the estimates ([2]_, section 2).
    log_likelihood, penalised_log_likelihood : float
        Of single runs, without binomial coefficients; equal without penalty.
    fitted : ndarray of shape (C,)
        Probabilities.
    iterations : int
    converged : bool
    failure_reason : str or None
        Present exactly where the fit has not converged; the numbers are then those of its end.
    """

    coefficients: FloatArray
    se: FloatArray
    covariance: FloatArray
    log_likelihood: float
    penalised_log_likelihood: float
    fitted: FloatArray
    iterations: int
    converged: bool
    failure_reason: str | None


def fit_logistic(model: Binomial, k: FloatArray) -> LogisticFit:
    """Maximise the (penalised) likelihood.

    Parameters
    ----------
    model : Binomial
    k : ndarray of shape (C,)
        Successes; they need not be integers.

    Raises
    ------
    ValueError
        If ``0 <= k <= n`` is violated.
    """
    if k.shape != model.n.shape or (k < 0).any() or (model.n < k).any():
        raise ValueError("successes must satisfy 0 <= k <= n in every cell")
    k = k.astype(np.float64)
    span = Span(np.zeros(len(model.n)), model.X)
    found = _climb(model, span, k, np.zeros(model.X.shape[1]), TOLERANCE)
    state = _evaluate(model, _products(model.X), model.X @ found.g, k)
    return LogisticFit(
        coefficients=found.g,
        se=np.sqrt(np.diag(state.inverse)),
        covariance=state.inverse,
        log_likelihood=state.log_likelihood,
        penalised_log_likelihood=state.objective,
        fitted=state.p,
        iterations=found.iterations,
        converged=found.failure_reason is None,
        failure_reason=found.failure_reason,
    )


@dataclass(frozen=True, slots=True, eq=False)
class SpanFit:
    """The best point of a span.

    Attributes
    ----------
    g : ndarray of shape (Q,)
    objective : float
        Penalised log-likelihood, with the penalty of the full design.
    score : ndarray of shape (P,)
        Modified score of the full design there: the multipliers of the constraints.
    converged : bool
    """

    g: FloatArray
    objective: float
    score: FloatArray
    converged: bool


def fit_span(
    model: Binomial,
    span: Span,
    k: FloatArray,
    *,
    start: FloatArray | None = None,
    tolerance: float = TOLERANCE,
) -> SpanFit:
    """Maximise the penalised likelihood over some of the design's linear predictors.

    Parameters
    ----------
    model : Binomial
    span : Span
        Inside the column space of `model`.
    k : ndarray of shape (C,)
        Successes.
    start : ndarray of shape (Q,), optional
    tolerance : float
        The objective is flat at its maximum: its own error is the square of this one.
    """
    first = np.zeros(span.free.shape[1]) if start is None else start
    k = k.astype(np.float64)
    found = _climb(model, span, k, first, tolerance)
    state = _evaluate(model, _products(model.X), span.offset + span.free @ found.g, k)
    return SpanFit(
        g=found.g,
        objective=state.objective,
        score=np.asarray(model.X.T @ state.residual, dtype=np.float64),
        converged=found.failure_reason is None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The likelihood and its derivatives at a linear predictor.

    ``p``, ``residual`` and ``curvature`` are (C,), ``inverse`` is (P, P). The modified score is
    ``X' residual`` ([2]_, eq. 3).
    """

    p: FloatArray
    residual: FloatArray
    curvature: FloatArray
    inverse: FloatArray
    log_likelihood: float
    objective: float


def _evaluate(model: Binomial, products: FloatArray, eta: FloatArray, k: FloatArray) -> _State:
    """Penalised log-likelihood, modified residuals and inverse information at ``eta``, (C,)."""
    n = model.n
    small = np.exp(-np.abs(eta))
    p = np.where(eta >= 0, 1.0, small) / (1 + small)
    unit = small / (1 + small) ** 2
    log_likelihood = float((k * eta - n * (np.maximum(eta, 0) + np.log1p(small))).sum())
    root = _cholesky(products, n * unit)
    inverted = _inverse(root)
    residual, curvature, objective = k - n * p, n * unit, log_likelihood
    if model.penalised:
        leverage = curvature * (products @ inverted.ravel())
        residual = residual + leverage * (0.5 - p)
        curvature = curvature + leverage * unit
        objective = log_likelihood + float(np.log(np.diag(root)).sum())
    return _State(p, residual, curvature, inverted, log_likelihood, objective)


def _products(X: FloatArray) -> FloatArray:
    """Products of the columns, (C, P * P)."""
    return np.asarray((X[:, :, None] * X[:, None, :]).reshape(len(X), -1))


def _cholesky(products: FloatArray, weight: FloatArray) -> FloatArray:
    """Lower factor of the information ``X' W X``; NaN where it is not positive definite."""
    size = math.isqrt(products.shape[1])
    information = (products.T @ weight).reshape(size, size)
    try:
        return np.asarray(np.linalg.cholesky(information))
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan)


def _inverse(root: FloatArray) -> FloatArray:
    """Inverse of the matrix with a lower factor."""
    back = np.linalg.inv(root)
    return np.asarray(back.T @ back, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Climbed:
    """Where a climb ended, and why it did not arrive."""

    g: FloatArray
    iterations: int
    failure_reason: str | None


def _climb(
    model: Binomial, span: Span, k: FloatArray, first: FloatArray, tolerance: float
) -> _Climbed:
    """Newton's method with capped steps, halved where the objective would fall.

    Every pass evaluates one proposal: it is taken if the objective does not fall by more than
    rounding, and retried with half the step otherwise.
    """
    full = _products(model.X)
    free = full if span.free is model.X else _products(span.free)
    g, best = first.astype(np.float64), -math.inf
    eta = span.offset + span.free @ g
    step, move = np.zeros_like(g), np.zeros_like(eta)
    for passes in range(1, MAX_ITERATIONS + 1):
        state = _evaluate(model, full, eta + move, k)
        up = state.objective >= best - ROUNDING * max(1.0, abs(best))
        if up:
            g, eta, best = g + step, eta + move, state.objective
            step = _newton_step(span.free, free, state)
        else:
            step = step / 2
        move = span.free @ step
        size = float(np.abs(move).max(initial=0.0))
        if not (math.isfinite(best) and math.isfinite(size)):
            return _Climbed(g, passes, SINGULAR)
        if size < tolerance:
            return _Climbed(g, passes, None if up else OUT_OF_ITERATIONS)
        share = min(1.0, STEP_CAP / max(size, STEP_CAP))
        step, move = share * step, share * move
    return _Climbed(g, MAX_ITERATIONS, OUT_OF_ITERATIONS)


def _newton_step(F: FloatArray, products: FloatArray, state: _State) -> FloatArray:
    """Step towards a zero of the modified score, (Q,).

    The leverages enter the curvature as additional trials; that halves the passes of Fisher's
    scoring and has the same limit.
    """
    if not F.shape[1]:
        return np.zeros(0)
    inverted = _inverse(_cholesky(products, state.curvature))
    return np.asarray(np.einsum("ij,j->i", inverted, F.T @ state.residual))
