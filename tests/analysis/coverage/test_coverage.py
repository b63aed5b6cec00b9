"""Simulated coverage: how often the intervals hold the truth.

``pytest -m coverage tests/analysis`` prints the table; the unmarked tests are a small part of it.
Bands are those of the analysis plan, widened by three Monte Carlo standard errors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.special import gammaincinv

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.converged import estimate_converged
from vggstudy.analysis.estimators.expected import estimate_expected
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.means import Resampling, estimate_mean
from vggstudy.analysis.estimators.secondary import estimate_robust
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.robust import interquartile_mean

CHANCE = 0.1
SD = 0.004
Share = float | Sequence[float] | Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Design:
    """A simulated study: arms of cells, the later arm minus the earlier one.

    Attributes
    ----------
    mean, sd, p : ndarrays of shape (A, C)
        Of each arm's cells; A is 1 or 2.
    n : ndarray of shape (A, C)
        Runs a cell.
    shape : str
        Distribution of converged runs: normal, skew (skewness -1.41) or contaminated.
    """

    mean: FloatArray
    sd: FloatArray
    p: FloatArray
    n: FloatArray
    shape: str = "normal"

    def simulate(self, rng: np.random.Generator) -> Cells:
        """One study's cells."""
        arms, cells = self.mean.shape
        sizes = self.n.astype(int).ravel()
        index = np.repeat(np.arange(arms * cells), sizes)
        learned = rng.random(index.size) < self.p.ravel()[index]
        value = self.mean.ravel()[index] + self.sd.ravel()[index] * _noise(
            rng, index.size, self.shape
        )
        failed = rng.normal(CHANCE, 0.0005, index.size)
        table = RunTable(
            factors=("arm", "cell"),
            levels={"arm": tuple(range(arms)), "cell": tuple(range(cells))},
            codes=np.stack(np.unravel_index(index, (arms, cells)), axis=1),
            replicate=tuple(str(i) for i in range(index.size)),
            label=np.where(learned, 0, 1),
            value=np.where(learned, value, failed),
            outcome="test_accuracy",
            chance=CHANCE,
            label_rule="simulated",
        )
        return Cells.from_table(table)

    @property
    def contrast(self) -> Contrast:
        """The arms' difference, or the mean of the only arm."""
        return Contrast(("arm",), ((0, 1),)) if len(self.mean) == 2 else Contrast()

    def truth(self, outcome: str) -> float:
        """The estimand."""
        if outcome == "iqm" and self.mean.size > 1:
            return _mixture_iqm(self)
        if outcome in {"iqm", "median"}:
            return float(self.mean[0, 0] + self.sd[0, 0] * _noise_centre(self.shape, outcome))
        mean = self.mean + self.sd * _noise_mean(self.shape)
        cells = {
            "converged": self.p,
            "accuracy": mean,
            "expected": CHANCE + self.p * (mean - CHANCE),
        }
        averages = cells[outcome].mean(axis=1)
        return float(averages[-1] - averages[0]) if len(averages) == 2 else float(averages[0])


def _noise(rng: np.random.Generator, size: int, shape: str) -> FloatArray:
    if shape == "normal":
        return rng.normal(size=size)
    if shape == "skew":
        return np.asarray(np.sqrt(2) - rng.gamma(2.0, 1 / np.sqrt(2), size))
    return rng.normal(size=size) - 7.5 * (rng.random(size) < 0.1)


def _noise_mean(shape: str) -> float:
    return -0.75 if shape == "contaminated" else 0.0


def _noise_centre(shape: str, outcome: str) -> float:
    """Median or interquartile mean of the noise, by quantiles of its distribution."""
    share = np.array([0.5]) if outcome == "median" else (np.arange(10_000) + 0.5) / 20_000 + 0.25
    if shape == "normal":
        return 0.0
    assert shape == "skew"
    return float((np.sqrt(2) - gammaincinv(2.0, 1 - share) / np.sqrt(2)).mean())


@functools.cache
def _draws(shape: str) -> FloatArray:
    """Many draws of the noise; shape (1,000,000,)."""
    return _noise(np.random.default_rng(99), 1_000_000, shape)


