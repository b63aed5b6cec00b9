"""Simulated coverage of turning points and shared seeds, false support of peaks.

``pytest -m coverage tests/analysis`` prints the table; the unmarked tests are a small part of it.
Bands are those of the analysis plan, widened by three Monte Carlo standard errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.peak import PeakTest, peak_test
from vggstudy.analysis.estimators.seeds import estimate_shared
from vggstudy.analysis.estimators.turning_point import TurningPoint, estimate_turning_point
from vggstudy.analysis.numbers.arrays import FloatArray

SD = 0.004
X = np.arange(3.0, 11.0)
"""Positions of the batch sizes 8 to 1024."""

SPREADS = {
    "equal": np.full(8, SD),
    "growing": np.geomspace(0.0015, 0.0107, 8),
    "shrinking": np.geomspace(0.0015, 0.0107, 8)[::-1],
}


@dataclass(frozen=True)
class Study:
    """Eight batch sizes of n runs each."""

    mean: FloatArray
    n: int
    spread: str = "equal"
    skew: bool = False

    def simulate(self, rng: np.random.Generator) -> Cells:
        """Runs of one study; skewed ones have skewness -1.41 and the same mean."""
        code = np.repeat(np.arange(8), self.n)
        noise = rng.normal(size=code.size)
        if self.skew:
            noise = np.sqrt(2) - rng.gamma(2.0, 1 / np.sqrt(2), code.size)
        table = RunTable(
            factors=("batch_size",),
            levels={"batch_size": tuple(int(2**x) for x in X)},
            codes=code[:, None],
            replicate=tuple(str(i % self.n) for i in range(code.size)),
            label=np.zeros(code.size, dtype=np.int64),
            value=self.mean[code] + SPREADS[self.spread][code] * noise,
            outcome="test_accuracy",
            chance=0.1,
            label_rule="simulated",
        )
        return Cells.from_table(table)


@dataclass(frozen=True)
class TurningCase:
    """Coverage of a vertex at 5.5 on log2."""

    curvature: float
    n: int
    spread: str = "equal"
    skew: bool = False
    vertex: float = field(default=5.5)

    @property
    def name(self) -> str:
        shape = "skewed, " if self.skew else ""
        return f"turning point, c={self.curvature}, {shape}{self.spread} spread, n={self.n}"

    def shares(self, studies: int) -> tuple[float, float, float]:
        """Coverage of Fieller's set and of the bootstrap, and the share of bounded sets."""
        rng = np.random.default_rng(11)
        mean: FloatArray = 0.92 + self.curvature * (X - self.vertex) ** 2
        study = Study(mean, self.n, self.spread, self.skew)
        held = drawn = bounded = 0
        for i in range(studies):
            cells = study.simulate(rng)
            point = estimate_turning_point(
                cells,
                axis_of(cells.table, "batch_size", "log2"),
                (),
                confidence=0.95,
                resampling=Resampling("calibrated", 499, i, 131_072),
            )
            assert isinstance(point, TurningPoint)
            assert point.bootstrap is not None
            held += point.set.contains(self.vertex)
            bounded += point.set.shape == "bounded"
            drawn += point.bootstrap.low <= self.vertex <= point.bootstrap.high
        return held / studies, drawn / studies, bounded / studies


PLATEAUS = {
    "late plateau": np.array([-0.04, -0.02, -0.008, -0.002, 0, 0, 0, 0]),
    "long plateau": np.array([-0.04, -0.02, 0, 0, 0, 0, 0, 0]),
    "no effect": np.zeros(8),
}


def _supported(study: Study, studies: int, *, shared: bool = False) -> float:
    """Share of studies in which all three tests reject at 5%."""
    rng = np.random.default_rng(12)
    found = 0
    for i in range(studies):
        cells = study.simulate(rng)
        axis = axis_of(cells.table, "batch_size", "log2")
        test = peak_test(cells, axis, (), seed=i, shared_seeds=shared)
        assert isinstance(test, PeakTest)
        found += test.p_value < 0.05
    return found / studies


