"""A worker process: takes runs over a socket, one after another, until its driver hangs up.

Started by `pool` as ``python -m vggstudy.execution.local.worker FD``. Messages are tuples: the
driver sends ``("prepare", data settings)``, ``("measure", (PlannedRun, threads))``, ``("run",
PlannedRun)`` and ``("stop",)``; the worker answers ``("ready",)``, ``("prepared",)``,
``("measured", steps/s)``, ``("epoch", run id, report)``, ``("done", RunRecord)``,
``("interrupted", run id)``, ``("refused", StudyError class name, message, run id or None)`` and
``("log", text)``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from vggstudy.errors import StudyError
from vggstudy.execution.attempt import attempt_run
from vggstudy.execution.options import ExecutionOptions
from vggstudy.ledger import StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.protocol import network

if TYPE_CHECKING:
    from vggstudy.execution.trainers.command_worker import CommandWorker
    from vggstudy.execution.trainers.function_worker import FunctionWorker

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the driver at the other end of the socket named on the command line."""
    _die_with_parent(int(sys.argv[2]))
    # The driver tells when to stop; schedulers send these to every process of a job.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    study, options, device = connection.recv()
    logging.getLogger("vggstudy").addHandler(_ToDriver(connection))
    logging.getLogger("vggstudy").setLevel(logging.INFO)
    if options.trainer is None:
        load_training()
    worker = worker_kind(options, device)(connection, StudyStore.open(study), options, device)
    # When the driver is gone, so is this worker, its run as of its checkpoint.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            worker.serve()
        except StudyError as error:  # its device cannot be used
            worker.refuse(error)


def load_training() -> None:
    """Import what trains: seconds of torch, before the first run's clock.

    Python's collector stays away from it, now and later: modules are never garbage, and a full
    collection would go over all of torch's for a third of a second each time.
    """
    gc.disable()
    try:
        import vggstudy.training.preload  # noqa: F401
    finally:
        gc.enable()
    gc.freeze()


class Worker:
    """Answers the driver's messages."""

    def __init__(
        self, connection: Connection, store: StudyStore, options: ExecutionOptions, device: str
    ) -> None:
        self.connection = connection
        self.store = store
        self.options = options
        self.device = device

    def serve(self) -> None:
        """Handle messages until the driver hangs up."""
        self.connection.send(("ready",))
        while True:
            message = self.connection.recv()
            if message[0] != "stop":
                self.answer(message)

    def answer(self, message: tuple[Any, ...]) -> None:
        """Handle one message and send the answer."""
        try:
            self.connection.send(self.handle(*message))
        except StudyError as error:
            self.refuse(error)

    def refuse(self, error: StudyError, run_id: str | None = None) -> None:
        """Tell the driver why the study cannot go on; the run, where others go on beside it."""
        self.connection.send(("refused", type(error).__name__, str(error), run_id))

    def handle(self, kind: str, payload: Any) -> tuple[Any, ...]:
        """Do what one message asks for and give the answer."""
        from vggstudy.training import Interrupted, prepare_data

        if kind == "prepare":
            for settings in payload:
                prepare_data(
                    settings,
                    data_roots=self.options.data_roots,
                    cache_dir=self.options.cache_dir,
                    verify=True,  # once an execution: a flipped bit would change every result
                )
            return ("prepared",)
        if kind == "measure":
            return ("measured", self.measure(*payload))
        try:
            record = attempt_run(
                payload,
                self.store,
                self.options,
                device=self.device,
                on_epoch=lambda report: self.connection.send(("epoch", payload.run_id, report)),
                should_stop=self.connection.poll,  # while a run is on, only a stop can come
            )
        except Interrupted:
            return ("interrupted", payload.run_id)
        return ("done", record)

    def measure(self, run: PlannedRun, threads: int) -> float:
        """Steps a second of a run with so many threads."""
        from vggstudy.training.determinism import open_device
        from vggstudy.training.measure import steps_per_second
        from vggstudy.training.session import Assignment, Site

        site = Site(
            device=open_device(self.device),
            threads=threads,
            data_roots=self.options.data_roots,
            cache_dir=self.options.cache_dir,
        )
        return steps_per_second(Assignment(recipe=network(run.recipe), seeds=run.seeds), site)


def worker_kind(
    options: ExecutionOptions, device: str
) -> type[Worker | CommandWorker | FunctionWorker]:
    """Which worker to be: on a GPU, and where lanes were asked for, one with lanes."""
    if options.trainer is not None:
        from vggstudy.execution.trainers.command_worker import CommandWorker
        from vggstudy.execution.trainers.function_worker import FunctionWorker

        return FunctionWorker if options.trainer.function else CommandWorker
    from vggstudy.execution.local.lane_worker import LaneWorker

    lanes = device != "cpu" or (options.lanes or 1) > 1
    return LaneWorker if lanes else Worker


class _ToDriver(logging.Handler):
    """Sends log messages to the driver."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self.connection.send(("log", record.getMessage()))


def _die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its driver dies, so that no orphan goes on writing.

    A trainer's worker (no parent is named) sees its driver hang up, and ends what it has started.
    """
    if parent == 0:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main()
