"""Kaplan-Meier, restricted means, beta products and the log-rank test."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf, norm
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from vggstudy.analysis.numbers.proportions import clopper_pearson
from vggstudy.analysis.numbers.survival import (
    TwoGroups,
    kaplan_meier,
    log_rank,
    reached_by,
    restricted_values,
)

# Remission times of leukaemia patients under 6-MP and under placebo, in weeks: Freireich et al.
# (1963), Blood 21, 699-716. R's survdiff gives chi-squared 16.79 for them.
DRUG = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35.0])
GOT = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=np.bool_)
PLACEBO = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23.0])
ALL = np.ones(21, dtype=np.bool_)
RNG = np.random.default_rng(0)


def test_the_curve_is_that_of_scipy_and_statsmodels() -> None:
    ours = kaplan_meier(DRUG, GOT)
    theirs = ecdf(CensoredData.right_censored(DRUG, ~GOT)).sf
    at = np.searchsorted(theirs.quantiles, ours.time)
    np.testing.assert_allclose(ours.survival, theirs.probabilities[at], rtol=1e-13)
    other = SurvfuncRight(DRUG, GOT.astype(int))
    kept = other.n_events > 0
    np.testing.assert_array_equal(ours.at_risk, other.n_risk[kept])
    np.testing.assert_allclose(ours.survival, other.surv_prob[kept], rtol=1e-13)


@pytest.mark.parametrize("horizon", [8.0, 23.0, 35.0])
def test_the_restricted_mean_is_the_area_and_its_variance_greenwoods(horizon: float) -> None:
    values = restricted_values(DRUG, GOT, horizon)
    curve = kaplan_meier(DRUG, GOT)
    grid = np.linspace(0, horizon, 350_001)
    steps = np.concatenate([[1.0], curve.survival])[
        np.searchsorted(curve.time, grid[:-1], side="right")
    ]
    assert values.mean() == pytest.approx(steps.mean() * horizon, rel=1e-5)  # the grid's error
    after = np.array([steps[grid[:-1] >= t].sum() * horizon / 350_000 for t in curve.time])
    d, y = curve.events, curve.at_risk
    greenwood = float((after**2 * d / (y * (y - d))).sum())
    assert values.var() / values.size == pytest.approx(greenwood, rel=1e-4)


def test_the_published_restricted_mean_of_the_drug() -> None:
    # survival::survfit(...) of R prints rmean 23.29 with se 2.83 up to 35 weeks.
    values = restricted_values(DRUG, GOT, 35.0)
    assert values.mean() == pytest.approx(23.287, abs=5e-4)
    assert math.sqrt(values.var() / 21) == pytest.approx(2.827, abs=5e-4)


def test_without_lost_runs_the_values_are_the_times_themselves() -> None:
    reached = np.where(PLACEBO > 11, False, ALL)
    time = np.where(reached, PLACEBO, 12.0)
    np.testing.assert_allclose(restricted_values(time, reached, 12.0), time, rtol=1e-13)
    np.testing.assert_allclose(
        restricted_values(PLACEBO, ALL, 10.0), np.minimum(PLACEBO, 10.0), rtol=1e-13
    )


def test_influences_are_the_derivatives_of_the_mean_by_the_runs_weights() -> None:
    """Brute force: a run that counts for a little more moves the estimate by its influence."""
    time, reached = DRUG[:12], GOT[:12]
    values, copies = restricted_values(time, reached, 16.0), 4000
    for run in range(12):
        counts = np.full(12, copies)
        counts[run] += 1
        more = kaplan_meier(np.repeat(time, counts), np.repeat(reached, counts))
        moved = (more.restricted_mean(16.0) - values.mean()) * counts.sum()
        assert moved == pytest.approx(values[run] - values.mean(), abs=2e-3)


@pytest.mark.parametrize("k", [0, 3, 21])
def test_the_interval_without_lost_runs_is_clopper_and_pearsons(k: int) -> None:
    time = np.where(np.arange(21) < k, 3.0 + np.arange(21) % 2, 9.0)
    ours = reached_by(time, np.arange(21) < k, 8.0, confidence=0.95)
    exact = clopper_pearson(k, 21, confidence=0.95)
    assert ours.estimate == pytest.approx(exact.estimate)
    assert ours.low == pytest.approx(exact.low, abs=1e-12)
    assert ours.high == pytest.approx(exact.high, abs=1e-12)


def test_beta_products_are_those_that_one_draws() -> None:
    """The product of Beta(risk, 1) over the runs that got there, and over one more for the end."""
    ours = reached_by(DRUG, GOT, 16.0, confidence=0.95)
    rng = np.random.default_rng(3)
    risks = [21, 20, 19, 17, 15, 12, 11]
    upper = np.prod([rng.beta(n, 1, 400_000) for n in risks], axis=0)
    lower = upper * rng.beta(10, 1, 400_000)
    # Two moments stand for the whole product: good to a few thousandths here.
    assert ours.low == pytest.approx(1 - np.quantile(upper, 0.975), abs=4e-3)
    assert ours.high == pytest.approx(1 - np.quantile(lower, 0.025), abs=4e-3)
    assert ours.estimate == pytest.approx(1 - kaplan_meier(DRUG, GOT).survival[4])


def both(swap: bool = False) -> TwoGroups:
    """The two arms of the trial."""
    arm = np.repeat([swap, not swap], 21)
    return TwoGroups(np.append(DRUG, PLACEBO), np.append(GOT, ALL), arm)


def test_the_log_rank_statistic_is_that_of_r_and_statsmodels() -> None:
    found = log_rank([both()], confidence=0.95, rng=RNG)
    assert found is not None
    chi2 = found.excess**2 / found.variance
    assert chi2 == pytest.approx(16.79, abs=5e-3)
    one = both()
    theirs, _ = survdiff(one.time, one.reached.astype(int), one.later.astype(int))
    assert chi2 == pytest.approx(theirs, rel=1e-10)
    assert found.ratio.estimate == pytest.approx(math.exp(found.excess / found.variance))
    swapped = log_rank([both(swap=True)], confidence=0.95, rng=RNG)
    assert swapped is not None
    assert swapped.ratio.estimate == pytest.approx(1 / found.ratio.estimate)


def test_strata_add_up_as_in_statsmodels() -> None:
    rng = np.random.default_rng(5)
    time, reached = rng.integers(1, 12, 60).astype(float), rng.random(60) < 0.8
    later, where = rng.random(60) < 0.5, np.repeat([0, 1, 2], 20)
    strata = [TwoGroups(time[where == s], reached[where == s], later[where == s]) for s in range(3)]
    found = log_rank(strata, confidence=0.95, rng=rng)
    theirs, p = survdiff(time, reached.astype(int), later.astype(int), strata=where)
    assert found is not None
    assert found.excess**2 / found.variance == pytest.approx(theirs, rel=1e-10)
    assert found.p == pytest.approx(p, abs=0.02)  # drawn against chi-squared, 30 runs a group


def test_few_runs_are_compared_with_every_allocation() -> None:
    time = np.array([3.0, 4, 5, 6, 7, 8, 9, 10])
    groups = TwoGroups(time, np.ones(8, dtype=np.bool_), np.arange(8) < 4)
    found = log_rank([groups], confidence=0.95, rng=RNG)
    assert found is not None
    sums = [sum(x) for x in itertools.combinations(groups.scores.tolist(), 4)]
    expected = np.mean(np.abs(sums) >= abs(found.excess) - 1e-9)
    assert found.p == pytest.approx(float(expected))
    assert (found.ratio.low > 1) == (found.p <= 0.05)
    three = TwoGroups(np.arange(6.0), np.ones(6, dtype=np.bool_), np.arange(6) < 3)
    least = log_rank([three], confidence=0.95, rng=RNG)
    assert least is not None
    assert least.p == pytest.approx(0.1)  # two of twenty allocations
    assert least.ratio.low <= 1 + 1e-12


def test_the_interval_is_never_narrower_than_the_normal_one() -> None:
    found = log_rank([both()], confidence=0.9, rng=RNG)
    assert found is not None
    half = math.log(found.ratio.high / found.ratio.low) / 2
    assert half * math.sqrt(found.variance) >= norm.ppf(0.95) - 1e-12


def test_runs_that_all_get_there_at_once_or_never_tell_nothing() -> None:
    time, later = np.full(8, 5.0), np.arange(8) < 4
    for reached in (np.ones(8, dtype=np.bool_), np.zeros(8, dtype=np.bool_)):
        assert log_rank([TwoGroups(time, reached, later)], confidence=0.95, rng=RNG) is None
