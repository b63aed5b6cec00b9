"""What a run's report lacks, in words."""

from __future__ import annotations

import json

import pytest

from vggstudy.execution.trainers.reports import Reported


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.3, None),
        (float("nan"), None),  # a number that is not finite: the run diverged
        ("0.3", "loss at its end is no number: '0.3' (true and false are 1 and 0)"),
        (True, "loss at its end is no number: true (true and false are 1 and 0)"),
        (None, "loss at its end is no number: None (true and false are 1 and 0)"),
    ],
)
def test_what_is_no_number_is_not_said_to_be_unreported(value: object, said: str | None) -> None:
    reported = Reported()
    reported.take(json.dumps({"status": "finished", "loss": value}).encode())
    assert reported.lacks(["loss"]) == said


def test_what_was_not_reported_is_named_with_what_was() -> None:
    reported = Reported()
    reported.take(b'{"epoch": 1, "acc": 1}')
    reported.take(b'{"status": "finished", "other": 1}')
    assert reported.lacks(["loss"]) == (
        "it did not report loss at its end; reported: final_acc, other"
    )
