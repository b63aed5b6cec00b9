from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import Binomial, fit_logistic
from vggstudy.analysis.numbers.profile import fit_restricted, likelihood_ratio, profile_interval
from vggstudy.analysis.numbers.profile_function import function_interval

X = np.column_stack([np.ones(8), np.arange(8.0) - 3.5, np.arange(8) % 2])
N = np.full(8, 5.0)
K = np.array([0.0, 1, 0, 2, 4, 3, 5, 5])
MODEL = Binomial(X, N)
FIT = fit_logistic(MODEL, K)


def test_one_cell_has_the_limits_of_its_penalised_likelihood() -> None:
    # l(p) + 0.5 log(n p (1 - p)) with k = 2, n = 6, written out and solved by itself.
    def drop(eta: float) -> float:
        def height(x: float) -> float:
            p = expit(x)
            return float(2.5 * np.log(p) + 4.5 * np.log1p(-p))

        return 2 * (height(np.log(2.5 / 4.5)) - height(eta)) - 3.841458820694124

    model = Binomial(np.ones((1, 1)), np.array([6.0]))
    fit = fit_logistic(model, np.array([2.0]))
    found = profile_interval(model, np.array([2.0]), fit, np.ones(1), confidence=0.95)
    expected = (brentq(drop, -8, -0.6, xtol=1e-13), brentq(drop, -0.5, 8, xtol=1e-13))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)


def test_the_limits_of_a_combination_do_not_depend_on_the_coding() -> None:
    mix = np.array([[1.0, 2, 0], [0, 1, 1], [0, 0, 3]])
    other = Binomial(X @ mix, N)
    row = np.array([1.0, -0.5, 0.3])
    one = profile_interval(MODEL, K, FIT, row, confidence=0.9)
    two = profile_interval(other, K, fit_logistic(other, K), row @ mix, confidence=0.9)
    assert (two.low, two.high) == pytest.approx((one.low, one.high), rel=1e-8)


@given(st.lists(st.integers(0, 5), min_size=8, max_size=8), st.integers(0, 2))
def test_a_limit_lies_where_the_likelihood_has_dropped_and_widens_with_the_level(
    k: list[int], j: int
) -> None:
    counts, row = np.array(k, float), np.eye(3)[j]
    fit = fit_logistic(MODEL, counts)
    found = profile_interval(MODEL, counts, fit, row, confidence=0.95)
    for end in (found.low, found.high):
        best = fit_restricted(MODEL, counts, row[None], np.array([end]))
        drop = 2 * (fit.penalised_log_likelihood - best.objective)
        assert drop == pytest.approx(3.841458820694124, rel=1e-6)
    wider = profile_interval(MODEL, counts, fit, row, confidence=0.99)
    assert wider.low < found.low < found.estimate < found.high < wider.high


def test_maximum_likelihood_has_an_infinite_limit_under_separation() -> None:
    model = Binomial(np.ones((1, 1)), np.array([5.0]), penalised=False)
    k = np.array([5.0])
    # The fit runs away; its last point serves as the top of the likelihood.
    fit = fit_logistic(model, k)
    found = profile_interval(model, k, fit, np.ones(1), confidence=0.95)
    assert found.high == np.inf
    # -2 log L = 10 log(1 + exp(-eta)) = 3.84; the root's tolerance is 1e-11 of the standard error,
    # which has run away to 1e8.
    assert found.low == pytest.approx(-np.log(np.expm1(3.841458820694124 / 10)), abs=1e-3)


def test_repeated_constraints_are_one_constraint() -> None:
    row = np.array([[0.0, 1, 0], [0, 2, 0]])
    once = fit_restricted(MODEL, K, row[:1], np.array([0.7]))
    twice = fit_restricted(MODEL, K, row, np.array([0.7, 1.4]))
    assert twice.objective == pytest.approx(once.objective, rel=1e-12)
    assert twice.coefficients == pytest.approx(once.coefficients, abs=1e-6)


def test_fixing_every_coefficient_evaluates_the_likelihood() -> None:
    found = fit_restricted(MODEL, K, np.eye(3), FIT.coefficients)
    assert found.objective == pytest.approx(FIT.penalised_log_likelihood, rel=1e-12)


def test_the_test_of_the_estimate_itself_is_zero() -> None:
    shifted = X.copy()
    k = np.full(8, 2.5)  # symmetric: every coefficient is zero
    found = likelihood_ratio(Binomial(shifted, N), k, fit_logistic(MODEL, k), np.eye(3)[1:])
    assert (found.chisq, found.df, found.p) == pytest.approx((0, 2, 1), abs=1e-9)


@pytest.mark.parametrize("k", [K, np.zeros(8), np.full(8, 5.0)])
def test_limits_of_a_linear_function_are_those_of_the_combination(k: FloatArray) -> None:
    row, fit = np.array([1.0, 0.5, -1.0]), fit_logistic(MODEL, k)
    found = function_interval(MODEL, k, fit, lambda b: (float(row @ b), row), confidence=0.95)
    expected = profile_interval(MODEL, k, fit, row, confidence=0.95)
    assert found is not None
    # The optimiser stops within 1e-5 of the region's edge at worst.
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-5)


def test_limits_of_a_monotone_function_are_the_function_of_the_limits() -> None:
    row = np.array([1.0, -3.5, 0.0])

    def probability(b: FloatArray) -> tuple[float, FloatArray]:
        p = float(expit(row @ b))
        return p, p * (1 - p) * row

    found = function_interval(MODEL, K, FIT, probability, confidence=0.95)
    line = profile_interval(MODEL, K, FIT, row, confidence=0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(expit([line.low, line.high])), rel=1e-4)


def test_a_limit_before_the_reach_of_double_precision_is_found() -> None:
    """One run in most cells and an effect that separates: twice as far out nothing can be told."""
    levels = product((-0.5, 0.5), (-2.0, -1.0, 0.0, 1.0, 2.0), (0.0, 1.0), (0.0, 1.0))
    x = np.array([(1.0, *level) for level in levels])
    n = np.array([2.0] * 7 + [1.0] * 33)
    learned = (x[:, 1] < 0) | (x[:, 4] > 0)
    k = np.where(learned, n, 0.0)
    k[0] = 0.0
    model = Binomial(x, n)
    fit, row = fit_logistic(model, k), np.eye(5)[1]
    found = profile_interval(model, k, fit, row, confidence=0.95)
    best = fit_restricted(model, k, row[None], np.array([found.low]))
    assert best.converged
    drop = 2 * (fit.penalised_log_likelihood - best.objective)
    assert drop == pytest.approx(3.841458820694124, rel=1e-6)
    assert found.low < -20
