from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.proportions import (
    clopper_pearson,
    mid_p,
    mover_sum,
    pooled_counts,
    wilson,
)

# Both sides compute quantiles of the beta distribution to about 1e-14.
EXACT = 1e-10

COUNTS = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))

# Newcombe (1998), table II, method 10: k1, n1, k2, n2 and the printed limits.
PRINTED = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0),
    (10, 10, 0, 10, 0.6075, 1.0),
]


@pytest.mark.parametrize("name", ["main", "balanced30", "degenerate", "monotone"])
@pytest.mark.parametrize(
    "key", ["cells", "groups_depth_variant", "groups_depth_bn", "groups_bn", "groups_batch"]
)
def test_intervals_of_a_count_equal_those_of_r(
    oracle: Callable[[str], dict[str, Any]], name: str, key: str
) -> None:
    for row in oracle(name)[key]:
        k, n = row["n_converged"], row["n"]
        for function, prefix in [
            (clopper_pearson, "cp"),
            (wilson, "wilson"),
        ]:
            found = function(k, n, confidence=0.95)
            expected = (row["p"], row[f"{prefix}_lo"], row[f"{prefix}_hi"])
            assert (found.estimate, found.low, found.high) == pytest.approx(expected, abs=EXACT)


def newcombe(k1: float, n1: float, k2: float, n2: float) -> Interval:
    """The difference of two probabilities as `converged` claims have it."""
    parts = [wilson(k1, n1, confidence=0.95), wilson(k2, n2, confidence=0.95)]
    return mover_sum(parts, [1, -1], method="newcombe")


@pytest.mark.parametrize(("k1", "n1", "k2", "n2", "low", "high"), PRINTED)
def test_newcombe_reproduces_the_printed_examples(
    k1: int, n1: int, k2: int, n2: int, low: float, high: float
) -> None:
    found = newcombe(k1, n1, k2, n2)
    # Printed with four decimals.
    assert (found.low, found.high) == pytest.approx((low, high), abs=5.1e-5)


@given(COUNTS)
def test_clopper_pearson_solves_its_tail_equations(counts: tuple[int, int]) -> None:
    k, n = counts
    found = clopper_pearson(k, n, confidence=0.95)
    # The quantile is solved to machine precision; the tail is steep by at most about n.
    if k:
        assert binom.sf(k - 1, n, found.low) == pytest.approx(0.025, rel=1e-9)
    if k < n:
        assert binom.cdf(k, n, found.high) == pytest.approx(0.025, rel=1e-9)


@given(COUNTS)
def test_mid_p_solves_its_tail_equations_inside_clopper_pearson(counts: tuple[int, int]) -> None:
    k, n = counts
    found, exact = mid_p(k, n, confidence=0.95), clopper_pearson(k, n, confidence=0.95)
    assert exact.low <= found.low <= found.high <= exact.high
    if k:
        tail = binom.sf(k, n, found.low) + 0.5 * binom.pmf(k, n, found.low)
        assert tail == pytest.approx(0.025, rel=1e-6)
    if k < n:
        tail = binom.cdf(k - 1, n, found.high) + 0.5 * binom.pmf(k, n, found.high)
        assert tail == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("function", [clopper_pearson, wilson, mid_p])
@given(counts=COUNTS)
def test_intervals_hold_their_estimate_stay_in_range_mirror_and_widen(
    function: Callable[..., Interval], counts: tuple[int, int]
) -> None:
    k, n = counts
    found = function(k, n, confidence=0.95)
    assert 0 <= found.low <= k / n <= found.high <= 1
    assert found.low < found.high
    mirrored = function(n - k, n, confidence=0.95)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high), abs=1e-9)
    wider = function(k, n, confidence=0.99)
    assert wider.low <= found.low + 1e-12
    assert wider.high >= found.high - 1e-12


@pytest.mark.parametrize("n", [1, 3, 5, 10, 20])
def test_clopper_pearson_covers_at_every_probability(n: int) -> None:
    # Exact enumeration: no Monte Carlo error.
    intervals = [clopper_pearson(k, n, confidence=0.95) for k in range(n + 1)]
    for p in np.linspace(0.005, 0.995, 199):
        inside = np.array([x.low <= p <= x.high for x in intervals])
        assert binom.pmf(np.arange(n + 1), n, p) @ inside >= 0.95


