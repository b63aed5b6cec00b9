"""Logistic regression on cells: Firth's penalised likelihood, and maximum likelihood.

Data are grouped: successes k of n trials at each row of a design. Many responses of one design are
fitted at once; arrays inside keep the responses on the last axis, so that every operation runs over
contiguous memory. A fit that does not converge is data, not an error.

References
----------
.. [1] Firth (1993), Biometrika 80, 27-38, section 3.
.. [2] Heinze & Schemper (2002), Statistics in Medicine 21, 2409-2419, eq. 2-4.
.. [3] Kosmidis & Firth (2021), Biometrika 108, 71-82 (the estimates are finite).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.batched import cholesky, information, inverse, squares

TOLERANCE = 1e-11
"""Largest change of a linear predictor at which a fit has converged."""

MAX_ITERATIONS = 200
"""Evaluations of the likelihood, halved steps included; ordinary fits need 5 to 15."""

STEP_CAP = 5.0
"""Largest change of a linear predictor in one step; invariant under scaling of the columns."""

ROUNDING = 1e-12
"""Fall of the objective, relative to its size, that is no fall."""

CHUNK = 1_024
"""Responses fitted together: their arrays stay in the cache."""

OUT_OF_ITERATIONS = "no convergence within the iterations"
SINGULAR = "the information matrix is singular"


@dataclass(frozen=True, slots=True, eq=False)
class Binomial:
    """A design with its trials: what all responses of a study share.

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


@dataclass(frozen=True, slots=True, eq=False)
class BatchFit:
    """Many fitted responses.

    Attributes
    ----------
    coefficients : ndarray of shape (B, P)
    penalised_log_likelihood : ndarray of shape (B,)
    iterations : ndarray of shape (B,)
    converged : ndarray of shape (B,)
    failure_reason : tuple of str or None
        B of them, present where a fit has not converged.
    """

    coefficients: FloatArray
    penalised_log_likelihood: FloatArray
    iterations: IntArray
    converged: BoolArray
    failure_reason: tuple[str | None, ...]

    @property
    def failed_share(self) -> float:
        """Share of fits that have not converged."""
        return float(1 - self.converged.mean())


def fit_logistic(
    model: Binomial,
    k: FloatArray,
    *,
    start: FloatArray | None = None,
    tolerance: float = TOLERANCE,
) -> LogisticFit:
    """Fit one response.

    Parameters
    ----------
    model : Binomial
    k : ndarray of shape (C,)
        Successes; they need not be integers.
    start : ndarray of shape (P,), optional
        Coefficients to start from; zero by default.
    tolerance : float
        Largest last change of a linear predictor.

    Raises
    ------
    ValueError
        If ``0 <= k <= n`` is violated.
    """
    found = fit_batch(model, k[None], start=start, tolerance=tolerance)
    eta = model.X @ found.coefficients.T
    state = _evaluate(model, squares(model.X), eta, k[:, None].astype(np.float64))
    inverse = state.inverse[:, :, 0]
    return LogisticFit(
        coefficients=found.coefficients[0],
        se=np.sqrt(np.diag(inverse)),
        covariance=inverse,
        log_likelihood=float(state.log_likelihood[0]),
        penalised_log_likelihood=float(state.objective[0]),
        fitted=state.p[:, 0],
        iterations=int(found.iterations[0]),
        converged=bool(found.converged[0]),
        failure_reason=found.failure_reason[0],
    )


