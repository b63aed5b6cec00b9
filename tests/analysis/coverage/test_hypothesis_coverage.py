"""False support of H1 to H6, each simulated where the statement just fails to be true.

A study is that of the source: two depths, eight batch sizes, both normalisations, five runs a cell.
All that a hypothesis says beside the one part under test is true and easily seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.judge import judge
from vggstudy.analysis.hypotheses.verdicts import Verdict
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.protocol import load_protocol
from vggstudy.stated.hypotheses import Hypothesis, parts_of

PROTOCOL = Path(__file__).resolve().parents[2] / "reference" / "source_hypotheses.toml"
SHAPE = (2, 8, 2, 2)
X = np.arange(3.0, 11.0)
LATE_PLATEAU = np.array([-0.04, -0.02, -0.008, -0.002, 0, 0, 0, 0])
LONG_PLATEAU = np.array([-0.04, -0.02, 0, 0, 0, 0, 0, 0])
CHANCE = 0.1
MANY, SOME, FEW = 1_200, 800, 200
"""Studies: of most hypotheses; of H5, whose twelve tests take longer; of the null of H1 under which
its most expensive part, which takes half a second, has to be judged in every study."""
JUDGED = 20
"""Studies of each null in which the whole verdict is formed as an analysis forms it."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Probability of converging and mean accuracy of converged runs.

    Axes of both: depth, batch size, data normalisation, batch normalisation.
    """

    p: FloatArray
    mean: FloatArray

    def simulate(self, rng: np.random.Generator, n: int) -> RunTable:
        index = np.repeat(np.arange(self.p.size), n)
        learned = rng.random(index.size) < self.p.ravel()[index]
        value = self.mean.ravel()[index] + rng.normal(0, 0.004, index.size)
        levels = ((11, 19), tuple(int(2**x) for x in X), (False, True), (False, True))
        factors = ("depth", "batch_size", "data_norm", "batch_norm")
        return RunTable(
            factors=factors,
            levels=dict(zip(factors, levels, strict=True)),
            codes=np.stack(np.unravel_index(index, SHAPE), axis=1),
            replicate=tuple(str(i % n) for i in range(index.size)),
            label=np.where(learned, 0, 1),
            value=np.where(learned, value, rng.normal(CHANCE, 0.0005, index.size)),
            outcome="test_accuracy",
            chance=CHANCE,
            label_rule="simulated",
        )


def _truth(
    *,
    level: tuple[float, float] = (4.0, 8.0),
    slope: float = 1.5,
    with_norm: float = 1.0,
    depth_gain: float = 0.01,
) -> Truth:
    """A study in which H1 to H3 hold: plain runs by depth, everything else by its switch."""
    p, mean = np.full(SHAPE, with_norm), np.full(SHAPE, 0.86)
    for depth in range(2):
        p[depth, :, :, 0] = expit(slope * (X - level[depth]))[:, None]
    mean[:, :, :, 1] += 0.02
    mean[1, :, :, 1] += depth_gain
    return Truth(p, mean)


def _expected_gain(threshold: float) -> Truth:
    """Batch normalisation gains just the threshold in expected accuracy."""
    truth = _truth()
    expected = CHANCE + truth.p * (truth.mean - CHANCE)
    gain = float(expected[..., 1].mean() - expected[..., 0].mean())
    mean = truth.mean.copy()
    mean[..., 1] -= gain - threshold
    return Truth(truth.p, mean)


def _flat(plain: tuple[float, float]) -> Truth:
    """Convergence that does not depend on batch size."""
    truth = _truth()
    p = truth.p.copy()
    p[..., 0] = np.array(plain)[:, None, None]
    return Truth(p, truth.mean)


def _plateau(shape: FloatArray, share: float = 1.0) -> Truth:
    """Accuracy that rises to a plateau in every stratum; plain runs converge with a share."""
    p = np.ones(SHAPE)
    p[..., 0] = share
    return Truth(p, 0.9 + np.broadcast_to(shape[:, None, None], SHAPE))


def _data_gain(gain: float) -> Truth:
    """Data normalisation gains accuracy on top of batch normalisation."""
    truth = _truth()
    mean = truth.mean.copy()
    mean[:, :, 1, 1] += gain
    return Truth(truth.p, mean)


NULLS: list[tuple[str, str, Callable[[], Truth], float, int]] = [
    ("H1", "half of the plain VGG19 converge", lambda: _truth(level=(4.0, 6.5)), 0.025, MANY),
    ("H1", "batch size does not matter", lambda: _flat((0.6, 0.3)), 0.025, MANY),
    ("H1", "both depths need the same batch size", lambda: _truth(level=(8.0, 8.0)), 0.025, FEW),
    ("H2", "data normalisation changes nothing", _truth, 0.025, MANY),
    ("H3", "one in twenty fails with batch norm", lambda: _truth(with_norm=0.95), 0.025, MANY),
    ("H3", "expected accuracy gains 5 points", lambda: _expected_gain(0.05), 0.025, MANY),
    ("H3", "depths are equal with batch norm", lambda: _truth(depth_gain=0.0), 0.025, MANY),
    ("H4", "data normalisation gains 0.5 points", lambda: _data_gain(0.005), 0.05, MANY),
    ("H4", "data normalisation loses 0.5 points", lambda: _data_gain(-0.005), 0.05, MANY),
    ("H5", "late plateau in all strata", lambda: _plateau(LATE_PLATEAU), 0.05, SOME),
    ("H5", "long plateau in all strata", lambda: _plateau(LONG_PLATEAU), 0.05, SOME),
    ("H5", "late plateau, plain runs fail", lambda: _plateau(LATE_PLATEAU, 0.67), 0.05, SOME),
    ("H5", "no effect of batch size", lambda: _plateau(np.zeros(8)), 0.05, SOME),
    ("H6", "the best two models are equal", lambda: _truth(depth_gain=0.0), 0.025, MANY),
]


@functools.cache
def _specs() -> Mapping[str, Hypothesis]:
    return {spec.id: spec for spec in load_protocol(PROTOCOL).protocol.hypotheses}


def _supported(hypothesis: str, truth: Truth, studies: int, n: int) -> float:
    """Share of studies that support a hypothesis, which stands alone, at 95%.

    Support needs every part, so that the rest is not looked at once one part lacks it. That this
    is the verdict of an analysis is asserted in the first studies.
    """
    rng, found = np.random.default_rng(21), 0
    spec = _specs()[hypothesis]
    for seed in range(studies):
        cells = Cells.from_table(truth.simulate(rng, n))
        maker = ClaimMaker(
            cells, How(0.95, Resampling("calibrated", 999, seed, 131_072)), "simulated"
        )
        evaluator = Evaluator(maker)
        supported = all(
            evaluator.evidence(part, 0.95).verdict == Verdict.SUPPORTED for part in parts_of(spec)
        )
        if seed < JUDGED:
            (result,) = judge([spec], evaluator, confidence=0.95)
            assert supported == (result.verdict == Verdict.SUPPORTED)
        found += supported
    return found / studies


def test_hypotheses_that_hold_are_supported() -> None:
    """Otherwise low shares of false support would say nothing."""
    truth = _truth(level=(4.0, 8.5), depth_gain=0.05)
    assert _supported("H1", truth, 10, 20) == 1.0
    assert _supported("H3", truth, 10, 20) == 1.0
    assert _supported("H4", truth, 10, 20) == 1.0
    assert _supported("H6", truth, 10, 20) == 1.0


@pytest.mark.coverage
@pytest.mark.parametrize(
    ("hypothesis", "null", "make", "level", "studies"),
    NULLS,
    ids=[f"{case[0]}: {case[1]}" for case in NULLS],
)
def test_a_hypothesis_that_just_fails_is_seldom_supported(
    hypothesis: str,
    null: str,
    make: Callable[[], Truth],
    level: float,
    studies: int,
    simulated: Callable[..., None],
) -> None:
    share = _supported(hypothesis, make(), studies, 5)
    group = "false support of H1 to H6 at the edge, 5 runs a cell"
    simulated(group, f"{hypothesis}: {null}", share, studies, most=level, nominal=level)
