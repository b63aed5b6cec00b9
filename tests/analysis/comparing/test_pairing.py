"""Studies whose runs draw from the same seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vggstudy.analysis import analyze
from vggstudy.analysis.comparing.like import Like, like
from vggstudy.analysis.comparing.pairing import Paired, SeededRuns, pair
from vggstudy.analysis.data.table import RunTable, Seeding
from vggstudy.analysis.result import AnalysisResult

SEEDS = 12


def runs(
    shift: float, *, noise: int, seeding: Seeding = "independent", fails: float = 0.0
) -> AnalysisResult:
    """Two models of twelve seeds each, which move the runs of both studies alike."""
    own, common = np.random.default_rng(noise), np.random.default_rng(5)
    rows = []
    for model in ("a", "b"):
        moved = common.normal(0, 0.02, SEEDS)
        luck = common.random(SEEDS)
        for seed in range(SEEDS):
            value = 0.7 + shift * (model == "b") + moved[seed] + own.normal(0, 0.004)
            lost = luck[seed] < fails
            rows.append((model, seed, "failed_to_learn" if lost else "converged", value))
    frame = pd.DataFrame(rows, columns=["model", "seed", "outcome", "test_accuracy"])
    frame["majority_rate"] = 0.1
    table = RunTable.from_frame(frame, factors=["model"], outcome="test_accuracy", seeding=seeding)
    return analyze(table, resamples=99)


def seeded(result: AnalysisResult) -> SeededRuns:
    assert result.table.seeds is not None
    return SeededRuns(result.table, result.table.seeds, result.seeds.shared, result.further)


def both(first: AnalysisResult, second: AnalysisResult, name: str) -> tuple[Like, Paired]:
    paired = pair(seeded(first), seeded(second), name, 0.95)
    assert paired is not None
    found = like(first.claims[name], second.claims[name], paired=paired)
    assert found is not None
    return found, paired


def values(result: AnalysisResult, model: str) -> np.ndarray:
    frame = result.table.to_frame().assign(seed=result.table.seeds)
    chosen = frame[frame["model"] == model]
    return chosen.set_index("seed")["test_accuracy"].sort_index().to_numpy()


def test_a_cells_mean_differs_by_students_interval_of_the_pairs() -> None:
    first, second = runs(0.1, noise=1), runs(0.1, noise=2)
    found, paired = both(first, second, "accuracy.mean@model=a")
    x, y = values(first, "a"), values(second, "a")
    assert paired.runs == SEEDS
    assert paired.correlation == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-9)
    exact = stats.ttest_rel(y, x).confidence_interval(0.95)
    width = found.difference.high - found.difference.low
    # Ends of a drawn interval, 99 resamples: as far apart as Student's within Monte Carlo error.
    assert width == pytest.approx(exact.high - exact.low, rel=0.25)
    alone = like(first.claims[found.id], second.claims[found.id])
    assert alone is not None
    assert width < 0.5 * (alone.difference.high - alone.difference.low)


def test_a_contrast_is_paired_cell_by_cell_and_over_shared_seeds_seed_by_seed() -> None:
    name = "accuracy.diff.model"
    x, y = runs(0.1, noise=1), runs(0.1, noise=2)
    apart = [values(one, "b") - values(one, "a") for one in (x, y)]
    independent = both(x, y, name)[1]
    within = [np.concatenate([(v := values(one, m)) - v.mean() for m in "ab"]) for one in (x, y)]
    assert independent.correlation == pytest.approx(np.corrcoef(np.array(within))[0, 1], rel=1e-9)
    shared = both(runs(0.1, noise=1, seeding="shared"), runs(0.1, noise=2, seeding="shared"), name)
    assert shared[1].correlation == pytest.approx(np.corrcoef(np.array(apart))[0, 1], rel=1e-9)


def test_runs_of_other_seeds_have_no_partner() -> None:
    first, second = runs(0.1, noise=1), runs(0.1, noise=2)
    other = SeededRuns(second.table, tuple(f"x{n}" for n in second.table.seeds or ()), False)
    assert pair(seeded(first), other, "accuracy.mean", 0.95) is None
    half = tuple(n if int(n) < 6 else f"x{n}" for n in second.table.seeds or ())
    some = pair(seeded(first), SeededRuns(second.table, half, False), "accuracy.mean@model=a", 0.95)
    assert some is not None
    assert some.runs == 6
    assert 0 < some.correlation < both(first, second, "accuracy.mean@model=a")[1].correlation


def test_a_median_is_no_sum_of_runs_and_stays_independent() -> None:
    first, second = seeded(runs(0.1, noise=1)), seeded(runs(0.1, noise=2))
    assert pair(first, second, "accuracy.median@model=a", 0.95) is None


def test_failures_of_the_same_seeds_still_leave_open_what_twelve_pairs_leave_open() -> None:
    first, second = runs(0.1, noise=1, fails=0.3), runs(0.1, noise=2, fails=0.3)
    found, paired = both(first, second, "converged.p@model=a")
    assert paired.correlation == pytest.approx(1.0)
    # No pair differs: each way by Clopper-Pearson's 0 of 12.
    assert found.difference.high == pytest.approx(1 - 0.025 ** (1 / SEEDS), rel=1e-9)
    assert found.difference.low == -found.difference.high
    alone = like(first.claims[found.id], second.claims[found.id])
    assert alone is not None
    assert found.difference.high < alone.difference.high
