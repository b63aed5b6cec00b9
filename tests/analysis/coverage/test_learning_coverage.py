"""Levels needed and tolerated where nothing says beforehand how learning runs along the factor.

A claim is false where it is of the wrong direction, or its limits do not hold the level at which
half converge. Limits are decided by the profile at the true level, so that none is searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.special import expit

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.learning import learning_along
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.threshold import Direction, separate_lines
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import normal_quantile
from vggstudy.analysis.numbers.profile import root_drop

GROUP = "levels needed and tolerated, direction by the runs"
STUDIES = 600
Z = normal_quantile(0.95)
RATES, BATCHES = np.log2([0.001, 0.01, 0.1, 1.0]), np.arange(3.0, 11.0)
PER_DECADE = 3.6
HALF = float(RATES[2] + 2.2 / PER_DECADE * np.log2(10))
"""Nine in ten converge at .1 and two in ten at 1: half at .41."""

Runs = int | Sequence[int]
UNEVEN_4, UNEVEN_8 = (3, 10, 5, 4), (3, 10, 5, 4, 8, 3, 10, 5)


def _falling(x: FloatArray) -> FloatArray:
    return np.asarray(expit(-PER_DECADE / np.log2(10) * (x - HALF)))


def _rising(x: FloatArray) -> FloatArray:
    return np.asarray(expit(x - 6.2))


def _cells(x: FloatArray, p: FloatArray, runs: Runs, rng: np.random.Generator) -> Cells:
    """Runs that converge or do not."""
    code = np.repeat(np.arange(x.size), runs)
    learned = rng.random(code.size) < p[code]
    return Cells.from_table(
        RunTable(
            factors=("x",),
            levels={"x": tuple((2.0**x).tolist())},
            codes=code[:, None],
            replicate=tuple(map(str, range(code.size))),
            label=np.where(learned, 0, 1),
            value=np.where(learned, 0.9, 0.1),
            outcome="test_accuracy",
            chance=0.1,
            label_rule="simulated",
        )
    )


def _direction(cells: Cells, seed: int) -> Direction | Note:
    how = How(0.95, Resampling("calibrated", 99, seed, 131_072))
    return learning_along(cells, axis_of(cells.table, "x", "log2"), (), how)


def _holds(cells: Cells, truth: float, direction: Direction) -> bool:
    """Whether the profile limits hold the true level."""
    axis = axis_of(cells.table, "x", "log2")
    lines = separate_lines(cells, axis, ((),), probability=0.5, direction=direction)
    assert not isinstance(lines, Note)
    at = truth if direction == "increasing" else -truth
    placed = lines.placed({0: lines.strata[0].phi(at)})
    return root_drop(lines.best((0,)).objective, placed.objective) <= Z


def _shares(
    x: FloatArray, p: FloatArray, runs: Runs, truth: float, *, right: Direction
) -> tuple[float, float, float]:
    """Shares of studies with a claim, with a false one, and in which a rise is taken for granted
    and the limits hold the truth."""
    rng, made, false, assumed = np.random.default_rng(31), 0, 0, 0
    for seed in range(STUDIES):
        cells = _cells(x, p, runs, rng)
        found = _direction(cells, seed)
        if not isinstance(found, Note):
            made += 1
            false += found != right or not _holds(cells, truth, right)
        assumed += _holds(cells, truth, "increasing")
    return made / STUDIES, false / STUDIES, assumed / STUDIES


Case = tuple[str, FloatArray, FloatArray, float, Direction]
RISES: Case = ("rises", BATCHES, _rising(BATCHES), 6.2, "increasing")
FALLS: Case = ("falls", RATES, _falling(RATES), HALF, "decreasing")
CASES: list[tuple[Case, Runs]] = [
    *((RISES, runs) for runs in (3, 5, 10, UNEVEN_8)),
    *((FALLS, runs) for runs in (3, 5, 10, UNEVEN_4)),
]


def _name(runs: Runs) -> str:
    return f"n={runs}" if isinstance(runs, int) else f"n={min(runs)} to {max(runs)}"


@pytest.mark.coverage
@pytest.mark.parametrize(("case", "runs"), CASES, ids=str)
def test_a_level_is_seldom_claimed_falsely(
    case: Case, runs: Runs, simulated: Callable[..., None]
) -> None:
    what, x, p, truth, right = case
    made, false, assumed = _shares(x, p, runs, truth, right=right)
    name = f"learning {what}, {_name(runs)}"
    simulated(GROUP, f"false claim: {name}", false, STUDIES, most=0.05, nominal=0.05)
    simulated(GROUP, f"a claim is made: {name}", made, STUDIES, least=0.3)
    if right == "decreasing" and runs == 10:
        taken = f"replaced, taken to rise, covered: {name}"
        simulated(GROUP, taken, assumed, STUDIES, most=0.05, nominal=0.05)


@pytest.mark.coverage
@pytest.mark.parametrize("p", [0.5, 0.9])
@pytest.mark.parametrize("runs", [3, 5, 10, UNEVEN_4], ids=str)
def test_a_factor_that_does_nothing_seldom_has_a_direction(
    p: float, runs: Runs, simulated: Callable[..., None]
) -> None:
    rng, found = np.random.default_rng(32), 0
    for seed in range(STUDIES):
        cells = _cells(RATES, np.full(4, p), runs, rng)
        found += not isinstance(_direction(cells, seed), Note)
    case = f"direction of a factor that does nothing, p={p:g}, {_name(runs)}"
    simulated(GROUP, case, found / STUDIES, STUDIES, most=0.05, nominal=0.05)


@pytest.mark.coverage
@pytest.mark.parametrize(("runs", "least"), [(5, 0.6), (10, 0.9)])
def test_learning_that_rises_and_falls_has_no_level(
    runs: int, least: float, simulated: Callable[..., None]
) -> None:
    p = np.array([0.05, 0.5, 0.95, 0.95, 0.95, 0.95, 0.5, 0.05])
    rng, found = np.random.default_rng(33), 0
    for seed in range(STUDIES):
        found += isinstance(_direction(_cells(BATCHES, p, runs, rng), seed), Note)
    case = f"nothing is claimed: learning rises and falls, n={runs}"
    simulated(GROUP, case, found / STUDIES, STUDIES, least=least)
