"""Holm against R, max-t against known distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.multiplicity import (
    CellMeans,
    benjamini_hochberg,
    holm_steps,
    max_t,
    pairwise,
)


def _decides(p: float) -> Callable[[float], bool]:
    """A test that rejects at a level of confidence."""
    return lambda level: p <= 1 - level


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=40), st.sampled_from([0.01, 0.05, 0.2]))
@settings(deadline=None, max_examples=200)
def test_discoveries_are_those_of_statsmodels(p: list[float], rate: float) -> None:
    found = benjamini_hochberg([_decides(x) for x in p], rate=rate)
    assert list(found) == multipletests(p, alpha=rate, method="fdr_bh")[0].tolist()


def test_discoveries_far_from_the_edge_are_asked_twice() -> None:
    """At the first level and at half of the second's error, which later steps do not reach."""
    p = [1e-6] * 20 + [0.028, 0.029, 0.031, 0.04, 0.049] + [0.9] * 15
    asked = [0] * len(p)

    def counted(i: int) -> Callable[[float], bool]:
        def decides(level: float) -> bool:
            asked[i] += 1
            return p[i] <= 1 - level

        return decides

    found = benjamini_hochberg([counted(i) for i in range(len(p))], rate=0.05)
    assert list(found) == multipletests(p, alpha=0.05, method="fdr_bh")[0].tolist()
    assert asked[:20] == [2] * 20
    assert asked[25:] == [1] * 15
    assert sum(asked) < 80


def test_discoveries_step_up_where_holm_stops() -> None:
    p = [0.02, 0.03, 0.035, 0.04, 0.045]
    assert all(benjamini_hochberg([_decides(x) for x in p], rate=0.05))
    assert not any(holm_steps([_decides(x) for x in p], confidence=0.95).decided)
    assert benjamini_hochberg([], rate=0.05) == ()


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


def test_unequal_runs_have_at_least_welchs_interval_at_sidaks_level() -> None:
    n = np.array([2.0, 5.0, 20.0])
    means = CellMeans(np.zeros(3), np.array([1.0, 2.0, 0.5]), n)
    weights, _ = pairwise(np.eye(3))
    found = max_t(means, weights, confidence=0.95, rng=np.random.default_rng(7))
    critical = (found.high - found.estimate) / found.se
    sidak = (1 + 0.95 ** (1 / 3)) / 2
    assert (critical >= stats.t.ppf(sidak, found.df)).all()
    assert (critical <= np.maximum(stats.t.ppf(sidak, [1, 1, 4]), found.factor * 12.8)).all()
    undrawn = int(np.flatnonzero(~found.drawn)[0])
    assert found.interval(undrawn).mc_error_low == 0


def test_equal_cells_of_five_runs_are_decided_by_the_draws_alone() -> None:
    weights, _ = pairwise(np.eye(3))
    for n, alone in ((5.0, True), (4.0, False)):
        means = CellMeans(np.zeros(3), np.array([1.0, 2.0, 0.5]), np.full(3, n))
        found = max_t(means, weights, confidence=0.95, rng=np.random.default_rng(7))
        assert bool(found.drawn.all()) is alone
        sidak = stats.t.ppf((1 + 0.95 ** (1 / 3)) / 2, found.df)
        reached = (found.high - found.estimate) / found.se >= sidak - 1e-12
        assert bool(reached.all()) is not alone


def test_an_adjusted_p_value_says_what_the_interval_says() -> None:
    weights, _ = pairwise(np.eye(3))
    for shift in np.linspace(0, 12, 25):
        means = CellMeans(
            np.array([0.0, 0.5, shift]), np.array([1.0, 2.0, 0.5]), np.array([3.0, 5.0, 9.0])
        )
        found = max_t(means, weights, confidence=0.95, rng=np.random.default_rng(8))
        outside = (found.low > 0) | (found.high < 0)
        # The draws' own share may miss the level by one draw.
        assert (outside == (found.p_adjusted < 0.05 + 1e-4)).all()


FAMILIES = [
    ((2, 5, 10, 20), (1.0, 1.0, 1.0, 1.0)),
    ((20, 10, 5, 2), (1.0, 2.0, 3.0, 4.0)),
    ((20, 20, 20, 2), (1.0, 2.0, 3.0, 4.0)),
    ((2, 2, 2, 20), (1.0, 1.0, 1.0, 1.0)),
    ((20, 10, 5, 3), (1.0, 2.0, 3.0, 4.0)),
    ((10, 8, 6, 4), (1.0, 1.0, 1.0, 3.0)),
    ((3, 3, 3, 3), (1.0, 2.0, 3.0, 4.0)),
    ((2, 2, 2, 2), (1.0, 1.0, 1.0, 8.0)),
]
"""Runs and standard deviations of four cells of one mean."""


def _false_differences(n: tuple[int, ...], sd: tuple[float, ...], *, alone: bool) -> float:
    """Share of 1,000 studies in which some pair is told apart, by max-t or by its draws alone."""
    rng, studies, wrong = np.random.default_rng(61), 1_000, 0
    weights, _ = pairwise(np.eye(len(n)))
    for _ in range(studies):
        values = [rng.normal(0, s, k) for k, s in zip(n, sd, strict=True)]
        means = CellMeans(
            np.array([x.mean() for x in values]),
            np.array([x.var(ddof=1) for x in values]),
            np.array(n, dtype=float),
        )
        found = max_t(means, weights, confidence=0.95, rng=rng, n_draws=2_000)
        half = found.high - found.estimate
        if alone:
            half = found.factor * stats.t.ppf(0.975, found.df) * found.se
        wrong += bool((np.abs(found.estimate) > half).any())
    return wrong / studies


@pytest.mark.coverage
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize(("n", "sd"), FAMILIES)
def test_equal_cells_of_unequal_runs_are_rarely_told_apart(
    n: tuple[int, ...], sd: tuple[float, ...], *, alone: bool, simulated: Callable[..., None]
) -> None:
    share = _false_differences(n, sd, alone=alone)
    most = 0.25 if alone else 0.05
    name = f"n={'/'.join(map(str, n))}, sd {'/'.join(f'{s:g}' for s in sd)}"
    name = f"draws alone: {name}" if alone else name
    group = "any false difference among all pairs of four cells, max-t"
    simulated(group, name, share, 1_000, most=most, nominal=most)


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
