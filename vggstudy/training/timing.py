"""Seconds of an epoch's parts, measured without waiting for the device in between."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch


class Clock:
    """Times training and evaluation of every epoch.

    Parameters
    ----------
    device : torch.device

    Attributes
    ----------
    epoch_s : list of float
        Seconds of every epoch.
    train_s, evaluate_s : float
        Their sums over all epochs.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[float | torch.cuda.Event] = []
        self.epoch_s: list[float] = []
        self.train_s = self.evaluate_s = 0.0

    def start(self) -> None:
        """An epoch begins."""
        self._marks = [self._mark()]

    def lap(self) -> None:
        """Its training has been issued."""
        self._marks.append(self._mark())

    def end(self) -> None:
        """All of it has been issued."""
        self._marks.append(self._mark())

    def stop(self) -> None:
        """It is over, and the device has been waited for."""
        train, evaluation = self._between(0, 1), self._between(1, 2)
        self.epoch_s.append(train + evaluation)
        self.train_s += train
        self.evaluate_s += evaluation

    def _mark(self) -> float | torch.cuda.Event:
        """A moment, on the device's own time line."""
        if not self._cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def _between(self, first: int, second: int) -> float:
        """Seconds between two marks."""
        begin, end = self._marks[first], self._marks[second]
        if isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
            return float(begin.elapsed_time(end)) / 1000
        if isinstance(begin, float) and isinstance(end, float):
            return end - begin
        msg = "marks of two kinds"
        raise TypeError(msg)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "epoch_s": self.epoch_s,
            "train_s": self.train_s,
            "evaluate_s": self.evaluate_s,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.epoch_s = list(state["epoch_s"])
        self.train_s, self.evaluate_s = state["train_s"], state["evaluate_s"]
