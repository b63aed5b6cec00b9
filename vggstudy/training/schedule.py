"""When the learning rate falls, and when a run stops: pure bookkeeping over one value an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from vggstudy.protocol.model.settings import EarlyStopping, Scheduler

PLATEAU_THRESHOLD = 1e-4
"""Relative change that counts as an improvement for the plateau schedule, as in torch."""


def larger_is_better(quantity: str) -> bool:
    """Whether a monitored quantity is to be maximised."""
    return quantity.endswith("_accuracy")


@dataclass(slots=True)
class Schedule:
    """Learning rate of the coming epoch.

    Attributes
    ----------
    settings : Scheduler
    initial : float
        Rate of the first epoch.
    epochs : int
        Largest number of epochs: the period of the cosine.
    maximise : bool
        Whether the monitored quantity is to be maximised (plateau).
    rate : float
    best : float
        Best value so far (plateau).
    waited : int
        Epochs since the last improvement or reduction (plateau).

    Notes
    -----
    The plateau schedule has the semantics of `torch.optim.lr_scheduler.ReduceLROnPlateau`, so
    that published settings carry over: the rate falls when more than ``patience`` epochs in a
    row bring no relative improvement of 1e-4.
    """

    settings: Scheduler
    initial: float
    epochs: int
    maximise: bool
    rate: float
    best: float = math.inf
    waited: int = 0

    @classmethod
    def start(cls, settings: Scheduler, *, initial: float, epochs: int, maximise: bool) -> Schedule:
        """The schedule before the first epoch."""
        best = -math.inf if maximise else math.inf
        return cls(settings, initial, epochs, maximise, rate=initial, best=best)

    def advance(self, epoch: int, value: float) -> None:
        """Set the rate that follows ``epoch`` finished epochs, the last of which gave ``value``."""
        name, low = self.settings.name, self.settings.min_lr
        if name == "cosine":
            share = (1 + math.cos(math.pi * epoch / self.epochs)) / 2
            self.rate = low + (self.initial - low) * share
        elif name == "step":
            self.rate = self.initial * self.settings.factor ** (epoch // self.settings.step_size)
        elif name == "plateau":
            self._watch(value)

    def _watch(self, value: float) -> None:
        """Reduce the rate when the value has not improved for too long."""
        if self.maximise:
            better = value > self.best * (1 + PLATEAU_THRESHOLD)
        else:
            better = value < self.best * (1 - PLATEAU_THRESHOLD)
        self.waited = 0 if better else self.waited + 1
        self.best = value if better else self.best
        if self.waited > self.settings.patience:
            self.rate = max(self.rate * self.settings.factor, self.settings.min_lr)
            self.waited = 0

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"rate": self.rate, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, float]) -> None:
        """Continue from a checkpoint."""
        self.rate, self.best = state["rate"], state["best"]
        self.waited = int(state["waited"])


@dataclass(slots=True)
class Patience:
    """Early stopping.

    Attributes
    ----------
    settings : EarlyStopping
    maximise : bool
        Whether the monitored quantity is to be maximised.
    best : float
        Value of the last epoch that improved by more than ``min_delta``.
    waited : int
        Epochs since then.
    """

    settings: EarlyStopping
    maximise: bool
    best: float = math.inf
    waited: int = 0

    @classmethod
    def start(cls, settings: EarlyStopping) -> Patience:
        """Early stopping before the first epoch."""
        maximise = larger_is_better(settings.monitor)
        return cls(settings, maximise, best=-math.inf if maximise else math.inf)

    def advance(self, value: float) -> None:
        """Take note of an epoch's value."""
        gain = value - self.best if self.maximise else self.best - value
        if gain > self.settings.min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def exhausted(self, epoch: int) -> bool:
        """Whether to stop after ``epoch`` epochs: long enough, and too long without improvement."""
        return epoch >= self.settings.min_epochs and self.waited >= self.settings.patience

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, float]) -> None:
        """Continue from a checkpoint."""
        self.best, self.waited = state["best"], int(state["waited"])
