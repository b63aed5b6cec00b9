from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import (
    OUT_OF_ITERATIONS,
    SINGULAR,
    Binomial,
    Span,
    fit_logistic,
    fit_span,
)

# Newton's method stops when no linear predictor moves by more than 1e-11.
SOLVED = 1e-8

COUNTS = st.lists(st.integers(0, 6), min_size=8, max_size=8).map(lambda k: np.array(k, float))
X_LINE = np.column_stack([np.ones(8), np.arange(3.0, 11.0)])
SIX = np.full(8, 6.0)


def _score(design: FloatArray, k: FloatArray, n: FloatArray, beta: FloatArray) -> FloatArray:
    """Firth's modified score, written with a hat matrix and without batches."""
    p = 1 / (1 + np.exp(-design @ beta))
    w = n * p * (1 - p)
    root = np.sqrt(w)[:, None] * design
    h = np.diag(root @ np.linalg.inv(root.T @ root) @ root.T)
    return np.asarray(design.T @ (k - n * p + h * (0.5 - p)))


@pytest.mark.parametrize("k", [0.0, 1.0, 3.0, 7.0])
def test_a_saturated_cell_gets_half_a_success_and_half_a_failure(k: float) -> None:
    # The score of one cell is k - np + 1/2 - p = 0.
    fit = fit_logistic(Binomial(np.ones((1, 1)), np.array([7.0])), np.array([k]))
    assert fit.fitted[0] == pytest.approx((k + 0.5) / 8, rel=1e-12)


def test_saturated_cells_of_any_coding_get_half_a_success_each() -> None:
    design = np.array([[1.0, 0, 0], [1, 1, 0], [1, 1, 1]])
    k, n = np.array([0.0, 3, 5]), np.array([4.0, 6, 5])
    fit = fit_logistic(Binomial(design, n), k)
    assert fit.fitted == pytest.approx((k + 0.5) / (n + 1), rel=1e-9)


@given(COUNTS)
def test_the_estimate_solves_the_modified_score(k: FloatArray) -> None:
    fit = fit_logistic(Binomial(X_LINE, SIX), k)
    assert fit.converged
    scale = np.abs(X_LINE).sum(axis=0) * 6
    assert _score(X_LINE, k, SIX, fit.coefficients) / scale == pytest.approx([0, 0], abs=SOLVED)


@given(COUNTS)
def test_swapping_success_and_failure_changes_every_sign(k: FloatArray) -> None:
    model = Binomial(X_LINE, SIX)
    one, other = fit_logistic(model, k), fit_logistic(model, 6 - k)
    assert other.coefficients == pytest.approx(-one.coefficients, abs=1e-8)
    assert other.se == pytest.approx(one.se, rel=1e-8)


@given(COUNTS, st.floats(-20, 20), st.floats(0.01, 100))
def test_shifting_and_scaling_a_column_changes_no_fitted_value(
    k: FloatArray, shift: float, scale: float
) -> None:
    moved = np.column_stack([X_LINE[:, 0], scale * (X_LINE[:, 1] - shift)])
    one, other = fit_logistic(Binomial(X_LINE, SIX), k), fit_logistic(Binomial(moved, SIX), k)
    assert other.fitted == pytest.approx(one.fitted, abs=1e-8)
    assert other.coefficients[1] * scale == pytest.approx(one.coefficients[1], abs=1e-7)
    # The penalty moves by the logarithm of the scale, and by nothing else.
    gap = other.penalised_log_likelihood - one.penalised_log_likelihood
    assert gap == pytest.approx(np.log(scale), abs=1e-7)


@given(COUNTS)
def test_splitting_a_cell_into_runs_changes_nothing(k: FloatArray) -> None:
    rows = np.repeat(X_LINE, 6, axis=0)
    runs = np.concatenate([np.arange(6) < successes for successes in k]).astype(float)
    one = fit_logistic(Binomial(X_LINE, SIX), k)
    other = fit_logistic(Binomial(rows, np.ones(48)), runs)
    assert other.coefficients == pytest.approx(one.coefficients, abs=1e-7)
    assert other.penalised_log_likelihood == pytest.approx(one.penalised_log_likelihood, abs=1e-8)


def test_separated_data_fail_as_data_under_maximum_likelihood() -> None:
    k = np.where(X_LINE[:, 1] > 6, 6.0, 0.0)
    fit = fit_logistic(Binomial(X_LINE, SIX, penalised=False), k)
    assert not fit.converged
    assert fit.failure_reason in {OUT_OF_ITERATIONS, SINGULAR}
    assert fit_logistic(Binomial(X_LINE, SIX), k).failure_reason is None


def test_a_design_without_full_rank_fails_as_data() -> None:
    design = np.column_stack([np.ones(8), np.zeros(8)])
    fit = fit_logistic(Binomial(design, SIX), np.ones(8))
    assert (fit.converged, fit.failure_reason) == (False, SINGULAR)


@given(COUNTS)
def test_a_fit_does_not_depend_on_its_start(k: FloatArray) -> None:
    model, span = Binomial(X_LINE, SIX), Span(np.zeros(8), X_LINE)
    cold, warm = fit_span(model, span, k), fit_span(model, span, k, start=np.array([0.1, -0.2]))
    assert cold.converged
    assert warm.converged
    assert warm.g == pytest.approx(cold.g, abs=1e-8)
    # Convergence is linear with a rate of about one third at worst: what is left is below the step.
    loose = fit_span(model, span, k, tolerance=1e-6)
    assert X_LINE @ loose.g == pytest.approx(X_LINE @ cold.g, abs=2e-6)


def test_a_span_with_nothing_free_is_evaluated_where_it_is() -> None:
    model = Binomial(X_LINE, SIX)
    k = np.arange(8.0) % 7
    fit = fit_logistic(model, k)
    found = fit_span(model, Span(X_LINE @ fit.coefficients, np.zeros((8, 0))), k)
    assert found.objective == pytest.approx(fit.penalised_log_likelihood, rel=1e-12)


@pytest.mark.parametrize("k", [[-1.0], [8.0]])
def test_impossible_counts_are_refused(k: list[float]) -> None:
    with pytest.raises(ValueError, match="0 <= k <= n"):
        fit_logistic(Binomial(np.ones((1, 1)), np.array([7.0])), np.array(k))


def test_cells_without_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="n positive"):
        Binomial(np.ones((1, 1)), np.zeros(1))
