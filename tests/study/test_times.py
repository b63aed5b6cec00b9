"""How long runs of a study took to a target, and the same from its exported table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import vggstudy as vs
from vggstudy.errors import AnalysisError
from vggstudy.protocol import parse_protocol
from vggstudy.protocol.model.target import Target
from vggstudy.study.times import time_to_target

CURVES = {
    "val_accuracy": [0.2, None, 0.61, 0.5, 0.8],
    "val_loss": [2.0, None, 1.0, 1.2, 0.4],
}
RESULT = {"curves": CURVES, "epochs": 5, "steps": 50, "stop_reason": "early_stopping"}
TIMINGS = {"train_s": 8.0, "evaluate_s": 2.0}
RUN: Any = SimpleNamespace(recipe=SimpleNamespace(epochs=20))


@pytest.mark.parametrize(
    ("target", "time", "reached"),
    [
        (Target(value=0.6), 3.0, True),
        (Target(value=0.61, time="steps"), 30.0, True),  # at least
        (Target(value=1.0, curve="val_loss"), 3.0, True),  # at most
        (Target(value=0.8, time="seconds"), 10.0, True),
        # Stopped early, it never gets there: it was followed to the end of its budget.
        (Target(value=0.9), 20.0, False),
        (Target(value=0.9, time="steps"), 200.0, False),
    ],
)
def test_the_first_epoch_at_the_target_counts(target: Target, time: float, reached: bool) -> None:
    found = time_to_target(target, RUN, RESULT, TIMINGS)
    assert found == {f"{target.time}_to_target": time, "target_reached": reached}


def test_a_curve_that_is_not_recorded_is_named() -> None:
    with pytest.raises(AnalysisError, match="'test_loss' is not recorded; recorded: val_accuracy"):
        time_to_target(Target(value=1.0, curve="test_loss"), RUN, RESULT, TIMINGS)


def test_a_study_and_its_exported_table_say_the_same(tricks: Any, tmp_path: Path) -> None:
    text = f"{tricks.text}target = {{value = 0.92}}\n"
    study = tricks.made(tmp_path / "forty", text)
    result = vs.analyze(study)
    share = result.claims["epochs_to_target.reached@batch_norm=true,batch_size=32,depth=11"]
    assert share.n == 5
    assert share.estimate == pytest.approx(0.6)  # replicates 2, 3 and 4 of 0 to 4
    assert "by epochs_to_target 20" in share.estimand
    assert len(result.survival()) == 8
    frame = study.to_frame()
    again = vs.analyze(frame, protocol=parse_protocol(text))
    for claim in result.claims.values():
        if claim.outcome == "epochs_to_target":
            other = again.claims[claim.id]
            assert (other.estimate, other.low, other.high) == (
                claim.estimate,
                claim.low,
                claim.high,
            )


def test_times_of_a_table_are_options(cli: Any, tmp_path: Path) -> None:
    rows = "\n".join(
        f"{arm},{s},{(20 if arm == 'a' else 12) + s % 4},{'yes' if s else 'no'}"
        for arm in "ab"
        for s in range(6)
    )
    table = tmp_path / "runs.csv"
    table.write_text(f"arm,replicate,steps,there\n{rows}\n")
    asked = (table, "--factors", "arm", "--time", "steps", "--reached", "there")
    code, said = cli("analyze", *asked)
    assert code == 0, said
    assert "steps.diff.arm" in said
    code, said = cli("cite", asked[0], "steps.logrank.arm", *asked[1:])
    assert (code, "log-rank" in said) == (0, True)
    code, said = cli("export", *asked, "--what", "survival")
    assert (code, said.splitlines()[0]) == (0, "arm,steps,at_risk,not_reached,low,high")
    code, said = cli("report", *asked, "-o", tmp_path / "r.html")
    assert code == 0, said
    assert "fig-target-0" in (tmp_path / "r.html").read_text("utf-8")
    code, said = cli("report", *asked, "-o", tmp_path / "k.html", "--lang", "ko")
    assert code == 0, said
    for short in (asked[:-2], (*asked[:3], "--horizon", "9")):
        code, said = cli("analyze", *short)
        assert (code, "--time and --reached" in said) == (2, True)
    both = cli("analyze", *asked, "--outcome", "steps")
    assert (both[0], "an outcome already" in both[1]) == (2, True)
    code, said = cli("analyze", *asked[:-1], "their")
    assert (code, "'their' is not in the table" in said) == (3, True)


def test_a_table_without_times_has_no_survival(cli: Any, tmp_path: Path) -> None:
    table = tmp_path / "runs.csv"
    rows = "\n".join(f"{arm},{s},converged,0.{s}5" for arm in "ab" for s in range(6))
    table.write_text(f"arm,replicate,label,test_accuracy\n{rows}\n")
    code, said = cli("export", table, "--factors", "arm", "--what", "survival")
    assert (code, "no times to a target" in said) == (2, True)
