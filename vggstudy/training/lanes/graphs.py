"""Whole steps recorded once and replayed: one launch a step instead of hundreds.

A recording repeats the same device work on the same addresses. So everything that changes lies in
buffers that stay where they are, and is written in place: weights, momentum and statistics by the
step itself; the epoch's order, flips and crops before its first step; the place in that order by a
counter on the device, which every step moves on; the learning rate in a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vggstudy.training.data.batches import RunData, SplitTensors
from vggstudy.training.data.transforms import Augmentation
from vggstudy.training.optim import state_of
from vggstudy.training.pending import READY, Pending, PendingNumbers, Stages
from vggstudy.training.steps import Bounds, TrainStep, evaluate_split, train_batch

WARM_UP_STEPS = 2
"""Runs of each body before it is recorded: the first creates the optimizer's state and the
libraries' handles and workspaces, the second runs as all later ones do."""

TIMED_STEPS = 8
"""Most steps that are timed once they are recorded."""

Body = Callable[[], None]


class Recorder(Protocol):
    """Records device work that is to be repeated; `lane_streams.CudaRecorder` on a GPU."""

    def record(self, body: Body) -> Body:
        """Record a body without effect on any tensor's value; calling the result repeats it."""

    def time(self, replay: Body, times: int) -> PendingNumbers:
        """Seconds that repeating a recording takes on average, as one number."""

    def mark(self) -> Pending:
        """Ready once all that has been issued so far is done."""

    def close(self) -> None:
        """Let go of all recordings; none may be repeated afterwards."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Values of tensors, to be put back in place.

    Attributes
    ----------
    kept : list of (Tensor, Tensor)
        Each tensor with a copy of its value.
    optimizer : torch.optim.Optimizer
    """

    kept: list[tuple[Tensor, Tensor]]
    optimizer: torch.optim.Optimizer

    @classmethod
    def of(cls, step: TrainStep) -> Snapshot:
        """Copy everything that a step changes."""
        tensors = [*step.model.parameters(), *step.model.buffers(), step.totals]
        tensors += state_of(step.optimizer)
        return cls([(each.detach(), each.detach().clone()) for each in tensors], step.optimizer)

    def restore(self) -> None:
        """Put the values back; what the optimizer has created since then becomes zero.

        Zero is where momentum, both of Adam's averages and its count of steps begin.
        """
        known = {tensor.data_ptr() for tensor, _ in self.kept}
        for tensor, value in self.kept:
            tensor.copy_(value)
        for tensor in state_of(self.optimizer):
            if tensor.data_ptr() not in known:
                tensor.zero_()


class GraphSteps:
    """Replays recorded steps and passes over the splits.

    Nothing is recorded yet: `record` does that. It leaves the run as it found it. It must be done
    on the stream on which the recordings are replayed, after a checkpoint has been restored, and
    before an epoch seeds the generators.

    Parameters
    ----------
    step : TrainStep
    data : RunData
    bounds : sequence of (int, int)
    watched : sequence of SplitTensors
        The splits that every epoch measures.
    augmented : bool
        Whether epochs have flips or crops.

    Attributes
    ----------
    replays : dict of int to callable
        The recorded step of each batch size.
    passes : list of callable
        The recorded pass over each watched split.
    """

    def __init__(
        self,
        step: TrainStep,
        data: RunData,
        bounds: Bounds,
        *,
        watched: Sequence[SplitTensors],
        augmented: bool,
    ) -> None:
        count, device = len(data.train), data.train.targets.device
        self.step, self.data, self.bounds, self.watched = step, data, bounds, watched
        self.order = torch.zeros(count, dtype=torch.int64, device=device)
        self.position = torch.zeros((), dtype=torch.int64, device=device)
        self.augmentation = _no_augmentation(count, device) if augmented else None
        self.sums = [torch.zeros(3, dtype=torch.float64, device=device) for _ in watched]
        # A recording knows addresses, not tensors: what it reads must live as long as it does.
        sizes = sorted({stop - start for start, stop in bounds}, reverse=True)
        self.offsets = {size: torch.arange(size, device=device) for size in sizes}
        self.replays: dict[int, Body] = {}
        self.passes: list[Body] = []

    def record(self, recorder: Recorder) -> Stages[None]:
        """Record every body, in stages that take the host tens of milliseconds each."""
        bodies = {size: self._train_body(size) for size in self.offsets}
        passes = [self._pass_body(index) for index in range(len(self.watched))]
        before = Snapshot.of(self.step)
        try:
            for body in [*bodies.values(), *passes]:
                for _ in range(WARM_UP_STEPS):
                    self._warm_up(body)
                    yield READY
            yield recorder.mark()  # a capture waits for its stream
            for size, body in bodies.items():
                self.replays[size] = recorder.record(body)
                yield READY
            for body in passes:
                self.passes.append(recorder.record(body))
                yield READY
        finally:
            before.restore()

    def time(self, recorder: Recorder) -> PendingNumbers:
        """Seconds of some steps, to be asked for before an epoch begins, and without effect.

        They train: `Snapshot` puts back what they change.
        """
        before = Snapshot.of(self.step)
        try:
            return self._time_step(recorder)
        finally:
            before.restore()

    def begin(self, order: Tensor, augmentation: Augmentation | None) -> None:
        """Write what the coming epoch draws into the buffers that the recordings read."""
        self.order.copy_(order, non_blocking=True)
        self.position.zero_()
        if self.augmentation is not None and augmentation is not None:
            self.augmentation.flips.copy_(augmentation.flips, non_blocking=True)
            self.augmentation.shifts.copy_(augmentation.shifts, non_blocking=True)

    def issue(self, first: int, last: int) -> None:
        """Replay some steps of the epoch; the last batch of an epoch may have its own recording."""
        for start, stop in self.bounds[first:last]:
            self.replays[stop - start]()

    def evaluate(self, split: SplitTensors) -> Tensor:
        """Replay the pass over a watched split; its sums stay valid until the next one."""
        index = next(at for at, each in enumerate(self.watched) if each is split)
        self.passes[index]()
        return self.sums[index]

    def _train_body(self, size: int) -> Body:
        """One step on the ``size`` images at the device's own place in the order."""
        offsets = self.offsets[size]

        def body() -> None:
            self.step.model.train()
            rows = self.order.index_select(0, offsets + self.position)
            train_batch(self.step, self.data, rows, self.augmentation)
            self.position.add_(size)

        return body

    def _pass_body(self, index: int) -> Body:
        """One pass over a watched split; only its sums are kept outside the recording's memory."""

        def body() -> None:
            evaluation = evaluate_split(self.step, self.data, self.watched[index])
            self.sums[index].copy_(evaluation.totals)

        return body

    def _warm_up(self, body: Body) -> None:
        """Run a body as it will be recorded, from the beginning of an order of zeros."""
        self.position.zero_()
        body()

    def _time_step(self, recorder: Recorder) -> PendingNumbers:
        """Time some steps of the first size, which stay within the order."""
        size, replay = next(iter(self.replays.items()))
        times = min(TIMED_STEPS, len(self.order) // size)
        self.position.zero_()
        return recorder.time(replay, times)


def _no_augmentation(count: int, device: torch.device) -> Augmentation:
    """Buffers for the flips and shifts of an epoch."""
    return Augmentation(
        flips=torch.zeros(count, dtype=torch.bool, device=device),
        shifts=torch.zeros((count, 2), dtype=torch.int64, device=device),
    )
