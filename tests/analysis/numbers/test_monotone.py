from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from scipy.special import xlogy

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.monotone import monotone_test, rising_fit


def test_the_fit_is_that_of_pool_adjacent_violators() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        n = rng.integers(1, 12, rng.integers(1, 9))
        k = rng.binomial(n, rng.random(n.size))
        expected = isotonic_regression(k / n, weights=n).x
        assert rising_fit(k.astype(float), n.astype(float)) == pytest.approx(expected, abs=1e-12)


def _log_likelihood(k: FloatArray, n: FloatArray, p: FloatArray) -> float:
    return float((xlogy(k, p) + xlogy(n - k, 1 - p)).sum())


def _statistic(k: tuple[int, ...], n: tuple[int, ...], *, falls: bool) -> float:
    """Against rates that never fall, by scipy's fit; a rise is a fall of failures."""
    good = np.array(k if falls else np.subtract(n, k), dtype=float)
    runs = np.array(n, dtype=float)
    fit = isotonic_regression(good / runs, weights=runs).x
    return 2 * (_log_likelihood(good, runs, good / runs) - _log_likelihood(good, runs, fit))


def _exact(k: tuple[int, ...], n: tuple[int, ...], *, falls: bool) -> float:
    """Over all ways in which as many successes can fall to the levels."""
    seen, mass = _statistic(k, n, falls=falls), 0
    for other in itertools.product(*(range(x + 1) for x in n)):
        if sum(other) == sum(k) and _statistic(other, n, falls=falls) >= seen - 1e-9:
            mass += math.prod(math.comb(x, y) for x, y in zip(n, other, strict=True))
    return mass / math.comb(sum(n), sum(k))


@pytest.mark.parametrize(
    ("k", "n"),
    [((5, 5, 4, 1), (5, 5, 5, 5)), ((0, 1, 3), (4, 2, 3)), ((1, 3, 3, 0), (3, 3, 3, 3))],
)
def test_p_values_are_those_of_an_enumeration(k: tuple[int, ...], n: tuple[int, ...]) -> None:
    draws = 20_000
    found = monotone_test([(np.array(k), np.array(n))], rng=np.random.default_rng(3), draws=draws)
    for p, falls in ((found.falls_p, True), (found.rises_p, False)):
        exact = _exact(k, n, falls=falls)
        # Four Monte Carlo standard errors, and the draw that is the observed one.
        assert p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / draws) + 1 / draws)


def test_reversed_levels_exchange_the_tests_and_strata_add_up() -> None:
    k, n = np.array([0, 2, 3, 6]), np.array([5, 6, 4, 6])
    one = monotone_test([(k, n)], rng=np.random.default_rng(4))
    back = monotone_test([(k[::-1], n[::-1])], rng=np.random.default_rng(4))
    # Five Monte Carlo standard errors of a share of 4,999 draws.
    assert back.falls_p == pytest.approx(one.rises_p, abs=5 * 0.5 / math.sqrt(4_999))
    assert one.rises_p < 0.025 < one.falls_p
    both = monotone_test([(k, n), (k, n)], rng=np.random.default_rng(4))
    assert both.rises_p < one.rises_p
    against = monotone_test([(k, n), (k[::-1], n[::-1])], rng=np.random.default_rng(4))
    assert max(against.rises_p, against.falls_p) < 0.05


def test_strata_in_which_all_or_none_succeed_say_nothing() -> None:
    n = np.array([3, 3, 3])
    alone = monotone_test([(0 * n, n), (n, n)], rng=np.random.default_rng(5))
    assert (alone.falls_p, alone.rises_p) == (1.0, 1.0)
    k = np.array([0, 2, 3])
    found = [
        monotone_test(strata, rng=np.random.default_rng(6))
        for strata in ([(k, n)], [(n, n), (k, n)])
    ]
    assert found[0] == found[1]
