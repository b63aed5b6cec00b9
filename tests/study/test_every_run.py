"""Where every finished run counts, neither terminal nor report speaks of converging."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest

from vggstudy.cli import _invoke
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.study.sources import open_source
from vggstudy.study.study import Study

TEXT = """
schema = 1
name = "own"
[design]
replicates = 4
seed = 1
[design.factors]
lr = [0.1, 0.2, 0.4]
[trainer]
command = ["true", "{lr}", "{seed}"]
[analysis]
outcome = "val_loss"
resamples = 199
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "study"


def recorded(folder: Path, text: str, *, diverged: int = 0) -> Study:
    """A study whose runs are recorded, the first ones as diverged."""
    study = Study(parse_protocol(text), folder, text=text)
    store = StudyStore.create(folder, text, study.protocol.digest(), study.protocol.name)
    for place, run in enumerate(study.plan.runs):
        status: Literal["finished", "diverged"] = "diverged" if place < diverged else "finished"
        loss = run.levels["lr"] + 0.01 * run.replicate
        curve = [2 * loss, 1.5 * loss, loss]
        result = {
            "status": status,
            "epochs": 3,
            "curves": {"val_loss": curve},
            "metrics": {"val_loss": loss, "n_steps": 10.0},
        }
        store.write_record(
            make_record(
                run,
                status=status,
                attempts=[attempt_entry("2026-01-01T00:00:00+00:00", 1.0, None)],
                result=result,
                timings={"total_s": 1.0},
                environment={"trainer": {"code": None}, "git": None},
            )
        )
    return study


def words_of(page: Path) -> str:
    """A page without its style."""
    return re.sub(r"<style.*?</style>", "", page.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "converge|[ >]accura"), ("ko", "수렴|정확도")]
)
def test_a_report_leaves_out_what_no_run_can_fail(folder: Path, language: str, words: str) -> None:
    recorded(folder, TEXT)
    assert _invoke(["report", str(folder), "--lang", language, "--quiet"]) == 0
    page = words_of(folder / "report.html")
    assert 'id="convergence"' not in page
    assert 'id="fig-curves' in page
    assert re.findall(words, page, re.IGNORECASE) == []


def test_the_terminal_says_finished(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    study = recorded(folder, TEXT)
    run = study.plan.runs[0].run_id
    assert [_invoke([name, str(folder)]) for name in ("status", "analyze")] == [0, 0]
    assert _invoke(["show", str(folder), run[:8]]) == 0
    out = capfd.readouterr().out
    assert "converge" not in out
    assert "planned  finished  mean val loss" in out
    assert "outcome: finished (stopped): every finished run counts" in out


def test_runs_that_diverged_are_failures_whatever_the_rule(folder: Path) -> None:
    assert open_source(recorded(folder, TEXT, diverged=1)).table.judged
    assert not open_source(recorded(folder.with_name("other"), TEXT)).table.judged


def test_a_heading_asks_how_accurate_runs_are_of_accuracies_alone(folder: Path) -> None:
    recorded(
        folder, TEXT.replace("[analysis]", '[label]\nsucceeds = "val_loss < 0.35"\n[analysis]')
    )
    assert _invoke(["report", str(folder), "--quiet"]) == 0
    page = words_of(folder / "report.html")
    assert "What do the runs that converged come to, by learning rate?" in page
    assert "How accurate" not in page
