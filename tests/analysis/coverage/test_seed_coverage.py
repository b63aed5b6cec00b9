"""Simulated coverage where runs of one replicate share their seeds across cells.

Means and differences are in `test_curve_coverage`; here probabilities, expected accuracy, and the
family-wise error of all pairs of models.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.seed_ranks import compare_over_seeds
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray

STUDIES, MANY = 1_200, 10_000
SIZE = 8
GROUP = "seeds shared across cells: probabilities and expected accuracy"
PAIRS = "seeds shared across cells: any false difference among all pairs of models"

COVARIANCES: dict[str, FloatArray] = {
    "alike": np.eye(4),
    "one varies 5 times as much": np.diag([5.0, 1, 1, 1]),
    "two pairs that go together": np.kron(np.eye(2), np.array([[1, 0.95], [0.95, 1]])),
    "spread geometrically": np.diag(np.geomspace(0.2, 5, 4)),
}
"""Of four models within seeds, as factors of their values' standard deviations."""


def _cells(learned: BoolArray, value: FloatArray, arms: int) -> Cells:
    """Cells of a study from (cells, seeds) arrays."""
    count, seeds = learned.shape
    code = np.repeat(np.arange(count), seeds)
    shape = (arms, count // arms)
    return Cells.from_table(
        RunTable(
            factors=("arm", "cell"),
            levels={"arm": tuple(range(arms)), "cell": tuple(range(count // arms))},
            codes=np.stack(np.unravel_index(code, shape), axis=1),
            replicate=tuple(str(i % seeds) for i in range(code.size)),
            label=np.where(learned.ravel(), 0, 1),
            value=value.ravel(),
            outcome="test_accuracy",
            chance=0.1,
            label_rule="simulated",
        )
    )


def _shared(outcome: str, seeds: int, strength: float, arms: int, studies: int) -> float:
    """Coverage when a seed moves the log odds of all cells of an arm by ``strength`` times z."""
    rng = np.random.default_rng(31)
    base = np.linspace(-1.0, 2.0, SIZE)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    p = (expit(base[:, None] + strength * nodes) @ weights).mean() / weights.sum()
    truth = 0.0 if arms == 2 else {"converged": p, "expected": 0.1 + p * 0.8}[outcome]
    contrast = Contrast(("arm",), ((0, 1),)) if arms == 2 else Contrast()
    covered = 0
    for i in range(studies):
        moved = strength * rng.normal(size=(arms, 1, seeds))
        chance = expit(base[None, :, None] + moved).reshape(arms * SIZE, seeds)
        learned = rng.random(chance.shape) < chance
        value = np.where(learned, 0.9 + rng.normal(0, 0.004, chance.shape), 0.1)
        maker = ClaimMaker(
            _cells(learned, value, arms),
            How(0.95, Resampling("calibrated", 99, i, 131_072), shared_seeds=True),
            "simulated",
        )
        claim = maker.claim(Estimand.of(outcome, contrast, maker.cells.table))
        assert claim.low is not None
        assert claim.high is not None
        covered += claim.low <= truth <= claim.high
    return covered / studies


def _false_difference(name: str, seeds: int, studies: int) -> float:
    """Share of studies in which some pair of equal models is told apart.

    The critical value depends on the numbers of seeds and models alone, and so is drawn once; that
    the intervals use it in the same way is asserted in some studies.
    """
    rng = np.random.default_rng(32)
    root = np.linalg.cholesky(COVARIANCES[name])
    noise = rng.normal(size=(studies, seeds, 4)) @ root.T + rng.normal(size=(studies, seeds, 1))
    first, second = np.triu_indices(4, 1)
    apart = noise[:, :, second] - noise[:, :, first]
    t = apart.mean(axis=1) / (apart.std(axis=1, ddof=1) / np.sqrt(seeds))
    critical = 0.0
    for i in range(10):
        compared = compare_over_seeds(noise[i], confidence=0.95, rng=np.random.default_rng(1))
        critical = compared.critical
        found = [x.low > 0 or x.high < 0 for x in compared.intervals]
        assert found == (np.abs(t[i]) > critical).tolist()
    return float((np.abs(t).max(axis=1) > critical).mean())


def test_a_small_simulation_rarely_tells_equal_models_apart() -> None:
    error = 3 * np.sqrt(0.05 * 0.95 / 2_000)
    assert _false_difference("alike", 5, 2_000) < 0.05 + error


@pytest.mark.coverage
@pytest.mark.parametrize("seeds", [5, 20])
@pytest.mark.parametrize("strength", [0.0, 2.0])
@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize("outcome", ["converged", "expected"])
def test_shared_seeds_are_covered_where_runs_fail(
    outcome: str, seeds: int, strength: float, arms: int, simulated: Callable[..., None]
) -> None:
    share = _shared(outcome, seeds, strength, arms, STUDIES)
    what = f"difference of {outcome}" if arms == 2 else outcome
    case = f"{what}, 8 cells, seeds' effect {strength:g} on log odds, G={seeds}"
    simulated(GROUP, case, share, STUDIES, least=0.93)


@pytest.mark.coverage
@pytest.mark.parametrize("name", COVARIANCES)
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_equal_models_are_rarely_told_apart(
    name: str, seeds: int, simulated: Callable[..., None]
) -> None:
    share = _false_difference(name, seeds, MANY)
    simulated(PAIRS, f"4 models, {name}, G={seeds}", share, MANY, most=0.05, nominal=0.05)
