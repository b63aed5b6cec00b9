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
from vggstudy.analysis.data.contrasts import Contrast, Group
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.converged import estimate_converged
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.seed_ranks import compare_over_seeds
from vggstudy.analysis.estimators.seed_sums import shares_by_seed
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.proportions import (
    clustered_counts,
    mover_sum,
    pooled_counts,
    wilson,
)

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


def _paired(
    cells: int, seeds: int, together: float, base: float, *, replaced: bool, studies: int
) -> float:
    """Coverage of a difference of probabilities when a seed moves both arms, alike or oppositely.

    A seed moves the log odds of the one arm by 2 z and of the other by 2 z times `together`.
    """
    rng, covered = np.random.default_rng(33), 0
    odds = np.array([0.0, 0.5])[:, None] + base + np.linspace(-1.0, 2.0, cells)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    means = (expit(odds[..., None] + 2 * nodes) @ weights).mean(axis=1) / weights.sum()
    truth = float(means[1] - means[0])
    for _ in range(studies):
        moved = 2 * rng.normal(size=seeds) * np.array([1.0, together])[:, None, None]
        chance = expit(odds[..., None] + moved).reshape(2 * cells, seeds)
        learned = rng.random(chance.shape) < chance
        table = _cells(learned, np.where(learned, 0.9, 0.1), 2)
        groups = Contrast(("arm",), ((0, 1),)).groups(table)
        found = estimate_converged(table, groups, confidence=0.95, shared_seeds=True).interval
        assert found is not None
        low, high = found.low, found.high
        if replaced:
            low, high = _independent(table, groups)
        covered += low <= truth <= high
    return covered / studies


def _independent(cells: Cells, groups: list[Group]) -> tuple[float, float]:
    """Newcombe's interval on effective counts, the arms taken as independent."""
    parts = []
    for group in groups:
        counts = pooled_counts(cells.k[group.cells], cells.n[group.cells], group.weights)
        counts = clustered_counts(counts, shares_by_seed(cells, group.cells, group.weights))
        parts.append(wilson(counts.k, counts.n, confidence=0.95))
    found = mover_sum(parts, [1, -1], method="newcombe")
    return found.low, found.high


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
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("seeds", [3, 5, 10, 20])
@pytest.mark.parametrize(
    ("cells", "together", "base"),
    [(8, -1.0, 0.0), (8, 1.0, 0.0), (8, -1.0, 4.0), (2, -1.0, 0.0), (2, 1.0, 4.0)],
)
def test_differences_within_seeds_are_covered(
    cells: int,
    together: float,
    base: float,
    seeds: int,
    *,
    replaced: bool,
    simulated: Callable[..., None],
) -> None:
    share = _paired(cells, seeds, together, base, replaced=replaced, studies=STUDIES)
    how = "alike" if together > 0 else "oppositely"
    name = f"{cells} cells, moved {how}, {'few fail, ' if base else ''}G={seeds}"
    name = f"replaced: {name}" if replaced else name
    group = "seeds shared across cells: difference of converged, both arms moved"
    # Three seeds' differences are far from normal where they are large.
    least = 0.84 if replaced else 0.91 if seeds == 3 else 0.93
    simulated(group, name, share, STUDIES, least=least)


@pytest.mark.coverage
@pytest.mark.parametrize("name", COVARIANCES)
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_equal_models_are_rarely_told_apart(
    name: str, seeds: int, simulated: Callable[..., None]
) -> None:
    share = _false_difference(name, seeds, MANY)
    simulated(PAIRS, f"4 models, {name}, G={seeds}", share, MANY, most=0.05, nominal=0.05)
