"""What an execution shows: one line a run without a terminal, bars that fit on one."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import pytest
from rich.console import Console as RichConsole

from vggstudy.cli.console import Console
from vggstudy.cli.progress import LiveProgress, PlainProgress, epoch_text
from vggstudy.execution.attempt import make_record
from vggstudy.execution.eta import Estimator
from vggstudy.ledger import RunRecord
from vggstudy.plan import PlannedRun, make_plan
from vggstudy.protocol import parse_protocol
from vggstudy.study.labels import Label

PROTOCOL = """\
schema = 1
name = "shown"
[design]
replicates = 1
seed = 0
[design.factors]
batch_size = [16, 32]
batch_norm = [false, true]
optimizer = ["sgd", "adam"]
init = ["he_normal", "torchvision"]
[data]
name = "synthetic"
[model]
depth = 11
[training]
epochs = 4
"""

EPOCH = {"epoch": 2, "train_loss": 1.0162, "val_accuracy": 0.66251}


def planned() -> Sequence[PlannedRun]:
    return make_plan(parse_protocol(PROTOCOL)).runs[:3]


def labelled(record: RunRecord) -> Label:
    diverged = record.status == "diverged"
    return Label("diverged" if diverged else "converged", None, None, "by hand")


def recorded(run: PlannedRun, *, epochs: int = 4, diverged: bool = False) -> RunRecord:
    return make_record(
        run,
        status="diverged" if diverged else "finished",
        attempts=[],
        result={"epochs": epochs, "metrics": {"test_accuracy": None if diverged else 0.5}},
        timings={},
        environment={},
    )


def plain(runs: Sequence[PlannedRun]) -> PlainProgress:
    return PlainProgress(Console(), runs, labelled, Estimator(runs, jobs=1))


def test_something_is_done_once_when_fewer_runs_than_workers_are_left() -> None:
    runs, calls = planned(), []
    shown = plain(runs)
    shown.at_last(2, lambda: calls.append(shown.done))
    for run in runs:
        shown.started(run, worker=0)
        shown.finished(run, recorded(run))
    assert calls == [2]  # of three runs one is left, for two workers


def test_a_finished_run_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    runs = planned()
    progress = plain(runs)
    for run in runs[:2]:
        progress.started(run, worker=0)
        progress.epoch(run, EPOCH)
    progress.finished(runs[0], recorded(runs[0]))
    progress.finished(runs[1], recorded(runs[1], epochs=1, diverged=True))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(
        "[1/3] batch_size=16, batch_norm=false, optimizer=sgd, init=he_normal #0: "
        "converged, test accuracy 0.500, 4 epochs, 0.0 s"
    )
    assert "#0: diverged, 1 epoch, 0.0 s" in second


@pytest.mark.parametrize(
    ("retry", "after"), [(True, "will be tried again"), (False, "gave up; it stays pending")]
)
def test_a_crash_says_why_and_what_follows(
    capsys: pytest.CaptureFixture[str], retry: bool, after: str
) -> None:
    run = planned()[0]
    progress = plain([run])
    progress.started(run, worker=0)
    progress.crashed(run, {"kind": "killed", "message": "signal 9\nand more"}, retry=retry)
    line = capsys.readouterr().err
    assert "crashed (signal 9); " in line
    assert after in line


@pytest.mark.parametrize("width", [80, 120, 200])
def test_bars_counts_and_the_latest_epoch_are_never_cut(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    runs = planned()
    live = LiveProgress(Console(), runs, labelled, Estimator(runs, jobs=2))
    for run in runs[:2]:
        live.started(run, worker=0)
    live.epoch(runs[0], EPOCH)
    page = io.StringIO()
    RichConsole(file=page, width=width).print(live.progress.get_renderable())
    overall, first, second = page.getvalue().splitlines()
    assert max(len(overall), len(first), len(second)) <= width
    assert " 0/3 " in overall
    assert " 2/4 " in first
    assert "epoch 2, loss 1.016, val acc 0.663 " in first
    assert " 0/4 " in second
    name = "batch_size=16, batch_norm=false, optimizer=sgd, init=he_normal #0"
    assert first.rstrip().endswith(
        {80: "16, false, sgd, he_no…", 120: "he_normal #0", 200: name}[width]
    )


def test_a_message_without_a_reader_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        Console().say("half way")
        Console().warn("few replicates")
        assert stderr.writable()


def test_a_closed_stderr_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert not Console().live


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (EPOCH, "epoch 2, loss 1.016, val acc 0.663"),
        ({"epoch": 1, "train_loss": None}, "epoch 1, loss not finite"),
        ({"epoch": 3, "reward_mean": 4.5, "other": 1}, "epoch 3, reward mean 4.500"),
        ({"epoch": 4}, "epoch 4"),
    ],
)
def test_an_epoch_is_told_by_what_was_reported(report: dict[str, float], text: str) -> None:
    assert epoch_text(report) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_steps_are_one_line_on_a_terminal_that_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with contextlib.suppress(KeyboardInterrupt), Console().steps() as step:
        step("drawing \x1b[2J")
        raise KeyboardInterrupt
    said = terminal.getvalue()
    assert said.count("\n") == 0
    assert said.endswith("\r\x1b[K\r")  # also after an interrupt
    assert "\x1b[2J" not in said  # nothing of a study steers the terminal


@pytest.mark.parametrize("quiet", [False, True])
def test_steps_are_not_said_where_nobody_watches(
    monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", other := Terminal() if quiet else io.StringIO())
    with Console(quiet=quiet).steps() as step:
        step("drawing")
    assert other.getvalue() == ""
