"""The steps of an epoch, issued operation by operation; `graphs` replays them instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from vggstudy.training.data.batches import RunData, SplitTensors
from vggstudy.training.data.transforms import Augmentation
from vggstudy.training.evaluate import Evaluation, autocast, evaluate
from vggstudy.training.objective import Objective
from vggstudy.training.pending import Stages, at_once

Bounds = Sequence[tuple[int, int]]
"""Begin and end of each batch of an epoch."""


@dataclass(frozen=True, slots=True)
class TrainStep:
    """One optimizer step: device work alone, so that a CUDA graph can capture it.

    Attributes
    ----------
    model : nn.Module
    optimizer : torch.optim.Optimizer
    objective : Objective
    precision : str
    totals : Tensor of float64, shape (4,)
        Sums over the epoch: weighted loss, weight, correct images, gradient norm of each step.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective
    precision: str
    totals: Tensor

    def __call__(self, images: Tensor, targets: Tensor) -> None:
        """Forward, backward, update.

        The backward pass writes each gradient where it adds to none: captured, into memory of
        the graph's own pool, at the same address in every replay.

        Parameters
        ----------
        images : Tensor of float32, shape (B, 3, side, side)
        targets : Tensor of int64, shape (B,)
        """
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(targets.device, self.precision):
            logits = self.model(images)
        loss = self.objective(logits, targets)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        # As `torch.nn.utils.get_total_norm`, which sorts tensors by device and type first.
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        correct = (logits.argmax(dim=1) == targets).sum()
        self.totals.add_(torch.stack((loss.total.detach(), loss.weight, correct, norm)))
        self.optimizer.step()


class Stepper(Protocol):
    """Issues the steps of an epoch to the device, and the passes over the splits."""

    def begin(self, order: Tensor, augmentation: Augmentation | None) -> None:
        """Take the order in which the coming epoch visits its images, and their flips and crops.

        They come from the host; from page-locked memory where that must not wait for a device.
        """

    def issue(self, first: int, last: int) -> None:
        """Issue the steps ``first`` ... ``last - 1`` of the epoch; steps come in their order."""

    def evaluate(self, split: SplitTensors) -> Tensor:
        """Sums over a split with the present weights, as in `Evaluation.totals`."""


class EagerSteps:
    """Issues operation by operation.

    Parameters
    ----------
    step : TrainStep
    data : RunData
    bounds : sequence of (int, int)
    """

    def __init__(self, step: TrainStep, data: RunData, bounds: Bounds) -> None:
        self.step, self.data, self.bounds = step, data, bounds
        self.order = torch.empty(0, dtype=torch.int64)
        self.augmentation: Augmentation | None = None

    def begin(self, order: Tensor, augmentation: Augmentation | None) -> None:
        """Take what the coming epoch draws to the device."""
        device = self.data.train.targets.device
        self.order = order.to(device, non_blocking=True)
        self.augmentation = augmentation.to(device) if augmentation else None

    def issue(self, first: int, last: int) -> None:
        """Issue some steps of the epoch."""
        for start, stop in self.bounds[first:last]:
            train_batch(self.step, self.data, self.order[start:stop], self.augmentation)

    def evaluate(self, split: SplitTensors) -> Tensor:
        """Sums over a split with the present weights."""
        return evaluate_split(self.step, self.data, split).totals


def train_batch(
    step: TrainStep, data: RunData, rows: Tensor, augmentation: Augmentation | None
) -> None:
    """Gather one batch of the training split and train on it.

    Parameters
    ----------
    step : TrainStep
    data : RunData
    rows : Tensor of int64, shape (B,)
    augmentation : Augmentation or None
    """
    train = data.train
    if augmentation is None:
        images = train.images.index_select(0, rows)
    else:
        images = augmentation(train.images, rows)
    step(data.normaliser(images), train.targets[rows])


def evaluate_split(step: TrainStep, data: RunData, split: SplitTensors) -> Evaluation:
    """Sums and predictions over a split with the present weights."""
    return at_once(evaluation_of(step, data, split))


def evaluation_of(step: TrainStep, data: RunData, split: SplitTensors) -> Stages[Evaluation]:
    """The same in stages, between which the weights must stay."""
    return evaluate(
        step.model,
        split,
        normaliser=data.normaliser,
        objective=step.objective,
        precision=step.precision,
    )
