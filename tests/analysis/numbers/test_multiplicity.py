"""Holm against R, max-t against known distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.multiplicity import (
    CellMeans,
    holm_steps,
    max_t,
    pairwise,
)


def _decides(p: float) -> Callable[[float], bool]:
    """A test that rejects at a level of confidence."""
    return lambda level: p <= 1 - level


def _holm(p: list[float]) -> FloatArray:
    """Holm's adjusted p-values (1979, section 3), in the order given."""
    values = np.array(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    factors = np.arange(values.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1.0)
    return adjusted


@pytest.mark.parametrize("name", ["main", "balanced30", "degenerate", "monotone"])
def test_steps_decide_what_r_decides(name: str, oracle: Callable[[str], dict[str, Any]]) -> None:
    rows = [x for x in oracle(name)["cell_contrasts"]["acc_all"] if x.get("p_holm") is not None]
    for family in ("main4", "simple4"):
        members = [x for x in rows if x["family"] == family]
        steps = holm_steps([_decides(x["p"]) for x in members], confidence=0.95)
        assert list(steps.decided) == [x["p_holm"] <= 0.05 for x in members]
        found = _holm([x["p"] for x in members])
        assert found == pytest.approx([x["p_holm"] for x in members], rel=1e-12)


@settings(deadline=None)
@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8))
def test_steps_on_intervals_decide_what_holm_decides(p: list[float]) -> None:
    steps = holm_steps([_decides(value) for value in p], confidence=0.95)
    adjusted = _holm(p)
    clear = np.abs(adjusted - 0.05) > 1e-9  # on the edge, rounding decides
    assert (np.array(steps.decided) == (adjusted <= 0.05))[clear].all()
    assert all(0.95 <= level < 1 for level in steps.confidence)


def test_one_contrast_has_the_t_interval_itself() -> None:
    means = CellMeans(np.array([0.9, 0.8]), np.array([1e-4, 4e-4]), np.array([5.0, 5.0]))
    weights = np.array([[1.0, -1.0]])
    found = max_t(means, weights, confidence=0.95, rng=np.random.default_rng(1), n_draws=200_000)
    # |t*| uses its own drawn variances, whose Satterthwaite distribution is t but for O(1/df^2).
    assert found.factor == pytest.approx(1.0, abs=0.03)
    expected = stats.ttest_ind_from_stats(0.9, 1e-2, 5, 0.8, 2e-2, 5, equal_var=False)
    assert found.df[0] == pytest.approx(stats_welch_df(1e-4, 4e-4, 5), rel=1e-12)
    assert found.p_adjusted[0] == pytest.approx(expected.pvalue, abs=2e-4)


def stats_welch_df(first: float, second: float, n: int) -> float:
    return (first + second) ** 2 / (first**2 / (n - 1) + second**2 / (n - 1))


def test_pooled_pairs_have_tukeys_critical_value() -> None:
    groups, n = 4, 6
    means = CellMeans(
        np.zeros(groups), np.ones(groups), np.full(groups, float(n)), pooled=(1.0, 20.0)
    )
    weights, pairs = pairwise(np.eye(groups))
    assert len(pairs) == 6
    found = max_t(means, weights, confidence=0.95, rng=np.random.default_rng(2), n_draws=200_000)
    critical = found.factor * stats.t.ppf(0.975, 20)
    tukey = stats.studentized_range.ppf(0.95, groups, 20) / np.sqrt(2)
    # four Monte Carlo standard errors of a quantile from 200,000 draws
    error = found.factor_mc_error * stats.t.ppf(0.975, 20)
    assert critical == pytest.approx(tukey, abs=4 * error)


def test_bands_of_independent_levels_have_sidaks_level() -> None:
    levels = 5
    means = CellMeans(np.zeros(levels), np.ones(levels), np.full(levels, 9.0))
    weights = np.eye(levels)
    found = max_t(means, weights, confidence=0.95, rng=np.random.default_rng(3), n_draws=200_000)
    sidak = stats.t.ppf(0.5 + 0.95 ** (1 / levels) / 2, 8)
    error = found.factor_mc_error * stats.t.ppf(0.975, 8)
    assert found.factor * stats.t.ppf(0.975, 8) == pytest.approx(sidak, abs=4 * error)


def test_the_same_generator_gives_the_same_band() -> None:
    means = CellMeans(np.arange(3.0), np.ones(3), np.full(3, 5.0))
    weights, _ = pairwise(np.eye(3))
    first, second = (
        max_t(means, weights, confidence=0.9, rng=np.random.default_rng(4)) for _ in range(2)
    )
    assert first.low.tolist() == second.low.tolist()
    interval = first.interval(0)
    assert interval.low < 1 < interval.high
    assert interval.mc_error_low is not None
    assert interval.mc_error_low > 0


def test_cells_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="two runs unless"):
        CellMeans(np.zeros(2), np.ones(2), np.array([1.0, 5.0]))
    flat = CellMeans(np.zeros(2), np.zeros(2), np.full(2, 5.0))
    with pytest.raises(ValueError, match="no variance"):
        max_t(flat, np.eye(2), confidence=0.95, rng=np.random.default_rng(5))


@pytest.mark.coverage
def test_simultaneous_intervals_hold_together(simulated: Callable[..., None]) -> None:
    rng = np.random.default_rng(6)
    sd = np.array([1.0, 2.0, 0.5, 1.5])
    weights, _ = pairwise(np.eye(4))
    runs, hits = 2_000, 0
    for _ in range(runs):
        values = rng.standard_normal((4, 5)) * sd[:, None]
        means = CellMeans(values.mean(axis=1), values.var(axis=1, ddof=1), np.full(4, 5.0))
        found = max_t(means, weights, confidence=0.95, rng=rng, n_draws=2_000)
        hits += bool(((found.low <= 0) & (found.high >= 0)).all())
    # A point for Satterthwaite's approximation.
    case = "all pairs of four means, sd 1:4, n=5"
    simulated("simultaneous intervals", case, hits / runs, runs, least=0.94)
