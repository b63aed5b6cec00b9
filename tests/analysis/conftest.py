"""Ledgers with R's values, and small tables made by hand."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.result import AnalysisResult
from vggstudy.analysis.table import RunTable

LEDGERS = ("main", "balanced30", "degenerate", "monotone")
FACTORS = ("depth", "batch_size", "data_norm", "batch_norm")
REFERENCE = Path(__file__).resolve().parent.parent / "reference"

TableMaker = Callable[..., RunTable]


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the ledgers and of R's values."""
    return REFERENCE


@functools.cache
def _table(name: str) -> RunTable:
    return RunTable.read_csv(REFERENCE / f"ledger_{name}.csv", FACTORS)


@functools.cache
def _oracle(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((REFERENCE / f"oracle_ledger_{name}.json").read_text())
    return values


@functools.cache
def _result(name: str) -> AnalysisResult:
    return analyze(_table(name), resamples=999, seed=1)


@pytest.fixture(scope="session")
def ledger() -> Callable[[str], RunTable]:
    """A reference ledger by its short name."""
    return _table


@pytest.fixture(scope="session")
def oracle() -> Callable[[str], dict[str, Any]]:
    """What R computed from a ledger."""
    return _oracle


@pytest.fixture(scope="session")
def analysed() -> Callable[[str], AnalysisResult]:
    """A reference ledger analysed with 999 resamples."""
    return _result


@pytest.fixture
def make_table() -> TableMaker:
    """A table from ``{levels: values}``: None is a failed run at 0.1."""

    def make(
        cells: dict[tuple[Any, ...], Sequence[float | None]],
        factors: Sequence[str] = ("a", "b"),
        outcome: str = "test_accuracy",
    ) -> RunTable:
        rows = []
        for levels, values in cells.items():
            for i, value in enumerate(values):
                learned = value is not None
                rows.append(
                    {
                        **dict(zip(factors, levels, strict=True)),
                        "seed": i,
                        "label": "converged" if learned else "failed_to_learn",
                        outcome: value if learned else 0.1,
                    }
                )
        return RunTable.from_frame(pd.DataFrame(rows), factors=factors, outcome=outcome)

    return make


@pytest.fixture
def grid_frame() -> pd.DataFrame:
    """A two-by-three grid with four runs a cell, some of them failed."""
    rng = np.random.default_rng(5)
    rows = []
    for depth in (11, 19):
        for batch in (8, 64, 512):
            for seed in range(4):
                failed = depth == 19 and batch == 8 and seed < 2
                value = 0.1 if failed else 0.8 + 0.01 * rng.random()
                label = "failed_to_learn" if failed else "converged"
                rows.append((depth, batch, seed, label, round(value, 4)))
    return pd.DataFrame(rows, columns=["depth", "batch_size", "seed", "label", "test_accuracy"])
