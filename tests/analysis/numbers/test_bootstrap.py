"""Interval code on R's own replicates: no Monte Carlo error between the two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.resampling import (
    Strata,
    claim_generator,
    linear_deviations,
    studentized_draws,
)

LEDGERS = ("main", "degenerate")
# Replicates are stored with 17 digits; what is left is the subtraction of the estimate.
EXACT = 1e-10


@pytest.fixture(params=LEDGERS)
def reference_draws(
    request: pytest.FixtureRequest, reference: Path, oracle: Callable[[str], dict[str, Any]]
) -> tuple[dict[str, Any], FloatArray, FloatArray]:
    """R's results, its replicates and their standard errors."""
    name = request.param
    t, variance = np.loadtxt(
        reference / f"boot_t_ledger_{name}.csv.gz", delimiter=",", skiprows=1, unpack=True
    )
    return oracle(name)["boot_bn_deep"], t, np.sqrt(variance)


@pytest.fixture(params=LEDGERS)
def strata(
    request: pytest.FixtureRequest, reference: Path, oracle: Callable[[str], dict[str, Any]]
) -> tuple[dict[str, Any], Strata, FloatArray]:
    """The data that R resampled: all runs at the greatest depth, strata weighted by size."""
    frame = pd.read_csv(reference / f"ledger_{request.param}.csv")
    deep = frame[frame.depth == frame.depth.max()]
    cells = deep.groupby(["batch_norm", "data_norm", "batch_size"])["test_accuracy"]
    sizes = cells.size()
    normed = sizes.index.get_level_values("batch_norm").to_numpy() == 1
    n = sizes.to_numpy(dtype=float)
    weights = np.where(normed, n / n[normed].sum(), -n / n[~normed].sum())
    values = np.concatenate([group.to_numpy() for _, group in cells])
    return oracle(request.param)["boot_bn_deep"], Strata(sizes.to_numpy(), values), weights


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


def test_percentile_and_basic_intervals_equal_those_of_r(
    reference_draws: tuple[dict[str, Any], FloatArray, FloatArray],
) -> None:
    expected, t, _ = reference_draws
    t0 = expected["t0"]
    for function in (bootstrap.percentile, bootstrap.basic):
        found = function(t0, t - t0, confidence=0.95)
        r = expected[function.__name__]
        assert _ends(found) == pytest.approx((r["lo"], r["hi"]), abs=EXACT)


def test_bca_intervals_equal_those_of_r_at_its_acceleration(
    reference_draws: tuple[dict[str, Any], FloatArray, FloatArray],
) -> None:
    expected, t, _ = reference_draws
    t0 = expected["t0"]
    # Ties with the estimate: R compares t and t0 themselves, we their difference.
    deviation = np.where(t < t0, np.minimum(t - t0, -1e-300), np.maximum(t - t0, 0))
    for key in (
        "bca_davison_hinkley",
        "bca_jackknife_within_strata",
        "bca_naive_run_level_jackknife",
    ):
        r = expected[key]
        found = bootstrap.bca(t0, deviation, r["a"], confidence=0.95)
        assert _ends(found) == pytest.approx((r["lo"], r["hi"]), abs=EXACT)


def test_studentized_intervals_equal_those_of_r(
    reference_draws: tuple[dict[str, Any], FloatArray, FloatArray],
) -> None:
    expected, t, se = reference_draws
    t0 = expected["t0"]
    found = bootstrap.studentized(t0, expected["se_t0"], t - t0, se, confidence=0.95)
    r = expected["studentized"]
    assert _ends(found) == pytest.approx((r["lo"], r["hi"]), abs=1e-9)


def test_calibrated_intervals_stretch_the_percentile_interval_by_t_over_z(
    reference_draws: tuple[dict[str, Any], FloatArray, FloatArray],
) -> None:
    expected, t, _ = reference_draws
    t0, r = expected["t0"], expected["percentile"]
    found = bootstrap.calibrated(t0, t - t0, 4.0, confidence=0.95)
    factor = 2.776445105 / 1.959963985  # t(4) and z, tables
    assert found.low == pytest.approx(t0 + factor * (r["lo"] - t0), abs=1e-9)
    assert found.high == pytest.approx(t0 + factor * (r["hi"] - t0), abs=1e-9)


def test_reported_monte_carlo_errors_are_the_spread_of_repeated_bootstraps(
    strata: tuple[dict[str, Any], Strata, FloatArray],
) -> None:
    # The reference is the spread itself, not R's `mc_se_endpoint_025`: that formula takes the
    # replicates for normal. Here accuracies are near 0.1 or 0.85 and the replicates lie in lumps;
    # over 200 bootstraps of 9,999 the ends really vary by 2.4e-4 and 3.5e-3 (main, formula 5.9e-4)
    # and by 3.1e-5 and 1.0e-4 (degenerate, formula 3.8e-4).
    expected, data, weights = strata
    ends, errors = [], []
    for seed in range(60):
        drawn = linear_deviations(
            data, weights, resamples=9_999, rng=claim_generator(seed, "mc"), inflate=False
        )
        found = bootstrap.percentile(expected["t0"], drawn, confidence=0.95)
        ends.append(_ends(found))
        errors.append((found.mc_error_low, found.mc_error_high))
    spread = np.std(ends, axis=0, ddof=1)
    reported = np.sqrt(np.mean(np.square(np.array(errors, dtype=float)), axis=0))
    # An end on the edge of a lump jumps in one bootstrap and not in the next: a factor of five
    # there, against twelve of the normal formula; unequal strata have finer lumps.
    factor = 5 if expected["n"] == 160 else 1.6
    assert (reported / spread < factor).all()
    assert (spread / reported < factor).all()


