"""The local engine: a pool of persistent workers, which take one run each, or one a lane."""

from __future__ import annotations

import contextlib
import datetime
import math
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType
from typing import Any

from vggstudy import errors
from vggstudy.environment import capture
from vggstudy.errors import ExecutionError, StudyError
from vggstudy.execution.attempt import attempt_entry, record_crash
from vggstudy.execution.events import Listener
from vggstudy.execution.local.process import Crew, WorkerProcess
from vggstudy.execution.local.stalls import StallLimit
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.trainers.code import trainer_environment
from vggstudy.extras import require_training
from vggstudy.ledger import Failure, RunRecord, StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.protocol import Recipe, TrainerRecipe

TICK_S = 0.5
"""Longest wait for a message before timeouts are looked at."""

LAST_RUNS = 4
"""Runs a worker that are handed out by their length and not in their order."""

ONE_REQUEST_S = 0.3
"""Signals that come this close together were meant once: nobody asks twice in that time."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What an execution came to, in runs.

    Attributes
    ----------
    finished, crashed, left : int
        Runs with a result; runs whose every attempt failed; runs not reached.
    interrupted : bool
        Whether it was stopped before its end.
    """

    finished: int
    crashed: int
    left: int
    interrupted: bool


def execute(
    runs: Sequence[PlannedRun],
    store: StudyStore,
    options: ExecutionOptions,
    listener: Listener,
    *,
    stopped_by: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM),
    crew: Crew | None = None,
) -> Tally:
    """Execute planned runs on this machine; their records are in the ledger when it returns.

    The first of the signals ``stopped_by`` lets every running run write a checkpoint at the end of
    its epoch and stops; the second kills the workers (what their checkpoints hold is not lost).
    Workers of ``crew`` are taken over, if they fit the options.

    Raises
    ------
    StudyError
        If data or the libraries for training are missing or the ledger cannot be written: no run
        could go on.
    """
    if not runs:
        return Tally(0, 0, 0, interrupted=False)
    if options.trainer is None:
        if any(isinstance(run.recipe, TrainerRecipe) for run in runs):
            raise ExecutionError("a trainer of one's own is executed only with consent")
        require_training()
    pool = _Pool(runs, store, options, listener)
    if crew is not None and (workers := crew.take(options)):
        pool.workers, pool.prepared = workers, True
    with _signals(pool, stopped_by):
        return pool.work()


