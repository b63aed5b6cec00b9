"""Tables of simulated runs that benchmarks analyse."""

from __future__ import annotations

import numpy as np
import pandas as pd

FACTORS = ("depth", "batch_size", "data_norm", "batch_norm")
LEVELS = ((11, 19), tuple(2**x for x in range(3, 11)), (0, 1), (0, 1))


def simulate(runs: int, seed: int = 0) -> pd.DataFrame:
    """Runs of every cell: plain ones fail at small batches, accuracy peaks between."""
    rng = np.random.default_rng(seed)
    grid = pd.MultiIndex.from_product(LEVELS, names=FACTORS).to_frame(index=False)
    frame = grid.loc[np.repeat(np.arange(len(grid)), runs)].reset_index(drop=True)
    z = np.log2(frame["batch_size"]) - 6.5
    deep = frame["depth"] == 19
    logit = 1.5 - 2.0 * deep + 0.9 * z + 1.5 * frame["data_norm"] + 6.0 * frame["batch_norm"]
    learned = rng.random(len(frame)) < 1 / (1 + np.exp(-logit))
    gain = 0.03 * frame["batch_norm"] + 0.005 * frame["data_norm"] + 0.01 * deep
    mean = 0.86 + 0.004 * z - 0.002 * z**2 + gain
    value = np.where(learned, rng.normal(mean, 0.005), rng.normal(0.1, 0.002, len(frame)))
    frame["seed"] = np.tile(np.arange(runs), len(grid))
    frame["label"] = np.where(learned, "converged", "failed_to_learn")
    frame["test_accuracy"] = value.round(4)
    return frame


def many_tasks(methods: int, tasks: int, runs: int) -> pd.DataFrame:
    """Methods on tasks: every task has its level and spread, seeds recur in all cells."""
    rng = np.random.default_rng(1)
    names = ([f"m{i:02d}" for i in range(methods)], [f"task{i:02d}" for i in range(tasks)])
    grid = pd.MultiIndex.from_product((*names, range(runs)), names=["method", "task", "seed"])
    frame = grid.to_frame(index=False)
    task = np.tile(np.repeat(np.arange(tasks), runs), methods)
    level, spread = rng.uniform(0.3, 0.9, tasks), rng.uniform(0.002, 0.03, tasks)
    frame["score"] = (level[task] + spread[task] * rng.standard_normal(len(frame))).round(5)
    return frame.assign(label="converged")
