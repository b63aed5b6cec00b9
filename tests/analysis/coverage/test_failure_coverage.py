"""Simulated coverage of the level needed, of differences of levels, and of risk differences.

``pytest -m coverage tests/analysis/coverage/test_failure_coverage.py`` prints the table. Whether a
limit covers is decided by the profile at the true value itself: no limit has to be searched for.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from vggstudy.analysis.estimators.placement import Lines, Stratum
from vggstudy.analysis.estimators.threshold_difference import _profile
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import Binomial, fit_logistic
from vggstudy.analysis.numbers.intervals import normal_quantile
from vggstudy.analysis.numbers.profile import root_drop
from vggstudy.analysis.numbers.profile_function import function_interval

X = np.arange(3.0, 11.0)
Z = normal_quantile(0.95)
GROUP = "batch size needed to learn, and the failure model: penalised profile"
LINE = np.column_stack([np.ones(8), X - 6.5])

# Runs a cell, slope and level of one half (log2), share covered at least and at most, before Monte
# Carlo error: part 3 of the analysis plan for a level inside the range.
BANDS = [
    (5, 1.0, 6.2, 0.93, 0.99),
    (5, 3.0, 6.2, 0.93, 0.99),
    (5, 1.0, 4.0, 0.93, 0.99),
    (10, 1.0, 6.2, 0.94, 0.97),
    (10, 3.0, 6.2, 0.94, 0.97),
    (10, 1.0, 9.0, 0.94, 0.97),
]


def _lines(strata: list[FloatArray], n: float) -> Lines:
    """Strata with a line each, as `separate_lines` makes them."""
    width = 2 * len(strata)
    made, blocks = [], []
    for i in range(len(strata)):
        block = np.zeros((8, width))
        block[:, 2 * i : 2 * i + 2] = LINE
        blocks.append(block)
        made.append(Stratum(np.eye(width)[2 * i], np.eye(width)[2 * i + 1], 6.5, 3.5))
    model, k = Binomial(np.vstack(blocks), np.full(8 * len(strata), n)), np.concatenate(strata)
    return Lines(model, k, fit_logistic(model, k), tuple(made), 0.0)


def _threshold_coverage(
    n: int, slope: float, level: float, studies: int, rng: np.random.Generator
) -> float:
    hits = 0
    for k in rng.binomial(n, expit(slope * (X - level)), (studies, 8)).astype(float):
        lines = _lines([k], float(n))
        placed = lines.placed({0: lines.strata[0].phi(level)})
        hits += root_drop(lines.best((0,)).objective, placed.objective) <= Z
    return hits / studies


def _error(share: float, studies: int) -> float:
    """Three Monte Carlo standard errors."""
    return 3 * math.sqrt(share * (1 - share) / studies)


@pytest.mark.parametrize(("n", "slope", "level", "least", "most"), BANDS[:1])
def test_the_level_needed_is_covered_in_a_small_simulation(
    n: int, slope: float, level: float, least: float, most: float
) -> None:
    share = _threshold_coverage(n, slope, level, 300, np.random.default_rng(11))
    assert least - _error(least, 300) <= share <= most + _error(most, 300)


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "slope", "level", "least", "most"), BANDS)
def test_the_level_needed_is_covered(
    n: int,
    slope: float,
    level: float,
    least: float,
    most: float,
    simulated: Callable[..., None],
) -> None:
    studies = 1_200
    share = _threshold_coverage(n, slope, level, studies, np.random.default_rng(12))
    case = f"slope {slope:g}, at {level:g}, n={n}"
    simulated(GROUP, case, share, studies, least=least, most=most)


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "studies"), [(5, 200), (10, 200)])
def test_a_difference_of_levels_is_covered(
    n: int, studies: int, simulated: Callable[..., None]
) -> None:
    rng, levels, hits = np.random.default_rng(13), (5.0, 7.0), 0
    for _ in range(studies):
        k = [rng.binomial(n, expit(1.5 * (X - level))).astype(float) for level in levels]
        profile = _profile(_lines(k, float(n)), 1, 0, Z)
        best = profile._best_pair(levels[1] - levels[0], [])
        hits += root_drop(profile.top.objective, best) <= Z
    # The plan has no row for it: nominal, and no less than what it asks of the level itself.
    case = f"difference of two levels, n={n}"
    simulated(GROUP, case, hits / studies, studies, least=0.93, most=0.99)


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "studies"), [(5, 400), (10, 400)])
def test_a_risk_difference_is_covered(n: int, studies: int, simulated: Callable[..., None]) -> None:
    rng = np.random.default_rng(14)
    design = np.vstack([np.column_stack([LINE, np.full(8, arm)]) for arm in (0.0, 1.0)])
    p = expit(design @ np.array([0.3, 1.0, 1.5]))
    weights = np.repeat([-1 / 8, 1 / 8], 8)
    truth = float(weights @ p)
    model, hits = Binomial(design, np.full(16, float(n))), 0

    def difference(b: FloatArray) -> tuple[float, FloatArray]:
        q = expit(design @ b)
        return float(weights @ q), design.T @ (weights * q * (1 - q))

    for k in rng.binomial(n, p, (studies, 16)).astype(float):
        found = function_interval(model, k, fit_logistic(model, k), difference, confidence=0.95)
        assert found is not None
        hits += found.low <= truth <= found.high
    # The plan's band for a difference of probabilities is 93% and more.
    case = f"risk difference in the failure model, n={n}"
    simulated(GROUP, case, hits / studies, studies, least=0.93)
