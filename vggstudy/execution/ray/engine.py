"""The engine for Ray: packs of runs as tasks of a cluster; records travel back to the driver.

Nothing is shared with the nodes: a task trains in a folder of its own and streams its records.
What a lost task had not sent yet is executed again, from its seeds.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from vggstudy._version import __version__
from vggstudy.errors import ExecutionError
from vggstudy.execution.attempt import earlier_attempts
from vggstudy.execution.engine import MAX_LOSSES, stop_requested
from vggstudy.execution.events import Listener
from vggstudy.execution.local.pool import Tally, refusal
from vggstudy.execution.options import ExecutionOptions, available_cores
from vggstudy.execution.packing import Pack, Packing, make_packs, measured_seconds
from vggstudy.execution.ray.task import run_pack
from vggstudy.extras import lacks
from vggstudy.ledger import Attempt, DamagedFileError, RunRecord, StudyStore
from vggstudy.plan import PlannedRun

MAX_TASKS = 256
"""Tasks that are handed to Ray at a time: enough for its scheduler, few enough for its memory."""

LOCAL_STORE_BYTES = 100 * 2**20
"""Object store of a local cluster, which holds nothing but records on their way."""

TICK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings:
    """Which cluster, and how many runs a task executes.

    Attributes
    ----------
    address : str or None
        ``HOST:PORT`` of a cluster, or ``auto`` for the one on this machine; None starts one here
        and ends it afterwards.
    packing : Packing
    """

    address: str | None = None
    packing: Packing = field(default_factory=Packing)

    def __post_init__(self) -> None:
        """Refuse what Ray would only fail on later."""
        if self.address is not None and "://" in self.address:
            msg = (
                f"--ray-address {self.address}: write HOST:PORT, or auto on a node of the cluster; "
                "Ray Client streams no results"
            )
            raise ExecutionError(msg)


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Executes runs as Ray tasks; an `Engine`.

    Attributes
    ----------
    settings : RaySettings
    """

    settings: RaySettings

    def __call__(
        self,
        runs: Sequence[PlannedRun],
        store: StudyStore,
        options: ExecutionOptions,
        listener: Listener,
    ) -> Tally:
        """Execute the runs; SIGINT and SIGTERM end the tasks, records that have come stay.

        Raises
        ------
        ExecutionError
            If Ray is not installed, no cluster answers, or none of its nodes can hold a pack.
        StudyError
            If a task found that the study cannot go on.
        """
        if not runs:
            return Tally(0, 0, 0, interrupted=False)
        measured = measured_seconds(store) if self.settings.packing.size is None else {}
        packs = make_packs(runs, self.settings.packing, workers=options.jobs, measured=measured)
        with _cluster(self.settings.address) as ray, stop_requested() as stop:
            return _Driver(ray, store, options, listener, deque(packs)).work(stop)


