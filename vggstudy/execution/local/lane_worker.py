"""A worker process with lanes: several runs at a time, in one thread on one device.

Its messages are those of `worker`, each of which names its run, ``("lanes", N)``: how many runs it
wants at a time, and ``("begun", run id)``: it has come to a lane.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any

from vggstudy.errors import ExecutionError, StudyError, UntrainableError
from vggstudy.execution.attempt import Begun, record_failure, record_result
from vggstudy.execution.local.worker import Worker
from vggstudy.plan import PlannedRun
from vggstudy.protocol import network

if TYPE_CHECKING:
    from vggstudy.training.lanes.active import LaneEvent
    from vggstudy.training.lanes.laneset import LaneSet


def settle_memory() -> None:
    """Let Python's collector look at what comes from now on alone.

    A full collection would go over all of torch's modules each time, and keep every lane for a
    fifth of a second; they are never garbage.
    """
    gc.collect()
    gc.freeze()


class LaneWorker(Worker):
    """Answers the driver's messages while its lanes take turns."""

    def serve(self) -> None:
        """Handle messages until the driver hangs up."""
        self.lanes = self.new_lanes()
        settle_memory()
        self.runs: dict[str, tuple[PlannedRun, Begun]] = {}
        told = self.lanes.wanted
        self.connection.send(("ready",))
        self.connection.send(("lanes", told))
        while True:
            # Without runs there is nothing to do but to wait for a message.
            while not self.lanes or self.connection.poll():
                self.take(*self.connection.recv())
            self.turn()
            if self.lanes.wanted != told:
                told = self.lanes.wanted
                self.connection.send(("lanes", told))

    def new_lanes(self) -> LaneSet:
        """Lanes on this worker's device."""
        from vggstudy.training.determinism import open_device
        from vggstudy.training.lanes.laneset import LaneSet
        from vggstudy.training.session import Site

        device = open_device(self.device)
        site = Site(
            device=device,
            threads=self.options.threads,
            data_roots=self.options.data_roots,
            cache_dir=self.options.cache_dir,
            checkpoint_every_s=self.options.checkpoint_every_s,
        )
        try:
            return LaneSet(site, lanes=self.options.lanes, graphs=self.options.graphs)
        except RuntimeError as error:  # CUDA cannot start where others have filled the device
            reason = " ".join(str(error).split())[:200]
            msg = f"device '{self.device}' cannot be used: {reason}"
            raise ExecutionError(msg) from error

    def take(self, kind: str, payload: Any = None) -> None:
        """Do what one message asks for: runs begin here, and are answered for later."""
        from vggstudy.training.session import Assignment

        if kind == "stop":
            self.lanes.stop()
        elif kind == "run":
            self.runs[payload.run_id] = (payload, Begun.now())
            checkpoint = self.store.checkpoint_path(payload.run_id)
            self.lanes.add(
                payload.run_id,
                Assignment(
                    recipe=network(payload.recipe),
                    seeds=payload.seeds,
                    checkpoint=checkpoint,
                    train_measured=self.options.train_measured,
                ),
            )
        else:
            self.answer((kind, payload))

    def turn(self) -> None:
        """Give every lane a turn, and tell the driver what came of it."""
        outcomes, progress = self.lanes.turn()
        for key in self.lanes.begun:
            self.connection.send(("begun", key))
        self.lanes.begun.clear()
        for outcome in outcomes:
            self.report(outcome)
        if not progress:
            self.lanes.pause()

    def report(self, outcome: LaneEvent) -> None:
        """Record what happened to a run, then tell the driver."""
        from vggstudy.training import Interrupted

        run, begun = self.runs[outcome.key]
        if outcome.epoch is not None:
            report = {"epoch": outcome.epoch.epoch, **outcome.epoch.values}
            self.connection.send(("epoch", outcome.key, report))
            return
        del self.runs[outcome.key]
        if isinstance(outcome.error, Interrupted):
            self.connection.send(("interrupted", outcome.key))
        elif isinstance(outcome.error, StudyError) and not isinstance(
            outcome.error, UntrainableError
        ):
            self.refuse(outcome.error, outcome.key)
        else:
            self.record(run, begun, outcome)

    def record(self, run: PlannedRun, begun: Begun, outcome: LaneEvent) -> None:
        """Write a run's record; end this process where its device has broken."""
        try:
            if outcome.result is not None:
                record = record_result(run, self.store, self.options, outcome.result, begun)
            else:
                error = outcome.error or RuntimeError("a run ended without a word")
                record = record_failure(run, self.store, error, begun, device=self.device)
        except StudyError as error:
            self.refuse(error, run.run_id)
            return
        broken = outcome.error is not None and not self.lanes.device_works()
        if broken:  # a retry must not come back to this process
            self.connection.send(("lanes", 0))
        self.connection.send(("done", record))
        if broken:
            # Its end would free memory of the broken device, and abort with other last words.
            text = f"{self.device} refuses all work since run {run.run_id} failed"
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - the driver reads it
            os._exit(1)
