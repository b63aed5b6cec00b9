"""Simulated error of many claims: false ones among survivors, and families that miss any truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import RunTable
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.claims.many import with_families, with_survivors
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling

STUDIES = 500
PARTS = 8
FALSE = "false claims among those that survive Benjamini and Hochberg, mean share"
HELD = "families whose intervals all hold"


def _studies(
    true: int, sd: float, shape: str, studies: int, families: Sequence[str] = ()
) -> tuple[float, float, float]:
    """Shares of false claims among survivors and among intervals beyond 0, and of families held.

    Two arms differ by 2.5 standard deviations in the first `true` of eight parts.
    """
    rng = np.random.default_rng(61)
    wrong, plain, held = np.zeros(studies), np.zeros(studies), 0
    index = [(a, b, i) for b in range(PARTS) for a in (0, 1) for i in range(5)]
    frame = pd.DataFrame(index, columns=["a", "b", "replicate"])
    frame["label"] = "converged"
    effect = np.where(frame["b"] < true, 0.025, 0.0) * frame["a"]
    noise = np.where(frame["a"] == 1, sd, 1.0) * 0.01
    for study in range(studies):
        drawn = rng.normal(size=len(frame))
        if shape == "skew":
            drawn = np.sqrt(2) - rng.gamma(2.0, 1 / np.sqrt(2), len(frame))
        table = RunTable.from_frame(
            frame.assign(test_accuracy=0.5 + effect + noise * drawn), factors=("a", "b")
        )
        how = How(0.95, Resampling("calibrated", 499, study, 131_072))
        maker = ClaimMaker(Cells.from_table(table), how, "")
        asked = [maker.parse(f"accuracy.diff.a@b={b}") for b in range(PARTS)]
        found = with_survivors(with_families(maker.claims(asked), families, maker), maker)
        parts = list(found.values())
        truth = [0.025 if b < true else 0.0 for b in range(PARTS)]
        held += all((x.low or 0) <= t <= (x.high or 0) for x, t in zip(parts, truth, strict=True))
        stood = [bool(x.survives) for x in parts]
        beyond = [x.side != 0 for x in parts]
        wrong[study] = sum(stood[true:]) / max(1, sum(stood))
        plain[study] = sum(beyond[true:]) / max(1, sum(beyond))
    return float(wrong.mean()), float(plain.mean()), held / studies


CASES = [(0, 1.0, "normal"), (2, 1.0, "normal"), (2, 3.0, "normal"), (2, 1.0, "skew")]


@pytest.mark.coverage
@pytest.mark.parametrize(("true", "sd", "shape"), CASES)
def test_few_survivors_are_false(
    true: int, sd: float, shape: str, simulated: Callable[..., None]
) -> None:
    wrong, plain, _ = _studies(true, sd, shape, STUDIES)
    name = f"{true} of 8 differences true, sd 1:{sd:g}, {shape}, n=5"
    simulated(FALSE, name, wrong, STUDIES, most=0.05, nominal=0.05)
    simulated(FALSE, f"all beyond 0: {name}", plain, STUDIES, most=0.5, nominal=0.2)


@pytest.mark.coverage
@pytest.mark.parametrize(("true", "sd", "shape"), CASES)
def test_families_hold_together(
    true: int, sd: float, shape: str, simulated: Callable[..., None]
) -> None:
    *_, held = _studies(true, sd, shape, STUDIES, ["accuracy.diff.a@*"])
    name = f"8 differences, sd 1:{sd:g}, {shape}, n=5, {true} not 0"
    simulated(HELD, name, held, STUDIES, least=0.95)