class _Pool:
    """State of one execution."""

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        store: StudyStore,
        options: ExecutionOptions,
        listener: Listener,
    ) -> None:
        self.pending = deque(runs)
        self.store = store
        self.options = options
        self.listener = listener
        self.failures: dict[str, int] = {}
        site = options.trainer
        limit_s = options.timeout_s if site is None or site.function else None
        measured = options.devices != ("cpu",) and site is None
        self.stalls = StallLimit(limit_s, measured=measured)  # a command's worker knows its limit
        self.seconds: dict[str, float] = {}  # of the cell's last run
        self.finished = 0
        self.crashed = 0
        self.signals = 0
        self.signalled_at = -math.inf
        self.fatal: StudyError | None = None
        self.prepared = False
        self.preparing: WorkerProcess | None = None
        self.deaths_at_start = 0
        self.workers: list[WorkerProcess] = []
        data = [run.recipe.data for run in runs if isinstance(run.recipe, Recipe)]
        self.data = list({repr(one): one for one in data}.values())
        self.wakeup_read, self.wakeup_write = os.pipe()
        os.set_blocking(self.wakeup_write, False)

    @property
    def stopping(self) -> bool:
        """Whether no further run is to be started."""
        return self.signals > 0 or self.fatal is not None

    @property
    def busy(self) -> int:
        """Workers that have runs."""
        return sum(bool(worker.runs) for worker in self.workers)

    def work(self) -> Tally:
        """Run everything; the loop that the module is about."""
        try:
            self.start_workers()
            while self.pending or self.busy:
                if self.stopping and not self.busy:
                    break
                self.step()
        finally:
            for worker in self.workers:
                worker.close()
            os.close(self.wakeup_read)
            os.close(self.wakeup_write)
        if self.fatal is not None:
            raise self.fatal
        left = len(self.pending)
        return Tally(self.finished, self.crashed, left, interrupted=self.signals > 0)

    def step(self) -> None:
        """Hand out runs, then wait for one message, death, signal or timeout."""
        if self.prepared and not self.stopping:
            self.hand_out()
        by_object: dict[Any, WorkerProcess] = {worker.connection: worker for worker in self.workers}
        for ready in wait([*by_object, self.wakeup_read], timeout=TICK_S):
            if ready == self.wakeup_read:
                os.read(self.wakeup_read, 1024)
                self.on_signal()
            else:
                self.receive(by_object[ready])
        self.check_timeouts()
        for worker in self.workers:
            worker.bound_output()

    def start_workers(self) -> None:
        """Start workers while there are more runs than workers."""
        wanted = min(self.options.jobs, len(self.pending) + self.busy)
        used = {worker.index for worker in self.workers}
        for index in range(self.options.jobs):
            if len(self.workers) < wanted and index not in used:
                self.workers.append(self.new_worker(index))

    def hand_out(self) -> None:
        """Give every worker that has room a run, then a further one."""
        self.start_workers()
        while self.pending and (free := [worker for worker in self.workers if worker.has_room]):
            for worker in free[: len(self.pending)]:
                run = self.next_run()
                worker.assign(run)
                self.listener.started(run, worker=worker.index)

    def next_run(self) -> PlannedRun:
        """The first that is pending; of the last ones one of those that take longest.

        So no worker is left alone with a long run. A cell of which nothing is known comes first.
        """
        at = 0
        if len(self.pending) <= LAST_RUNS * self.options.jobs:
            taken = [self.seconds.get(run.cell_id, math.inf) for run in self.pending]
            at = taken.index(max(taken))
        run = self.pending[at]
        del self.pending[at]
        return run

    def new_worker(self, index: int) -> WorkerProcess:
        """Start a worker process."""
        try:
            return WorkerProcess(index, self.store.path, self.options)
        except OSError as error:
            msg = f"a worker process cannot be started: {error.strerror}"
            raise ExecutionError(msg) from None

    def receive(self, worker: WorkerProcess) -> None:
        """Take one message of a worker, or notice its death."""
        try:
            message = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            self.on_death(worker)
            return
        worker.last_sign = time.monotonic()
        kind = message[0]
        if kind == "ready":
            self.on_ready(worker)
        elif kind == "prepared":
            self.prepared = worker.ready = True
            self.deaths_at_start = 0
        elif kind == "log":
            self.listener.note(message[1])
        elif kind == "lanes":
            worker.capacity = message[1]
        elif kind in {"begun", "epoch"} and message[1] in worker.runs:
            self.on_sign(worker, *message[1:])
        elif kind == "refused":
            self.on_refusal(worker, *message[1:])
        elif kind == "interrupted":
            self.put_back(worker, [message[1]])
        elif kind == "done":
            self.on_record(worker, message[1])

    def on_ready(self, worker: WorkerProcess) -> None:
        """The first worker that is ready prepares the data before any run is handed out."""
        if self.prepared:
            self.deaths_at_start = 0  # before that, the next may die of preparing as the last did
        if self.prepared or self.preparing is not None:
            worker.ready = True
        else:
            self.preparing = worker
            worker.send(("prepare", self.data))

    def on_sign(
        self, worker: WorkerProcess, run_id: str, report: dict[str, Any] | None = None
    ) -> None:
        """A run has begun, or finished an epoch."""
        run, seconds = worker.runs[run_id], worker.saw_sign(run_id)
        if report is not None:
            self.stalls.saw_epoch(run.cell_id, seconds)
            self.listener.epoch(run, report)

    def on_record(self, worker: WorkerProcess, record: RunRecord) -> None:
        """A run has its record: a result, or a failure that may be retried."""
        run = worker.release(record.run_id)
        if run is None:
            return
        if record.status != "crashed":
            self.finished += 1
            self.seconds[run.cell_id] = worker.elapsed(run.run_id)
            self.listener.finished(run, record)
        else:
            failure = record.attempts[-1]["failure"]
            self.on_failure(run, failure or {"kind": "exception", "message": "unknown"})

    def on_failure(self, run: PlannedRun, failure: Failure) -> None:
        """Retry a failed run after the others, or count it as crashed."""
        count = self.failures[run.run_id] = self.failures.get(run.run_id, 0) + 1
        retry = count <= self.options.retries and not self.stopping
        if retry:
            self.pending.append(run)
        else:
            self.crashed += 1
        self.listener.crashed(run, failure, retry=retry)

    def put_back(self, worker: WorkerProcess, run_ids: Sequence[str]) -> None:
        """Take runs from a worker that are to be executed later."""
        released = [worker.release(run_id) for run_id in run_ids]
        self.pending.extendleft(run for run in reversed(released) if run is not None)

    def on_refusal(
        self, worker: WorkerProcess, name: str, message: str, run_id: str | None = None
    ) -> None:
        """The study cannot go on: stop everything, keep the first reason."""
        self.put_back(worker, list(worker.runs) if run_id is None else [run_id])
        worker.ready = True
        if self.fatal is None:
            self.fatal = refusal(name, message)
            self.stop_workers()

    def on_death(self, worker: WorkerProcess) -> None:
        """A worker died without a word: record its runs as crashed, replace the worker."""
        message = worker.obituary()
        lost = list(worker.runs.values())
        if not lost and not worker.ready:
            self.deaths_at_start += 1
            if self.deaths_at_start > 2:
                msg = f"workers die before they take a run: {message}"
                self.fatal = ExecutionError(msg)
        self.bury(worker, lost, {"kind": "killed", "message": message})

    def bury(self, worker: WorkerProcess, guilty: Sequence[PlannedRun], failure: Failure) -> None:
        """Record the runs that a dead worker is blamed for, put its other runs back, replace it."""
        for run in guilty:
            elapsed = worker.elapsed(run.run_id)
            worker.release(run.run_id)
            started = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=elapsed)
            entry = attempt_entry(started.isoformat(timespec="seconds"), elapsed, failure)
            site = self.options.trainer
            own = {"trainer": trainer_environment(site)} if site else {}
            environment = {**capture(), "numerics": {"device": worker.device}, **own}
            record_crash(run, self.store, entry, environment=environment)
            self.on_failure(run, failure)
        self.put_back(worker, list(worker.runs))
        worker.close()
        self.workers.remove(worker)
        if not self.stopping:
            self.start_workers()
        if self.preparing is worker:
            self.preparing = None
            for other in [other for other in self.workers if other.ready][:1]:
                other.ready = False
                self.on_ready(other)

    def check_timeouts(self) -> None:
        """Kill workers that have been silent for too long, or one of whose lanes has."""
        for worker in list(self.workers):
            if hung := worker.hung_runs(self.stalls):
                worker.kill()
                limit_s = self.stalls.of(hung[0].cell_id) or 0.0
                silence = f"no epoch finished within {round(limit_s, 1):g} s"
                message = f"{silence}; the worker was killed"
                self.bury(worker, hung, {"kind": "timeout", "message": message})

    def on_signal(self) -> None:
        """First signal: checkpoint and stop. Second: kill."""
        if self.signals == 1:
            kept = "every run writes a checkpoint at the end of its epoch"
            own = "every run is asked to stop"
            self.listener.note(f"stopping: {own if self.options.trainer else kept}")
            self.stop_workers()
        elif self.signals > 1:
            for worker in self.workers:
                self.put_back(worker, list(worker.runs))
                worker.kill()

    def stop_workers(self) -> None:
        """Ask every busy worker to stop at the end of its epoch."""
        for worker in self.workers:
            if worker.runs:
                worker.send(("stop",))

    def count_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Signal handler: only counts and wakes the loop.

        timeout(1) sends its signal twice, to a command and to its process group: one request.
        """
        now = time.monotonic()
        if now - self.signalled_at < ONE_REQUEST_S:
            return
        self.signalled_at = now
        self.signals += 1
        with contextlib.suppress(BlockingIOError):
            os.write(self.wakeup_write, b"!")


def refusal(name: str, message: str) -> StudyError:
    """The error that a worker met, from the name of its class."""
    if name == "ProtocolError":  # its message has been rendered, with the name of the file
        return errors.ProtocolError(message.removeprefix("protocol: "))
    kind = getattr(errors, name, ExecutionError)
    return kind(message) if issubclass(kind, StudyError) else ExecutionError(message)


@contextlib.contextmanager
def _signals(pool: _Pool, numbers: Sequence[signal.Signals]) -> Iterator[None]:
    """Route signals to the pool while it works (in the main thread, where they come)."""
    try:
        previous = {number: signal.signal(number, pool.count_signal) for number in numbers}
    except ValueError:  # not the main thread: whoever runs us there handles signals
        previous = {}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