def test_reported_monte_carlo_error_of_smooth_data_is_the_spread_of_repeated_bootstraps() -> None:
    data = Strata(np.array([30, 30]), np.random.default_rng(4).normal(size=60))
    found = [
        bootstrap.percentile(
            0.0,
            linear_deviations(
                data,
                np.array([1.0, -1.0]),
                resamples=1_999,
                rng=claim_generator(seed, "mc"),
                inflate=False,
            ),
            confidence=0.95,
        )
        for seed in range(400)
    ]
    spread = np.std([_ends(x) for x in found], axis=0, ddof=1)
    reported = np.mean([(x.mc_error_low or 0, x.mc_error_high or 0) for x in found], axis=0)
    # A standard deviation of 400 values has a relative error of 4%; over 1,000 bootstraps the
    # reported errors are 3 and 10% above the spread.
    assert reported == pytest.approx(spread, rel=0.25)


def test_monte_carlo_error_of_a_normal_quantile_is_the_textbook_one() -> None:
    draws = np.sort(np.random.default_rng(2).normal(size=9_999))
    found = bootstrap.quantile(draws, 0.025)
    textbook = np.sqrt(0.025 * 0.975 / 9_999) / 0.05845  # density at -1.96
    # The spacing of some 30 order statistics estimates it to about 15%.
    assert found.mc_error == pytest.approx(textbook, rel=0.4)


def test_acceleration_takes_the_weights_for_unequal_strata(
    strata: tuple[dict[str, Any], Strata, FloatArray],
) -> None:
    expected, data, weights = strata
    found = bootstrap.acceleration(data, weights)
    assert found == pytest.approx(expected["a_analytic_dh_formula"], rel=1e-9)
    assert found == pytest.approx(expected["bca_davison_hinkley"]["a"], rel=1e-9)
    assert abs(found) > 5 * abs(expected["bca_naive_run_level_jackknife"]["a"])


def test_own_draws_give_the_intervals_of_r_up_to_monte_carlo_error(
    strata: tuple[dict[str, Any], Strata, FloatArray],
) -> None:
    expected, data, weights = strata
    drawn = linear_deviations(
        data, weights, resamples=19_999, rng=claim_generator(1, "oracle"), inflate=False
    )
    assert drawn.std() == pytest.approx(expected["boot_se_exact"], rel=0.03)
    found = bootstrap.percentile(expected["t0"], drawn, confidence=0.95)
    # Two independent simulations of 20,000: 4 sqrt(2) of the error of one.
    tolerance = 4 * np.sqrt(2) * expected["mc_se_endpoint_025"]
    r = expected["percentile"]
    assert _ends(found) == pytest.approx((r["lo"], r["hi"]), abs=tolerance)


def test_studentized_errors_of_the_sample_are_those_of_r(
    strata: tuple[dict[str, Any], Strata, FloatArray],
) -> None:
    expected, data, weights = strata
    drawn = studentized_draws(
        data, weights, resamples=4_999, rng=claim_generator(1, "oracle"), chunk_draws=50_000
    )
    # Mean of the plug-in variance: (n - 1) / n of it per stratum, in expectation.
    assert drawn.se.max() < 3 * expected["se_t0"]
    if min(expected["strata_sizes"]) > 1:
        expected_variance = expected["var_t0"] * (1 - 1 / 5)
        assert (drawn.se**2).mean() == pytest.approx(expected_variance, rel=0.03)


def test_resamples_without_spread_have_no_ratio() -> None:
    deviation, error = np.array([0.0, 1.0, -1.0, 2.0]), np.array([0.0, 1.0, 1.0, 1.0])
    found = bootstrap.studentized(5.0, 2.0, deviation, error, confidence=0.5)
    assert (found.low, found.high) == (1.0, 7.0)


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=99, max_size=99), st.floats(-5, 5), st.floats(0.1, 10)
)
def test_intervals_follow_a_change_of_scale(raw: list[float], shift: float, scale: float) -> None:
    deviation = np.array(raw)
    for function in (bootstrap.percentile, bootstrap.basic):
        one = function(0.0, deviation, confidence=0.9)
        two = function(shift, scale * deviation, confidence=0.9)
        expected = (shift + scale * one.low, shift + scale * one.high)
        assert _ends(two) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_intervals_widen_with_the_level() -> None:
    deviation = np.random.default_rng(3).gamma(2, size=2_999) - 2
    for method in (bootstrap.percentile, bootstrap.basic):
        narrow, wide = (method(0.0, deviation, confidence=c) for c in (0.9, 0.99))
        assert wide.low < narrow.low < narrow.high < wide.high
    narrow, wide = (bootstrap.bca(0.0, deviation, 0.05, confidence=c) for c in (0.9, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_an_extreme_acceleration_stays_inside_the_replicates() -> None:
    deviation = np.linspace(-1, 3, 999)
    found = bootstrap.bca(0.0, deviation, 0.9, confidence=0.95)
    assert -1 <= found.low <= found.high <= 3


def test_a_calibrated_interval_holds_the_t_interval_of_few_runs_and_at_strict_levels() -> None:
    drawn = Interval(1.0, 0.5, 1.2, "calibrated_bootstrap", mc_error_low=0.1, mc_error_high=0.2)
    beside = Interval(1.0, 0.7, 1.3, "student_t")
    for fewest, confidence in ((9, 0.95), (100, 0.98)):
        found = bootstrap.at_least(drawn, beside, fewest=fewest, confidence=confidence)
        # Only the upper end is the t interval's, which nothing was drawn for.
        assert (found.low, found.high) == (0.5, 1.3)
        assert (found.mc_error_low, found.mc_error_high) == (0.1, 0.0)
        assert found.method == "calibrated_bootstrap"
    assert bootstrap.at_least(drawn, beside, fewest=10, confidence=0.975) == drawn
