"""Progress of an execution: a live display on a terminal, else one plain line a finished run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.cli.console import Console, duration, printable
from vggstudy.execution.eta import Estimator
from vggstudy.ledger import Failure, RunRecord
from vggstudy.plan import PlannedRun, describe_levels
from vggstudy.protocol import TrainerRecipe
from vggstudy.stated.base import write_level

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from vggstudy.study.labels import Label

BAR_WIDTH = 10
BESIDE_NAME = 62
"""Columns that the rest of a run's line takes, its latest epoch included."""

Labeller = Callable[[RunRecord], "Label"]


class PlainProgress:
    """One line a finished run: place, cell, outcome, accuracy, epochs, seconds, time left."""

    def __init__(
        self, console: Console, runs: Sequence[PlannedRun], label: Labeller, estimator: Estimator
    ) -> None:
        self.console = console
        self.total = len(runs)
        self.label = label
        self.estimator = estimator
        self.done = 0
        self.last: tuple[int, Callable[[], None]] | None = None
        own = any(isinstance(run.recipe, TrainerRecipe) for run in runs[:1])  # reads its own data
        self.beginning = "starting workers" if own else "starting workers, reading images"

    def at_last(self, fewer_than: int, call: Callable[[], None]) -> None:
        """Call once when fewer runs than workers are left, and so a core is idle."""
        self.last = (fewer_than, call)

    def started(self, run: PlannedRun, *, worker: int) -> None:
        """Note when the run began."""
        self.estimator.started(run, time.monotonic())
        if self.console.verbose:
            self.console.say(f"worker {worker} starts {run_name(run)}")

    def epoch(self, run: PlannedRun, report: Mapping[str, Any]) -> None:
        """Say it only when asked to be verbose."""
        if self.console.verbose:
            self.console.say(f"  {run_name(run)}: {epoch_text(report)}")

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """Print the run's line."""
        seconds = self.estimator.finished(run, time.monotonic())
        self.done += 1
        text = f"{result_text(record, self.label(record))}, {duration(seconds)}"
        self.line(f"[{self.done}/{self.total}] {run_name(run)}: {text}{self.time_left()}")
        if self.last is not None and self.total - self.done < self.last[0]:
            call, self.last = self.last[1], None
            call()

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:
        """Print why the attempt failed."""
        self.estimator.forget(run, retry=retry)
        after = "will be tried again" if retry else "gave up; it stays pending for the next run"
        reason = next(iter(failure["message"].splitlines()), "no reason known")[:200]
        self.line(f"{run_name(run)}: crashed ({reason}); {after}")

    def note(self, text: str) -> None:
        """Print it."""
        self.line(text)

    def time_left(self) -> str:
        """``, about 3 min left``, once that can be told."""
        left = self.estimator.seconds_left(time.monotonic())
        return f"; about {duration(left)} left" if left is not None and left >= 1 else ""

    def line(self, text: str) -> None:
        """One line to stderr."""
        self.console.say(text)

    def __enter__(self) -> PlainProgress:
        if self.total:
            runs = "1 run" if self.total == 1 else f"{self.total} runs"
            self.console.say(f"{runs} to do: {self.beginning}")
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to take down."""


class LiveProgress(PlainProgress):
    """A bar for every running run and one for the study, with finished runs scrolling above."""

    def __init__(
        self, console: Console, runs: Sequence[PlannedRun], label: Labeller, estimator: Estimator
    ) -> None:
        super().__init__(console, runs, label, estimator)
        self.progress = _progress()
        self.overall = self.progress.add_task("all runs", total=self.total, info=self.beginning)
        self.tasks: dict[str, TaskID] = {}

    def started(self, run: PlannedRun, *, worker: int) -> None:
        """Add the run's bar."""
        super().started(run, worker=worker)
        epochs = run.recipe.epochs
        name = printable(bar_name(run, self.progress.console.width))
        self.tasks[run.run_id] = self.progress.add_task(name, total=epochs, info="")

    def epoch(self, run: PlannedRun, report: Mapping[str, Any]) -> None:
        """Advance the run's bar and the estimate of the time left."""
        task = self.tasks[run.run_id]
        self.progress.update(task, completed=report["epoch"], info=epoch_text(report))
        self.progress.update(self.overall, info=self.time_left().lstrip("; "))

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """Take the bar down and print the line."""
        self._remove(run)
        super().finished(run, record)
        self.progress.update(self.overall, completed=self.done, info=self.time_left().lstrip("; "))

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:
        """Take the bar down and print why."""
        self._remove(run)
        super().crashed(run, failure, retry=retry)

    def line(self, text: str) -> None:
        """One line above the bars."""
        self.progress.console.print(printable(text), markup=False, highlight=False)

    def _remove(self, run: PlannedRun) -> None:
        """Take the run's bar down."""
        if (task := self.tasks.pop(run.run_id, None)) is not None:
            self.progress.remove_task(task)

    def __enter__(self) -> LiveProgress:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()


def _progress() -> Progress:
    """The display: bar, count, time, the latest epoch or the time left, and a name that may be cut.

    Only the name gives way on a narrow terminal.
    """
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.table import Column

    name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        BarColumn(bar_width=BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[info]}", markup=False),
        TextColumn("{task.description}", markup=False, table_column=name),
        expand=True,
        transient=True,  # lines of finished runs stay, a bar that has ended says nothing
        console=RichConsole(stderr=True),
        refresh_per_second=4,
    )


def bar_name(run: PlannedRun, width: int) -> str:
    """A run beside its bar: by its levels alone where a terminal is too narrow for their names."""
    name = run_name(run)
    if len(name) <= width - BESIDE_NAME:
        return name
    return f"{', '.join(write_level(level) for level in run.levels.values())} #{run.replicate}"


def run_name(run: PlannedRun) -> str:
    """``depth=11, batch_norm=true #2``: a run as people read it."""
    return f"{describe_levels(run.levels)} #{run.replicate}"


def epoch_text(report: Mapping[str, Any]) -> str:
    """The latest epoch in a few words."""
    parts = [f"epoch {report['epoch']}"]
    usual = [(name, words) for name, words in _USUAL if name in report]
    first = next((name for name in report if name != "epoch"), None)
    for name, words in usual or ([(first, first.replace("_", " "))] if first else []):
        value = report[name]
        parts.append(f"{words} {value:.3f}" if value is not None else f"{words} not finite")
    return ", ".join(parts)


_USUAL = (("train_loss", "loss"), ("val_accuracy", "val acc"))
"""What is told of an epoch; of a trainer that reports neither, the first that it does."""


def result_text(record: RunRecord, label: Label) -> str:
    """Outcome and accuracy of a finished run; without one, the first that was reported."""
    metrics = record.result.get("metrics", {})
    name = "test_accuracy" if "test_accuracy" in metrics else next(iter(metrics), "")
    value = metrics.get(name)
    measured = f", {name.replace('_', ' ')} {value:.3f}" if value is not None else ""
    epochs = record.result["epochs"]
    return f"{label.words}{measured}, {epochs} epoch{'' if epochs == 1 else 's'}"
