"""Variance between and within groups, and between seeds, against R."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.variance import CellPlusSeed, OneWay, cell_plus_seed, one_way
from vggstudy.analysis.numbers.variance_intervals import MeanSquare, variance_interval

LEDGERS = ("main", "balanced30", "degenerate", "monotone")
FACTORS = ["depth", "batch_size", "data_norm", "batch_norm"]
# Sums of squares of four-decimal numbers: 1e-12 relative on both sides.
TIGHT = 1e-8


def _runs(table: RunTable, which: str) -> pd.DataFrame:
    frame = table.to_frame().rename(columns={"test_accuracy": "y"})
    frame["cell"] = frame.groupby(FACTORS).ngroup()
    frame["seed"] = frame["replicate"].astype(int)
    if not which.startswith("all"):
        frame = frame[frame["outcome"] == "converged"]
    return frame[frame["batch_norm"] == 1] if which.startswith("bn") else frame


@pytest.mark.parametrize(
    "which",
    [
        "converged_by_cell",
        "all_by_cell",
        "bn_converged_by_cell",
        "bn_converged_by_seed",
        "converged_by_seed",
    ],
)
@pytest.mark.parametrize("name", LEDGERS)
def test_one_way_components_equal_those_of_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str, which: str
) -> None:
    values = json.loads((reference / f"models_ledger_{name}.json").read_text())
    row = values["variance_components"][which]
    runs = _runs(ledger(name), which)
    groups = runs["cell" if which.endswith("cell") else "seed"].to_numpy()
    found = one_way(runs["y"].to_numpy(), groups, confidence=0.95)
    assert isinstance(found, OneWay)
    actual = {
        "n": found.n,
        "k": found.k,
        "n0": found.n0,
        "ms_between": found.ms_between,
        "ms_within": found.ms_within,
        "F": found.f,
        "p": found.p_value,
        "var_between_raw": found.between_raw,
        "var_between": found.between,
        "var_within": found.within,
        "icc1_raw": found.icc.estimate,
        "icc1_lo_searle": found.icc.low,
        "icc1_hi_searle": found.icc.high,
    }
    within = variance_interval(MeanSquare(found.ms_within, found.n - found.k), confidence=0.95)
    actual |= {"var_within_lo": within.low, "var_within_hi": within.high}
    assert actual == pytest.approx({key: row[key] for key in actual}, rel=TIGHT)


@pytest.mark.parametrize("which", ["bn_converged_cell_plus_seed", "converged_cell_plus_seed"])
@pytest.mark.parametrize("name", LEDGERS)
def test_seed_variance_after_cells_equals_that_of_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str, which: str
) -> None:
    values = json.loads((reference / f"models_ledger_{name}.json").read_text())
    row = values["variance_components"][which]
    runs = _runs(ledger(name), which)
    found = cell_plus_seed(runs["y"].to_numpy(), runs["cell"].to_numpy(), runs["seed"].to_numpy())
    assert isinstance(found, CellPlusSeed)
    actual = {
        "balanced": found.balanced,
        "n_cells": found.n_cells,
        "n_seeds": found.n_seeds,
        "ms_seed": found.ms_seed,
        "df_seed": found.df_seed,
        "ms_residual": found.ms_residual,
        "df_residual": found.df_residual,
        "F_seed": found.f,
        "p_seed": found.p_value,
        "var_seed_raw_henderson3": found.seed_raw,
    }
    assert actual == pytest.approx({key: row[key] for key in actual}, rel=TIGHT)
    if row["balanced"]:
        assert found.seed_raw == pytest.approx(row["var_seed_raw_balanced"], rel=TIGHT)


def test_one_way_components_by_hand() -> None:
    # Groups (1, 3) and (5, 7): means 2 and 6, MSB = 2 * (4 + 4) / 1 = 16, MSW = 4 / 2 = 2.
    found = one_way(np.array([1.0, 3, 5, 7]), np.array([0, 0, 9, 9]), confidence=0.95)
    assert isinstance(found, OneWay)
    assert (found.ms_between, found.ms_within, found.n0) == pytest.approx((16, 2, 2))
    assert found.between == pytest.approx(7)
    assert found.icc.estimate == pytest.approx(7 / 9)


def test_components_that_do_not_exist_are_refused_with_a_reason() -> None:
    value, seeds = np.array([0.1, 0.2, 0.3, 0.5]), np.array([0, 1, 0, 1])
    refusals = [
        one_way(value, np.zeros(4, dtype=int), confidence=0.95),
        one_way(value, np.arange(4), confidence=0.95),
        one_way(np.array([0.1, 0.1, 0.3, 0.3]), np.array([0, 0, 1, 1]), confidence=0.95),
        cell_plus_seed(value, np.arange(4), seeds),
        cell_plus_seed(value, seeds, seeds),
        cell_plus_seed(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1]), seeds),
    ]
    codes = [note.code if isinstance(note, Note) else "" for note in refusals]
    assert codes == [
        "too_few_runs",
        "too_few_runs",
        "no_variance",
        "not_estimable",
        "not_estimable",
        "no_variance",
    ]


def test_estimated_components_are_unbiased() -> None:
    rng = np.random.default_rng(1)
    seed, cell = np.tile(np.arange(5), 8), np.repeat(np.arange(8), 5)
    keep = np.ones(40, dtype=bool)
    keep[[3, 11, 12, 30]] = False  # unbalanced
    estimates = []
    for _ in range(2_000):
        value = cell + rng.normal(0, 2, 5)[seed] + rng.normal(0, 1, 40)
        found = cell_plus_seed(value[keep], cell[keep], seed[keep])
        assert isinstance(found, CellPlusSeed)
        estimates.append((found.seed_raw, found.residual))
    # Seed variance 4 with a standard deviation of about 2.9: four standard errors are 0.26.
    assert np.mean(estimates, axis=0) == pytest.approx([4, 1], abs=0.26)
