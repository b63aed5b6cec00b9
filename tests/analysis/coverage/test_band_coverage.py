"""How often bands of mean curves, and of differences of such, hold the truth at all times.

``pytest -m coverage tests/analysis/coverage/test_band_coverage.py`` prints the table. Curves have
fifty times: rough (independent noise), smooth (a wandering that remembers nine tenths of itself and
calms down), mixed (an offset of the run and noise half as large), skewed (the offset is chi-squared
with three degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.curve_bands import Sample, curve_band

GROUP = "mean curves, at all times together"
STUDIES, TIMES, DRAWS = 500, 50, 300


def curves(kind: str, n: int, rng: np.random.Generator) -> FloatArray:
    """Deviations of n runs from the true curve."""
    noise = rng.standard_normal((n, TIMES))
    if kind == "rough":
        return noise
    if kind == "smooth":
        away = noise.copy()
        for t in range(1, TIMES):
            away[:, t] = 0.9 * away[:, t - 1] + np.sqrt(1 - 0.81) * noise[:, t]
        return np.asarray(away * np.linspace(3, 0.5, TIMES))
    if kind == "mixed":
        return np.asarray(rng.standard_normal((n, 1)) + 0.5 * noise)
    return np.asarray((3 - rng.chisquare(3, (n, 1))) / np.sqrt(6) + 0.4 * noise)


def held(kinds: tuple[tuple[str, int, float], ...]) -> float:
    """Share of studies whose band holds the truth, 0, at every time."""
    rng = np.random.default_rng([31, *(n for _, n, _ in kinds)])
    inside = 0
    for _ in range(STUDIES):
        samples = [Sample(weight, curves(kind, n, rng)) for kind, n, weight in kinds]
        band = curve_band(samples, confidence=0.95, rng=rng, draws=DRAWS)
        inside += bool(((band.low <= 0) & (band.high >= 0)).all())
    return inside / STUDIES


@pytest.mark.coverage
@pytest.mark.parametrize("n", [3, 5, 10, 20])
@pytest.mark.parametrize("kind", ["rough", "smooth", "mixed", "skewed"])
def test_a_mean_curve_is_held(kind: str, n: int, simulated: Callable[..., None]) -> None:
    least = 0.93 if kind != "skewed" else 0.92
    simulated(GROUP, f"{kind}, n={n}", held(((kind, n, 1.0),)), STUDIES, least=least)


@pytest.mark.coverage
@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 5), (10, 10), (5, 20)])
@pytest.mark.parametrize("kind", ["smooth", "mixed"])
def test_a_difference_of_two_is_held(
    kind: str, n: int, m: int, simulated: Callable[..., None]
) -> None:
    share = held(((kind, n, 1.0), (kind, m, -1.0)))
    simulated(GROUP, f"difference, {kind}, n={n} and {m}", share, STUDIES, least=0.93)
