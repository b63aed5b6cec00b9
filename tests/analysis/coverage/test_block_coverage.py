"""Simulated coverage over blocks: of those that could have been drawn, and of those at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.numbers.arrays import FloatArray

GROUP = "over blocks"
STUDIES = 1_000
LEVELS = 4
RESAMPLING = Resampling("calibrated", 99, 1, 131_072)
STEP, BETWEEN, RUNS = 0.02, 0.03, 0.02
"""Between neighbouring levels; SD of a level's effect between blocks; SD between runs."""
COUNTS = [(3, 3), (5, 3), (5, 10), (10, 3), (30, 3), (60, 5)]


def _table(blocks: int, runs: int, outcome: str) -> RunTable:
    """Four levels on so many blocks, values to be filled in."""
    rows = [
        (level, f"set {block}", run, 1.0, "converged")
        for level in range(LEVELS)
        for block in range(blocks)
        for run in range(runs)
    ]
    names = ["level", "block", "replicate", outcome, "label"]
    frame = pd.DataFrame(rows, columns=names)
    return RunTable.from_frame(frame, factors=["level", "block"], outcome=outcome).blocked("block")


def _values(
    rng: np.random.Generator, effects: FloatArray, runs: int, *, shared: float = 0.0
) -> FloatArray:
    """Runs of every level and block, as the table has them; a part of seeds may be common."""
    seed = shared * rng.normal(size=(LEVELS, 1, runs))
    own = rng.normal(size=(*effects.shape, runs))
    return np.asarray((effects[:, :, None] + RUNS * (seed + own)).ravel())


def _effects(rng: np.random.Generator, blocks: int) -> FloatArray:
    """Means of every level on blocks that are drawn: their own level, and an effect there."""
    level = 1 + 0.2 * rng.random(blocks)
    own = BETWEEN * rng.normal(size=(LEVELS, blocks))
    return np.asarray(level + STEP * np.arange(LEVELS)[:, None] + own)


def _coverage(
    blocks: int,
    runs: int,
    quantity: str,
    truth: Callable[[FloatArray], float],
    *,
    within: bool = False,
    shared: float = 0.0,
    studies: int = STUDIES,
) -> float:
    """Share of studies whose interval holds the truth, which may be of the blocks at hand."""
    outcome = "test_loss" if quantity == "block_diff" else "score"
    rng, inside, made = np.random.default_rng(17), 0, 0
    table = _table(blocks, runs, outcome)
    name = f"{outcome}.{quantity}"
    text = f"{name}@level=0" if quantity == "block_rank" else f"{name}.level@level=0..3"
    how = How(0.95, RESAMPLING, shared_seeds=shared > 0)
    fixed = _effects(np.random.default_rng(4), blocks)
    for _ in range(studies):
        effects = fixed if within else _effects(rng, blocks)
        value = _values(rng, effects, runs, shared=shared)
        maker = ClaimMaker(Cells.from_table(replace(table, value=value)), how, "")
        claim = maker.claim(maker.parse(text))
        ends = [(x.low, x.high) for x in claim.alternatives if x.method == "within_blocks"]
        low, high = ends[0] if within else (claim.low, claim.high)
        assert low is not None
        assert high is not None
        inside += low <= truth(effects) <= high
        made += 1
    return inside / made


def _difference(_effects: FloatArray) -> float:
    """Between the last and the first level, over all blocks that could be drawn."""
    return STEP * (LEVELS - 1)


def _of_these(effects: FloatArray) -> float:
    """The same over the blocks at hand."""
    return float((effects[3] - effects[0]).mean())


def _expected_rank(runs: int) -> float:
    """Mean rank of level 0 in a new block; the highest mean is first."""
    rng = np.random.default_rng(99)
    means = _effects(rng, 400_000) + RUNS / runs**0.5 * rng.normal(size=(LEVELS, 400_000))
    return 1 + float((means[1:] > means[0]).mean(axis=1).sum())


def _expected_log_ratio() -> float:
    """Mean logarithm of the ratio of the last to the first level in a new block."""
    effects = _effects(np.random.default_rng(99), 400_000)
    return float(np.log(effects[3] / effects[0]).mean())


def test_a_small_simulation_over_blocks_covers(simulated: Callable[..., None]) -> None:
    share = _coverage(5, 3, "block_diff", _difference, studies=300)
    simulated("small simulations", "over 5 blocks", share, 300, least=0.93)


@pytest.mark.coverage
@pytest.mark.parametrize(("blocks", "runs"), COUNTS)
def test_a_difference_over_new_blocks_is_covered(
    blocks: int, runs: int, simulated: Callable[..., None]
) -> None:
    share = _coverage(blocks, runs, "block_diff", _difference)
    name = f"difference, new blocks: {blocks} blocks, n={runs}"
    simulated(GROUP, name, share, STUDIES, least=0.94, most=0.97)


@pytest.mark.coverage
@pytest.mark.parametrize(("blocks", "runs"), COUNTS)
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_a_difference_of_these_blocks_is_covered(
    blocks: int, runs: int, shared: float, simulated: Callable[..., None]
) -> None:
    share = _coverage(blocks, runs, "block_diff", _of_these, within=True, shared=shared)
    seeds = "seeds shared" if shared else "independent runs"
    name = f"difference, these blocks, {seeds}: {blocks} blocks, n={runs}"
    simulated(GROUP, name, share, STUDIES, least=0.93, most=0.985)


@pytest.mark.coverage
@pytest.mark.parametrize(("blocks", "runs"), COUNTS)
def test_a_mean_rank_over_new_blocks_is_covered(
    blocks: int, runs: int, simulated: Callable[..., None]
) -> None:
    rank = _expected_rank(runs)
    share = _coverage(blocks, runs, "block_rank", lambda _: rank)
    name = f"mean rank, new blocks: {blocks} blocks, n={runs}"
    simulated(GROUP, name, share, STUDIES, least=0.93)


@pytest.mark.coverage
@pytest.mark.parametrize(("blocks", "runs"), [(5, 3), (30, 3)])
def test_a_ratio_over_new_blocks_is_covered(
    blocks: int, runs: int, simulated: Callable[..., None]
) -> None:
    ratio = float(np.exp(_expected_log_ratio()))
    share = _coverage(blocks, runs, "block_ratio", lambda _: ratio)
    name = f"ratio, new blocks: {blocks} blocks, n={runs}"
    simulated(GROUP, name, share, STUDIES, least=0.93)


@pytest.mark.coverage
@pytest.mark.parametrize(("blocks", "runs"), [(5, 3), (30, 3)])
def test_a_share_of_the_range_of_these_blocks_is_covered(
    blocks: int, runs: int, simulated: Callable[..., None]
) -> None:
    def share_of_range(effects: FloatArray) -> float:
        scale = effects.max(axis=0) - effects.min(axis=0)
        return float(((effects[3] - effects[0]) / scale).mean())

    share = _coverage(blocks, runs, "block_scaled", share_of_range, within=True)
    name = f"share of the range, these blocks: {blocks} blocks, n={runs}"
    # The range of noisy means is wider than that of the true ones, and taken as known.
    simulated(GROUP, name, share, STUDIES, least=0.93)
