"""What a SLURM job does on its node: it executes a pack with the local engine.

Signals, as SLURM sends them:

- SIGUSR1 before the time limit (``--signal``), or on preemption where the cluster is set up so:
  every run writes a checkpoint at the end of its epoch, then the job asks to be requeued.
- SIGTERM on preemption, ``scontrol requeue`` and ``scancel``, often more than once: the same
  without the request, since SLURM has decided already.

A job that starts again executes what its pack still lacks, from the checkpoints.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from vggstudy.errors import StudyError
from vggstudy.execution.engine import has_result
from vggstudy.execution.events import Silent
from vggstudy.execution.local.pool import execute
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.packing import Pack
from vggstudy.execution.slurm.state import Submission
from vggstudy.files import write_atomic
from vggstudy.ledger import Failure, RunRecord, StudyStore
from vggstudy.ledger.run_store import CHECKPOINT_NAME
from vggstudy.plan import PlannedRun

WARNING_S = 120
"""Seconds before its time limit at which a job is warned."""

PATIENCE = 0.5
"""Part of the warning time that epochs under way are given to end."""

IDLE_RESTARTS = 2
"""So often a job that got nowhere is requeued: it may have been warned at its very start."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PackJob:
    """Executes one pack of a submission; submitit calls it on the node.

    Attributes
    ----------
    study : Path
        The study's folder, which the nodes share.
    submission : Submission
    options : ExecutionOptions
        As the driver was given them.
    warning_s : int
        Seconds between the warning of the time limit and the limit.
    """

    study: Path
    submission: Submission
    options: ExecutionOptions
    warning_s: int = WARNING_S

    def __call__(self, index: int, pack: Pack) -> dict[str, int]:
        """Execute what the pack lacks; returns numbers of runs, for the job's log."""
        _log_to_stderr()
        refusal = self.submission.refusal_path(index)
        refusal.unlink(missing_ok=True)  # of this job's former start
        try:
            return self._execute(pack)
        except StudyError as error:
            write_atomic(refusal, f"{type(error).__name__}\n{error}".encode())
            raise

    def _execute(self, pack: Pack) -> dict[str, int]:
        """Run the local engine, and ask to be requeued if time ran out."""
        store = StudyStore.open(self.study)
        lacking = [run for run in pack if not has_result(store, run.run_id)]
        _log.info("%d of the %d runs of this pack are to be executed", len(lacking), len(pack))
        before = _checkpoints(store, lacking)
        with _warned(self.warning_s) as warning:
            tally = execute(lacking, store, self.options, _Log(), stopped_by=(signal.SIGINT,))
        if warning.time_is_short and tally.interrupted:
            restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
            if tally.finished or _checkpoints(store, lacking) != before or restarts < IDLE_RESTARTS:
                _requeue()
            else:
                _log.warning("the time limit is too short for one epoch: the job is not requeued")
        return {"finished": tally.finished, "crashed": tally.crashed, "left": tally.left}


class _Warning:
    """Turns SLURM's signals into at most two SIGINT: one to stop, one when patience ends."""

    def __init__(self, warning_s: int) -> None:
        self.patience_s = max(1, round(PATIENCE * warning_s))
        self.time_is_short = False
        self.stopping = False

    def on_time(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """SIGUSR1: stop, and do not wait for the limit."""
        self.time_is_short = True
        self._stop()

    def on_end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """SIGTERM: stop; SLURM kills what is left after its KillWait."""
        self._stop()

    def on_alarm(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Epochs under way take too long: end them, their last checkpoints stay."""
        os.kill(os.getpid(), signal.SIGINT)

    def _stop(self) -> None:
        """The first of all signals counts."""
        if not self.stopping:
            self.stopping = True
            signal.alarm(self.patience_s)
            os.kill(os.getpid(), signal.SIGINT)


@contextlib.contextmanager
def _warned(warning_s: int) -> Iterator[_Warning]:
    """Listen to SLURM's signals."""
    warning = _Warning(warning_s)
    handlers = {
        signal.SIGUSR1: warning.on_time,
        signal.SIGTERM: warning.on_end,
        signal.SIGALRM: warning.on_alarm,
    }
    previous = {number: signal.signal(number, each) for number, each in handlers.items()}
    try:
        yield warning
    finally:
        signal.alarm(0)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _checkpoints(store: StudyStore, runs: Sequence[PlannedRun]) -> dict[str, int]:
    """Times of the runs' checkpoints, by run id: they tell whether a job got anywhere."""
    times = {}
    for run in runs:
        with contextlib.suppress(OSError):
            path = store.run_dir(run.run_id) / CHECKPOINT_NAME
            times[run.run_id] = path.stat().st_mtime_ns
    return times


def _requeue() -> None:
    """Ask SLURM to start this job again; where it refuses, the driver submits the rest anew."""
    job = os.environ["SLURM_JOB_ID"]
    _log.info("asking for job %s to be requeued", job)
    done = subprocess.run(
        ["scontrol", "requeue", job], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        _log.warning("SLURM does not requeue it: %s", done.stderr.strip())


def _log_to_stderr() -> None:
    """Send the package's messages to the job's error log."""
    logger = logging.getLogger("vggstudy")
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)


class _Log(Silent):
    """Writes what happens to the job's log."""

    def epoch(self, run: PlannedRun, report: Mapping[str, Any]) -> None:
        """Only the first of a run: logs of many jobs lie on a shared file system."""
        if report["epoch"] == 1:
            _log.info("run %s: first epoch done", run.run_id)

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """One line a run."""
        _log.info("run %s: %s", run.run_id, record.status)

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:
        """One line an attempt."""
        again = "; tried again" if retry else ""
        _log.warning("run %s: crashed: %s%s", run.run_id, failure["message"], again)

    def note(self, text: str) -> None:
        """Write it."""
        _log.info("%s", text)