@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster or to a local one of its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ExecutionError(lacks("the engine ray", "Ray", "ray")) from None
    local: dict[str, Any] = {
        "num_cpus": available_cores(),
        "object_store_memory": LOCAL_STORE_BYTES,
    }
    try:
        ray.init(
            address=address or "local",
            include_dashboard=False if address is None else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(local if address is None else {}),
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        msg = f"no Ray cluster answers at {address or 'this machine'}: {first}"
        raise ExecutionError(msg) from None
    try:
        yield ray
    finally:
        ray.shutdown()


@dataclass(slots=True)
class _Driver:
    """State of one execution."""

    ray: Any
    store: StudyStore
    options: ExecutionOptions
    listener: Listener
    packs: deque[Pack]
    tasks: dict[Any, dict[str, PlannedRun]] = field(default_factory=dict)
    losses: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    crashed: int = 0
    given_up: int = 0

    def work(self, stop: Event) -> Tally:
        """Keep tasks in the cluster until every run has an outcome."""
        resources = self.resources()
        self.refuse_impossible(resources)
        task = self.ray.remote(
            max_retries=0,  # what a lost task has sent already need not be executed again
            num_returns="streaming",
            num_cpus=resources["CPU"],
            num_gpus=resources["GPU"],
        )(run_pack)
        while (self.packs or self.tasks) and not stop.is_set():
            while self.packs and len(self.tasks) < MAX_TASKS:
                pack = self.packs.popleft()
                stream = task.remote(pack, self.options, __version__)
                self.tasks[stream] = {run.run_id: run for run in pack}
            ready, _ = self.ray.wait(list(self.tasks), timeout=TICK_S, fetch_local=False)
            for stream in ready:
                self.receive(stream)
        for stream in self.tasks:
            self.ray.cancel(stream, force=True)
        left = sum(map(len, self.tasks.values())) + sum(map(len, self.packs)) + self.given_up
        return Tally(self.finished, self.crashed, left, interrupted=stop.is_set())

    def resources(self) -> dict[str, int]:
        """What a pack needs: the cores of its workers, and the GPUs that were named."""
        gpus = len(set(self.options.devices) - {"cpu"})
        return {"CPU": self.options.jobs * self.options.threads, "GPU": gpus}

    def refuse_impossible(self, needed: dict[str, int]) -> None:
        """Refuse packs that no node can hold: Ray would wait for one for ever."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        if not any(all(node.get(k, 0) >= n for k, n in needed.items()) for node in nodes):
            largest = max((node.get("CPU", 0) for node in nodes), default=0)
            msg = (
                f"a pack needs {needed['CPU']} cores and {needed['GPU']} GPUs, and no node of the "
                f"Ray cluster has them (largest: {largest:g} cores); lower -j or --threads"
            )
            raise ExecutionError(msg)

    def receive(self, stream: Any) -> None:
        """Take one message of a task, or notice its end."""
        try:
            kind, content = self.ray.get(next(stream))
        except StopIteration:
            self.on_end(stream, "ended early")
            return
        except self.ray.exceptions.RayError as error:
            self.on_end(stream, type(error).__name__)
            return
        if kind == "note":
            self.listener.note(content.decode())
        elif kind == "record":
            self.on_record(self.tasks[stream], content)
        else:
            name, _, message = content.decode().partition("\n")
            raise refusal(name, message)

    def on_record(self, left: dict[str, PlannedRun], content: bytes) -> None:
        """Put a record that came back into the ledger."""
        try:
            record = RunRecord.from_json(content)
        except DamagedFileError as error:
            self.listener.note(f"a record was damaged on its way: {error}")
            return
        run = left.pop(record.run_id, None)
        if run is None:
            return  # it had come before its task was lost
        if record.status == "crashed" or earlier_attempts(self.store, run.run_id):
            record = _with_earlier_attempts(record, self.store)
        self.store.write_record(record)
        if record.status == "crashed":
            failure = record.attempts[-1]["failure"] or {"kind": "exception", "message": "unknown"}
            self.crashed += 1
            self.listener.crashed(run, failure, retry=False)
        else:
            self.finished += 1
            self.listener.finished(run, record)

    def on_end(self, stream: Any, reason: str) -> None:
        """Hand out again what a task has left: its node or its process was lost."""
        left = self.tasks.pop(stream)
        if not left:
            return
        self.losses.update(left.keys())
        again = tuple(run for run in left.values() if self.losses[run.run_id] <= MAX_LOSSES)
        self.given_up += len(left) - len(again)
        if again:
            self.packs.append(again)
        count = f"{len(left)} run{'' if len(left) == 1 else 's'}"
        outcome = "handed out again" if again else "left pending"
        self.listener.note(f"a Ray task was lost ({reason}) with {count} unfinished; {outcome}")


def _with_earlier_attempts(record: RunRecord, store: StudyStore) -> RunRecord:
    """A record with the attempts that the ledger holds of its run before its own."""
    attempts = [*earlier_attempts(store, record.run_id), *record.attempts]
    numbered: list[Attempt] = [
        {**attempt, "number": index} for index, attempt in enumerate(attempts, start=1)
    ]
    return dataclasses.replace(record, attempts=numbered)
