"""One attempt at one run, on any engine: train, then write its record whole."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vggstudy.environment import capture
from vggstudy.errors import LedgerError, StudyError, UntrainableError
from vggstudy.execution.options import ExecutionOptions
from vggstudy.ledger import Attempt, Failure, FailureKind, RunRecord, Status, StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.protocol import network

if TYPE_CHECKING:
    from vggstudy.training import TrainingResult

MAX_MESSAGE = 2000
"""Longest failure message that is kept, in characters."""


def attempt_run(
    run: PlannedRun,
    store: StudyStore,
    options: ExecutionOptions,
    *,
    device: str,
    on_epoch: Callable[[Mapping[str, Any]], None],
    should_stop: Callable[[], bool],
) -> RunRecord:
    """Execute a planned run from the start or its checkpoint, and record what came of it.

    Returns
    -------
    record : RunRecord
        As it stands in the ledger: finished, diverged, or crashed with the reason.

    Raises
    ------
    Interrupted
        If ``should_stop`` asked for it; a checkpoint has been written and nothing recorded.
    StudyError
        If the study cannot go on: data are missing, or the ledger cannot be written.
    """
    from vggstudy.training import Interrupted, train_run

    begun = Begun.now()
    try:
        trained = train_run(
            network(run.recipe),
            run.seeds,
            device=device,
            threads=options.threads,
            data_roots=options.data_roots,
            cache_dir=options.cache_dir,
            checkpoint=store.checkpoint_path(run.run_id),
            checkpoint_every_s=options.checkpoint_every_s,
            on_epoch=lambda report: on_epoch({"epoch": report.epoch, **report.values}),
            should_stop=should_stop,
            train_measured=options.train_measured,
        )
    except UntrainableError as error:
        return record_failure(run, store, error, begun, device=device)
    except (StudyError, Interrupted):
        raise
    except Exception as error:  # noqa: BLE001 - whatever breaks a run is recorded, then retried
        return record_failure(run, store, error, begun, device=device)
    return record_result(run, store, options, trained, begun)


@dataclass(frozen=True, slots=True)
class Begun:
    """When an attempt began.

    Attributes
    ----------
    started_at : str
        By the wall clock.
    clock : float
        By `time.perf_counter`.
    """

    started_at: str
    clock: float

    @classmethod
    def now(cls) -> Begun:
        """An attempt that begins."""
        return cls(_now(), time.perf_counter())

    def entry(self, failure: Failure | None) -> Attempt:
        """The attempt, once it has ended."""
        return attempt_entry(self.started_at, time.perf_counter() - self.clock, failure)


def record_result(
    run: PlannedRun,
    store: StudyStore,
    options: ExecutionOptions,
    trained: TrainingResult,
    begun: Begun,
) -> RunRecord:
    """Record a run that has come to a result; its checkpoint is not needed any more.

    Numbers that contradict each other are no result: the device miscomputed, so the attempt counts
    as failed, and another one starts from the seeds.
    """
    execution = {"execution": trained.execution} if trained.execution else {}
    environment = {
        **capture(),
        "numerics": trained.numerics,
        **execution,
        **_layout(options),
    }
    record = make_record(
        run,
        status=trained.result["status"],
        attempts=[*earlier_attempts(store, run.run_id), begun.entry(None)],
        result=trained.result,
        timings=trained.timings,
        environment=environment,
    )
    try:
        store.write_record(record)
    except ValueError as error:
        store.checkpoint_path(run.run_id).unlink(missing_ok=True)
        failure: Failure = {"kind": "exception", "message": describe(error)}
        return record_crash(run, store, begun.entry(failure), environment=environment)
    store.checkpoint_path(run.run_id).unlink(missing_ok=True)
    return record


def record_failure(
    run: PlannedRun, store: StudyStore, error: Exception, begun: Begun, *, device: str
) -> RunRecord:
    """Record a run that an exception ended."""
    failure: Failure = {"kind": _kind(error), "message": describe(error)}
    return record_crash(run, store, begun.entry(failure), environment=_environment(device))


def record_crash(
    run: PlannedRun,
    store: StudyStore,
    attempt: Attempt,
    *,
    environment: Mapping[str, Any],
) -> RunRecord:
    """Record a failed attempt; the checkpoint stays, so that a retry goes on from it."""
    record = make_record(
        run,
        status="crashed",
        attempts=[*earlier_attempts(store, run.run_id), attempt],
        result={},
        timings={},
        environment=environment,
    )
    store.write_record(record)
    return record


def make_record(
    run: PlannedRun,
    *,
    status: Status,
    attempts: Sequence[Attempt],
    result: Mapping[str, Any],
    timings: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> RunRecord:
    """The record of a planned run; attempts are numbered from 1."""
    numbered: list[Attempt] = [
        {**attempt, "number": index} for index, attempt in enumerate(attempts, start=1)
    ]
    return RunRecord(
        run_id=run.run_id,
        cell_id=run.cell_id,
        study_seed=run.study_seed,
        replicate=run.replicate,
        seeding=run.seeding,
        levels=dict(run.levels),
        recipe=run.recipe.model_dump(mode="json"),
        status=status,
        attempts=numbered,
        result=dict(result),
        timings=dict(timings),
        environment=dict(environment),
    )


def attempt_entry(started_at: str, duration_s: float, failure: Failure | None) -> Attempt:
    """What is kept of one attempt; its record gives it its number."""
    duration_s = round(duration_s, 3)
    return {"number": 0, "started_at": started_at, "duration_s": duration_s, "failure": failure}


def earlier_attempts(store: StudyStore, run_id: str) -> list[Attempt]:
    """Attempts that a crashed record already holds; none where there is no readable record."""
    try:
        return list(store.read_record(run_id).attempts)
    except LedgerError:
        return []


def describe(error: BaseException) -> str:
    """Class and message of an exception, bounded; what memory ran out, without torch's advice."""
    from vggstudy.training.failures import lacks_memory

    text = " ".join(str(error).split()) if lacks_memory(error) else str(error)
    if lacks_memory(error):
        text = ". ".join(text.split(". ")[:3])
    return f"{type(error).__name__}: {text}"[:MAX_MESSAGE]


def _kind(error: Exception) -> FailureKind:
    """Reason class of a failure: out of memory, or any other exception."""
    from vggstudy.training.failures import lacks_memory

    return "out_of_memory" if lacks_memory(error) else "exception"


def _layout(options: ExecutionOptions) -> dict[str, Any]:
    """How the machine was shared while a run on CPU was executed."""
    if options.devices != ("cpu",):
        return {}
    return {"layout": {"workers": options.jobs, "threads": options.threads}}


def _environment(device: str) -> dict[str, Any]:
    """Environment of an attempt that came to no result."""
    return {**capture(), "numerics": {"device": device}}


def _now() -> str:
    """Wall-clock time, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