def _mixture_iqm(study: Design) -> float:
    """Interquartile mean of all cells together, from a million draws of each cell's noise.

    Its error is below 1e-5, a fiftieth of the narrowest interval.
    """
    noise = _draws(study.shape)[: 1_000_000 // study.mean.size * study.mean.size]
    split = noise.reshape(study.mean.size, -1)
    values = study.mean.reshape(-1, 1) + study.sd.reshape(-1, 1) * split
    return float(interquartile_mean(values.ravel()))


def design(
    arms: int,
    cells: int,
    n: int | Sequence[int],
    *,
    p: Share = 1.0,
    ratio: float = 1.0,
    shape: str = "normal",
    bend: float | None = None,
) -> Design:
    """Arms of equal size; standard deviations spread geometrically by ``ratio``.

    Means rise by a point from the first cell to the last, or fall off quadratically by ``bend``.
    """
    spread = np.geomspace(SD / np.sqrt(ratio), SD * np.sqrt(ratio), arms * cells)
    mean = np.asarray(0.9 + 0.01 * np.arange(cells) / cells)
    if bend is not None:
        mean = np.asarray(0.92 - bend * (np.arange(cells) - 2.5) ** 2)
    return Design(
        mean=np.broadcast_to(mean, (arms, cells)).copy(),
        sd=spread.reshape(arms, cells),
        p=np.broadcast_to(np.asarray(p, dtype=float), (arms, cells)).copy(),
        n=np.broadcast_to(np.asarray(n, dtype=float), (arms, cells)).copy(),
        shape=shape,
    )


def _estimate(outcome: str, cells: Cells, contrast: Contrast, name: str) -> Finding:
    groups = contrast.groups(cells)
    if outcome == "converged":
        return estimate_converged(cells, groups, confidence=0.95)
    if outcome == "expected":
        return estimate_expected(cells, groups, confidence=0.95)
    resampling = Resampling("calibrated", 999, 0, 100_000)
    if outcome in {"iqm", "median"}:
        return estimate_robust(
            outcome, cells, groups, claim_id=name, confidence=0.95, resampling=resampling
        )
    return estimate_mean(cells, groups, claim_id=name, confidence=0.95, resampling=resampling)


def coverage(outcome: str, study: Design, *, studies: int, seed: int = 1) -> float:
    """Share of intervals that hold the truth."""
    rng = np.random.default_rng(seed)
    truth, inside = study.truth(outcome), 0
    for i in range(studies):
        found = _estimate(outcome, study.simulate(rng), study.contrast, str(i)).interval
        assert found is not None
        inside += found.low - 1e-12 <= truth <= found.high + 1e-12
    return inside / studies


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table, with the band that the plan asks for."""

    name: str
    outcome: str
    study: Design
    low: float
    high: float = 1.0


POOLED = [
    ("same means, normal", design(1, 8, 8, bend=0.0)),
    ("spread means, normal", design(1, 8, 8, bend=0.002)),
    ("spread means and sd, skew", design(1, 8, 8, bend=0.002, ratio=8, shape="skew")),
    ("same means, contaminated", design(1, 8, 8, bend=0.0, shape="contaminated")),
    ("spread means, contaminated", design(1, 8, 8, bend=0.002, shape="contaminated")),
]
"""The scenarios for which the plan's band of the interquartile mean was measured."""

LONELY_IQM = [
    (shape, n, most)
    for shape in ("normal", "skew")
    for n, most in ((8, 0.985), (12, 0.975), (20, 0.97))
]
"""Distribution, runs and the most that the interval of a single cell covers.

With few runs in one cell a resample often has an outer value in its middle half, so that resampled
interquartile means vary more than the interquartile mean itself; the stretch that makes up for
narrow intervals of means comes on top. The interval is then wider than it needs to be.
"""

GROUPS = {
    "accuracy": "mean among converged runs: calibrated bootstrap",
    "iqm": "interquartile mean: calibrated bootstrap",
    "median": "median: order statistics",
    "converged": "convergence: Clopper-Pearson and exact differences",
    "expected": "expected accuracy: MOVER",
}

SHARES: list[tuple[str, float | list[float]]] = [
    ("p=.5", 0.5),
    ("p=.9", 0.9),
    ("p=.98", 0.98),
    ("0 or 1", [0.02] * 4 + [0.98] * 4),
    ("ramp", np.linspace(0.05, 0.95, 8).tolist()),
]
LONELY: list[tuple[str, float | list[float]]] = [
    ("p=.5", 0.5),
    ("p=.98", 0.98),
    ("it alone .5", [0.5] + [0.999] * 7),
]

UNEVEN = [(8, 8), (8, 20), (16, 8), (16, 20)]
"""Cells of two runs, and how many times as much as the others one of them varies."""


def uneven(cells: int, ratio: float) -> Design:
    """Two runs a cell, one cell much noisier; two arms where there are 16."""
    study = design(cells // 8, 8, 2)
    sd = np.full(study.sd.shape, SD)
    sd[-1, -1] *= ratio
    return replace(study, sd=sd)


QUICK = [
    Case("mean of a cell, n=5", "accuracy", design(1, 1, 5), 0.90, 0.95),
    Case("difference of two cells, n=5", "accuracy", design(2, 1, 5), 0.92, 0.97),
    Case("averaged contrast, n=3", "accuracy", design(2, 4, 3, ratio=6), 0.93, 0.97),
    Case("probability, mean of 8 cells", "converged", design(1, 8, 5, p=0.9), 0.95),
    Case("difference of probabilities", "converged", design(2, 4, 5, p=0.7), 0.93),
    Case("expected accuracy of a cell", "expected", design(1, 1, 8, p=0.8), 0.95),
]

FULL = [
    *(
        Case(f"mean of a cell, {shape}, n={n}", "accuracy", design(1, 1, n, shape=shape), low, high)
        for shape in ("normal", "skew")
        for n, low, high in [(3, 0.90, 0.95), (5, 0.90, 0.95), (8, 0.92, 0.95), (20, 0.92, 0.96)]
    ),
    *(
        Case(f"difference of two cells, sd 1:{ratio}, n={n}", "accuracy", study, 0.92, 0.97)
        for ratio in (1, 6)
        for n in (3, 5, 10)
        for study in [design(2, 1, n, ratio=ratio)]
    ),
    *(
        Case(f"averaged contrast of 16 cells, {shape}, n={n}", "accuracy", study, 0.93, 0.97)
        for shape in ("normal", "skew", "contaminated")
        for n in (3, 5, 10)
        for study in [design(2, 8, n, ratio=8, shape=shape)]
    ),
    *(
        Case(
            f"average of {cells} cells, one varies {ratio} times as much, n=2",
            "accuracy",
            study,
            0.93,
        )
        for cells, ratio in UNEVEN
        for study in [uneven(cells, ratio)]
    ),
    *(
        Case(f"median of a cell, {shape}, n={n}", "median", study, 0.94, 0.96)
        for shape in ("normal", "skew")
        for n in (8, 12, 20)
        for study in [design(1, 1, n, shape=shape)]
    ),
    *(
        Case(f"8 cells pooled, {name}, n={n}", "iqm", replace(study, n=0 * study.n + n), 0.94, 0.96)
        for name, study in POOLED
        for n in (8, 20)
    ),
    *(
        Case(f"a single cell, {shape}, n={n}", "iqm", design(1, 1, n, shape=shape), 0.94, most)
        for shape, n, most in LONELY_IQM
    ),
    *(
        Case(f"probability, 8 cells, {name}, n={n}", "converged", design(1, 8, n, p=p), 0.95)
        for name, p in SHARES
        for n in (3, 5, 10)
    ),
    *(
        Case(f"probability, one cell of 1 among 10s, {name}", "converged", study, 0.95)
        for name, p in LONELY
        for study in [design(1, 8, [1] + [10] * 7, p=p)]
    ),
    *(
        Case(f"difference of probabilities, {cells} cells, {name}, n={n}", "converged", study, 0.93)
        for cells in (1, 8)
        for name, p in [("p=.5", 0.5), ("p=.9", 0.9), ("p=.98", 0.98)]
        for n in (5, 10)
        for study in [design(2, cells, n, p=p)]
    ),
    *(
        Case(f"difference of {outcome}, 8 cells, p={p1} and {p2}, n={n}", outcome, study, 0.93)
        for outcome in ("converged", "expected")
        for p1, p2 in [(0.5, 0.9), (0.2, 0.8), (0.05, 0.95)]
        for n in (5, 10)
        for study in [design(2, 8, n, p=[[p1], [p2]])]
    ),
    *(
        Case(f"difference of {outcome}, 8 cells, one of {few} of 10 runs", outcome, study, 0.93)
        for outcome, few in (("converged", 1), ("expected", 2))
        for study in [design(2, 8, [few] + [10] * 7, p=0.7)]
    ),
    *(
        Case(f"expected accuracy, {cells} cells, p={p}, n=2", "expected", study, 0.95)
        for cells in (1, 8)
        for p in (0.5, 0.9, 1.0)
        for study in [design(1, cells, 2, p=p)]
    ),
    *(
        Case(f"expected accuracy, {cells} cells, p={p}, n={n}", "expected", study, 0.95)
        for cells in (1, 8)
        for p in (0.2, 0.5, 0.9, 1.0)
        for n in (5, 10)
        for study in [design(1, cells, n, p=p)]
    ),
    *(
        Case(f"difference of expected accuracies, 8 cells, p={p}, n={n}", "expected", study, 0.93)
        for p in (0.5, 0.9)
        for n in (5, 10)
        for study in [design(2, 8, n, p=p)]
    ),
]


STUDIES = 1_200
"""Monte Carlo error of a coverage of 95%: 0.6 points."""


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_a_small_simulation_covers_within_the_band(
    case: Case, simulated: Callable[..., None]
) -> None:
    share = coverage(case.outcome, case.study, studies=400)
    simulated("small simulations", case.name, share, 400, least=case.low, most=case.high)


@pytest.mark.coverage
@pytest.mark.parametrize("case", FULL, ids=lambda case: case.name)
def test_simulated_coverage_lies_within_the_band(
    case: Case, simulated: Callable[..., None]
) -> None:
    share = coverage(case.outcome, case.study, studies=STUDIES)
    simulated(GROUPS[case.outcome], case.name, share, STUDIES, least=case.low, most=case.high)
