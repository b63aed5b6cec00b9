"""Effect sizes against R, by hand, and at their edges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.effects import (
    cliffs_delta,
    feng_cliff,
    performance_band,
    performance_profile,
    score_limits,
    small_sample_correction,
    standardised_difference,
)

Ledger = Callable[[str], RunTable]
Oracle = Callable[[str], dict[str, Any]]

CASES = (
    "bn_vs_nobn_depth11_all",
    "bn_vs_nobn_depth11_converged",
    "bn_vs_nobn_depth19_all",
    "bn_vs_nobn_depth19_converged",
    "dn_on_top_of_bn_all",
    "bn_vs_nobn_all",
)
CLOSED = 1e-9  # both sides are closed forms in double precision; values are given to 17 digits


def split(table: RunTable, case: str) -> tuple[FloatArray, FloatArray]:
    """The oracle's two groups."""
    frame = table.to_frame()
    keep = np.ones(len(frame), dtype=bool)
    for depth in (11, 19):
        if f"depth{depth}" in case:
            keep &= (frame["depth"] == depth).to_numpy()
    if case.endswith("converged"):
        keep &= (frame["outcome"] == "converged").to_numpy()
    factor = "data_norm" if case.startswith("dn_") else "batch_norm"
    if case.startswith("dn_"):
        keep &= (frame["batch_norm"] == 1).to_numpy()
    value = frame["test_accuracy"].to_numpy(dtype=np.float64)
    on = (frame[factor] == 1).to_numpy()
    return value[keep & on], value[keep & ~on]


@pytest.mark.parametrize("name", ["main", "balanced30", "degenerate", "monotone"])
@pytest.mark.parametrize("case", CASES)
def test_effect_sizes_equal_those_of_r(
    name: str, case: str, ledger: Ledger, oracle: Oracle
) -> None:
    expected = oracle(name)["two_sample"][case]
    if "error" in expected["hedges"] or "error" in expected["cliff"]:
        pytest.skip("R gives no value")
    first, second = split(ledger(name), case)
    hedges, cliff = expected["hedges"], expected["cliff"]
    found = standardised_difference(first, second, confidence=0.95)
    assert found.cohen_d == pytest.approx(hedges["cohen_d"], rel=CLOSED)
    assert found.correction == pytest.approx(hedges["J_exact"], rel=CLOSED)
    assert found.hedges_g == pytest.approx(hedges["g_exact"], rel=CLOSED)
    assert found.sd_pooled == pytest.approx(hedges["sd_pooled"], rel=CLOSED)
    assert found.variance == pytest.approx(hedges["var_hedges_olkin"], rel=CLOSED)
    assert found.interval.low == pytest.approx(hedges["lo_hedges_olkin"], rel=CLOSED)
    assert found.interval.high == pytest.approx(hedges["hi_hedges_olkin"], rel=CLOSED)
    dominance = cliffs_delta(first, second, confidence=0.95)
    assert dominance.delta == pytest.approx(cliff["delta"], rel=CLOSED)
    assert dominance.variance == pytest.approx(cliff["var_unbiased"], rel=CLOSED)
    classic = feng_cliff(dominance.delta, dominance.variance, confidence=0.95)
    assert classic.low == pytest.approx(cliff["lo_unbiased_z"], rel=CLOSED)
    assert classic.high == pytest.approx(cliff["hi_unbiased_z"], rel=CLOSED)
    assert dominance.interval.low <= classic.low
    assert dominance.interval.high >= classic.high
    assert (dominance.greater, dominance.less, dominance.ties) == (
        cliff["n_greater"],
        cliff["n_less"],
        cliff["n_ties"],
    )
    improvement = dominance.probability_of_improvement
    assert improvement.estimate == pytest.approx(cliff["vargha_delaney_A"], rel=CLOSED)


def test_the_exact_correction_for_two_degrees_of_freedom_is_one_over_root_pi() -> None:
    # J(2) = gamma(1) / (sqrt(1) gamma(1/2)) = 1 / sqrt(pi)
    assert small_sample_correction(2) == pytest.approx(1 / np.sqrt(np.pi), rel=1e-14)


def test_delta_by_hand() -> None:
    # Pairs of (1, 3) with (2, 3): 1 < 2, 1 < 3, 3 > 2, 3 = 3.
    found = cliffs_delta(np.array([1.0, 3.0]), np.array([2.0, 3.0]), confidence=0.95)
    assert (found.greater, found.less, found.ties) == (1, 2, 1)
    assert found.delta == -0.25
    assert found.probability_of_improvement.estimate == 0.375


