"""What the driver tells whoever watches: one method for each thing that can happen to a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from vggstudy.ledger import Failure, RunRecord
from vggstudy.plan import PlannedRun


class Listener(Protocol):
    """Watches an execution; called from the driver's thread only."""

    def started(self, run: PlannedRun, *, worker: int) -> None:
        """A worker has taken the run."""

    def epoch(self, run: PlannedRun, report: Mapping[str, Any]) -> None:
        """The run has finished an epoch; ``report`` holds its latest point of every curve."""

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """The run's record is in the ledger."""

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:
        """An attempt failed; ``retry`` says whether another follows."""

    def note(self, text: str) -> None:
        """Something worth a line: data being decoded, a stop under way."""


class Silent:
    """A listener that tells nobody."""

    def started(self, run: PlannedRun, *, worker: int) -> None:
        """Ignore it."""

    def epoch(self, run: PlannedRun, report: Mapping[str, Any]) -> None:
        """Ignore it."""

    def finished(self, run: PlannedRun, record: RunRecord) -> None:
        """Ignore it."""

    def crashed(self, run: PlannedRun, failure: Failure, *, retry: bool) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Ignore it."""
