"""One run in a lane: recorded, issued and measured a little at a time, with others in between."""

from __future__ import annotations

import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vggstudy.training.apparatus import Apparatus
from vggstudy.training.failures import Interrupted, lacks_memory
from vggstudy.training.lanes.graphs import GraphSteps, Recorder
from vggstudy.training.lanes.streams import LaneStream
from vggstudy.training.pending import READY, Pending, PendingNumbers, Stages
from vggstudy.training.results import EpochReport, TrainingResult
from vggstudy.training.session import Session

logger = logging.getLogger(__name__)

CHUNK_STEPS = 16
"""Steps issued in one turn of a lane."""

CHUNKS_AHEAD = 4
"""Chunks that may be waiting in a lane's stream at least."""

AHEAD_S = 0.5
"""Seconds that what is waiting should take: so long it does not run dry while others are served."""

MOST_CHUNKS = 32
"""Chunks that may be waiting at most: half of what a device's launch queue holds, behind which this
thread would have to wait."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded steps, which outlive their run for the next one of its cell.

    Attributes
    ----------
    cell : str
    apparatus : Apparatus
        What they read and write.
    steps : GraphSteps
    recorder : Recorder
    """

    cell: str
    apparatus: Apparatus
    steps: GraphSteps
    recorder: Recorder

    def close(self) -> None:
        """Let go of it. Says nothing of a broken device: that has been said where it broke."""
        with suppress(RuntimeError):
            # The gradients lie in the memory pool of the recordings.
            self.apparatus.step.optimizer.zero_grad(set_to_none=True)
            self.recorder.close()


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a lane came to.

    Attributes
    ----------
    progress : bool
        Whether anything could be done without waiting for the device.
    report : EpochReport or None
        The epoch that ended with it.
    result : TrainingResult or None
        Of the run that ended with it: the lane has nothing more to do.
    """

    progress: bool
    report: EpochReport | None = None
    result: TrainingResult | None = None


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
    gradual : bool
        Whether recording is left to the first turns.
    step_s : float or None
        Seconds of a recorded step, where they are known or of no use; None has them measured.
    recording : Recording or None
        Of an earlier run, whose apparatus the session has taken over.

    Attributes
    ----------
    refused : str or None
        Why steps could not be recorded; they are issued one operation after another then.
    step_s : float
        Seconds that a recorded step takes on an idle device; 0 where that is not known.
    """

    def __init__(
        self,
        session: Session,
        stream: LaneStream,
        *,
        chunk: int = CHUNK_STEPS,
        graphs: bool = True,
        gradual: bool = False,
        step_s: float | None = None,
        recording: Recording | None = None,
    ) -> None:
        self.session, self.stream, self.chunk = session, stream, chunk
        self.next_step: int | None = None  # None between epochs
        self.ahead: deque[Pending] = deque()
        self.sums: PendingNumbers | None = None
        self.refused: str | None = None
        self.recording = recording
        self.step_s = step_s or 0.0
        self._timed = step_s is not None
        self._timing: PendingNumbers | None = None
        self._stages: Stages[None] | None = None
        self._conclusion: Stages[TrainingResult] | None = None
        self._awaited: Pending = READY
        if recording is not None:
            session.run.stepper = recording.steps
        elif graphs and session.run.stop_reason is None:
            self._stages = self._record()
        while not gradual and not self.prepared:
            if not self.turn().progress:
                self.stream.wait()

    @property
    def over(self) -> bool:
        """Whether the run has ended by itself."""
        return self.session.run.stop_reason is not None

    @property
    def between_epochs(self) -> bool:
        """Whether nothing of an epoch is under way."""
        return self.next_step is None and self.sums is None

    @property
    def prepared(self) -> bool:
        """Whether steps have been recorded, or will not be."""
        return self._stages is None and not self.wants_quiet and self._timing is None

    @property
    def wants_quiet(self) -> bool:
        """Whether its steps are to be timed next, with nothing else on the device."""
        recorded = self.recording is not None and not self.over
        return recorded and not self._timed and self._timing is None

    @property
    def timing(self) -> bool:
        """Whether its steps are being timed."""
        return self._timing is not None

    @property
    def quiet(self) -> bool:
        """Whether nothing that it has issued is known to be under way."""
        while self.ahead and self.ahead[0].ready():
            self.ahead.popleft()
        known = self.sums is None or self.sums.ready()
        return not self.ahead and known and self._awaited.ready()

    @property
    def training(self) -> bool:
        """Whether epochs are under way: not being recorded, and not being measured."""
        return self.prepared and not self.over

    @property
    def dry(self) -> bool:
        """Whether steps are to be launched, of which its stream has none between two epochs."""
        return self.recording is not None and self.training and self.between_epochs

    @property
    def chunks_ahead(self) -> int:
        """Chunks that may be waiting, by what a step is known to take: recorded, or in an epoch."""
        run = self.session.run
        step_s = self.step_s
        if not step_s and run.clock.epoch_s:
            step_s = run.clock.epoch_s[-1] / len(run.bounds)
        wanted = math.ceil(AHEAD_S / (step_s * self.chunk)) if step_s else 0
        return min(max(CHUNKS_AHEAD, wanted), MOST_CHUNKS)

    @property
    def execution(self) -> dict[str, Any]:
        """How steps are issued, and why not recorded where they could have been."""
        return {"steps": "recorded" if self.recording else "single", "steps_reason": self.refused}

    def turn(self, *, issue: bool = True) -> Turn:
        """Do the next thing that needs no waiting: record, issue steps, take an epoch, conclude.

        Parameters
        ----------
        issue : bool
            Whether steps may be issued; not while another lane wants quiet.
        """
        if not self.prepared:
            return self._prepare(issue=issue)
        if self.sums is not None:
            return self._take() if self.sums.ready() else IDLE
        if self.over:
            return self._conclude(issue=issue)
        while self.ahead and self.ahead[0].ready():
            self.ahead.popleft()
        if not issue or len(self.ahead) >= self.chunks_ahead:
            return IDLE
        more = self._issue()
        while more and self.recording is not None and len(self.ahead) < CHUNKS_AHEAD:
            more = self._issue()  # launches alone: the stream is not to run dry until its next turn
        return ISSUED

    def _prepare(self, *, issue: bool) -> Turn:
        """Record the next part of a step, or time one."""
        if self._timing is not None:
            if not self._timing.ready():
                return IDLE
            (self.step_s,) = self._timing.values()
            self._timing, self._timed = None, True
        elif self._stages is None:
            if not issue:
                return IDLE
            self._timing = self._time_steps()
        elif not self._awaited.ready():
            return IDLE
        else:
            with self.stream.active():
                awaited = next(self._stages, None)
            self._awaited = awaited or READY
            if awaited is None:
                self._stages = None
        return ISSUED

    def _conclude(self, *, issue: bool) -> Turn:
        """Go on measuring the selected checkpoint of a run that is over."""
        if not issue or not self._awaited.ready():
            return IDLE
        with self.stream.active():
            if self._conclusion is None:
                self._conclusion = self.session.conclude(self.stream.fetch)
            try:
                self._awaited = next(self._conclusion)
            except StopIteration as end:
                self._awaited = READY
                return Turn(progress=True, result=end.value)
        return ISSUED

    def run_epoch(self) -> EpochReport:
        """Issue a whole epoch and wait for it."""
        while True:
            turn = self.turn()
            if turn.report is not None:
                return turn.report
            if not turn.progress:
                self.stream.wait()

    def _issue(self) -> bool:
        """Issue the next steps; with the last of an epoch, everything that is measured after it.

        Returns whether any are left of the epoch.
        """
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
        return self.sums is None

    def _take(self) -> Turn:
        """End an epoch whose sums have arrived."""
        sums, self.sums, self.next_step = self.sums, None, None
        self.ahead.clear()
        with self.stream.active():
            report = self.session.finish_epoch(sums.values() if sums else [])
        return Turn(progress=True, report=report)

    def finish(self) -> TrainingResult:
        """The result of a run that is over; waits for it."""
        while True:
            turn = self.turn()
            if turn.result is not None:
                return turn.result
            if not turn.progress:
                self.stream.wait()

    def interrupt(self) -> Interrupted:
        """Write a checkpoint between two epochs; the exception to raise."""
        with self.stream.active():
            self._stop_recording()
            self.session.interrupt()
        return Interrupted(self.session.run.epoch)

    def close(self) -> None:
        """Let go of the recordings, so that another run can be issued to the stream.

        Says nothing of a broken device: that has been said where it broke.
        """
        with suppress(RuntimeError):
            self.stream.wait()
            with self.stream.active():
                self._stop_recording()
            self.session.run.step.optimizer.zero_grad(set_to_none=True)
        if self.recording is not None:
            self.recording.close()
        self.recording = None
        self.session.close()

    def leave(self) -> Recording | None:
        """Close the lane of a run that has its result; its recording, which stays as it is."""
        recording, self.recording = self.recording, None
        if recording is None:
            self.close()
        else:
            self.session.close()
        return recording

    def _stop_recording(self) -> None:
        """Leave off in the middle of recording, with the run as it was before."""
        if self._stages is not None:
            self._stages.close()
            self._stages, self._awaited = None, READY

    def _record(self) -> Stages[None]:
        """Record the run's steps, where the stream can; go on without, where the model cannot."""
        run = self.session.run
        recorder = self.stream.recorder(run.apparatus.dropout if run.apparatus.draws else None)
        if recorder is None:
            return
        try:
            steps = GraphSteps(
                run.step,
                run.data,
                run.bounds,
                watched=run.watched_splits,
                augmented=run.augmented,
            )
            yield from steps.record(recorder)
        except (RuntimeError, GeneratorExit) as error:
            run.step.optimizer.zero_grad(set_to_none=True)
            recorder.close()
            run.apparatus.renew_generator()
            if isinstance(error, GeneratorExit) or lacks_memory(error):
                raise
            self.refused = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            logger.warning("steps cannot be recorded and are issued singly: %s", self.refused)
        else:
            run.stepper = steps
            cell = self.session.assignment.cell
            self.recording = Recording(cell, run.apparatus, steps, recorder)

    def _time_steps(self) -> PendingNumbers | None:
        """Time some recorded steps, which change nothing."""
        if self.recording is None:
            return None
        with self.stream.active():
            return self.recording.steps.time(self.recording.recorder)