def _shared_coverage(seeds: int, arms: int, share: float, studies: int) -> float:
    """Coverage of a mean (one arm) or a difference, seeds holding ``share`` of the variance."""
    rng = np.random.default_rng(13)
    shape = (arms, 8)
    code = np.repeat(np.arange(arms * 8), seeds)
    contrast = Contrast(("arm",), ((0, 1),)) if arms == 2 else Contrast()
    covered = 0
    for i in range(studies):
        block = rng.normal(0, SD * np.sqrt(share), (arms, seeds))
        own = rng.normal(0, SD * np.sqrt(1 - share), code.size)
        value = 0.9 + own + np.repeat(block, 8, axis=0).ravel()
        table = RunTable(
            factors=("arm", "cell"),
            levels={"arm": tuple(range(arms)), "cell": tuple(range(8))},
            codes=np.stack(np.unravel_index(code, shape), axis=1),
            replicate=tuple(str(i % seeds) for i in range(code.size)),
            label=np.zeros(code.size, dtype=np.int64),
            value=value,
            outcome="test_accuracy",
            chance=0.1,
            label_rule="simulated",
        )
        cells = Cells.from_table(table)
        found = estimate_shared(
            cells,
            contrast.groups(cells),
            claim_id="x",
            confidence=0.95,
            resampling=Resampling("calibrated", 499, i, 131_072),
        ).interval
        assert found is not None
        covered += found.low <= (0.0 if arms == 2 else 0.9) <= found.high
    return covered / studies


STUDIES = 1_200
"""Monte Carlo error of a coverage of 95%: 0.6 points."""


def _error(share: float, studies: int) -> float:
    """Three Monte Carlo standard errors."""
    return float(3 * np.sqrt(share * (1 - share) / studies))


TURNING = [
    *(
        TurningCase(c, n, spread)
        for c in (-0.003, -0.001, -0.0003)
        for n in (3, 5, 10)
        for spread in SPREADS
    ),
    *(TurningCase(-0.001, n, "growing", skew=True) for n in (5, 10, 20)),
]


@pytest.mark.parametrize("case", [TurningCase(-0.001, 5, "growing")], ids=lambda case: case.name)
def test_a_small_simulation_covers_the_turning_point(case: TurningCase) -> None:
    held, drawn, _ = case.shares(300)
    assert min(held, drawn) > 0.93 - _error(0.95, 300)


def test_a_small_simulation_rarely_supports_a_peak_on_a_plateau() -> None:
    assert _supported(Study(0.9 + PLATEAUS["late plateau"], 5), 300) < 0.05 + _error(0.05, 300)


def test_a_small_simulation_covers_with_shared_seeds() -> None:
    assert _shared_coverage(5, 1, 0.3, 300) > 0.94 - _error(0.95, 300)


@pytest.mark.coverage
@pytest.mark.parametrize("case", TURNING, ids=lambda case: case.name)
def test_the_turning_point_is_covered(case: TurningCase, simulated: Callable[..., None]) -> None:
    held, drawn, bounded = case.shares(STUDIES)
    low = 0.92 if case.n < 5 or case.skew else 0.93
    beside = f"{case.name}, bootstrap beside"
    group = "batch size at the turning point: Fieller; bootstrap beside"
    simulated(group, beside, drawn, STUDIES, least=0.92, most=0.985)
    name = f"{case.name}; {100 * bounded:.0f}% bounded"
    simulated(group, name, held, STUDIES, least=low, most=0.97)


@pytest.mark.coverage
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("shape", PLATEAUS)
def test_a_plateau_is_rarely_taken_for_a_peak(
    shape: str, n: int, spread: str, simulated: Callable[..., None]
) -> None:
    share = _supported(Study(0.9 + PLATEAUS[shape], n, spread), STUDIES)
    case = f"{shape}, {spread} spread, n={n}"
    simulated("false support of a peak (H5)", case, share, STUDIES, most=0.05, nominal=0.05)


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "least"), [(5, 0.6), (10, 0.9), (30, 0.99)])
def test_a_peak_is_mostly_found(n: int, least: float, simulated: Callable[..., None]) -> None:
    share = _supported(Study(0.92 - 0.001 * (X - 6.5) ** 2, n), STUDIES)
    simulated("power for a peak (H5)", f"c=-0.001, n={n}", share, STUDIES, least=least)


@pytest.mark.coverage
@pytest.mark.parametrize("seeds", [3, 5, 10, 20])
@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_shared_seeds_are_covered(
    seeds: int, arms: int, share: float, simulated: Callable[..., None]
) -> None:
    found = _shared_coverage(seeds, arms, share, STUDIES)
    what = "difference of 8 cells" if arms == 2 else "mean of 8 cells"
    case = f"{what}, seeds' share {share}, G={seeds}"
    group = "seeds shared across cells: t over seeds"
    simulated(group, case, found, STUDIES, least=0.94, most=0.955)
