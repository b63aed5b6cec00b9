"""Loss and accuracy over a whole split."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vggstudy.training.data.batches import SplitTensors
from vggstudy.training.data.transforms import Normaliser
from vggstudy.training.objective import Objective
from vggstudy.training.pending import READY, Stages

EVALUATION_PIXELS = {"cpu": 2**18, "cuda": 2**21}
"""Pixels a batch: 256 images of 32 x 32 on a CPU, 2,048 on a GPU. Fixed, as it decides bits."""

MIN_EVALUATION_BATCH = 16


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The block in which a forward pass runs."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Sums over a split, still on the device.

    Attributes
    ----------
    totals : Tensor of float64, shape (3,)
        Weighted loss, weight, number of correct images.
    predictions : Tensor of int64, shape (N,)
    """

    totals: Tensor
    predictions: Tensor


@dataclass(frozen=True, slots=True)
class Scores:
    """Loss and accuracy of a split.

    Attributes
    ----------
    loss : float
        Weighted mean, the training objective.
    accuracy : float
        Fraction in [0, 1].
    """

    loss: float
    accuracy: float

    @classmethod
    def of(cls, totals: list[float], count: int) -> Scores:
        """From the sums over ``count`` images."""
        return cls(loss=totals[0] / totals[1], accuracy=totals[2] / count)


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    split: SplitTensors,
    *,
    normaliser: Normaliser,
    objective: Objective,
    precision: str,
) -> Stages[Evaluation]:
    """Run a model in evaluation mode over a split, in large batches: a stage each.

    Leaves the model in evaluation mode.
    """
    device = split.targets.device
    model.eval()
    totals = torch.zeros(3, dtype=torch.float64, device=device)
    predictions = torch.empty_like(split.targets)
    for start, stop in _bounds(split):
        targets = split.targets[start:stop]
        with autocast(device, precision):
            logits = model(normaliser(split.images[start:stop]))
        loss = objective(logits, targets)
        predicted = logits.argmax(dim=1)
        predictions[start:stop] = predicted
        correct = (predicted == targets).sum()
        totals += torch.stack((loss.total, loss.weight, correct)).double()
        yield READY
    return Evaluation(totals, predictions)


@torch.inference_mode()
def class_probabilities(
    model: nn.Module, split: SplitTensors, *, normaliser: Normaliser, precision: str
) -> Stages[Tensor]:
    """Softmax of a model's output in evaluation mode, in the batches and stages of `evaluate`.

    Leaves the model in evaluation mode.

    Returns
    -------
    Tensor of float32, shape (N, classes)
        On the model's device.
    """
    device = split.targets.device
    model.eval()
    found = []
    for start, stop in _bounds(split):
        with autocast(device, precision):
            logits = model(normaliser(split.images[start:stop]))
        found.append(functional.softmax(logits.float(), dim=1))
        yield READY
    return torch.cat(found)


def _bounds(split: SplitTensors) -> list[tuple[int, int]]:
    """Begin and end of the batches in which a split is evaluated."""
    pixels = EVALUATION_PIXELS[split.targets.device.type] // split.images.shape[1] ** 2
    batch = max(MIN_EVALUATION_BATCH, pixels)
    return [(start, min(start + batch, len(split))) for start in range(0, len(split), batch)]


def class_recall(
    predictions: NDArray[np.int64], targets: NDArray[np.int64], n_classes: int
) -> list[float | None]:
    """Fraction of each class's images that are recognised; None for a class without images."""
    counts = np.bincount(targets, minlength=n_classes)
    hits = np.bincount(targets[predictions == targets], minlength=n_classes)
    return [int(h) / int(n) if n else None for h, n in zip(hits, counts, strict=True)]