def fit_batch(
    model: Binomial,
    K: FloatArray,
    *,
    start: FloatArray | None = None,
    tolerance: float = TOLERANCE,
) -> BatchFit:
    """Fit many responses of one design, e.g. binomial resamples.

    Parameters
    ----------
    model : Binomial
    K : ndarray of shape (B, C)
        Successes, one response a row.
    start : ndarray of shape (P,), optional
        Coefficients that all fits start from, e.g. those of the data.
    tolerance : float
        1e-6 is ample for resamples.

    Raises
    ------
    ValueError
        If ``0 <= K <= n`` is violated.
    """
    if K.shape[1:] != model.n.shape or (K < 0).any() or (model.n < K).any():
        raise ValueError("successes must satisfy 0 <= k <= n in every cell")
    span = Span(np.zeros(len(model.n)), model.X)
    first = np.zeros(model.X.shape[1]) if start is None else start
    parts = [
        _climb(model, span, np.ascontiguousarray(K[i : i + CHUNK].T, float), first, tolerance)
        for i in range(0, max(len(K), 1), CHUNK)
    ]
    status = np.concatenate([part.status for part in parts])
    return BatchFit(
        coefficients=np.concatenate([part.g.T for part in parts]),
        penalised_log_likelihood=np.concatenate([part.objective for part in parts]),
        iterations=np.concatenate([part.iterations for part in parts]),
        converged=status == 0,
        failure_reason=tuple((None, OUT_OF_ITERATIONS, SINGULAR)[code] for code in status),
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
    K = k[:, None].astype(np.float64)
    found = _climb(model, span, K, first, tolerance)
    state = _evaluate(model, squares(model.X), span.offset[:, None] + span.free @ found.g, K)
    return SpanFit(
        g=found.g[:, 0],
        objective=float(state.objective[0]),
        score=np.asarray(model.X.T @ state.residual[:, 0], dtype=np.float64),
        converged=bool(found.status[0] == 0),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The likelihood and its derivatives at B linear predictors.

    ``p``, ``residual`` and ``curvature`` are (C, B), ``inverse`` is (P, P, B), ``log_likelihood``
    and ``objective`` are (B,). The modified score is ``X' residual`` ([2]_, eq. 3).
    """

    p: FloatArray
    residual: FloatArray
    curvature: FloatArray
    inverse: FloatArray
    log_likelihood: FloatArray
    objective: FloatArray


def _evaluate(model: Binomial, full: FloatArray, eta: FloatArray, K: FloatArray) -> _State:
    """Penalised log-likelihood, modified residuals and inverse information at ``eta``, (C, B)."""
    n = model.n[:, None]
    small = np.exp(-np.abs(eta))
    p = np.where(eta >= 0, 1.0, small) / (1 + small)
    unit = small / (1 + small) ** 2
    log_likelihood = (K * eta - n * (np.maximum(eta, 0) + np.log1p(small))).sum(axis=0)
    root = cholesky(information(full, n * unit))
    inverted = inverse(root)
    residual, curvature, objective = K - n * p, n * unit, log_likelihood
    if model.penalised:
        leverage = curvature * (full @ inverted.reshape(full.shape[1], -1))
        residual = residual + leverage * (0.5 - p)
        curvature = curvature + leverage * unit
        objective = log_likelihood + np.log(np.einsum("iib->ib", root)).sum(axis=0)
    return _State(p, residual, curvature, inverted, log_likelihood, objective)


@dataclass(frozen=True, slots=True, eq=False)
class _Climbed:
    """Ends of B climbs: ``g`` (Q, B), the rest (B,); status 0, 1 or 2 as in `fit_batch`."""

    g: FloatArray
    objective: FloatArray
    iterations: IntArray
    status: IntArray

    def put(self, live: _Front, which: BoolArray, status: IntArray, passes: int) -> None:
        """Keep where these climbs ended."""
        index = live.index[which]
        self.g[:, index], self.objective[index] = live.g[:, which], live.best[which]
        self.iterations[index], self.status[index] = passes, status[which]


@dataclass(slots=True, eq=False)
class _Front:
    """Unfinished climbs: where they are, and the step that each proposes.

    ``index`` and ``best`` are (B,), ``g`` and ``step`` (Q, B), ``eta`` and ``move`` (C, B).
    """

    index: IntArray
    best: FloatArray
    g: FloatArray
    step: FloatArray
    eta: FloatArray
    move: FloatArray

    def take(self, up: BoolArray, objective: FloatArray, step: FloatArray) -> None:
        """Accept the proposals `up` and set their next steps; halve the steps of the others."""
        if up.all():  # masks cost more than the arithmetic of a single small fit
            self.g += self.step
            self.eta += self.move
            self.best, self.step = objective, step
            return
        self.g[:, up] += self.step[:, up]
        self.eta[:, up] += self.move[:, up]
        self.best = np.where(up, objective, self.best)
        self.step[:, ~up] *= 0.5
        self.step[:, up] = step[:, up]

    def cap(self, free: FloatArray) -> FloatArray:
        """Shorten steps to `STEP_CAP`; the largest change of each linear predictor before that."""
        self.move = free @ self.step
        size = np.abs(self.move).max(axis=0, initial=0.0)
        share = np.minimum(1, STEP_CAP / np.maximum(size, STEP_CAP))
        self.step *= share
        self.move *= share
        return np.asarray(size)

    def keep(self, which: BoolArray) -> None:
        """Drop finished climbs."""
        self.index, self.best = self.index[which], self.best[which]
        self.g, self.step = self.g[:, which], self.step[:, which]
        self.eta, self.move = self.eta[:, which], self.move[:, which]


def _climb(
    model: Binomial, span: Span, K: FloatArray, first: FloatArray, tolerance: float
) -> _Climbed:
    """Newton's method with capped steps, halved where the objective would fall.

    Every pass evaluates one proposal of every unfinished response: it is taken if the objective
    does not fall by more than rounding, and retried with half the step otherwise.
    """
    B = K.shape[1]
    g = np.repeat(first[:, None], B, axis=1).astype(np.float64)
    out = _Climbed(g, np.full(B, -np.inf), np.zeros(B, np.int64), np.ones(B, np.int64))
    eta = span.offset[:, None] + span.free @ g
    live = _Front(
        np.arange(B), np.full(B, -np.inf), g.copy(), np.zeros_like(g), eta, np.zeros_like(eta)
    )
    full = squares(model.X)
    free = full if span.free is model.X else squares(span.free)
    for passes in range(1, MAX_ITERATIONS + 1):
        state = _evaluate(model, full, live.eta + live.move, K)
        up = state.objective >= live.best - ROUNDING * np.maximum(1, np.abs(live.best))
        live.take(up, state.objective, _newton_step(span.free, free, state))
        size = live.cap(span.free)
        singular = ~np.isfinite(live.best) | ~np.isfinite(size)
        ended = singular | (size < tolerance) | (passes == MAX_ITERATIONS)
        if ended.any():
            status = np.where(singular, 2, np.where(up & (size < tolerance), 0, 1))
            out.put(live, ended, status, passes)
            live.keep(~ended)
            K = K[:, ~ended]
        if not live.index.size:
            break
    return out


def _newton_step(F: FloatArray, products: FloatArray, state: _State) -> FloatArray:
    """Step towards a zero of the modified score, (Q, B).

    The leverages enter the curvature as additional trials; that halves the passes of Fisher's
    scoring and has the same limit.
    """
    if not F.shape[1]:
        return np.zeros((0, state.p.shape[1]))
    inverted = inverse(cholesky(information(products, state.curvature)))
    return np.asarray(np.einsum("ijb,jb->ib", inverted, F.T @ state.residual))
