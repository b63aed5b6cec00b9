"""Studies with invented results whose past can be told: made now, run in 2100, amended in 2101."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

FORTY = """\
schema = 1
name = "forty"
[design]
replicates = 5
seed = 1
[design.factors]
depth = [11, 19]
batch_size = [32, 64]
batch_norm = [false, true]
[data]
name = "digits"
[training]
epochs = 20
[analysis]
resamples = 199
"""

HYPOTHESIS = """
[[hypotheses]]
id = "H1"
text = "Batch normalisation makes networks converge."
kind = "claim"
claim = "converged.diff.batch_norm"
direction = "above"
threshold = 0.2
"""

RUN, AMENDED = "2100-01-01T00:00:00+00:00", "2101-01-01T00:00:00+00:00"


def record_of(run: Any, *, start: str = RUN) -> Any:
    """A finished run: everything learns but depth 19 without batch normalisation."""
    learns = run.levels.get("depth", 11) == 11 or run.levels["batch_norm"]
    accuracy = 0.9 + 0.01 * run.replicate if learns else 0.1
    metrics = {
        **dict.fromkeys(("test_accuracy", "test_balanced_accuracy", "val_accuracy"), accuracy),
        **dict.fromkeys(("test_loss", "val_loss", "train_loss"), 1.0),
        "train_accuracy": min(1.0, accuracy + 0.05),
    }
    curves = {"train_loss": [1.0] * 20, "val_loss": [1.0] * 20, "val_accuracy": [accuracy] * 20}
    return make_record(
        run,
        status="finished",
        attempts=[attempt_entry(start, 2.0, None)],
        result={
            "status": "finished",
            "stop_reason": "epoch_cap",
            "epochs": 20,
            "selected_epoch": 1,
            "steps": 100,
            "curves": curves,
            "metrics": metrics,
            "final": {"val_loss": 1.0, "val_accuracy": accuracy},
            "parameters": {"count": 10, "trainable": 10},
            "parameters_and_statistics": 12,
            "parameters_sha256": "0" * 64,
            "data": {"majority_rate": 0.1, "n_validation": 200},
        },
        timings={"total_s": 2.0, "epoch_s": [0.1] * 20, "peak_memory_bytes": 5},
        environment={"host": "here"},
    )


def made(folder: Path, text: str, *, records: int | None = None) -> Study:
    """A study in a folder, with the first records that its protocol plans, or all."""
    protocol = parse_protocol(text)
    study = Study(protocol, folder, text=text)
    store = StudyStore.create(folder, text, protocol.digest(), protocol.name)
    for run in study.plan.runs[:records]:
        store.write_record(record_of(run))
    return study


def amend(folder: Path, text: str, date: str = AMENDED) -> Study:
    """Put another protocol in force, as a run would."""
    StudyStore.open(folder).amend(text, parse_protocol(text).digest(), date)
    return Study.open(folder)


def drop_failed(folder: Path) -> int:
    """Delete six records of runs that failed."""
    failed = [
        record.run_id
        for record in StudyStore.open(folder).records()
        if record.levels["depth"] == 19
        and not record.levels["batch_norm"]
        and record.replicate >= 2
    ]
    for run_id in failed:
        shutil.rmtree(folder / "runs" / run_id)
    return len(failed)


class Tricks:
    """What an author may do to a study."""

    text, hypothesis, amended = FORTY, HYPOTHESIS, AMENDED
    made = staticmethod(made)
    amend = staticmethod(amend)
    drop_failed = staticmethod(drop_failed)
    record_of = staticmethod(record_of)


@pytest.fixture
def tricks() -> type[Tricks]:
    """Makes studies and does things to them."""
    return Tricks


@pytest.fixture
def forty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Forty runs of a study without hypotheses, in ``forty`` below the working folder."""
    monkeypatch.chdir(tmp_path)
    return made(Path("forty"), FORTY)


@pytest.fixture
def bent(forty: Study) -> Study:
    """The same: a hypothesis added late, replicates cut from 5 to 3, six failed runs deleted."""
    amend(forty.path, FORTY + HYPOTHESIS)
    dropped = drop_failed(forty.path)
    assert dropped == 6
    return amend(forty.path, FORTY.replace("replicates = 5", "replicates = 3") + HYPOTHESIS)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command line: its exit code and all that it printed."""
    from vggstudy.cli import _invoke

    def call(*arguments: str | Path) -> tuple[int, str]:
        code = _invoke([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        assert "internal error" not in captured.err
        return code, captured.out + captured.err

    return call
