"""The set of best levels: how often it holds the best one, and a vertex where no quadratic fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.best import BestLevels, best_levels
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.turning_point import TurningPoint, estimate_turning_point
from vggstudy.analysis.hypotheses.evidence import Evaluator
from vggstudy.analysis.hypotheses.verdicts import Verdict
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.stated.hypotheses import PeakPart

GROUP = "the set of best levels holds the best one"
VERTEX = "a vertex where a quadratic does not fit"
PEAKS = "verdicts on a peak"
STUDIES, SOME = 1_200, 500
SD = 0.004
X = np.arange(3.0, 11.0)
SPREADS = {
    "equal": np.full(8, SD),
    "growing": np.geomspace(0.0015, 0.0107, 8),
    "shrinking": np.geomspace(0.0015, 0.0107, 8)[::-1],
}
KINKED = np.asarray(np.where(X < 5, 0.03 * (X - 5), -0.003 * (X - 5)), dtype=np.float64)
"""A steep rise to the third of eight levels, then a slow fall: no quadratic meets it."""
SHAPES: dict[str, FloatArray] = {
    "peak": np.asarray(-0.001 * (X - 6) ** 2, dtype=np.float64),
    "kinked": KINKED,
    "late plateau": np.array([-0.04, -0.02, -0.008, -0.002, 0, 0, 0, 0]),
    "no effect": np.zeros(8),
    "rising": np.asarray(0.004 * (X - 10), dtype=np.float64),
}
Runs = int | Sequence[int]
UNEVEN = (3, 20, 5, 10, 4, 20, 3, 8)


def _name(runs: Runs) -> str:
    return f"n={runs}" if isinstance(runs, int) else f"n={min(runs)} to {max(runs)}"


def _cells(
    mean: FloatArray, spread: FloatArray, runs: Runs, rng: np.random.Generator, *, seeds: float = 0
) -> Cells:
    """Converged runs; seeds hold a share of the variance, in alternate directions by level."""
    code = np.repeat(np.arange(mean.size), runs)
    replicate = np.concatenate([np.arange(n) for n in np.bincount(code)])
    noise = rng.normal(size=code.size)
    if seeds:
        side = np.where(code % 2, 1.0, -1.0)
        block = rng.normal(size=int(replicate.max()) + 1)[replicate]
        noise = np.sqrt(1 - seeds) * noise + np.sqrt(seeds) * side * block
    return Cells.from_table(
        RunTable(
            factors=("x",),
            levels={"x": tuple(int(2**x) for x in X)},
            codes=code[:, None],
            replicate=tuple(map(str, replicate.tolist())),
            label=np.zeros(code.size, dtype=np.int64),
            value=0.9 + mean[code] + spread[code] * noise,
            outcome="test_accuracy",
            chance=0.1,
            label_rule="simulated",
        )
    )


def _sets(
    shape: str, spread: str, runs: Runs, studies: int, *, seeds: float = 0
) -> tuple[float, float]:
    """Share of studies whose set holds the best level, the last of several; mean size of sets."""
    rng, mean = np.random.default_rng(41), SHAPES[shape]
    best = int(np.flatnonzero(mean == mean.max())[-1])
    held = size = 0
    for _ in range(studies):
        cells = _cells(mean, SPREADS[spread], runs, rng, seeds=seeds)
        axis = axis_of(cells.table, "x", "log2")
        found = best_levels(cells, axis, (), confidence=0.95, shared_seeds=seeds > 0)
        assert isinstance(found, BestLevels)
        held += bool(found.held[best])
        size += int(found.held.sum())
    return held / studies, size / studies


def test_a_small_simulation_holds_the_best_level_and_excludes_others() -> None:
    share, size = _sets("peak", "equal", 5, 200)
    assert share >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 200)
    assert size < 5.5


@pytest.mark.coverage
@pytest.mark.parametrize("runs", [3, 5, 10, UNEVEN], ids=_name)
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("shape", ["peak", "kinked", "no effect"])
def test_the_best_level_is_held(
    shape: str, spread: str, runs: Runs, simulated: Callable[..., None]
) -> None:
    share, size = _sets(shape, spread, runs, STUDIES)
    case = f"{shape}, {spread} spread, {_name(runs)}; {size:.1f} of 8 levels"
    simulated(GROUP, case, share, STUDIES, least=0.95)


@pytest.mark.coverage
@pytest.mark.parametrize("runs", [3, 5, 10], ids=_name)
@pytest.mark.parametrize("shape", ["peak", "no effect"])
def test_the_best_level_is_held_where_seeds_are_shared(
    shape: str, runs: int, simulated: Callable[..., None]
) -> None:
    share, size = _sets(shape, "growing", runs, STUDIES, seeds=0.5)
    case = f"seeds shared, moved oppositely, {shape}, {_name(runs)}; {size:.1f} of 8 levels"
    simulated(GROUP, case, share, STUDIES, least=0.95)


@pytest.mark.coverage
@pytest.mark.parametrize("runs", [5, 10, UNEVEN], ids=_name)
def test_no_vertex_is_claimed_where_the_curve_has_a_kink(
    runs: Runs, simulated: Callable[..., None]
) -> None:
    rng, claimed, before = np.random.default_rng(42), 0, 0
    for seed in range(SOME):
        cells = _cells(KINKED, SPREADS["equal"], runs, rng)
        point = estimate_turning_point(
            cells,
            axis_of(cells.table, "x", "log2"),
            (),
            confidence=0.95,
            resampling=Resampling("calibrated", 99, seed, 131_072),
        )
        assert isinstance(point, TurningPoint)
        claimed += point.finding().interval is not None
        before += point.set.contains(5.0)
    simulated(VERTEX, f"claimed, {_name(runs)}", claimed / SOME, SOME, most=0.05, nominal=0.05)
    simulated(
        VERTEX, f"replaced: covered, {_name(runs)}", before / SOME, SOME, most=0.2, nominal=0.1
    )


def _verdicts(shape: str, spread: str, runs: Runs, studies: int) -> tuple[float, float]:
    """Shares of studies that support a peak, and that contradict one."""
    rng, found = np.random.default_rng(43), []
    part = PeakPart(kind="peak", along="x")
    for seed in range(studies):
        cells = _cells(SHAPES[shape], SPREADS[spread], runs, rng)
        how = How(0.95, Resampling("calibrated", 99, seed, 131_072))
        found.append(Evaluator(ClaimMaker(cells, how, "x")).evidence(part, 0.95).verdict)
    return tuple(found.count(x) / studies for x in (Verdict.SUPPORTED, Verdict.CONTRADICTED))  # type: ignore[return-value]


@pytest.mark.coverage
@pytest.mark.parametrize("runs", [3, 5, 10, UNEVEN], ids=_name)
@pytest.mark.parametrize("spread", ["equal", "growing"])
@pytest.mark.parametrize("shape", SHAPES)
def test_verdicts_on_a_peak_are_seldom_false(
    shape: str, spread: str, runs: Runs, simulated: Callable[..., None]
) -> None:
    supported, contradicted = _verdicts(shape, spread, runs, SOME)
    case = f"{shape}, {spread} spread, {_name(runs)}"
    if shape in ("peak", "kinked"):
        name = f"false contradiction: {case}; {100 * supported:.0f}% supported"
        simulated(PEAKS, name, contradicted, SOME, most=0.05, nominal=0.05)
    else:
        name = f"false support: {case}; {100 * contradicted:.0f}% contradicted"
        simulated(PEAKS, name, supported, SOME, most=0.05, nominal=0.05)
