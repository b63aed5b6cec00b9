"""False verdicts of every kind of hypothesis, where what it states holds just not, or just holds.

At the edge itself both verdicts are false, or true by nothing: a support and a contradiction may
each come about as often as the kind's level allows. Verdicts on a peak are in
`test_best_coverage`, of several parts in `test_conjunction_coverage`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from scipy.special import expit

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.threshold import Direction, separate_lines
from vggstudy.analysis.estimators.threshold_difference import _profile
from vggstudy.analysis.hypotheses import model_evidence
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.verdicts import DECIDED, Verdict
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import normal_quantile
from vggstudy.analysis.numbers.profile import root_drop
from vggstudy.stated.hypotheses import Part

GROUP = "false verdicts of every kind of hypothesis at its edge"
PART: TypeAdapter[Part] = TypeAdapter(Part)
X = np.arange(4.0)
SPREAD = np.geomspace(0.002, 0.016, 8)
Runs = int | Sequence[int]
UNEVEN = (3, 10, 5, 4, 8, 3, 10, 5)
SIZES: list[Runs] = [3, 5, 10, UNEVEN]


def _name(runs: Runs) -> str:
    return f"n={runs}" if isinstance(runs, int) else f"n={min(runs)} to {max(runs)}"


@dataclass(frozen=True)
class Edge:
    """A statement, and a truth at its edge: two arms of four levels each."""

    name: str
    part: dict[str, Any]
    p: FloatArray
    gain: float = 0.0
    level: float = 0.025
    studies: int = 800

    def cells(self, runs: Runs, rng: np.random.Generator) -> Cells:
        code = np.repeat(np.arange(8), runs)
        learned = rng.random(code.size) < self.p[code]
        value = 0.9 + self.gain * (code >= 4) + SPREAD[code] * rng.normal(size=code.size)
        return Cells.from_table(
            RunTable(
                factors=("arm", "x"),
                levels={"arm": (0, 1), "x": (1, 2, 4, 8)},
                codes=np.stack([code // 4, code % 4], axis=1),
                replicate=tuple(map(str, range(code.size))),
                label=np.where(learned, 0, 1),
                value=np.where(learned, value, 0.1 + 0.001 * rng.normal(size=code.size)),
                outcome="test_accuracy",
                chance=0.1,
                label_rule="simulated",
            )
        )


def _claim(claim: str, threshold: float) -> dict[str, Any]:
    return {"kind": "claim", "claim": claim, "threshold": threshold, "direction": "above"}


def _slope(threshold: float) -> dict[str, Any]:
    return {"kind": "slope", "along": "x", "threshold": threshold, "direction": "above"}


ALL, SOME = np.ones(8), np.full(8, 0.7)
ORDER = [{"x": level} for level in (8, 4, 2, 1)]
EQUIVALENT = {"kind": "equivalence", "claim": "accuracy.diff.arm", "margin": 0.005}
RANKING = {"kind": "ranking", "factors": ["x"], "outcome": "accuracy", "order": ORDER}
EDGES = [
    Edge("claim, mean of a cell", _claim("accuracy.mean@arm=0,x=8", 0.9), ALL),
    Edge("claim, difference of means", _claim("accuracy.diff.arm", 0.0), ALL),
    Edge("claim, probability", _claim("converged.p@arm=0", 0.7), SOME),
    Edge("claim, difference of probabilities", _claim("converged.diff.arm", 0.0), SOME),
    Edge("claim, difference of expected", _claim("expected.diff.arm", 0.0), SOME),
    Edge("equivalence", EQUIVALENT, ALL, gain=0.005, level=0.05),
    Edge("slope of 0", _slope(0.0), SOME, studies=400),
    Edge("slope of 1", _slope(1.0), np.tile(expit(X - 1.5), 2), studies=400),
    Edge("ranking of four equal models", RANKING, ALL, level=0.05, studies=400),
]


def _verdicts(edge: Edge, runs: Runs, studies: int) -> tuple[float, float]:
    """Shares of studies that support, and that contradict."""
    rng, found = np.random.default_rng(51), []
    part = PART.validate_python(edge.part)
    for seed in range(studies):
        how = How(0.95, Resampling("calibrated", 199, seed, 131_072))
        maker = ClaimMaker(edge.cells(runs, rng), how, "simulated")
        found.append(Evaluator(maker).evidence(part, 0.95).verdict)
    supported, contradicted = (
        found.count(x) / studies for x in (Verdict.SUPPORTED, Verdict.CONTRADICTED)
    )
    return supported, contradicted


@pytest.mark.coverage
@pytest.mark.parametrize("runs", SIZES, ids=_name)
@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
def test_a_hypothesis_at_its_edge_is_seldom_decided(
    edge: Edge, runs: Runs, simulated: Callable[..., None]
) -> None:
    shares = _verdicts(edge, runs, edge.studies)
    for what, share in zip(("supported", "contradicted"), shares, strict=True):
        case = f"{edge.name}, {_name(runs)}: {what}"
        simulated(GROUP, case, share, edge.studies, most=edge.level, nominal=edge.level)


def _order(quantity: str, runs: Runs, studies: int, *, falls: bool) -> tuple[float, float, float]:
    """Shares of studies that support an order of equal levels, contradict it, cannot judge it.

    The difference is searched for only where its profile excludes 0: without that no verdict is.
    """
    p = np.tile(expit((-2 if falls else 2) * (X - 1.4)), 2)
    edge = Edge("", {}, p)
    part = PART.validate_python(
        {
            "kind": "threshold_order",
            "along": "x",
            "compare": "arm",
            "direction": "above",
            "quantity": quantity,
        }
    )
    rng, found = np.random.default_rng(52), []
    for seed in range(studies):
        cells = edge.cells(runs, rng)
        if not _excludes_0(cells, "decreasing" if falls else "increasing"):
            found.append(Verdict.INCONCLUSIVE)
            continue
        how = How(0.95, Resampling("calibrated", 199, seed, 131_072))
        found.append(Evaluator(ClaimMaker(cells, how, "simulated")).evidence(part, 0.95).verdict)
    supported, contradicted, unjudged = (
        found.count(x) / studies
        for x in (Verdict.SUPPORTED, Verdict.CONTRADICTED, Verdict.NOT_ESTIMABLE)
    )
    return supported, contradicted, unjudged


def _reversed(studies: int) -> float:
    """Share of studies that decide on levels needed: arms fall, and one tolerates more."""
    p = np.concatenate([expit(-3 * (X - 0.5)), expit(-3 * (X - 2.5))])
    edge = Edge("", {}, p)
    part = PART.validate_python(
        {"kind": "threshold_order", "along": "x", "compare": "arm", "direction": "above"}
    )
    rng, decided = np.random.default_rng(53), 0
    for seed in range(studies):
        how = How(0.95, Resampling("calibrated", 199, seed, 131_072))
        maker = ClaimMaker(edge.cells(10, rng), how, "simulated")
        decided += Evaluator(maker).evidence(part, 0.95).verdict in DECIDED
    return decided / studies


@pytest.mark.coverage
def test_levels_needed_are_not_compared_where_learning_falls(
    simulated: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "verdicts on levels needed where learning falls, n=10"
    simulated(group, "decided", _reversed(200), 200, most=0.025, nominal=0.025)
    monkeypatch.setattr(model_evidence, "learning_along", lambda *_, **__: "increasing")
    simulated(group, "replaced: decided, taken to rise", _reversed(20), 20, least=0.5)


def _excludes_0(cells: Cells, direction: Direction) -> bool:
    """Whether the profile of the difference of both levels leaves out 0."""
    arms = tuple((Condition("arm", (i,)),) for i in (1, 0))
    axis = axis_of(cells.table, "x", "log2")
    lines = separate_lines(cells, axis, arms, probability=0.5, direction=direction)
    assert not isinstance(lines, Note)
    z = normal_quantile(0.95)
    profile = _profile(lines, 0, 1, z)
    return root_drop(profile.top.objective, profile._best_pair(0.0, [])) > z


@pytest.mark.coverage
@pytest.mark.parametrize("runs", SIZES, ids=_name)
@pytest.mark.parametrize("falls", [False, True])
def test_an_order_of_equal_levels_is_seldom_decided(
    runs: Runs, falls: bool, simulated: Callable[..., None]
) -> None:
    studies, quantity = 500, "tolerated" if falls else "needed"
    supported, contradicted, _ = _order(quantity, runs, studies, falls=falls)
    for what, share in (("supported", supported), ("contradicted", contradicted)):
        case = f"order of equal levels {quantity}, {_name(runs)}: {what}"
        simulated(GROUP, case, share, studies, most=0.025, nominal=0.025)
