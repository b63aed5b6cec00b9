"""False contradiction of hypotheses of several parts that all just hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.judge import judge
from vggstudy.analysis.hypotheses.verdicts import Verdict
from vggstudy.stated.hypotheses import ClaimPart, ConjunctionHypothesis

STUDIES = 600
GROUP = "false contradiction of `all`: every part true by 0.0002"
SD, EDGE = 0.004, 0.0002
Runs = int | Sequence[int]
UNEVEN = (3, 10, 5, 4, 8, 3, 10, 5, 6, 3)


def _cells(rng: np.random.Generator, parts: int, n: Runs) -> Cells:
    """Cells of mean 0.9, the runs of which all converge."""
    code = np.repeat(np.arange(parts), n)
    return Cells.from_table(
        RunTable(
            factors=("cell",),
            levels={"cell": tuple(range(parts))},
            codes=code[:, None],
            replicate=tuple(map(str, range(code.size))),
            label=np.zeros(code.size, dtype=np.int64),
            value=0.9 + SD * rng.normal(size=code.size),
            outcome="test_accuracy",
            chance=0.1,
            label_rule="simulated",
        )
    )


def _above(claim: str) -> ClaimPart:
    """What is true of a claim by `EDGE`."""
    return ClaimPart(kind="claim", claim=claim, direction="above", threshold=0.9 - EDGE)


def _contradicted(parts: int, n: Runs, studies: int) -> tuple[float, float]:
    """Shares of contradicted studies: by the rule, and where one part at 95% is enough."""
    rng, found, before = np.random.default_rng(71), 0, 0
    asked = [_above(f"accuracy.mean@cell={i}") for i in range(parts)]
    spec = ConjunctionHypothesis(id="H", text="every cell lies above", kind="all", parts=[*asked])
    for seed in range(studies):
        cells = _cells(rng, parts, n)
        how = How(0.95, Resampling("calibrated", 999, seed, 131_072))
        maker = ClaimMaker(cells, how, "simulated")
        evaluator = Evaluator(maker)
        (result,) = judge([spec], evaluator, confidence=0.95)
        found += result.verdict == Verdict.CONTRADICTED
        before += any(
            evaluator.evidence(part, 0.95).verdict == Verdict.CONTRADICTED for part in asked
        )
    return found / studies, before / studies


def test_ten_true_parts_are_seldom_contradicted() -> None:
    share, before = _contradicted(10, 5, 100)
    assert share <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 100)
    assert before > 0.08


@pytest.mark.coverage
@pytest.mark.parametrize(("parts", "n"), [(2, 5), (10, 3), (10, 5), (10, 10), (10, UNEVEN)])
def test_true_parts_are_seldom_contradicted(
    parts: int, n: Runs, simulated: Callable[..., None]
) -> None:
    share, before = _contradicted(parts, n, STUDIES)
    name = f"{parts} parts, n={n if isinstance(n, int) else '3 to 10'}"
    simulated(GROUP, f"replaced: {name}", before, STUDIES, most=0.25, nominal=0.2)
    simulated(GROUP, name, share, STUDIES, most=0.025, nominal=0.025)
