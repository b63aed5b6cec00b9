"""How often a cell whose runs have one value has an interval, and how often that holds the mean.

``pytest -m coverage tests/analysis/coverage/test_scale_coverage.py`` prints the table. Values are
rounded as they are recorded, so that cells of a few runs are flat now and then; the truth is the
mean of the rounded value, and only flat cells are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import norm

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.means import Resampling, estimate_mean
from vggstudy.analysis.numbers.arrays import FloatArray

GROUP = "means of cells whose runs have one value"
STUDIES = 1_200
ARMS, RUNS = 4, 3
FEW = Resampling("calibrated", 99, 1, 100_000)


@dataclass(frozen=True, slots=True)
class Games:
    """Arms of several games.

    Attributes
    ----------
    outcome : str
    mean, sd, step : tuple of float
        Of each game; the step to which its values are rounded. SD 0: every run has the mean.
    """

    outcome: str
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    step: tuple[float, ...]

    def simulate(self, rng: np.random.Generator) -> tuple[Cells, FloatArray]:
        """A study's cells, game by game, and the true mean of each."""
        games = len(self.mean)
        index = np.repeat(np.arange(games * ARMS), RUNS)
        mean, sd, step = (np.repeat(x, ARMS) for x in (self.mean, self.sd, self.step))
        mean = np.where(sd > 0, mean + step * rng.random(games * ARMS), mean)
        value = mean[index] + sd[index] * rng.standard_normal(index.size)
        table = RunTable(
            factors=("game", "arm"),
            levels={
                "game": tuple(f"game {i}" for i in range(games)),
                "arm": tuple("abcd"[:ARMS]),
            },
            codes=np.stack(np.unravel_index(index, (games, ARMS)), axis=1),
            replicate=tuple(str(i) for i in range(index.size)),
            label=np.zeros(index.size, dtype=np.int64),
            value=np.where(step[index] > 0, step[index] * np.round(value / step[index]), value),
            outcome=self.outcome,
            chance=None,
            label_rule="simulated",
        )
        return Cells.from_table(table), _rounded_mean(mean, sd, step)

    def flat_cells(self, game: int, studies: int) -> Iterator[tuple[Finding, float]]:
        """The finding on every flat cell of a game, and the truth."""
        rng = np.random.default_rng([13, game, len(self.mean)])
        for _ in range(studies):
            cells, truth = self.simulate(rng)
            for cell in np.flatnonzero(cells.flat & (cells.codes[:, 0] == game)).tolist():
                game_code, arm = cells.codes[cell].tolist()
                one = Contrast(
                    conditions=(Condition("arm", (arm,)), Condition("game", (game_code,)))
                )
                groups = one.groups(cells)
                found = estimate_mean(cells, groups, claim_id="x", confidence=0.95, resampling=FEW)
                yield found, float(truth[cell])


def _rounded_mean(mean: FloatArray, sd: FloatArray, step: FloatArray) -> FloatArray:
    """Expectation of a normal value rounded to a step, by its distribution."""
    unit = np.where(step > 0, step, 1.0)
    grid = np.round(mean / unit)[:, None] + np.arange(-60, 61)
    spread = np.where(sd > 0, sd / unit, 1e-12)[:, None]
    upper, lower = (norm.cdf((grid + d - (mean / unit)[:, None]) / spread) for d in (0.5, -0.5))
    return np.where((sd > 0) & (sd < 20 * unit), ((upper - lower) * grid).sum(axis=1) * unit, mean)


SCORES = Games("score", (0.0, 70.0), (0.4, 40.0), (1.0, 1.0))
"""Points of two games, whose standard deviations differ a hundredfold."""


@pytest.mark.coverage
def test_a_game_at_its_ceiling_takes_no_variance_of_another(
    simulated: Callable[..., None],
) -> None:
    """Pooled over all cells, the interval was [437, 563] around 500: 138 is another game's SD."""
    ceiling = Games("score", (500.0, 70.0), (0.0, 138.0), (1.0, 10.0))
    found = [finding.interval is None for finding, _ in ceiling.flat_cells(0, STUDIES)]
    case = "no interval where no run of a level in words varies"
    simulated(GROUP, case, float(np.mean(found)), len(found), least=1.0, nominal=0.99)


@pytest.mark.coverage
@pytest.mark.parametrize(
    ("name", "games"),
    [
        ("a game of SD 0.4 beside one of 40, steps of 1", SCORES),
        (
            "accuracies of SD 0.4 points, steps of 1 point",
            Games("test_accuracy", (0.8, 0.9), (0.004, 0.004), (0.01, 0.01)),
        ),
    ],
)
def test_what_a_flat_cell_borrows_from_its_own_scale_covers(
    simulated: Callable[..., None], name: str, games: Games
) -> None:
    found = list(games.flat_cells(0, STUDIES))
    given = [(f.interval, truth) for f, truth in found if f.interval is not None]
    hits = [interval.low <= truth <= interval.high for interval, truth in given]
    half = np.median([(interval.high - interval.low) / 2 for interval, _ in given])
    assert half < 4 * games.sd[0]
    share = len(given) / len(found)
    case = f"{name}, n={RUNS}; given in {share:.0%} of flat cells"
    simulated(GROUP, case, float(np.mean(hits)), len(hits), least=0.91)
