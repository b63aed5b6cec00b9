from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.replication import capture, combined, difference, expected
from vggstudy.analysis.numbers.student import student_t

LEVELS = (0.95, 0.95)

distances = st.floats(0.01, 100)
estimates = st.floats(-100, 100)
intervals = st.builds(
    lambda at, below, above: Interval(at, at - below, at + above, ""),
    estimates,
    distances,
    distances,
)


def around(at: float, half: float) -> Interval:
    return Interval(at, at - half, at + half, "")


def test_symmetric_intervals_give_the_formulas_of_independent_normal_estimates() -> None:
    z = normal_quantile(0.95)
    a, b = around(2, 3 * z), around(5, 4 * z)
    change = difference(a, b)
    assert (change.estimate, change.high - 3, 3 - change.low) == pytest.approx((3, 5 * z, 5 * z))
    next_ = expected(a, difference(a, b))
    assert (next_.low, next_.high) == pytest.approx((2 - 5 * z, 2 + 5 * z))
    both = combined((a, b))  # weights 16 : 9
    assert both.estimate == pytest.approx((16 * 2 + 9 * 5) / 25)
    half = z * math.sqrt((16 * 3) ** 2 + (9 * 4) ** 2) / 25
    assert (both.low, both.high) == pytest.approx((both.estimate - half, both.estimate + half))


@pytest.mark.parametrize(
    ("ratio", "share"),
    # 2 Phi(z / sqrt(1 + ratio^2)) - 1; 83.4% with equal precision is Cumming and Maillardet's.
    [(1e-9, 0.95), (1.0, 0.8342), (3.0, 0.4646), (1e9, 0.0)],
)
def test_the_share_of_next_estimates_that_an_interval_holds(ratio: float, share: float) -> None:
    found = capture(around(0, 1.0), around(0, ratio), levels=LEVELS)
    assert found == pytest.approx(share, abs=5e-5)


@given(intervals, intervals)
def test_an_estimate_is_expected_exactly_where_the_difference_may_be_none(
    a: Interval, b: Interval
) -> None:
    change, held = difference(a, b), expected(a, difference(a, b))
    edge = min(abs(held.low - b.estimate), abs(held.high - b.estimate))
    if edge > 1e-9:
        inside = held.low < b.estimate < held.high
        assert inside == (change.low < 0 < change.high)


@given(intervals, intervals)
def test_both_together_are_between_them_and_narrower_than_the_wider(
    a: Interval, b: Interval
) -> None:
    both = combined((a, b))
    least, most = sorted((a.estimate, b.estimate))
    assert least - 1e-9 <= both.estimate <= most + 1e-9
    assert both.high - both.low <= max(a.high - a.low, b.high - b.low) * (1 + 1e-9)


def test_an_end_at_its_estimate_leaves_the_other_side() -> None:
    """None of ten converged: nothing lies below."""
    a, b = Interval(0.0, 0.0, 0.31, ""), Interval(0.0, 0.0, 0.26, "")
    assert expected(a, difference(a, b)).low == pytest.approx(-0.26)
    assert 0.4 < capture(a, b, levels=LEVELS) <= 1


def test_means_of_the_same_seeds_differ_by_students_interval_of_the_pairs() -> None:
    rng = np.random.default_rng(11)
    seeds = rng.normal(0, 1, 9)
    x, y = (seeds + rng.normal(0, 0.4, 9) for _ in range(2))
    a, b = (student_t(values, confidence=0.95) for values in (x, y))
    correlation = float(np.corrcoef(x, y)[0, 1])
    found = difference(a, b, correlation=correlation)
    paired = stats.ttest_rel(y, x).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high), rel=1e-12)
    both = combined((a, b), correlation=correlation)
    mean = student_t((x + y) / 2, confidence=0.95)  # no better than the weights of least variance
    assert both.high - both.low <= mean.high - mean.low


def test_runs_that_are_the_same_leave_nothing_open() -> None:
    a = around(0.4, 0.1)
    change = difference(a, a, correlation=1.0)
    assert (change.low, change.high) == (0.0, 0.0)
    assert capture(a, a, levels=LEVELS, correlation=1.0) == 1.0
    both = combined((a, a), correlation=1.0)
    assert (both.estimate, both.low, both.high) == pytest.approx((0.4, 0.3, 0.5))


def test_levels_of_their_own_change_neither_capture_nor_weights() -> None:
    """The same two estimates, the second's interval at another level."""
    first, second = around(0, 1.0), around(0.3, 0.5)
    ratio = normal_quantile(0.997) / normal_quantile(0.95)
    wider, levels = around(0.3, 0.5 * ratio), (0.95, 0.997)
    plain = capture(first, second, levels=LEVELS)
    assert capture(first, wider, levels=levels) == pytest.approx(plain, rel=1e-12)
    at = combined((first, second)).estimate
    assert combined((first, wider), levels=levels).estimate == pytest.approx(at, rel=1e-12)
    assert combined((first, wider)).estimate != pytest.approx(at, rel=1e-3)
