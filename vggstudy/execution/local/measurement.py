"""Time some steps of a study's own cells under every division of the cores."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from vggstudy.errors import ExecutionError, UntrainableError
from vggstudy.execution.local.layout import geometric_mean
from vggstudy.execution.local.pool import refusal
from vggstudy.execution.local.process import Crew, WorkerProcess
from vggstudy.execution.options import ExecutionOptions
from vggstudy.ledger import StudyStore
from vggstudy.ledger.conduct import Division
from vggstudy.plan import PlannedRun
from vggstudy.protocol import network


class _DeadWorkerError(Exception):
    """A worker ended while it was measured."""


def measure_divisions(
    candidates: Sequence[tuple[int, int]],
    *,
    runs: Sequence[PlannedRun],
    store: StudyStore,
    options: ExecutionOptions,
    note: Callable[[str], None],
    crew: Crew | None = None,
) -> tuple[Division, ...]:
    """Steps a second of each division, in workers like those that will execute the runs.

    The first and the last cell stand for all: protocols list levels from small to large.

    Parameters
    ----------
    candidates : sequence of (int, int)
        Workers and threads.
    runs : sequence of PlannedRun
    store : StudyStore
    options : ExecutionOptions
    note : callable
        Told what workers log, and why nothing could be measured.
    crew : Crew, optional
        Keeps the workers, if nothing goes wrong; they have prepared the data. They are ended
        otherwise.

    Returns
    -------
    trials : tuple of Division
        In the order of the candidates; empty if a worker died.

    Raises
    ------
    StudyError
        If data are missing or a worker cannot be started: no run could go on.
    """
    kept = crew or Crew()
    with contextlib.ExitStack() as stack:
        stack.callback(kept.close)
        try:
            processes = kept.start(max(workers for workers, _ in candidates), store.path, options)
            for process in processes:
                _answer(process, "ready", note)
            every = [network(run.recipe).data for run in runs]
            data = list({repr(one): one for one in every}.values())
            processes[0].send(("prepare", data))
            _answer(processes[0], "prepared", note)
            cells = [runs[0], runs[-1]] if runs[0].cell_id != runs[-1].cell_id else [runs[0]]
            trials = tuple(
                _trial(processes[:workers], threads, cells, note) for workers, threads in candidates
            )
        except OSError as error:
            msg = f"a worker process cannot be started: {error.strerror}"
            raise ExecutionError(msg) from None
        except (_DeadWorkerError, UntrainableError) as reason:
            note(f"workers and threads could not be measured: {reason}")
            return ()
        if crew is not None:
            stack.pop_all()
        return trials


def _trial(
    processes: Sequence[WorkerProcess],
    threads: int,
    cells: Sequence[PlannedRun],
    note: Callable[[str], None],
) -> Division:
    """All workers step at the same time, cell by cell."""
    rates = []
    for run in cells:
        for process in processes:
            process.send(("measure", (run, threads)))
        rates.append(sum(float(_answer(process, "measured", note)[1]) for process in processes))
    return Division(len(processes), threads, geometric_mean(rates))


def _answer(process: WorkerProcess, expected: str, note: Callable[[str], None]) -> tuple[Any, ...]:
    """Wait for a worker's answer; pass on what it logs, raise what it refuses."""
    while True:
        try:
            message: tuple[Any, ...] = process.connection.recv()
        except (EOFError, ConnectionResetError):
            raise _DeadWorkerError(process.obituary()) from None
        if message[0] == expected:
            return message
        if message[0] == "refused":
            raise refusal(*message[1:3])
        if message[0] == "log":
            note(message[1])
