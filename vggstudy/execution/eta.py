"""Time left of an execution, from the runs that have finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vggstudy.plan import PlannedRun


@dataclass(slots=True)
class _Sum:
    """Seconds of some runs, and how many they were."""

    seconds: float = 0.0
    runs: int = 0

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.runs += 1

    @property
    def mean(self) -> float | None:
        return self.seconds / self.runs if self.runs else None


class Estimator:
    """Predicts what pending runs take: the mean of their cell, else of all that have finished.

    Parameters
    ----------
    runs : sequence of PlannedRun
        The runs of this execution.
    jobs : int
        Workers.
    known : mapping from cell id to seconds
        Seconds that earlier runs took, for each cell that has some.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        *,
        jobs: int,
        known: Mapping[str, Iterable[float]] | None = None,
    ) -> None:
        self.jobs = jobs
        self.pending = Counter(run.cell_id for run in runs)
        self.running: dict[str, tuple[PlannedRun, float]] = {}
        self.cells: dict[str, _Sum] = {}
        self.all = _Sum()
        for cell, values in (known or {}).items():
            for value in values:
                self._add(cell, value)

    def started(self, run: PlannedRun, now: float) -> None:
        """A worker has taken the run."""
        self.running[run.run_id] = (run, now)
        self.pending[run.cell_id] -= 1

    def finished(self, run: PlannedRun, now: float) -> float:
        """The run has ended; returns its seconds."""
        _, begun = self.running.pop(run.run_id, (run, now))
        self._add(run.cell_id, now - begun)
        return now - begun

    def forget(self, run: PlannedRun, *, retry: bool) -> None:
        """An attempt came to nothing; the run is pending again or given up."""
        self.running.pop(run.run_id, None)
        self.pending[run.cell_id] += int(retry)

    def expected(self, cell: str) -> float | None:
        """Seconds that a run of this cell takes; None before anything has finished."""
        own = self.cells.get(cell)
        return own.mean if own else self.all.mean

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the last run ends; None before anything can be told.

        At least the longest remainder of a single run, at least all work shared by the workers.
        """
        longest = total = 0.0
        for run, begun in self.running.values():
            if (whole := self.expected(run.cell_id)) is None:
                return None
            remainder = max(whole - (now - begun), 0.05 * whole)
            longest, total = max(longest, remainder), total + remainder
        for cell, count in self.pending.items():
            if count > 0:
                if (whole := self.expected(cell)) is None:
                    return None
                longest, total = max(longest, whole), total + count * whole
        return max(longest, total / self.jobs) if total else None

    def _add(self, cell: str, seconds: float) -> None:
        """Count a finished run."""
        self.cells.setdefault(cell, _Sum()).add(seconds)
        self.all.add(seconds)
