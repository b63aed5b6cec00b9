"""Verdicts that are computed alone are those of the whole evidence."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.special import expit

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.stated.hypotheses import Part

PART: TypeAdapter[Part] = TypeAdapter(Part)


def _maker(rng: np.random.Generator, *, falls: bool) -> ClaimMaker:
    """Two arms of four levels, thresholds somewhat apart, a peak in the middle."""
    cell = np.repeat(np.arange(8), 8)
    x, arm = cell % 4, cell // 4
    height = 2.0 * ((3 - x if falls else x) - 1.0) - arm * rng.uniform(-1, 4)
    learned = rng.random(cell.size) < expit(height)
    value = 0.8 + rng.uniform(0, 0.02) * np.array([0, 1, 1, 0])[x] + rng.normal(0, 0.01, x.size)
    table = RunTable(
        factors=("arm", "x"),
        levels={"arm": (0, 1), "x": (1, 2, 4, 8)},
        codes=np.stack([arm, x], axis=1),
        replicate=tuple(map(str, range(cell.size))),
        label=np.where(learned, 0, 1),
        value=np.where(learned, value, 0.1),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="simulated",
    )
    how = How(0.95, Resampling("calibrated", 99, 0, 131_072))
    return ClaimMaker(Cells.from_table(table), how, "")


@pytest.mark.parametrize("falls", [False, True])
def test_a_level_needed_is_judged_alike(falls: bool) -> None:
    stated = {"kind": "threshold_order", "along": "x", "compare": "arm", "direction": "above"}
    part = PART.validate_python({**stated, "quantity": "tolerated" if falls else "needed"})
    rng, seen = np.random.default_rng(3), set()
    for _ in range(4):
        maker = _maker(rng, falls=falls)
        for level in (0.5, 0.95):
            whole = Evaluator(maker).evidence(part, level)
            brief = Evaluator(maker, verdicts_only=True).evidence(part, level)
            assert brief.verdict == whole.verdict
            assert brief.estimate == pytest.approx(whole.estimate)
            if brief.estimate is not None:  # how wide it is, for the smallest effect
                assert brief.thresholds == whole.thresholds
                assert (brief.low or 0) + (brief.high or 0) == pytest.approx(2 * brief.estimate)
            seen.add(str(whole.verdict))
    assert len(seen) >= 2


def test_a_peak_is_judged_alike() -> None:
    part = PART.validate_python({"kind": "peak", "along": "x", "at": {"arm": 0}})
    rng = np.random.default_rng(4)
    for _ in range(4):
        maker = _maker(rng, falls=False)
        whole = Evaluator(maker).evidence(part, 0.8)
        brief = Evaluator(maker, verdicts_only=True).evidence(part, 0.8)
        assert brief.verdict == whole.verdict
