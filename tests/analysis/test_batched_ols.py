"""Fits of many resamples at once are those of a loop."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis.batched_ols import (
    BLOCK,
    fixed_size_fits,
    random_size_fits,
    resample_converged,
)
from vggstudy.analysis.cells import Cells
from vggstudy.analysis.table import RunTable


def _draws(seed: int, fits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.arange(8.0)
    design = np.column_stack([np.ones(16), np.tile(x, 2), np.tile(x**2, 2), np.repeat([0, 1], 8)])
    counts = rng.integers(0, 4, size=(fits, 16)).astype(float)
    sums = counts * rng.normal(size=(fits, 16))
    return design, counts, sums


def _loop(design: np.ndarray, counts: np.ndarray, sums: np.ndarray) -> np.ndarray:
    root = np.sqrt(counts)
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return np.array(
        [
            np.linalg.lstsq(design * w[:, None], w * mean, rcond=None)[0]
            for w, mean in zip(root, means, strict=True)
        ]
    )


def test_batched_fits_with_random_sizes_equal_a_loop_over_all_blocks() -> None:
    design, counts, sums = _draws(0, BLOCK + 20)
    found = random_size_fits(design, counts, sums)
    assert not found.failed.any()
    # Normal equations square the condition number, about 100 here, in an orthonormal basis 1.
    assert np.allclose(found.coefficients, _loop(design, counts, sums), rtol=1e-8, atol=1e-9)


def test_fits_with_fixed_sizes_equal_a_loop() -> None:
    design, counts, _ = _draws(1, 1)
    n = counts[0] + 1
    means = np.random.default_rng(2).normal(size=(50, 16))
    found = fixed_size_fits(design, n, means)
    assert np.allclose(found, _loop(design, np.tile(n, (50, 1)), means * n), rtol=1e-9)


def test_resamples_that_lose_a_coefficient_are_told_and_nothing_else() -> None:
    design, counts, sums = _draws(2, 200)
    counts[counts == 0] = 1
    counts[3, 8:] = 0  # the second arm is gone
    counts[7, [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13]] = 0  # two levels are left
    counts[9] = 0
    sums[counts == 0] = 0
    found = random_size_fits(design, counts, sums)
    assert np.flatnonzero(found.failed).tolist() == [3, 7, 9]
    assert np.isfinite(found.coefficients).all()
    fits = ~found.failed
    assert np.allclose(
        found.coefficients[fits], _loop(design, counts[fits], sums[fits]), rtol=1e-8, atol=1e-9
    )


def test_three_levels_in_one_fit_are_enough() -> None:
    design, counts, sums = _draws(3, 10)
    counts[:] = 2
    counts[4] = 0
    counts[4, [0, 3, 7, 12]] = 1
    sums[counts == 0] = 0
    assert not random_size_fits(design, counts, sums).failed.any()


@pytest.fixture
def partly_failed(make_table: Callable[..., RunTable]) -> Cells:
    """Eight levels of ten runs, some of them failed."""
    rng = np.random.default_rng(5)
    values = {
        (level,): [0.8 + 0.01 * rng.random() if i < 10 - level % 4 else None for i in range(10)]
        for level in range(8)
    }
    return Cells.from_table(make_table(values, factors=("x",)))


def test_resampled_coefficients_vary_as_hc2_says(partly_failed: Cells) -> None:
    x = np.arange(8.0)
    design = np.column_stack([np.ones(8), x, x**2])
    base = fixed_size_fits(design, partly_failed.k, partly_failed.mean[None])[0]
    found = resample_converged(
        partly_failed,
        design,
        design @ base,
        n_resamples=4_000,
        rng=np.random.default_rng(0),
        inflate=True,
    )
    weights = np.linalg.pinv(design * np.sqrt(partly_failed.k)[:, None]) * np.sqrt(partly_failed.k)
    expected = np.sqrt(weights**2 @ (partly_failed.variance / partly_failed.k))
    assert not found.failed.any()
    # Random sizes add a little; the Monte Carlo error of a standard deviation is 1.1%.
    assert np.allclose(found.coefficients.std(axis=0) / expected, 1.03, atol=0.07)
    assert np.abs(found.coefficients.mean(axis=0) / expected).max() < 0.1


def test_chunks_change_no_resample(partly_failed: Cells) -> None:
    design = np.column_stack([np.ones(8), np.arange(8.0)])
    found = [
        resample_converged(
            partly_failed,
            design,
            np.full(8, 0.8),
            n_resamples=50,
            rng=np.random.default_rng(0),
            inflate=False,
            chunk_draws=size,
        )
        for size in (100, 10_000)
    ]
    assert np.array_equal(found[0].coefficients, found[1].coefficients)
