"""The engine for SLURM: packs of runs as jobs of arrays, submitted once and found again.

The driver only submits, asks the queue and reads records; it may be killed and started again at
any moment. `slurm_job` is what happens on the nodes.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from vggstudy.errors import ExecutionError
from vggstudy.execution.engine import MAX_LOSSES, standing_record, stop_requested
from vggstudy.execution.events import Listener
from vggstudy.execution.local.pool import Tally, refusal
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.packing import Pack, make_packs, measured_seconds
from vggstudy.execution.slurm.job import WARNING_S, PackJob
from vggstudy.execution.slurm.options import SlurmSettings
from vggstudy.execution.slurm.queue import job_states, max_array_size, phase, state_of
from vggstudy.execution.slurm.state import (
    Submission,
    new_submission,
    read_submission,
    submission_names,
)
from vggstudy.execution.slurm.submit import QueueFull, submit
from vggstudy.ledger import StudyStore
from vggstudy.plan import PlannedRun

POLL_S = (1.0, 30.0)
"""Least and most seconds between two looks at the queue."""


@dataclass(slots=True)
class QueuedPack:
    """A pack in SLURM's queue, as its driver sees it.

    Attributes
    ----------
    submission : Submission
    index : int
        Of the job in its array.
    left : dict of str to PlannedRun
        Runs whose outcome has not been seen, by id.
    absences : int
        Looks at the queue since the job ended: a record may become visible late.
    """

    submission: Submission
    index: int
    left: dict[str, PlannedRun]
    absences: int = 0


@dataclass(frozen=True, slots=True)
class SlurmEngine:
    """Executes runs as SLURM jobs; an `Engine`.

    Attributes
    ----------
    settings : SlurmSettings
    """

    settings: SlurmSettings

    def __call__(
        self,
        runs: Sequence[PlannedRun],
        store: StudyStore,
        options: ExecutionOptions,
        listener: Listener,
    ) -> Tally:
        """Submit the runs that no job holds and, unless detached, wait for all of them.

        SIGINT and SIGTERM end the waiting; the jobs go on.

        Raises
        ------
        ExecutionError
            If SLURM does not answer or refuses the jobs.
        StudyError
            If a job found that the study cannot go on.
        """
        if not runs:
            return Tally(0, 0, 0, interrupted=False)
        driver = _Driver(self.settings, store, options, listener)
        driver.adopt(runs)
        driver.submit_waiting()
        if self.settings.detach:
            return Tally(0, 0, len(runs), interrupted=False)
        with stop_requested() as stop:
            return driver.wait(stop)


def held_runs(study: Path) -> dict[str, str]:
    """Runs that SLURM's queue holds for a study: run id to "queued" or "running".

    Nothing is asked for a study that has never been submitted.

    Raises
    ------
    ExecutionError
        If SLURM does not answer.
    """
    names = submission_names(study)
    if not names:
        return {}
    states = job_states()
    held: dict[str, str] = {}
    for name in names & states.keys():
        submission = read_submission(study, name)
        for index, pack in enumerate(submission.packs if submission else ()):
            now = phase(state_of(states, name, index))
            if now != "ended":
                held.update(dict.fromkeys(pack, now))
    return held


@dataclass(slots=True)
class _Driver:
    """State of one execution."""

    settings: SlurmSettings
    store: StudyStore
    options: ExecutionOptions
    listener: Listener
    jobs: list[QueuedPack] = field(default_factory=list)
    waiting: deque[Pack] = field(default_factory=deque)
    losses: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    crashed: int = 0
    given_up: int = 0

    def adopt(self, runs: Sequence[PlannedRun]) -> None:
        """Find the runs that jobs hold already; make packs of the others."""
        by_id = {run.run_id: run for run in runs}
        states = job_states()
        for name in sorted(submission_names(self.store.path) & states.keys()):
            submission = read_submission(self.store.path, name)
            for index, pack in enumerate(submission.packs if submission else ()):
                mine = {each: by_id.pop(each) for each in pack if each in by_id}
                if not mine or submission is None:
                    continue
                job = QueuedPack(submission, index, mine)
                if phase(state_of(states, name, index)) == "ended":
                    self.collect(job)  # what has come since the caller looked
                    by_id |= job.left
                else:
                    self.jobs.append(job)
        held = sum(len(job.left) for job in self.jobs)
        if held:
            self.listener.note(f"{held} of {len(runs)} runs are in SLURM's queue already")
        lacking = [run for run in runs if run.run_id in by_id]
        self.waiting.extend(self._packs(lacking))

    def _packs(self, runs: Sequence[PlannedRun]) -> list[Pack]:
        """Packs of runs, half a time limit long at most."""
        packing = self.settings.packing
        if self.settings.minutes is not None:
            seconds = min(packing.seconds, 30.0 * self.settings.minutes)
            packing = dataclasses.replace(packing, seconds=seconds)
        measured = measured_seconds(self.store) if packing.size is None else {}
        return make_packs(runs, packing, workers=self.options.jobs, measured=measured)

    def submit_waiting(self) -> None:
        """Submit as many packs as the queue takes."""
        if not self.waiting:
            return
        largest = max_array_size()
        while self.waiting:
            size = min(largest, len(self.waiting))
            packs = [self.waiting[index] for index in range(size)]
            try:
                submission = self._submit(packs)
            except QueueFull as error:
                if size > 1:
                    largest = size // 2
                    continue
                if not self.jobs:
                    raise
                self.listener.note(f"SLURM takes no more jobs now: {error}; the rest waits")
                return
            for index, pack in enumerate(packs):
                self.waiting.popleft()
                self.jobs.append(QueuedPack(submission, index, {run.run_id: run for run in pack}))

    def _submit(self, packs: Sequence[Pack]) -> Submission:
        """Hand one array to sbatch."""
        submission = new_submission(self.store.path.resolve(), self.store.name, packs)
        limit = self.settings.minutes
        warning_s = WARNING_S if limit is None else max(15, min(WARNING_S, 6 * limit))
        # Every job is pickled with this: it must not carry the runs of all others.
        bare = dataclasses.replace(submission, packs=())
        job = PackJob(self.store.path.resolve(), bare, self.options, warning_s)
        try:
            number = submit(job, packs, self.settings)
        except ExecutionError:
            shutil.rmtree(submission.folder, ignore_errors=True)
            raise
        runs = sum(map(len, packs))
        self.listener.note(
            f"submitted {runs} run{'' if runs == 1 else 's'} in {len(packs)} "
            f"job{'' if len(packs) == 1 else 's'}: SLURM job {number}, {submission.name}"
        )
        return submission

    def wait(self, stop: Event) -> Tally:
        """Watch the queue until every run has an outcome, or somebody asks to stop."""
        shortest, longest = POLL_S
        delay = shortest
        while self.jobs or self.waiting:
            if stop.wait(delay):
                self.listener.note("stopped waiting; the jobs stay in SLURM's queue")
                break
            changed = self.look()
            delay = shortest if changed else min(longest, 1.5 * delay)
        left = self.given_up + sum(len(job.left) for job in self.jobs)
        left += sum(map(len, self.waiting))
        return Tally(self.finished, self.crashed, left, interrupted=stop.is_set())

    def look(self) -> bool:
        """Ask the queue once and take in what has happened; returns whether anything has."""
        try:
            states = job_states()
        except ExecutionError as error:
            self.listener.note(f"{error}; asking again")
            return False
        before = (self.finished, self.crashed, len(self.jobs), len(self.waiting))
        for job in list(self.jobs):
            state = state_of(states, job.submission.name, job.index)
            self.collect(job)
            if not job.left:
                self.jobs.remove(job)
            elif phase(state) == "ended":
                self.on_end(job, state)
        self.submit_waiting()
        return before != (self.finished, self.crashed, len(self.jobs), len(self.waiting))

    def collect(self, job: QueuedPack) -> None:
        """Take in the results that the job's runs have by now."""
        for run_id, run in list(job.left.items()):
            record = standing_record(self.store, run_id)
            if record is not None and record.status != "crashed":
                del job.left[run_id]
                self.finished += 1
                self.listener.finished(run, record)

    def on_end(self, job: QueuedPack, state: str) -> None:
        """Take in the failures of a job that has ended, and hand out again what it lost."""
        job.absences += 1
        self._refresh(job.left)
        if job.absences < 2:
            return  # a network file system may show its last records a little later
        self.jobs.remove(job)
        found = job.submission.refusal(job.index)
        if found is not None:
            raise refusal(*found)
        lost = [run for run in job.left.values() if not self._took_crash(run)]
        if lost:
            self.on_loss(job, state, lost)

    def _refresh(self, run_ids: Iterable[str]) -> None:
        """List the runs' folders: NFS then asks the server for what is new in them."""
        for run_id in run_ids:
            folder = self.store.run_dir(run_id)
            if folder.is_dir():
                os.listdir(folder)  # noqa: PTH208 - only the request matters

    def _took_crash(self, run: PlannedRun) -> bool:
        """Take in that a run's every attempt failed, if that is so."""
        record = standing_record(self.store, run.run_id)
        if record is None or record.status != "crashed":
            return False
        failure = record.attempts[-1]["failure"] or {"kind": "exception", "message": "unknown"}
        self.crashed += 1
        self.listener.crashed(run, failure, retry=False)
        return True

    def on_loss(self, job: QueuedPack, state: str, lost: Sequence[PlannedRun]) -> None:
        """Submit the runs of a lost job again, unless somebody cancelled it or it goes on."""
        words = job.submission.last_words(job.index)
        text = (
            f"job {job.index} of {job.submission.name} ended ({state.lower().replace('_', ' ')}) "
            f"with {len(lost)} run{'' if len(lost) == 1 else 's'} unfinished"
            + (f"; its log ends: {words}" if words else "")
        )
        self.losses.update(run.run_id for run in lost)
        again = [run for run in lost if self.losses[run.run_id] <= MAX_LOSSES]
        if state == "CANCELLED":
            again = []
        self.given_up += len(lost) - len(again)
        self.listener.note(f"{text}; {'submitted again' if again else 'left pending'}")
        if again:
            self.waiting.extend(self._packs(again))