@pytest.mark.parametrize("n", [5, 10, 20])
def test_mid_p_covers_on_average_and_nowhere_below_92_percent(n: int) -> None:
    # Exact enumeration, as above; docs/statistics.md states the smallest share.
    intervals = [mid_p(k, n, confidence=0.95) for k in range(n + 1)]
    shares = []
    for p in np.linspace(0.005, 0.995, 1_981):
        inside = np.array([x.low <= p <= x.high for x in intervals])
        shares.append(binom.pmf(np.arange(n + 1), n, p) @ inside)
    assert np.mean(shares) >= 0.95
    assert min(shares) >= 0.926


# Exact coverage of Newcombe's interval by enumeration, from the study behind the analysis plan:
# p1, p2, n and the share. It is 95% on average and dips to 88% where p1 and p2 are far apart.
ENUMERATED = [
    (0.5, 0.5, 5, 0.939),
    (0.8, 0.2, 5, 0.925),
    (0.95, 0.05, 8, 0.879),
    (0.95, 0.05, 10, 0.925),
    (0.8, 0.8, 10, 0.970),
    (1.0, 0.5, 8, 0.961),
]


def _newcombe_coverage(n: int, pairs: list[tuple[float, float]]) -> list[float]:
    counts = np.arange(n + 1)
    found = [[newcombe(i, n, j, n) for j in range(n + 1)] for i in range(n + 1)]
    low = np.array([[x.low for x in row] for row in found])
    high = np.array([[x.high for x in row] for row in found])
    shares = []
    for p1, p2 in pairs:
        chance = np.outer(binom.pmf(counts, n, p1), binom.pmf(counts, n, p2))
        inside = (low <= p1 - p2 + 1e-9) & (high >= p1 - p2 - 1e-9)
        shares.append(float((chance * inside).sum()))
    return shares


@pytest.mark.parametrize(("p1", "p2", "n", "share"), ENUMERATED)
def test_newcombe_covers_as_enumerated_elsewhere(
    p1: float, p2: float, n: int, share: float
) -> None:
    # Printed with three decimals.
    assert _newcombe_coverage(n, [(p1, p2)])[0] == pytest.approx(share, abs=6e-4)


@pytest.mark.parametrize("n", [3, 5, 8, 10, 20])
def test_newcombe_covers_on_average_and_never_falls_below_84_percent(n: int) -> None:
    grid = np.linspace(0.005, 0.995, 34)
    shares = _newcombe_coverage(n, [(a, b) for a in grid for b in grid])
    assert np.mean(shares) >= 0.93
    assert min(shares) >= 0.84


def test_pooled_counts_of_a_balanced_grid_are_the_sums() -> None:
    found = pooled_counts(np.array([0.0, 5, 3]), np.full(3, 5.0), np.full(3, 1 / 3))
    assert (found.k, found.n, found.exact) == (8, 15, True)


def test_unequal_cells_count_as_the_smallest() -> None:
    found = pooled_counts(np.array([1.0, 5]), np.array([2.0, 10]), np.full(2, 0.5))
    assert (found.k, found.n, found.exact) == (2, 4, False)


@given(st.lists(COUNTS, min_size=1, max_size=12))
def test_pooled_counts_keep_the_equally_weighted_share(cells: list[tuple[int, int]]) -> None:
    k, n = np.array(cells, dtype=float).T
    found = pooled_counts(k, n, np.full(k.size, 1 / k.size))
    assert found.k / found.n == pytest.approx((k / n).mean(), abs=1e-12)
    assert 0 <= found.k <= found.n <= n.sum() + 1e-9


def test_pooled_counts_refuse_weights_that_are_no_average() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        pooled_counts(np.ones(2), np.ones(2), np.ones(2))


def test_mover_of_symmetric_intervals_is_the_root_sum_of_squares() -> None:
    parts = [Interval(1.0, 0.7, 1.3, "x"), Interval(2.0, 1.6, 2.4, "x")]
    found = mover_sum(parts, [1, -1], method="y")
    assert (found.estimate, found.low, found.high) == pytest.approx((-1, -1.5, -0.5))


def test_mover_swaps_the_sides_of_a_negative_term() -> None:
    found = mover_sum([Interval(0.0, -1.0, 3.0, "x")], [-2], method="y")
    assert (found.low, found.high) == pytest.approx((-6.0, 2.0))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="counts must satisfy"):
        clopper_pearson(k, n, confidence=0.95)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_impossible_levels_are_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson(1, 2, confidence=confidence)
