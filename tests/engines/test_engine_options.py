"""The command line of the engines: what it refuses, and what it tells of a queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vggstudy.cli import _invoke
from vggstudy.execution.slurm import engine as slurm
from vggstudy.ledger import StudyStore
from vggstudy.protocol import load_protocol
from vggstudy.study.study import Study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study that has been made and not run."""
    monkeypatch.chdir(tmp_path)
    loaded = load_protocol("quickstart")
    made = Study.load(loaded, tmp_path / "quick")
    StudyStore.create(made.path, made.text, made.protocol.digest(), made.protocol.name)
    return made


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slurm", "partition=a"], "--slurm needs --engine slurm"),
        (["--detach"], "--detach needs --engine slurm"),
        (["--engine", "ray", "--detach"], "--detach needs --engine slurm"),
        (["--engine", "slurm", "--ray-address", "a:1"], "--ray-address needs --engine ray"),
        (["--pack", "3"], "--pack needs --engine slurm or ray"),
        (["--engine", "slurm", "--slurm", "partion=a"], "'partion' is not an option"),
        (["--engine", "ray", "--ray-address", "ray://a:1"], "write HOST:PORT"),
        (["--engine", "pbs"], "'pbs' is not one of"),
    ],
)
def test_options_that_do_not_fit_are_a_mistake_of_usage(
    options: list[str], message: str, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _invoke(["run", "quickstart", "--study", str(study.path), *options]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_dry_run_asks_no_scheduler(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert _invoke(["run", "quickstart", "--engine", "slurm", "--dry-run"]) == 0
    assert f"{len(study.plan.runs)} runs would be executed" in capsys.readouterr().err


def test_slurm_is_missed_in_one_sentence(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert _invoke(["run", "quickstart", "--study", str(study.path), "--engine", "slurm"]) == 4
    assert "there is no squeue here" in capsys.readouterr().err


def test_status_tells_what_is_queued_and_running(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (run.run_id for run in study.plan.runs[:3])
    held = {first: "queued", second: "queued", third: "running"}
    monkeypatch.setattr(slurm, "held_runs", lambda path: held)
    assert _invoke(["status", str(study.path)]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.endswith("; in SLURM: 2 queued, 1 in running jobs")
    assert _invoke(["status", str(study.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slurm"] == {"queued": 2, "running": 1}


def test_status_of_a_study_that_was_never_submitted_says_nothing_of_slurm(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _invoke(["status", str(study.path), "--json"]) == 0
    assert "slurm" not in json.loads(capsys.readouterr().out)


def test_runs_that_jobs_hold_are_not_executed_here(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {study.plan.runs[0].run_id: "running"}
    monkeypatch.setattr(slurm, "held_runs", lambda path: held)
    assert _invoke(["run", "quickstart", "--study", str(study.path)]) == 5
    assert "1 of the study's runs are in SLURM's queue" in capsys.readouterr().err
