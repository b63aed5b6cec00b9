"""What an engine is, and what the engines that spread packs of runs have in common."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Protocol

from vggstudy.execution.events import Listener
from vggstudy.execution.local.pool import Tally
from vggstudy.execution.options import ExecutionOptions
from vggstudy.ledger import DamagedFileError, RunRecord, StudyStore
from vggstudy.plan import PlannedRun

MAX_LOSSES = 3
"""So often a run is handed out again after whatever held it was lost: a node, a job, a task."""


class Engine(Protocol):
    """Executes planned runs somewhere; their records are in the ledger when it returns."""

    def __call__(
        self,
        runs: Sequence[PlannedRun],
        store: StudyStore,
        options: ExecutionOptions,
        listener: Listener,
    ) -> Tally:
        """Execute the runs.

        Parameters
        ----------
        runs : sequence of PlannedRun
            Runs without a result.
        store : StudyStore
            The ledger; its lock is held by the caller. An engine may execute a run twice: the
            first result stands.
        options : ExecutionOptions
            What every worker is told, wherever it runs.
        listener : Listener
            Told of what happens, from the calling thread.

        Returns
        -------
        tally : Tally

        Raises
        ------
        StudyError
            If the study cannot go on: data are missing, or nobody takes the runs.
        """


def standing_record(store: StudyStore, run_id: str) -> RunRecord | None:
    """The record of a run as far as it can be trusted; None where there is none."""
    path = store.record_path(run_id)
    if not path.exists():
        return None
    try:
        return store.read_record(run_id)
    except DamagedFileError:
        return None


def has_result(store: StudyStore, run_id: str) -> bool:
    """Whether a run has been executed to its end."""
    record = standing_record(store, run_id)
    return record is not None and record.status != "crashed"


@contextlib.contextmanager
def stop_requested() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; a second SIGINT interrupts whatever is being done.

    In a thread other than the main one, where no signal comes, the event is never set.
    """
    event = threading.Event()

    def request(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, request)
    try:
        yield event
    finally:
        for known, handler in previous.items():
            signal.signal(known, handler)