def test_score_limits_solve_their_equation() -> None:
    for delta, n1, n2 in ((0.2, 5, 5), (-0.6, 12, 7), (0.92, 20, 30)):
        for limit in score_limits(delta, n1, n2, confidence=0.95):
            theta, more = (1 + limit) / 2, (n1 + n2) / 2 - 1
            hanley = 1 + more * ((1 - theta) / (2 - theta) + theta / (1 + theta))
            variance = theta * (1 - theta) * hanley / (n1 * n2)
            z2 = ((1 + delta) / 2 - theta) ** 2 / variance
            assert z2 == pytest.approx(1.959964**2, rel=1e-6)


@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (4, 4), (5, 5), (3, 7), (10, 4)])
def test_separated_groups_exclude_0_just_where_the_permutation_test_does(n1: int, n2: int) -> None:
    found = cliffs_delta(np.arange(20.0, 20.0 + n1), np.arange(float(n2)), confidence=0.95)
    p = 2 / math.comb(n1 + n2, n1)
    assert (found.delta, found.interval.high) == (1, 1)
    assert (found.interval.low > 0) == (p < 0.05)
    turned = cliffs_delta(np.arange(float(n2)), np.arange(20.0, 20.0 + n1), confidence=0.95)
    assert turned.interval.low == -1
    assert turned.interval.high == pytest.approx(-found.interval.low, abs=1e-12)


def test_three_of_three_are_separated_with_a_probability_by_hand() -> None:
    """Odds 0.7014 of exponential values: 0.7014/3.7014 x 1.4028/4.4028 x 2.1042/5.1042 = 2.5%."""
    found = cliffs_delta(np.arange(3.0, 6.0), np.arange(3.0), confidence=0.95)
    theta = (1 + found.interval.low) / 2
    steps = theta / (1 - theta) * np.arange(1, 4)
    assert float(np.prod(steps / (steps + 3))) == pytest.approx(0.025, rel=1e-9)


@pytest.mark.parametrize("n2", [2, 3, 5, 8])
@pytest.mark.parametrize("n1", [2, 4, 5, 20])
def test_limits_rise_with_delta_up_to_separation(n1: int, n2: int) -> None:
    """The more the groups come apart, the higher the limit: separation has the highest."""
    deltas = np.arange(-n1 * n2, n1 * n2 + 1) / (n1 * n2)
    found = np.array([score_limits(float(x), n1, n2, confidence=0.95) for x in deltas])
    assert (np.diff(found, axis=0) > -1e-12).all()
    assert (found[:, 0] <= deltas).all()
    assert (found[:, 1] >= deltas).all()


def test_an_overlapping_pair_lowers_the_limit_of_five_against_five() -> None:
    first, second = np.linspace(0.91, 0.95, 5), np.linspace(0.81, 0.85, 5)
    apart = cliffs_delta(first, second, confidence=0.95).interval
    overlap = np.array([*second[:4], 0.915])
    near = cliffs_delta(first, overlap, confidence=0.95).interval
    assert apart.low > 0
    assert near.low < apart.low


values = st.lists(st.integers(0, 6), min_size=2, max_size=9).map(
    lambda x: np.array(x, dtype=np.float64)
)


@settings(deadline=None, max_examples=60)
@given(values, values)
def test_delta_counts_all_pairs_and_changes_sign_with_the_order(
    first: FloatArray, second: FloatArray
) -> None:
    found = cliffs_delta(first, second, confidence=0.9)
    turned = cliffs_delta(second, first, confidence=0.9)
    signs = [np.sign(a - b) for a, b in itertools.product(first, second)]
    assert found.delta == pytest.approx(float(np.mean(signs)), abs=1e-14)
    assert turned.delta == pytest.approx(-found.delta, abs=1e-14)
    assert turned.interval.low == pytest.approx(-found.interval.high, abs=1e-12)
    assert -1 <= found.interval.low <= found.delta <= found.interval.high <= 1
    assert found.interval.low < found.interval.high


def test_too_little_for_an_effect_size_is_said() -> None:
    two = np.array([0.1, 0.2])
    with pytest.raises(ValueError, match="more than 1 degree of freedom, got 0"):
        standardised_difference(two[:1], two[:1], confidence=0.95)
    with pytest.raises(ValueError, match="no spread to divide by"):
        standardised_difference(np.full(6, 0.1), np.full(6, 0.1), confidence=0.95)
    with pytest.raises(ValueError, match="two values in each group, got 1 and 2"):
        cliffs_delta(two[:1], two, confidence=0.95)


def test_a_profile_counts_runs_above_each_threshold() -> None:
    profile = performance_profile(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0.0, 0.5, 0.8, 1.0]))
    assert profile.tolist() == [1.0, 0.25, 0.25, 0.0]
    low, high = performance_band(np.arange(100) / 100, np.array([0.495]), confidence=0.95)
    # sqrt(log(40) / 200) = 0.1358
    assert high[0] - 0.5 == pytest.approx(0.13581, abs=1e-5)
    assert 0.5 - low[0] == pytest.approx(0.13581, abs=1e-5)
    with pytest.raises(ValueError, match="at least one value"):
        performance_profile(np.array([]), np.array([0.5]))
