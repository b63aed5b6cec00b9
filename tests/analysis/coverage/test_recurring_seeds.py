"""Simulated coverage of tables whose seeds recur across cells, read as a table tells (`auto`).

A seed moves all runs that it starts by a normal effect of its own. "As unrelated" is what comes of
not reading seeds; its rows show how wrong that is, and are asserted to be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pytest
from scipy.special import expit

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.seeding import read_seeds
from vggstudy.analysis.data.table import RunTable, Seeding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray

STUDIES = 2_000
GROUP = "seeds that recur across the cells of a table"
SEED_SD, ARM_SD, REST_SD = 0.005, 0.003, 0.008
ARMS, SETS = 2, 8
MEAN, EFFECT = Contrast(), Contrast(("arm",), ((0, 1),))

Layout = Literal["complete", "own seeds an arm", "one run in four lost", "two cells lost runs"]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Studies of two arms on eight data sets, the same runs planned in each.

    Attributes
    ----------
    arm, task, seed : ndarrays of shape (N,)
        Of every run.
    """

    arm: IntArray
    task: IntArray
    seed: IntArray

    @classmethod
    def of(cls, layout: Layout, seeds: int) -> Simulated:
        """Every seed in every cell; or an arm has seeds of its own."""
        arm, task, seed = (x.ravel() for x in np.indices((ARMS, SETS, seeds)))
        return cls(arm, task, seed + arm * seeds if layout == "own seeds an arm" else seed)

    def values(self, rng: np.random.Generator) -> FloatArray:
        """True means are .8 in both arms."""
        count = int(self.seed.max()) + 1
        seed = rng.normal(0, SEED_SD, count)
        interaction = rng.normal(0, ARM_SD, (ARMS, count))
        rest = rng.normal(0, REST_SD, self.seed.size)
        return np.asarray(0.8 + seed[self.seed] + interaction[self.arm, self.seed] + rest)

    def table(self, value: FloatArray, kept: BoolArray) -> RunTable:
        names = tuple(map(str, self.seed[kept].tolist()))
        return RunTable(
            factors=("arm", "task"),
            levels={"arm": tuple(range(ARMS)), "task": tuple(range(SETS))},
            codes=np.stack([self.arm[kept], self.task[kept]], axis=1),
            replicate=names,
            label=np.zeros(int(kept.sum()), dtype=np.int64),
            value=value[kept],
            outcome="test_accuracy",
            chance=None,
            label_rule="simulated",
            seeds=names,
        )


