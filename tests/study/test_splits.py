"""Runs are measured on their training split where an outcome asks for it, and only there."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from vggstudy.execution import ExecutionOptions, Tally
from vggstudy.ledger import StudyStore
from vggstudy.protocol import load_protocol, parse_protocol
from vggstudy.study.splits import needs_training_split
from vggstudy.study.study import Study

PLAIN = """\
schema = 1
name = "forty"
[design]
replicates = 2
seed = 1
[design.factors]
depth = [11, 19]
batch_norm = [false, true]
[data]
name = "digits"
[training]
epochs = 20
[analysis]
"""
GAP = PLAIN + 'outcomes = ["generalisation_gap"]\n'


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        (PLAIN, False),
        (GAP, True),
        (PLAIN + 'outcome = "train_loss"\n', True),
        (PLAIN + 'outcomes = ["final_train_loss", "train_loss_stability"]\n', False),
    ],
)
def test_outcomes_decide(text: str, needed: bool) -> None:
    assert needs_training_split(parse_protocol(text)) is needed


@pytest.mark.parametrize(
    ("name", "needed"),
    [("quickstart", False), ("head-and-overfitting", True), ("depth-batch-norm-cpu", True)],
)
def test_shipped_studies_measure_what_their_outcomes_need(name: str, needed: bool) -> None:
    assert needs_training_split(load_protocol(name).protocol) is needed


@pytest.mark.parametrize(("text", "needed"), [(PLAIN, False), (GAP, True)])
def test_a_study_tells_its_engine(text: str, needed: bool, tmp_path: Path) -> None:
    told: list[bool] = []

    def engine(runs: Any, store: Any, options: ExecutionOptions, listener: Any) -> Tally:
        told.append(options.train_measured)
        return Tally(0, 0, len(runs), interrupted=False)

    Study(parse_protocol(text), tmp_path / "forty", text=text).run(engine=engine)
    assert told == [needed]


def test_an_outcome_that_was_asked_for_afterwards_says_which_runs_lack_it(
    tricks: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = tricks.made(tmp_path / "forty", GAP, records=2)
    record = tricks.record_of(study.plan.runs[2])
    del record.result["metrics"]["train_accuracy"], record.result["metrics"]["train_loss"]
    record.result["measured_on"] = ["val", "test"]
    StudyStore.open(study.path).write_record(record)
    with caplog.at_level(logging.WARNING, logger="vggstudy"):
        frame = study.to_frame()
    assert frame["generalisation_gap"].notna().sum() == 2
    assert "generalisation_gap: 1 runs were executed when nothing asked" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="vggstudy"):
        Study(parse_protocol(PLAIN), study.path, text=PLAIN).to_frame()
    assert "training split" not in caplog.text


def test_a_damaged_list_of_splits_is_told(tricks: Any, tmp_path: Path) -> None:
    study = tricks.made(tmp_path / "forty", GAP, records=1)
    record = tricks.record_of(study.plan.runs[1])
    record.result["measured_on"] = 5
    with pytest.raises(ValueError, match="measured_on must be a list of texts"):
        StudyStore.open(study.path).write_record(record)
