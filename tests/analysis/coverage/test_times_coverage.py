"""Coverage of restricted means, shares and rate ratios of times to a target, some runs lost.

``pytest -m coverage tests/analysis/coverage/test_times_coverage.py`` prints the table. Times are
Weibull with shape 4, as those of trained networks bunch together, rounded up to the next of twenty
evaluations; runs are lost at times of their own, and all end with their budget.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.registry import ESTIMATORS
from vggstudy.analysis.numbers.arrays import FloatArray

GROUP = "times to a target"
STUDIES = 1_000
HOW = How(0.95, Resampling("calibrated", 199, 1, 1_000_000))
STEP, HORIZON = 1.0, 20.0
LATE, EARLY = 19.0, 14.0
"""Scales of the two arms: of the first, two runs in seven do not reach the target in time."""


def times(rng: np.random.Generator, scale: float, n: int) -> FloatArray:
    """The times at which evaluations find the target reached."""
    return np.asarray(STEP * np.ceil(scale * rng.weibull(4.0, n) / STEP))


def cells(rng: np.random.Generator, scales: tuple[float, float], n: int, *, lost: bool) -> Cells:
    """Two arms of n runs; one run in five is lost before its budget ends."""
    time = np.concatenate([times(rng, scale, n) for scale in scales])
    end = np.full(2 * n, HORIZON)
    if lost:
        early = rng.random(2 * n) < 0.2
        end = np.where(early, np.ceil(rng.uniform(8, HORIZON, 2 * n)), HORIZON)
    table = RunTable(
        factors=("arm",),
        levels={"arm": ("a", "b")},
        codes=np.repeat([0, 1], n)[:, None],
        replicate=tuple(str(i) for i in range(2 * n)),
        label=np.where(time <= end, 0, 1),
        value=np.minimum(time, end),
        outcome="epochs_to_target",
        chance=None,
        label_rule="simulated",
        horizon=HORIZON,
        lower_is_better=True,
    )
    return Cells.from_table(table)


def truth(scale: float) -> tuple[float, float]:
    """Restricted mean, and the share that reaches the target, by a million draws."""
    drawn = times(np.random.default_rng(99), scale, 1_000_000)
    return float(np.minimum(drawn, HORIZON).mean()), float((drawn <= HORIZON).mean())


def covered(asked: str, scales: tuple[float, float], n: int, value: float, *, lost: bool) -> float:
    """Share of studies whose interval holds the truth; of those that have one."""
    rng = np.random.default_rng([23, n, lost])
    held = []
    for _ in range(STUDIES):
        found = cells(rng, scales, n, lost=lost)
        one = Contrast(conditions=(Condition("arm", (0,)),))
        contrast = one if asked in ("mean", "reached") else Contrast(("arm",), ((0, 1),))
        what = Estimand("epochs_to_target", asked, contrast, found.table)
        interval = ESTIMATORS[asked].estimate(found, what, HOW).interval
        if interval is not None:
            held.append(interval.low - 1e-9 <= value <= interval.high + 1e-9)
    assert len(held) > 0.7 * STUDIES  # three runs that end together say nothing
    return float(np.mean(held))


@pytest.mark.coverage
@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("lost", [False, True])
def test_restricted_means_and_their_differences(
    n: int, lost: bool, simulated: Callable[..., None]
) -> None:
    late, early = truth(LATE)[0], truth(EARLY)[0]
    case = f"{'a fifth lost' if lost else 'all followed'}, n={n}"
    share = covered("mean", (LATE, EARLY), n, late, lost=lost)
    simulated(GROUP, f"restricted mean, {case}", share, STUDIES, least=0.90 if n < 8 else 0.92)
    share = covered("diff", (LATE, EARLY), n, early - late, lost=lost)
    simulated(GROUP, f"difference of restricted means, {case}", share, STUDIES, least=0.92)


@pytest.mark.coverage
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("lost", [False, True])
def test_shares_that_reach_the_target(n: int, lost: bool, simulated: Callable[..., None]) -> None:
    case = f"{'a fifth lost' if lost else 'all followed'}, n={n}"
    share = covered("reached", (LATE, EARLY), n, truth(LATE)[1], lost=lost)
    simulated(GROUP, f"share that reached it, {case}", share, STUDIES, least=0.95)


@pytest.mark.coverage
@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("lost", [False, True])
def test_the_log_rank_test_holds_its_level(
    n: int, lost: bool, simulated: Callable[..., None]
) -> None:
    case = f"{'a fifth lost' if lost else 'all followed'}, n={n}"
    share = covered("logrank", (LATE, LATE), n, 1.0, lost=lost)
    simulated(GROUP, f"equal rates by the log-rank test, {case}", share, STUDIES, least=0.95)
