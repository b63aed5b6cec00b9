"""What a trainer of one's own must report, and what is said where only some runs did."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import pytest

from vggstudy.errors import AnalysisError
from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.study.analyze import analyze
from vggstudy.study.reported import warn_of_gaps
from vggstudy.study.study import Study
from vggstudy.study.trainers import quantities

TEXT = """
schema = 1
name = "own"
[design]
replicates = 2
seed = 1
[trainer]
function = "mine:train"
[label]
RULE
[analysis]
outcome = "val_loss"
outcomes = ["seconds", "epochs", "reward", "val_loss"]
"""


def test_a_quantity_that_only_some_finished_runs_reported_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frame = pd.DataFrame(
        {
            "outcome": ["converged", "failed_to_learn", "converged", "crashed", "missing"],
            "all": [1.0, 2.0, 3.0, None, None],
            "some": [1.0, None, 3.0, None, None],
            "crashed only": [None, None, None, 1.0, None],
        }
    )
    with caplog.at_level(logging.WARNING):
        warn_of_gaps(frame, ["all", "some", "crashed only", "none"])
    assert caplog.messages == ["some was reported by 2 of 3 finished runs"]


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("", ()),
        ('succeeds = "final_acc > 0.5"', ("final_acc",)),
        ('succeeds = "seconds < 9"', ("seconds",)),  # of its own: labels do not know the time
        ('rule = "accuracy"', ("val_accuracy", "n_validation", "majority_rate")),
    ],
)
def test_runs_must_report_what_outcomes_and_label_rule_name(
    rule: str, more: tuple[str, ...]
) -> None:
    protocol = parse_protocol(TEXT.replace("RULE", rule))
    assert quantities(protocol) == ("val_loss", "reward", *more)


def test_an_outcome_that_no_run_has_reported_is_not_said_to_be_unknown(tmp_path: Path) -> None:
    text = TEXT.replace("RULE", "").replace("[trainer]", "[design.factors]\nlr = [1, 2]\n[trainer]")
    study = Study(parse_protocol(text), text=text, path=tmp_path / "own")
    StudyStore.create(study.path, text, study.protocol.digest(), study.protocol.name)
    with pytest.raises(AnalysisError, match="has reported 'val_loss' yet"):
        analyze(study)
