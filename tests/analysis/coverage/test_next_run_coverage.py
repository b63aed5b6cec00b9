"""Simulated coverage of predictions of the next run, and of which of two runs is better."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtr

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.effects import cliffs_delta
from vggstudy.analysis.numbers.prediction import next_value
from vggstudy.analysis.numbers.proportions import mover_sum

STUDIES = 4_000
PAIRS = 1_000
NEXT, BETTER = "the next run's value", "a run beats a run, failed runs worst"

SHAPES: dict[str, Callable[[np.random.Generator, int], FloatArray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "skew": lambda rng, n: -rng.gamma(2, size=n),
    "exponential": lambda rng, n: -rng.exponential(size=n),
    "contaminated": lambda rng, n: rng.normal(size=n) - 7.5 * (rng.random(n) < 0.1),
}


def _predicted(shape: str, n: int, studies: int) -> float:
    rng, inside = np.random.default_rng(53), 0
    for _ in range(studies):
        values = SHAPES[shape](rng, n + 1)
        seen = np.sort(values[:n])
        found = next_value(seen, confidence=0.95, variance=seen.var(ddof=1), df=n - 1)
        inside += found.low <= values[n] <= found.high
    return inside / studies


def test_a_small_simulation_of_the_next_run_covers(simulated: Callable[..., None]) -> None:
    share = _predicted("normal", 5, 1_000)
    simulated("small simulations", "next run, n=5", share, 1_000, least=0.95, most=0.95)


@pytest.mark.coverage
@pytest.mark.parametrize("n", [3, 5, 10, 20, 39, 60])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_next_run_is_held(shape: str, n: int, simulated: Callable[..., None]) -> None:
    # Below 39 runs values are taken as normal, and a claim on such a cell says so.
    least = 0.95 if shape == "normal" or n >= 39 else 0.92
    least = 0.90 if shape == "contaminated" and n < 39 else least
    simulated(NEXT, f"{shape}, n={n}", _predicted(shape, n, STUDIES), STUDIES, least=least)


def _better(p: tuple[float, float], shift: float, n: int, cells: int, studies: int) -> float:
    """Share of intervals that hold the mean over cells, whose shifts spread around `shift`."""
    rng, inside = np.random.default_rng(59), 0
    shifts = shift + np.linspace(-1, 1, cells) * (cells > 1)
    both, none = p[0] * p[1], (1 - p[0]) * (1 - p[1])
    truth = float((both * ndtr(shifts / np.sqrt(2)) + p[0] * (1 - p[1]) + none / 2).mean())

    def runs(share: float, mean: float) -> FloatArray:
        return np.where(rng.random(n) < share, rng.normal(mean, 1, n), -np.inf)

    for _ in range(studies):
        parts = [
            cliffs_delta(runs(p[0], x), runs(p[1], 0), confidence=0.95).probability_of_improvement
            for x in shifts
        ]
        found = mover_sum(parts, [1 / cells] * cells, method="") if cells > 1 else parts[0]
        inside += found.low <= truth <= found.high
    return inside / studies


@pytest.mark.coverage
@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("n", [5, 10, 20])
@pytest.mark.parametrize("p", [(1.0, 1.0), (1.0, 0.9), (0.9, 0.5), (0.5, 0.5)])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_the_better_run_is_covered(
    p: tuple[float, float], shift: float, n: int, cells: int, simulated: Callable[..., None]
) -> None:
    share = _better(p, shift, n, cells, PAIRS)
    name = f"converging {p[0]:g} and {p[1]:g}, shift={shift:g}, cells={cells}, n={n}"
    simulated(BETTER, name, share, PAIRS, least=0.93)
