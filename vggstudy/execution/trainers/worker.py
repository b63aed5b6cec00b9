"""What the workers of a command and of a function have in common: how they answer the driver."""

from __future__ import annotations

import os
import signal
from abc import ABC, abstractmethod
from functools import partial
from multiprocessing.connection import Connection

from vggstudy.environment import capture
from vggstudy.errors import StudyError
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.trainers.recording import TrainerAttempt
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.plan import PlannedRun

_PASSED_OVER = (signal.SIGINT, signal.SIGTERM)
"""By a worker, not by what it starts, which may be ended so."""


def _pass(*_: object) -> None:
    """The driver tells when to stop."""


class DriverGone(BaseException):
    """The driver is no more: nothing more is recorded, the next one goes on from what there is.

    No `Exception`, so that a function's own handlers let it pass and no run is blamed for it.
    """


def tell(connection: Connection, *message: object) -> None:
    """Send the driver a message.

    Raises
    ------
    DriverGone
        If it has hung up.
    """
    try:
        connection.send(message)
    except (BrokenPipeError, ConnectionResetError):
        raise DriverGone from None


class TrainerWorker(ABC):
    """Answers the driver's messages, one run at a time; they are those of `local.worker`."""

    def __init__(
        self, connection: Connection, store: StudyStore, options: ExecutionOptions, device: str
    ) -> None:
        self.connection, self.store = connection, store
        self.options, self.device = options, device
        for number in _PASSED_OVER:
            signal.signal(number, _pass)  # a handler, which another program does not inherit
            os.register_at_fork(after_in_child=partial(signal.signal, number, signal.SIG_DFL))
        # held back meanwhile, so that none is lost between a fork and the child's own handling
        hold = partial(signal.pthread_sigmask, signal.SIG_BLOCK, _PASSED_OVER)
        free = partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _PASSED_OVER)
        os.register_at_fork(before=hold, after_in_parent=free, after_in_child=free)

    def serve(self) -> None:
        """Handle messages until the driver hangs up; what records say of this machine is known."""
        capture()
        self.connection.send(("ready",))
        while True:
            kind, *content = self.connection.recv()
            if kind == "prepare":
                self.connection.send(("prepared",))
            elif kind == "run":
                self.answer(content[0])

    def answer(self, run: PlannedRun) -> None:
        """Execute a run and say what came of it."""
        try:
            record = self.execute(self.attempt(run))
        except StudyError as error:
            self.refuse(error)
            return
        self.connection.send(("interrupted", run.run_id) if record is None else ("done", record))

    def refuse(self, error: StudyError) -> None:
        """Tell the driver why the study cannot go on."""
        self.connection.send(("refused", type(error).__name__, str(error), None))

    def attempt(self, run: PlannedRun) -> TrainerAttempt:
        """An attempt at a run, which tells the driver of its epochs."""
        return TrainerAttempt(
            run,
            self.store,
            self.options,
            self.device,
            lambda report: tell(self.connection, "epoch", run.run_id, report),
        )

    @abstractmethod
    def execute(self, attempt: TrainerAttempt) -> RunRecord | None:
        """The record of an attempt; None where it was stopped."""