def _kept(layout: Layout, runs: Simulated, rng: np.random.Generator) -> BoolArray:
    """Which runs there are: a quarter lost by chance, or the same seeds in two cells."""
    if layout == "one run in four lost":
        while True:
            kept = rng.random(runs.seed.size) > 0.25
            index = runs.arm * SETS + runs.task
            if np.bincount(index[kept], minlength=ARMS * SETS).min() >= 2:
                return np.asarray(kept)
    if layout == "two cells lost runs":
        count = int(runs.seed.max()) + 1
        first = (runs.arm == 0) & (runs.task == 0) & (runs.seed >= count // 2)
        second = (runs.arm == 1) & (runs.task == 0) & (runs.seed < count - count // 2)
        return np.asarray(~(first | second))
    return np.ones(runs.seed.size, dtype=bool)


def _maker(table: RunTable, asked: Seeding, seed: int) -> ClaimMaker:
    """What makes claims of a table, its seeds read as an analysis reads them."""
    read = read_seeds(table, asked)
    how = How(0.95, Resampling("calibrated", 199, seed, 131_072), read.shared)
    return ClaimMaker(Cells.from_table(read.applied(table)), how, "simulated")


def _coverage(
    layout: Layout, seeds: int, contrast: Contrast, asked: Seeding, studies: int
) -> tuple[float, float]:
    """Share of intervals that hold the truth, and their mean width."""
    rng, runs = np.random.default_rng(41), Simulated.of(layout, seeds)
    truth = 0.0 if contrast.factors else 0.8
    covered, width = 0, 0.0
    for i in range(studies):
        table = runs.table(runs.values(rng), _kept(layout, runs, rng))
        maker = _maker(table, asked, i)
        claim = maker.claim(Estimand.of("test_accuracy", contrast, maker.cells.table))
        assert claim.low is not None
        assert claim.high is not None
        covered += claim.low <= truth <= claim.high
        width += claim.high - claim.low
    return covered / studies, width / studies


def _converged(outcome: str, seeds: int, asked: Seeding, studies: int) -> float:
    """Coverage where arms have seeds of their own, which move the log odds of every data set."""
    rng, runs = np.random.default_rng(42), Simulated.of("own seeds an arm", seeds)
    base, strength = np.linspace(-1.0, 2.0, SETS), 1.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    p = float((expit(base[:, None] + strength * nodes) @ weights).mean() / weights.sum())
    truth = {"converged": p, "expected": 0.1 + p * 0.8}[outcome]
    every, covered = np.ones(runs.seed.size, dtype=bool), 0
    for i in range(studies):
        moved = strength * rng.normal(size=2 * seeds)
        learned = rng.random(runs.seed.size) < expit(base[runs.task] + moved[runs.seed])
        value = np.where(learned, 0.9 + rng.normal(0, 0.004, runs.seed.size), 0.1)
        table = replace(runs.table(value, every), label=np.where(learned, 0, 1))
        maker = _maker(table, asked, i)
        claim = maker.claim(Estimand.of(outcome, MEAN, maker.cells.table))
        assert claim.low is not None
        assert claim.high is not None
        covered += claim.low <= truth <= claim.high
    return covered / studies


def test_a_small_simulation_tells_the_readings_apart() -> None:
    unrelated, wide = _coverage("complete", 5, MEAN, "independent", 150)
    blocks, wider = _coverage("complete", 5, MEAN, "auto", 150)
    assert unrelated < 0.75 < 0.88 < blocks
    assert wider > 2 * wide


@pytest.mark.coverage
@pytest.mark.parametrize("contrast", [MEAN, EFFECT], ids=["mean", "difference"])
@pytest.mark.parametrize("seeds", [5, 12])
@pytest.mark.parametrize("layout", get_args(Layout))
def test_recurring_seeds_are_covered(
    layout: Layout, seeds: int, contrast: Contrast, simulated: Callable[..., None]
) -> None:
    share, _ = _coverage(layout, seeds, contrast, "auto", STUDIES)
    what = "difference" if contrast.factors else "mean"
    case = f"{what} of 16 cells, {layout}, G={seeds}"
    simulated(GROUP, case, share, STUDIES, least=0.93)


@pytest.mark.coverage
@pytest.mark.parametrize("seeds", [5, 12])
def test_seeds_taken_as_unrelated_are_not_covered(
    seeds: int, simulated: Callable[..., None]
) -> None:
    share, _ = _coverage("complete", seeds, MEAN, "independent", 500)
    case = f"mean of 16 cells, complete, G={seeds}: as unrelated"
    simulated(f"{GROUP}: without reading them", case, share, 500, most=0.75, nominal=0.75)


@pytest.mark.coverage
@pytest.mark.parametrize("outcome", ["converged", "expected"])
@pytest.mark.parametrize("seeds", [5, 12])
def test_probabilities_are_covered_where_arms_have_seeds_of_their_own(
    outcome: str, seeds: int, simulated: Callable[..., None]
) -> None:
    share = _converged(outcome, seeds, "auto", STUDIES)
    simulated(
        GROUP, f"{outcome}, 16 cells, own seeds an arm, G={seeds}", share, STUDIES, least=0.93
    )


@pytest.mark.coverage
@pytest.mark.parametrize("outcome", ["converged", "expected"])
def test_probabilities_are_not_covered_where_seeds_are_taken_as_unrelated(
    outcome: str, simulated: Callable[..., None]
) -> None:
    share = _converged(outcome, 12, "independent", 500)
    case = f"{outcome}, 16 cells, own seeds an arm, G=12: as unrelated"
    simulated(f"{GROUP}: without reading them", case, share, 500, most=0.9, nominal=0.9)
