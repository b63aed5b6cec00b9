"""Command lines, run in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from vggstudy.cli import _invoke
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import StudyStore
from vggstudy.study.study import Study


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> Done:
        code = _invoke([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Done(code, captured.out, captured.err)

    return call


PROTOCOL = """\
schema = 1
name = "small"
[design]
replicates = 3
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
[training]
epochs = 20
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A finished study in studies/small: depth 11 learns, depth 19 does not."""
    (tmp_path / "small.toml").write_text(PROTOCOL)
    folder = tmp_path / "studies" / "small"
    made = Study.from_file(tmp_path / "small.toml", folder)
    store = StudyStore.create(folder, made.text, made.protocol.digest(), "small")
    for run in made.plan.runs:
        accuracy = 0.9 + 0.01 * run.replicate if run.levels["depth"] == 11 else 0.1
        metrics = {
            **dict.fromkeys(("test_accuracy", "val_accuracy", "train_accuracy"), accuracy),
            **dict.fromkeys(("test_loss", "val_loss", "train_loss"), 1.0),
            "test_balanced_accuracy": accuracy,
        }
        store.write_record(
            make_record(
                run,
                status="finished",
                attempts=[attempt_entry("2026-01-01T00:00:00+00:00", 2.0, None)],
                result={
                    "status": "finished",
                    "stop_reason": "epoch_cap",
                    "epochs": 20,
                    "selected_epoch": 1,
                    "curves": {"train_loss": [1.0] * 20, "val_loss": [1.0] * 20},
                    "metrics": metrics,
                    "final": metrics,
                    "steps": 100,
                    "parameters": {"count": 10, "trainable": 10},
                    "parameters_and_statistics": 10,
                    "parameters_sha256": "0" * 64,
                    "data": {"majority_rate": 0.1, "n_validation": 200},
                },
                timings={"total_s": 2.0},
                environment={"host": "here"},
            )
        )
    return folder
