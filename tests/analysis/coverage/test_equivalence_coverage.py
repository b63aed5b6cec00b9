"""False support of equivalence at its margin, where seeds move the two arms apart.

A seed's effect on an arm is common to all cells of that arm: what counts are seeds, not cells. The
rows "by cell, as unrelated" take no heed of it; their lower limits show how wrong that is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.verdicts import Verdict
from vggstudy.stated.hypotheses import EquivalencePart

MANY, FEW = 2_000, 600
GROUP = "false support of equivalence at its margin, seeds shared by 16 cells"
MARGIN, SETS = 0.02, 8
SEED_SD, ARM_SD, REST_SD = 0.002, 0.008, 0.004


def _table(rng: np.random.Generator, seeds: int, lost: float) -> RunTable:
    """Two arms that differ by the margin on average; runs may fail to learn."""
    arm, task, seed = (x.ravel() for x in np.indices((2, SETS, seeds)))
    value = 0.8 + MARGIN * arm + rng.normal(0, SEED_SD, seeds)[seed]
    value += rng.normal(0, ARM_SD, (2, seeds))[arm, seed] + rng.normal(0, REST_SD, arm.size)
    failed = rng.random(arm.size) < lost
    return RunTable(
        factors=("arm", "task"),
        levels={"arm": (0, 1), "task": tuple(range(SETS))},
        codes=np.stack([arm, task], axis=1),
        replicate=tuple(map(str, seed.tolist())),
        label=failed.astype(np.int64),
        value=np.where(failed, 0.1, value),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="simulated",
    )


def _supported(
    part: EquivalencePart, seeds: int, studies: int, *, shared: bool, lost: float = 0.0
) -> float:
    """Share of studies that support equivalence at 5%."""
    rng, found = np.random.default_rng(43), 0
    for i in range(studies):
        cells = Cells.from_table(_table(rng, seeds, lost))
        how = How(0.95, Resampling("calibrated", 99, i, 131_072), shared)
        maker = ClaimMaker(cells, how, "simulated")
        found += Evaluator(maker).evidence(part, 0.95).verdict == Verdict.SUPPORTED
    return found / studies


BY_CELL = EquivalencePart(kind="equivalence", claim="accuracy.diff.arm", margin=MARGIN)
BY_PAIR = BY_CELL.model_copy(update={"adjust": "pair"})


def test_a_small_simulation_tells_seeds_from_cells() -> None:
    assert _supported(BY_CELL, 10, 150, shared=True) < 0.12
    assert _supported(BY_CELL, 10, 150, shared=False) > 0.2


@pytest.mark.coverage
@pytest.mark.parametrize("lost", [0.0, 0.15], ids=["", "some failed"])
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("part", [BY_CELL, BY_PAIR], ids=["seed", "pair"])
def test_a_difference_at_the_margin_is_seldom_equivalent(
    part: EquivalencePart, seeds: int, lost: float, simulated: Callable[..., None]
) -> None:
    # Pairs need no seeding of their own: a replicate is one of every cell, shared or not.
    share = _supported(part, seeds, MANY, shared=part.adjust is None, lost=lost)
    how = "paired" if part.adjust else "by seed"
    case = f"{how}, 15% of runs failed, G={seeds}" if lost else f"{how}, G={seeds}"
    simulated(GROUP, case, share, MANY, most=0.05, nominal=0.05)


@pytest.mark.coverage
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_cells_as_unrelated_are_equivalent_too_often(
    seeds: int, simulated: Callable[..., None]
) -> None:
    share = _supported(BY_CELL, seeds, FEW, shared=False)
    case = f"by cell, as unrelated, G={seeds}"
    simulated(f"{GROUP}: without seeds", case, share, FEW, least=0.2, nominal=0.2)
