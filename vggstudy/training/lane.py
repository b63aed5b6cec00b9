"""One run in a lane: issued a few steps at a time, so that others can be issued in between."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vggstudy.training.failures import Interrupted, lacks_memory
from vggstudy.training.graphs import GraphSteps, Recorder
from vggstudy.training.lane_streams import LaneStream, Pending, PendingNumbers
from vggstudy.training.results import EpochReport, TrainingResult
from vggstudy.training.session import Session

logger = logging.getLogger(__name__)

CHUNK_STEPS = 16
"""Steps issued in one turn of a lane."""

CHUNKS_AHEAD = 4
"""Chunks that may be waiting in a lane's stream: enough that it does not run dry while other lanes
are served, few enough that none of them waits behind a full launch queue."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a lane came to.

    Attributes
    ----------
    progress : bool
        Whether anything could be done without waiting for the device.
    report : EpochReport or None
        The epoch that ended with it.
    """

    progress: bool
    report: EpochReport | None = None


IDLE, ISSUED = Turn(progress=False), Turn(progress=True)


class Lane:
    """Issues one run to one stream.

    Parameters
    ----------
    session : Session
        Set up inside ``stream.active()``, so that its tensors belong to the stream.
    stream : LaneStream
    chunk : int
        Steps to issue in one turn.
    graphs : bool
        Whether to record steps, where the stream can.

    Attributes
    ----------
    refused : str or None
        Why steps could not be recorded; they are issued one operation after another then.
    step_s : float
        Seconds that a recorded step takes on an idle device; 0 where none is recorded.
    """

    def __init__(
        self,
        session: Session,
        stream: LaneStream,
        *,
        chunk: int = CHUNK_STEPS,
        graphs: bool = True,
    ) -> None:
        self.session, self.stream, self.chunk = session, stream, chunk
        self.next_step: int | None = None  # None between epochs
        self.ahead: deque[Pending] = deque()
        self.sums: PendingNumbers | None = None
        self.refused: str | None = None
        self.recorder: Recorder | None = None
        self.step_s = 0.0
        if graphs and session.run.stop_reason is None:
            self._record()

    @property
    def over(self) -> bool:
        """Whether the run has ended by itself."""
        return self.session.run.stop_reason is not None

    @property
    def between_epochs(self) -> bool:
        """Whether nothing of an epoch is under way."""
        return self.next_step is None and self.sums is None

    @property
    def execution(self) -> dict[str, Any]:
        """How steps are issued, and why not recorded where they could have been."""
        return {"steps": "recorded" if self.recorder else "single", "steps_reason": self.refused}

    def turn(self) -> Turn:
        """Issue some steps, or take an epoch's sums if they are there; never waits.

        Must not be called when the run is over.
        """
        if self.sums is not None:
            return self._take() if self.sums.ready() else IDLE
        while self.ahead and self.ahead[0].ready():
            self.ahead.popleft()
        if len(self.ahead) >= CHUNKS_AHEAD:
            return IDLE
        self._issue()
        return ISSUED

    def run_epoch(self) -> EpochReport:
        """Issue a whole epoch and wait for it."""
        while True:
            turn = self.turn()
            if turn.report is not None:
                return turn.report
            if not turn.progress:
                self.stream.wait()

    def _issue(self) -> None:
        """Issue the next steps; with the last of an epoch, everything that is measured after it."""
        run = self.session.run
        with self.stream.active():
            if self.next_step is None:
                run.begin_epoch()
                self.next_step = 0
            last = min(self.next_step + self.chunk, len(run.bounds))
            run.stepper.issue(self.next_step, last)
            self.next_step = last
            if last == len(run.bounds):
                self.sums = self.stream.fetch(run.measure())
            else:
                self.ahead.append(self.stream.mark())

    def _take(self) -> Turn:
        """End an epoch whose sums have arrived."""
        sums, self.sums, self.next_step = self.sums, None, None
        self.ahead.clear()
        with self.stream.active():
            report = self.session.finish_epoch(sums.values() if sums else [])
        return Turn(progress=True, report=report)

    def finish(self) -> TrainingResult:
        """The result of a run that is over."""
        with self.stream.active():
            return self.session.result()

    def interrupt(self) -> Interrupted:
        """Write a checkpoint between two epochs; the exception to raise."""
        with self.stream.active():
            self.session.interrupt()
        return Interrupted(self.session.run.epoch)

    def close(self) -> None:
        """Let go of the recordings, so that another run can be issued to the stream.

        Says nothing of a broken device: that has been said where it broke.
        """
        with suppress(RuntimeError):
            self.stream.wait()
            # The gradients lie in the memory pool of the recordings.
            self.session.run.step.optimizer.zero_grad(set_to_none=True)
            if self.recorder is not None:
                self.recorder.close()
        self.recorder = None

    def _record(self) -> None:
        """Record the run's steps, where the stream can; go on without, where the model cannot."""
        run = self.session.run
        with self.stream.active():
            recorder = self.stream.recorder(run.dropout if run.draws else None)
            if recorder is None:
                return
            try:
                run.stepper = GraphSteps(
                    run.step,
                    run.data,
                    run.bounds,
                    watched=run.watched_splits,
                    augmented=run.augmented,
                    recorder=recorder,
                )
            except RuntimeError as error:
                run.step.optimizer.zero_grad(set_to_none=True)
                recorder.close()
                run.renew_generator()
                if lacks_memory(error):
                    raise
                self.refused = f"{type(error).__name__}: {str(error).splitlines()[0]}"
                logger.warning("steps cannot be recorded and are issued singly: %s", self.refused)
            else:
                self.recorder, self.step_s = recorder, run.stepper.step_s
