"""The training loss: what the network's output is turned into, and how images are weighted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vggstudy.protocol.model.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Loss:
    """Loss of a batch as a fraction, so that batches can be added up.

    Attributes
    ----------
    total : Tensor, scalar
        Sum of the weighted losses of the images.
    weight : Tensor, scalar
        Sum of their weights.
    """

    total: Tensor
    weight: Tensor

    @property
    def mean(self) -> Tensor:
        """Weighted mean, as `torch.nn.CrossEntropyLoss` defines it."""
        return self.total / self.weight


@dataclass(frozen=True, slots=True)
class Objective:
    """Cross entropy of what the protocol feeds to it.

    Attributes
    ----------
    output : str
        "logits", or "softmax" or "log_softmax" of them. Cross entropy normalises its input
        itself: log-softmax changes nothing but rounding, softmax bounds the loss from below.
    class_weights : Tensor of float32, shape (classes,), or None
    """

    output: str
    class_weights: Tensor | None

    @classmethod
    def of(cls, settings: TrainingSettings, targets: Tensor, n_classes: int) -> Objective:
        """The objective of a recipe.

        Parameters
        ----------
        settings : TrainingSettings
        targets : Tensor of int64, shape (N,)
            Classes of the training images. Weighted, class c counts N / (classes * N_c), so
            that the weights of all images add up to N.
        n_classes : int
        """
        if settings.loss == "cross_entropy":
            return cls(settings.output, None)
        counts = torch.bincount(targets, minlength=n_classes).to(torch.float64)
        weights = targets.numel() / (n_classes * counts)
        return cls(settings.output, weights.to(torch.float32))

    def __call__(self, logits: Tensor, targets: Tensor) -> Loss:
        """Loss of a batch.

        Parameters
        ----------
        logits : Tensor, shape (B, classes)
        targets : Tensor of int64, shape (B,)
        """
        fed = logits.float()
        if self.output == "softmax":
            fed = functional.softmax(fed, dim=1)
        elif self.output == "log_softmax":
            fed = functional.log_softmax(fed, dim=1)
        total = functional.cross_entropy(fed, targets, self.class_weights, reduction="sum")
        if self.class_weights is None:
            return Loss(total, total.new_full((), targets.numel()))
        return Loss(total, self.class_weights[targets].sum())
