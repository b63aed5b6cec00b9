"""Variances and shares of many small cells, drawn towards those of all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import polygamma

from vggstudy.analysis.numbers.shrinkage import (
    MOST_FREEDOM,
    _inverse_trigamma,
    beta_prior,
    moderated_variances,
)


def _cells(d0: float, df: float, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True variances with d0 degrees of freedom, and what cells of df show of them."""
    rng = np.random.default_rng(seed)
    true = 2.0 * d0 / rng.chisquare(d0, count)
    return true, true * rng.chisquare(df, count) / df


@pytest.mark.parametrize("d0", [4.0, 8.0, 20.0])
def test_the_spread_of_variances_is_found(d0: float) -> None:
    _, seen = _cells(d0, 4, 20_000, 1)
    # With d0 = 20 the moments of 20,000 logarithms leave it uncertain by 8%.
    assert moderated_variances(seen, np.full(seen.size, 4.0)).prior_df == pytest.approx(d0, rel=0.2)


def test_variances_that_are_alike_become_one() -> None:
    seen = np.linspace(1.8, 2.2, 50)  # less unlike than equal ones are by chance
    found = moderated_variances(seen, np.full(50, 4.0))
    assert found.prior_df == MOST_FREEDOM
    assert found.variance == pytest.approx(np.full(50, seen.mean()), rel=1e-3)


def test_moderated_variances_are_nearer_to_the_truth_and_as_large_on_average() -> None:
    true, seen = _cells(8, 4, 4_000, 3)
    found = moderated_variances(seen, np.full(4_000, 4.0)).variance
    assert found.mean() == pytest.approx(seen.mean(), rel=1e-6)
    assert ((found - true) ** 2).mean() < 0.6 * ((seen - true) ** 2).mean()


def test_a_cell_without_a_variance_takes_the_pooled_one() -> None:
    variance, df = np.array([1.0, 1.4, np.nan, 0.0]), np.array([4.0, 4.0, 0.0, 4.0])
    found = moderated_variances(variance, df)
    assert found.variance[2] == pytest.approx(1.2)
    assert found.variance[3] == pytest.approx(1.2, rel=1e-4)  # drawn all the way, almost
    with pytest.raises(ValueError, match="no cell"):
        moderated_variances(np.zeros(3), np.full(3, 2.0))


def test_a_single_cell_keeps_its_own() -> None:
    assert moderated_variances(np.array([3.0]), np.array([2.0])).variance == pytest.approx([3.0])


@pytest.mark.parametrize("x", [0.05, 0.7, 3.0, 40.0, 900.0])
def test_trigamma_is_inverted(x: float) -> None:
    assert _inverse_trigamma(float(polygamma(1, x))) == pytest.approx(x, rel=1e-8)


@pytest.mark.parametrize(("a", "b"), [(2.0, 3.0), (0.5, 0.5), (6.0, 1.5)])
def test_the_beta_distribution_of_shares_is_found(a: float, b: float) -> None:
    rng = np.random.default_rng(5)
    n = np.full(20_000, 5.0)
    k = rng.binomial(5, rng.beta(a, b, n.size)).astype(float)
    # The moments of 20,000 shares leave the parameters uncertain by some 3%.
    assert beta_prior(k, n) == pytest.approx((a, b), rel=0.1)


def test_cells_that_always_converge_leave_little_doubt() -> None:
    a, b = beta_prior(np.full(40, 5.0), np.full(40, 5.0))
    assert a + b == pytest.approx(200)
    assert b / (a + b) == pytest.approx(0.5 / 201)
