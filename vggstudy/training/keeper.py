"""The checkpoints of one run: when one is written, what is in it, and what is read of the last."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vggstudy.training.aside import Aside
from vggstudy.training.checkpoint import DamagedCheckpoint, read_checkpoint, write_checkpoint
from vggstudy.training.loop import Run

logger = logging.getLogger(__name__)

CHECKPOINT_SHARE = 0.02
"""Share of the driving thread's time that checkpoints may take."""


@dataclass(slots=True)
class Parts:
    """Seconds over all parts of an interrupted run.

    Attributes
    ----------
    data_s, total_s : float
    resumed_at : list of int
        Epochs that were done when the run was resumed.
    """

    data_s: float = 0.0
    total_s: float = 0.0
    resumed_at: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Keeper:
    """Writes the checkpoints of one run.

    Attributes
    ----------
    path : Path or None
    every_s : float
        Least seconds between two checkpoints; 0 writes one after every epoch, and waits for it.
    fingerprint : dict
        What a checkpoint must share with the run that resumes it.
    aside : Aside
        Where they are written.
    parts : Parts
    since : float
        When this part of the run began.
    written_at : float
        When the last checkpoint was begun, by the same clock.
    cost_s : float
        What that took of the driving thread.
    epoch : int
        Epochs that were done then.
    writing : Future or None
        The checkpoint that is being written.
    """

    path: Path | None
    every_s: float
    fingerprint: dict[str, Any]
    aside: Aside
    parts: Parts
    since: float
    written_at: float = 0.0
    cost_s: float = 0.0
    epoch: int = 0
    writing: Future[None] | None = None

    def resume(self, run: Run, state: Mapping[str, Any] | None) -> None:
        """Continue from a checkpoint that was read, if there was one."""
        self.written_at = self.since
        if state is None:
            return
        run.restore(state["run"])
        before = state["parts"]
        self.parts.data_s += before["data_s"]
        self.parts.total_s += before["total_s"]
        self.parts.resumed_at = [*before["resumed_at"], run.epoch]
        self.epoch = run.epoch

    def keep(self, run: Run, *, always: bool = False) -> None:
        """Begin to write a checkpoint, if it is time to; ``always`` waits until it is written.

        Raises
        ------
        ExecutionError
            If this one, or the one before it, cannot be written.
        """
        self.settle(wait=always)
        now = time.perf_counter()
        if self.path is None or self.epoch == run.epoch or not (always or self._due(now)):
            return
        parts = asdict(self.parts)
        parts["total_s"] += now - self.since
        write = partial(_write, self.path, self.fingerprint)
        self.writing = self.aside.submit({"run": run.state(), "parts": parts}, write)
        self.written_at, self.epoch = now, run.epoch
        self.settle(wait=always or self.every_s == 0)
        self.cost_s = time.perf_counter() - now

    def _due(self, now: float) -> bool:
        """Whether it is time: what they cost the driving thread stays within its share."""
        pause_s = max(self.every_s, self.cost_s / CHECKPOINT_SHARE if self.every_s else 0.0)
        return now - self.written_at >= pause_s and (self.aside.idle or self.every_s == 0)

    def settle(self, *, wait: bool) -> None:
        """Take note of how writing ended, if it has."""
        if self.writing is not None and (wait or self.writing.done()):
            writing, self.writing = self.writing, None
            writing.result()


def _write(path: Path, fingerprint: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint."""
    write_checkpoint(path, fingerprint=fingerprint, state=state)


def read_state(path: Path | None, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state in a checkpoint, if there is one that is whole."""
    if path is None or not path.exists():
        return None
    try:
        return read_checkpoint(path, fingerprint=fingerprint)
    except DamagedCheckpoint:
        logger.warning("%s is damaged: the run starts again from its seeds", path)
        return None
