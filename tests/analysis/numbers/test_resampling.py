from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vggstudy.analysis.numbers.resampling import (
    Strata,
    claim_generator,
    linear_deviations,
    resample_indices,
    studentized_draws,
)

SIZES = np.array([3, 5, 8])
VALUES = np.random.default_rng(11).normal(size=16)
WEIGHTS = np.array([1.0, -2.0, 0.5])


def _strata(sizes: np.ndarray = SIZES, values: np.ndarray = VALUES) -> Strata:
    return Strata(sizes, values)


def _deviations(chunk: int = 1000, count: int = 500, *, inflate: bool = True) -> np.ndarray:
    rng = claim_generator(7, "accuracy.mean")
    return linear_deviations(
        _strata(), WEIGHTS, resamples=count, rng=rng, inflate=inflate, chunk_draws=chunk
    )


@pytest.mark.parametrize("chunk", [1, 17, 333, 10_000])
def test_the_size_of_chunks_changes_nothing(chunk: int) -> None:
    assert np.array_equal(_deviations(chunk), _deviations())


def test_more_resamples_keep_the_earlier_ones() -> None:
    assert np.array_equal(_deviations(count=2000)[:500], _deviations())


def test_streams_follow_the_seed_and_the_claim_alone() -> None:
    first = claim_generator(7, "a").random(4)
    assert np.array_equal(claim_generator(7, "a").random(4), first)
    assert not np.array_equal(claim_generator(8, "a").random(4), first)
    assert not np.array_equal(claim_generator(7, "b").random(4), first)


def test_the_stream_is_the_documented_one() -> None:
    # Pinned: a later change of the stream would silently change every published interval.
    sha = int("2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", 16)  # "foo"
    expected = np.random.Philox(np.random.SeedSequence([5, sha])).random_raw(3)
    assert np.array_equal(claim_generator(5, "foo").bit_generator.random_raw(3), expected)


def test_runs_are_drawn_from_their_own_cell_uniformly() -> None:
    rng = claim_generator(1, "uniform")
    index = np.concatenate(list(resample_indices(_strata(), resamples=20_000, rng=rng)))
    assert index.shape == (20_000, 16)
    for start, size in zip(_strata().starts, SIZES, strict=True):
        drawn = index[:, start : start + size]
        assert drawn.min() == start
        assert drawn.max() == start + size - 1
        count = np.bincount((drawn - start).ravel(), minlength=size)
        # One fixed stream: the statistic is a constant, far from the 1e-3 tail.
        assert stats.chisquare(count).pvalue > 1e-3


def test_columns_of_a_resample_are_independent() -> None:
    rng = claim_generator(1, "independent")
    strata = _strata(np.array([4, 4]), np.arange(8.0))
    index = np.concatenate(list(resample_indices(strata, resamples=40_000, rng=rng)))
    correlation = np.corrcoef(index.T) - np.eye(8)
    assert np.abs(correlation).max() < 5 / np.sqrt(40_000)


@settings(max_examples=25)
@given(st.integers(2, 12), st.floats(-100, 100), st.floats(0.01, 100))
def test_bootstrap_variance_of_a_mean_is_that_of_the_plug_in(
    n: int, shift: float, scale: float
) -> None:
    values = shift + scale * VALUES[:n]
    strata, weight = Strata(np.array([n]), values), np.ones(1)
    plain = linear_deviations(
        strata, weight, resamples=2000, rng=claim_generator(3, "v"), inflate=False
    )
    # (n - 1) s^2 / n^2; a variance of 2,000 draws has a relative error of 3 to 4%.
    assert plain.var() == pytest.approx((n - 1) * values.var(ddof=1) / n**2, rel=0.16)
    wide = linear_deviations(
        strata, weight, resamples=2000, rng=claim_generator(3, "v"), inflate=True
    )
    assert wide == pytest.approx(plain * np.sqrt(n / (n - 1)), rel=1e-9, abs=1e-12 * scale)


def test_studentized_draws_repeat_the_resamples_with_their_errors() -> None:
    drawn = studentized_draws(
        _strata(), WEIGHTS, resamples=500, rng=claim_generator(7, "accuracy.mean")
    )
    assert drawn.deviation == pytest.approx(_deviations(inflate=False), abs=1e-12)
    index = np.concatenate(
        list(resample_indices(_strata(), resamples=500, rng=claim_generator(7, "accuracy.mean")))
    )
    row = VALUES[index[42]]
    cells = np.split(row, np.cumsum(SIZES)[:-1])
    variance = sum(w**2 * c.var(ddof=1) / c.size for w, c in zip(WEIGHTS, cells, strict=True))
    assert drawn.se[42] == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_cells_without_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="every stratum"):
        Strata(np.array([2, 0]), np.zeros(2))
