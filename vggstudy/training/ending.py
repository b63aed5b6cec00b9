"""What is left of a run that needs its device no more: digests and a checkpoint on their way."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from vggstudy.training.keeper import Keeper
from vggstudy.training.results import TrainingResult
from vggstudy.training.summary import Summary


@dataclass(frozen=True, slots=True)
class Ending:
    """A run that has been measured; it holds nothing of its device's memory.

    Attributes
    ----------
    summary : Summary
    keeper : Keeper
        Whoever removes the checkpoint must be the last: there is no result while it is written.
    clock : dict
        Seconds of the epochs.
    peak_bytes : int
        Most memory that was held.
    numerics, execution : dict
        As in `TrainingResult`.
    """

    summary: Summary
    keeper: Keeper
    clock: dict[str, Any]
    peak_bytes: int
    numerics: dict[str, Any]
    execution: dict[str, Any]

    def ready(self) -> bool:
        """Whether nobody would have to wait for the result."""
        writing = self.keeper.writing
        return self.summary.ready() and (writing is None or writing.done())

    def result(self) -> TrainingResult:
        """The result of the run; waits for it.

        Raises
        ------
        ExecutionError
            If its last checkpoint could not be written.
        """
        result = self.summary.result()
        self.keeper.settle(wait=True)
        parts = self.keeper.parts
        parts.total_s += time.perf_counter() - self.keeper.since
        timings = {**self.clock, **asdict(parts), "peak_memory_bytes": self.peak_bytes}
        return TrainingResult(
            result=result, timings=timings, numerics=self.numerics, execution=self.execution
        )
