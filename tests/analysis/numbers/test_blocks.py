"""Formulas over blocks against scipy, statsmodels and values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import friedmanchisquare, rankdata
from scipy.stats import t as student
from statsmodels.stats.meta_analysis import combine_effects

from vggstudy.analysis.numbers.blocks import (
    constant,
    friedman,
    hartung_knapp,
    heterogeneity,
    mean_rank,
    next_block,
    over_blocks,
)

RNG = np.random.default_rng(7)
EFFECTS = RNG.normal(0.3, 1.0, 12)
VARIANCES = RNG.uniform(0.01, 0.4, 12)


def test_random_effects_are_those_of_statsmodels() -> None:
    theirs = combine_effects(EFFECTS, VARIANCES, method_re="iterated", use_t=True)
    ours = heterogeneity(EFFECTS, VARIANCES)
    assert ours.q == pytest.approx(theirs.q, rel=1e-12)
    assert ours.tau2 == pytest.approx(theirs.tau2, rel=1e-6)  # theirs iterates to a tolerance
    assert ours.i2 == pytest.approx(theirs.i2, rel=1e-9)
    assert ours.p == pytest.approx(theirs.test_homogeneity().pvalue, rel=1e-9)
    found = hartung_knapp(EFFECTS, VARIANCES, ours.tau2, confidence=0.9)
    assert found.estimate == pytest.approx(theirs.mean_effect_re, rel=1e-6)
    # At Paule and Mandel's variance the scale is 1, so that "wls" and plain ends are the same.
    low, high = theirs.conf_int(alpha=0.1)[3]
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-5)


def test_equal_effects_leave_no_variance_between_blocks_and_the_scale_is_one_at_least() -> None:
    effects = np.array([1.0, 1.1, 0.9, 1.0])
    found = heterogeneity(effects, np.full(4, 1.0))
    assert (found.tau2, found.i2) == (0.0, 0.0)
    interval = hartung_knapp(effects, np.full(4, 1.0), 0.0, confidence=0.95)
    assert interval.high - 1.0 == pytest.approx(student.ppf(0.975, 3) * 0.5)


def test_the_interval_over_blocks_is_students_and_that_of_the_next_one_wider() -> None:
    mean, se = EFFECTS.mean(), EFFECTS.std(ddof=1) / 12**0.5
    found = over_blocks(EFFECTS, confidence=0.95)
    assert (found.low, found.high) == pytest.approx(student.interval(0.95, 11, mean, se))
    cancelled = over_blocks(np.array([0.1, 0.2, -0.3]), confidence=0.95)
    assert cancelled.estimate == 0.0
    assert cancelled.low == -cancelled.high
    own = next_block(EFFECTS, confidence=0.95)
    assert own.high - mean == pytest.approx((found.high - mean) * 13**0.5)
    assert constant(np.array([0.1] * 6))
    assert not constant(EFFECTS)


@pytest.mark.parametrize("ties", [False, True])
def test_friedmans_statistic_is_scipys(*, ties: bool) -> None:
    scores = RNG.normal(size=(9, 4)) + np.arange(4) / 2
    scores = scores.round(0) if ties else scores
    theirs = friedmanchisquare(*scores.T)
    found = friedman(np.asarray(rankdata(scores, axis=1)))
    assert found is not None
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.f == pytest.approx(8 * found.statistic / (9 * 3 - found.statistic))
    assert found.f_df == (3, 24)


def test_ranks_that_are_all_tied_or_all_alike_are_told() -> None:
    assert friedman(np.full((4, 3), 2.0)) is None
    alike = friedman(np.tile([1.0, 2.0, 3.0], (5, 1)))
    assert alike is not None
    assert (alike.statistic, alike.f_p) == (10.0, 0.0)


def test_a_level_that_is_always_first_has_an_interval() -> None:
    found = mean_rank(np.ones(10), 5, confidence=0.95)
    ratio = student.ppf(0.975, 9) ** 2 / 10
    assert (found.estimate, found.low) == (1.0, 1.0)
    assert found.high == pytest.approx(1 + ratio / (1 + ratio))  # Wilson's upper end at k = 0
    last = mean_rank(np.full(10, 5.0), 5, confidence=0.95)
    assert (6 - last.high, 6 - last.low) == pytest.approx((found.low, found.high))
    middle = mean_rank(np.full(10, 3.0), 5, confidence=0.95)
    assert middle.high - 3 == pytest.approx(3 - middle.low) == pytest.approx(found.high - 1)


def test_spread_out_ranks_have_students_interval_within_the_ranks() -> None:
    ranks = np.array([1.0, 4.0, 6.0, 2.0, 5.0, 3.0, 1.0, 6.0])
    found = mean_rank(ranks, 6, confidence=0.95)
    assert (found.low, found.high) == pytest.approx(
        student.interval(0.95, 7, ranks.mean(), ranks.std(ddof=1) / 8**0.5)
    )
    assert mean_rank(np.array([1.0, 6.0, 1.0]), 6, confidence=0.95).low == 1.0
