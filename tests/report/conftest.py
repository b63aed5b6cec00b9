"""Small studies whose reports are tested."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.report import ReportContext, render

Rows = list[dict[str, object]]


def runs(*, replicates: int = 3, names: tuple[str, str] = ("batch_norm", "lr")) -> pd.DataFrame:
    """Two by two cells; without the first factor, the last replicate fails to learn."""
    rows: Rows = []
    for on in (False, True):
        for rate in (0.001, 0.01):
            for replicate in range(replicates):
                learns = on or replicate < replicates - 1
                accuracy = 0.60 + 0.1 * on + rate + 0.013 * replicate if learns else 0.1
                rows.append(
                    {
                        names[0]: on,
                        names[1]: rate,
                        "replicate": replicate,
                        "label": "converged" if learns else "failed_to_learn",
                        "test_accuracy": round(accuracy, 4),
                    }
                )
    return pd.DataFrame(rows)


def analysed(frame: pd.DataFrame, factors: list[str] | None = None) -> AnalysisResult:
    """The analysis of a frame, with few resamples: the report does not care."""
    table = RunTable.from_frame(frame, factors=factors or ["batch_norm", "lr"])
    return analyze(table, resamples=199)


@pytest.fixture(scope="session")
def make_runs() -> Callable[..., pd.DataFrame]:
    return runs


@pytest.fixture(scope="session")
def make_result() -> Callable[..., AnalysisResult]:
    return analysed


@pytest.fixture(scope="session")
def tiny() -> AnalysisResult:
    return analysed(runs())


@pytest.fixture(scope="session")
def all_failed() -> AnalysisResult:
    frame = runs()
    return analysed(frame.assign(label="failed_to_learn", test_accuracy=0.1))


@pytest.fixture(scope="session")
def with_losses() -> AnalysisResult:
    """A crashed, a missing and a diverged run, and one cell without any data."""
    frame = runs(replicates=4)
    frame.loc[0, "label"] = "diverged"
    frame.loc[4, "label"] = "crashed"
    frame.loc[12:, "label"] = "missing"
    lost = frame["label"].isin(["crashed", "missing"])
    frame.loc[lost, "test_accuracy"] = float("nan")
    return analysed(frame)


@pytest.fixture(scope="session")
def context() -> ReportContext:
    return ReportContext(
        title="Does batch normalisation help?",
        name="small",
        question="Does it?",
        source="study",
        protocol_text="schema = 1\n",
        protocol_digest="ab" * 32,
        settings=[("training", "optimizer", "adam")],
        label_rule=[("margin", "0.05")],
        amendments=[
            {
                "date": "2026-11-20T10:00:00",
                "old_digest": "1" * 64,
                "new_digest": "2" * 64,
                "diff": "-epochs = 50\n+epochs = 100\n",
            }
        ],
        environment=[(59, ["unknown", "torch 2.14.1"])],
        commands=["vggstudy run small.toml", "vggstudy report studies/small"],
        notes=["Early stopping watched the test loss."],
    )


@pytest.fixture(scope="session")
def page(tiny: AnalysisResult, context: ReportContext) -> str:
    return render(tiny, context=context)
