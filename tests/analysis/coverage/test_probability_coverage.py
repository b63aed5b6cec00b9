"""Smallest exact coverage of a difference of probabilities: enumeration, nothing is drawn.

Every number of runs from 3 to 20 meets every other; the coverage is summed over all outcomes at
every pair of 221 probabilities, closest together at the ends.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.differences import signed_probabilities
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.proportions import PooledCounts, mover_sum, wilson

ENDS = np.array([1e-6, 1e-5, 1e-4, *np.arange(1, 10) / 1_000])
PROBABILITIES = np.unique(np.concatenate([ENDS, np.linspace(0.01, 0.99, 197), 1 - ENDS]))
GROUP = "difference of probabilities: smallest exact coverage, by enumeration"
RUNS = range(3, 21)


def exact(k1: int, n1: int, k2: int, n2: int) -> Interval:
    """The interval of a claim."""
    counts = [PooledCounts(float(k), float(n), exact=True) for k, n in ((k1, n1), (k2, n2))]
    return signed_probabilities(counts, [1, -1], confidence=0.95)


def newcombe(k1: int, n1: int, k2: int, n2: int) -> Interval:
    """The interval that it replaced."""
    parts = [wilson(k, n, confidence=0.95) for k, n in ((k1, n1), (k2, n2))]
    return mover_sum(parts, [1, -1], method="newcombe")


def smallest_coverage(method: Callable[..., Interval], n1: int, n2: int) -> float:
    """Over all pairs of probabilities."""
    found = [[method(i, n1, j, n2) for j in range(n2 + 1)] for i in range(n1 + 1)]
    low = np.array([[x.low for x in row] for row in found])
    high = np.array([[x.high for x in row] for row in found])
    first, second = (_chances(n) for n in (n1, n2))
    least = 1.0
    for column, p in zip(first.T, PROBABILITIES, strict=True):
        truth = p - PROBABILITIES
        inside = (low[..., None] <= truth + 1e-12) & (truth - 1e-12 <= high[..., None])
        least = min(least, float(np.einsum("i,ijg,jg->g", column, inside, second).min()))
    return least


def _chances(n: int) -> FloatArray:
    return np.asarray(binom.pmf(np.arange(n + 1)[:, None], n, PROBABILITIES))


@pytest.mark.coverage
@pytest.mark.parametrize("n1", RUNS)
def test_a_difference_covers_at_every_pair(n1: int, simulated: Callable[..., None]) -> None:
    others = [n2 for n2 in RUNS if n2 >= n1]
    share = min(smallest_coverage(exact, n1, n2) for n2 in others)
    pairs = PROBABILITIES.size**2 * len(others)
    simulated(GROUP, f"n={n1} with n={n1} to 20", share, pairs, least=0.95)


@pytest.mark.coverage
@pytest.mark.parametrize(("n1", "n2"), [(3, 3), (5, 5), (10, 10), (20, 20), (3, 20)])
def test_newcombes_does_not(n1: int, n2: int, simulated: Callable[..., None]) -> None:
    share = smallest_coverage(newcombe, n1, n2)
    pairs = PROBABILITIES.size**2
    simulated(GROUP, f"Newcombe's, replaced: n={n1} with n={n2}", share, pairs, least=0.82)
