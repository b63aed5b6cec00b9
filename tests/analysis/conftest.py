"""Ledgers with R's values, small tables made by hand, and the table of simulated coverage.

Simulations behind the marker ``coverage`` hand their shares to the fixture `simulated`; at the end
of the session they are printed as Markdown, those outside their bands among them.
``docs/make_coverage_table.py`` puts that table into the documentation.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.result import AnalysisResult

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
    # R's values take runs as independent, although the ledgers number their seeds alike.
    return RunTable.read_csv(REFERENCE / f"ledger_{name}.csv", FACTORS, seeding="independent")


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
                        "replicate": i,
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


@dataclass(frozen=True, slots=True)
class Row:
    """A simulated share with the band that the analysis plan asks for.

    Attributes
    ----------
    group, case : str
    share, least, most : float
    studies : int
    nominal : float
        Share at which the Monte Carlo error of the band's ends is taken.
    """

    group: str
    case: str
    share: float
    studies: int
    least: float
    most: float
    nominal: float

    @property
    def inside(self) -> bool:
        """Within the band widened by three Monte Carlo standard errors at the nominal share."""
        margin = 3 * np.sqrt(self.nominal * (1 - self.nominal) / self.studies)
        return bool(self.least - margin <= self.share <= self.most + margin)

    @property
    def markdown(self) -> str:
        error = np.sqrt(self.share * (1 - self.share) / self.studies)
        low, high = f"{100 * self.least:g}", f"{100 * self.most:g}"
        band = f"at most {high}" if self.least == 0 else f"{low} to {high}"
        band = f"at least {low}" if self.most == 1 else band
        cells = (
            self.case,
            f"{100 * self.share:.1f} ± {100 * error:.1f}",
            band,
            "yes" if self.inside else "**no**",
            f"{self.studies:,}",
        )
        return f"| {' | '.join(cells)} |"


Simulated = Callable[..., None]


@pytest.fixture
def simulated(record_property: Callable[[str, object], None]) -> Simulated:
    """Enter a share into the table, then hold it to its band."""

    def enter(
        group: str,
        case: str,
        share: float,
        studies: int,
        *,
        least: float = 0.0,
        most: float = 1.0,
        nominal: float = 0.95,
    ) -> None:
        row = Row(group, case, share, studies, least, most, nominal)
        record_property("simulated", json.dumps(asdict(row)))
        assert row.inside, row.markdown

    return enter


def _natural(text: str) -> list[tuple[str, float]]:
    """Words and numbers of a text, so that n=5 comes before n=10."""
    parts = re.findall(r"([^\d.]*)([\d.]*)", text)
    return [(word, float(number.strip(".") or 0)) for word, number in parts]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of everything that was simulated, whatever the order of the tests was."""
    found = [
        Row(**json.loads(value))
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and "coverage" in report.keywords
        for name, value in report.user_properties
        if name == "simulated"
    ]
    rows = sorted(found, key=lambda row: (row.group, _natural(row.case)))
    if not rows:
        return
    terminalreporter.section("simulated coverage")
    for group, members in itertools.groupby(rows, key=lambda row: row.group):
        terminalreporter.line(f"\n| {group} | % ± Monte Carlo error | band | inside | studies |")
        terminalreporter.line("| --- | --- | --- | --- | --- |")
        for row in members:
            terminalreporter.line(row.markdown)
