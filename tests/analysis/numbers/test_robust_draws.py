"""Interquartile means drawn between order statistics, against sorting every resample."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.robust import interquartile_mean, resampled_interquartile_means

N = 100_000


def sorted_resamples(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    return interquartile_mean(values[rng.integers(0, values.size, (N, values.size))])


def between(values: FloatArray, chunk_draws: int = 100_000) -> FloatArray:
    rng = np.random.default_rng(6)
    return resampled_interquartile_means(values, resamples=N, rng=rng, chunk_draws=chunk_draws)


@pytest.mark.parametrize("size", [4, 5, 8, 11, 40])
@pytest.mark.parametrize("shape", ["skew", "ties"])
def test_the_law_is_that_of_sorting(size: int, shape: str) -> None:
    rng = np.random.default_rng(5)
    chosen = rng.gamma(2.0, 1.0, size) if shape == "skew" else np.arange(size) // 3
    values = np.asarray(chosen, dtype=np.float64)
    expected, found = sorted_resamples(values, rng), between(values)
    # Off by one in a rank, the means of 4 to 11 values move by 5 to 30 of these errors.
    error = np.sqrt(expected.var() * 2 / N)
    assert abs(found.mean() - expected.mean()) < 4 * error
    assert found.std() == pytest.approx(expected.std(), rel=0.015)
    # Rounding in sums of tied values would count as different values.
    rounded = [np.round(x, 9) for x in (found, expected)]
    assert stats.ks_2samp(rounded[0], rounded[1], method="asymp").pvalue > 1e-3


def test_chunks_do_not_change_the_draws() -> None:
    values = np.random.default_rng(1).normal(size=9)
    np.testing.assert_array_equal(between(values), between(values, chunk_draws=333))


def test_equal_values_have_one_mean() -> None:
    assert (between(np.full(10, 0.5)) == 0.5).all()
