"""One attempt at a run of a trainer of one's own, from what it reported to its record."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vggstudy.environment import capture
from vggstudy.errors import ExecutionError
from vggstudy.execution.attempt import (
    MAX_MESSAGE,
    Begun,
    earlier_attempts,
    make_record,
    record_crash,
)
from vggstudy.execution.options import ExecutionOptions, TrainerSite
from vggstudy.execution.trainers.code import trainer_environment
from vggstudy.execution.trainers.reports import Reported, ReportError
from vggstudy.files import explain, read_bounded
from vggstudy.ledger import Failure, FailureKind, RunRecord, StudyStore
from vggstudy.ledger.record import Output
from vggstudy.plan import PlannedRun
from vggstudy.protocol import TrainerRecipe


def site_of(options: ExecutionOptions) -> TrainerSite:
    """What somebody who consented said of the trainer.

    Raises
    ------
    ExecutionError
        If nobody did.
    """
    if options.trainer is None:
        raise ExecutionError("a trainer of one's own is executed only with consent")
    return options.trainer


def parameters_of(run: PlannedRun) -> dict[str, Any]:
    """Every factor and parameter of a run."""
    if not isinstance(run.recipe, TrainerRecipe):
        msg = "a network has no parameters of one's own"
        raise TypeError(msg)
    return dict(run.recipe.parameters)


@dataclass(slots=True)
class TrainerAttempt:
    """An attempt under way.

    Attributes
    ----------
    run : PlannedRun
    store : StudyStore
    options : ExecutionOptions
    device : str
    on_epoch : callable
        Told of every epoch.
    reported : Reported
        What this and earlier attempts have reported.
    problem : str or None
        Why what was reported is none.
    """

    run: PlannedRun
    store: StudyStore
    options: ExecutionOptions
    device: str
    on_epoch: Callable[[Mapping[str, Any]], None]
    begun: Begun = field(default_factory=Begun.now)
    reported: Reported = field(default_factory=Reported)
    problem: str | None = None
    site: TrainerSite = field(init=False)
    trainer: dict[str, Any] = field(init=False)
    files: Path = field(init=False)
    report: Path = field(init=False)

    def __post_init__(self) -> None:
        """Take up what earlier attempts have reported."""
        self.site = site_of(self.options)
        self.trainer = trainer_environment(self.site)
        self.files, self.report = self.store.trainer_paths(self.run.run_id)
        try:
            self._take_up()
        except ReportError:  # it can only begin anew
            self.forget()
            self.files, self.report = self.store.trainer_paths(self.run.run_id)
            self.reported = Reported()
        self.reported.begin()

    def _take_up(self) -> None:
        """Read the report of earlier attempts; its last line may be torn, and goes."""
        try:
            data = read_bounded(self.report, follow=False)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise ReportError("it is too long") from error
            raise ExecutionError(explain(error, self.report, "read")) from error
        whole = data[: data.rfind(b"\n") + 1]
        try:
            if len(whole) < len(data):
                with self.report.open("r+b") as file:
                    file.truncate(len(whole))
            for line in filter(None, whole.split(b"\n")):
                if line == _BEGIN:
                    self.reported.begin()
                else:
                    self.reported.take(line)
            with self.report.open("ab") as file:
                file.write(_BEGIN + b"\n")
        except OSError as error:
            raise ExecutionError(explain(error, self.report, "written")) from error

    def take(self, line: bytes) -> bool:
        """Take a line of the report; False where it is none, and the attempt is over."""
        try:
            epoch = self.reported.take(line)
        except ReportError as error:
            self.problem = str(error)
            return False
        if epoch is not None:
            self.on_epoch(epoch)
        return True

    def finish(self, output: Output) -> RunRecord:
        """Record what was reported; a crash where that is no result."""
        problem = self.problem
        if problem is None and self.reported.final is None:
            epochs = len(self.reported.epochs)
            what = f"{epochs} epochs and no end" if epochs else "nothing"
            problem = f"it ended well and reported {what} (report_run.finish, or the last line)"
        if problem is None:
            result = self.reported.result()
            if result["status"] == "finished":
                problem = self.reported.lacks(self.site.quantities)
        if problem is not None:
            return self.refuse(problem, output)
        entry = self.begun.entry(None)
        entry["output"] = output
        record = make_record(
            self.run,
            status=result["status"],
            attempts=[*earlier_attempts(self.store, self.run.run_id), entry],
            result=result,
            timings={"total_s": entry["duration_s"]},
            environment=self.environment(),
        )
        try:
            self.store.write_record(record)
        except ValueError as error:
            reason = str(error).removeprefix(f"record of run {self.run.run_id}: ")
            return self.refuse(f"what it reported cannot be: {reason}", output)
        self.forget(keep_files=self.site.keep_files)
        return record

    def refuse(self, problem: str, output: Output) -> RunRecord:
        """Record that what was reported is no result: another attempt begins anew."""
        self.problem = problem
        return self.crash("exception", problem, output)

    def crash(self, kind: FailureKind, message: str, output: Output) -> RunRecord:
        """Record a failed attempt; another one goes on from its files, unless its report is bad."""
        if self.problem is not None:
            self.forget()
        failure: Failure = {"kind": kind, "message": message[:MAX_MESSAGE]}
        entry = self.begun.entry(failure)
        entry["output"] = output
        return record_crash(self.run, self.store, entry, environment=self.environment())

    def end(self, content: Mapping[str, Any]) -> None:
        """Take an end that came by another way than the report."""
        try:
            self.reported.end(content)
        except ReportError as error:
            self.problem = str(error)

    def forget(self, *, keep_files: bool = False) -> None:
        """Remove the files and the report of the run."""
        self.store.forget_trainer_files(self.run.run_id, keep_files=keep_files)

    def environment(self) -> dict[str, Any]:
        """Where and by which code the run was trained."""
        layout = {"workers": self.options.jobs, "threads": self.options.threads}
        return {
            **capture(),
            "numerics": {"device": self.device, "threads": self.options.threads},
            "trainer": self.trainer,
            "layout": layout,
        }


_BEGIN = b'{"attempt": true}'
"""Line of a report between two attempts."""
