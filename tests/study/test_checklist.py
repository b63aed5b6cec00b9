"""Answers for a conference's checklist come from the ledger."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from vggstudy.execution.attempt import attempt_entry
from vggstudy.ledger import StudyStore
from vggstudy.study.analyze import analyze_source
from vggstudy.study.checklist import checklist
from vggstudy.study.sources import open_source
from vggstudy.study.study import Study


def answers(study: Study) -> tuple[str, str]:
    first, second = checklist(study, analyze_source(open_source(study)))
    return first.text, second.text


def test_error_bars_name_what_varies_and_how_intervals_are_made(
    forty: Study, tricks: Any, tmp_path: Path
) -> None:
    said, _ = answers(forty)
    assert "5 planned runs in each of 8 cells" in said
    assert "every run has seeds of its own" in said
    assert "95% confidence intervals, not standard errors" in said
    assert "Clopper-Pearson" in said
    shared = tricks.text.replace("seed = 1", 'seed = 1\nseeding = "shared"')
    other, _ = answers(tricks.made(tmp_path / "shared", shared))
    assert "share them across cells" in other
    assert "Contrasts are taken within replicates" in other


def test_compute_counts_every_attempt_and_what_is_no_longer_planned(
    forty: Study, tricks: Any
) -> None:
    _, said = answers(forty)
    # Every invented run took two seconds.
    assert "40 of 40 planned runs came to a result, each in 2 seconds (median;" in said
    assert "80 seconds together" in said
    assert "No attempt crashed or was repeated." in said
    run = forty.plan.runs[0]
    record = tricks.record_of(run)
    crash = attempt_entry("2099-01-01T00:00:00+00:00", 130.0, {"kind": "timeout", "message": "x"})
    again = replace(record, attempts=[{**crash, "number": 1}, {**record.attempts[0], "number": 2}])
    shutil.rmtree(forty.path / "runs" / run.run_id)
    StudyStore.open(forty.path).write_record(again)
    fewer = tricks.amend(forty.path, tricks.text.replace("replicates = 5", "replicates = 4"))
    _, said = answers(fewer)
    assert "32 of 32 planned runs" in said
    assert "1 further attempts were interrupted or crashed and took 2.17 minutes" in said
    assert "8 recorded runs are no longer planned; they took 16 seconds." in said
    assert "took 3.5 minutes of one worker's time" in said  # 40 times 2 s, and 130 s


def test_what_has_no_ledger_is_refused(forty: Study, cli: Any, tmp_path: Path) -> None:
    code, text = cli("cite", forty.path, "--checklist", "neurips")
    assert code == 0
    assert "8. Experiments compute resources" in text
    Path("runs.csv").write_text("depth,seed,test_accuracy\n11,0,0.5\n11,1,0.6\n")
    code, text = cli(
        "cite", "runs.csv", "--factors", "depth", "--chance", "0.1", "--checklist", "neurips"
    )
    assert code == 2
    assert "is no study: only a ledger says what was computed" in text
