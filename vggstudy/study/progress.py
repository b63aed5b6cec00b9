"""Planned runs by what has become of them."""

from __future__ import annotations

from dataclasses import dataclass

from vggstudy.plan import PlannedRun


@dataclass(frozen=True, slots=True)
class Progress:
    """Planned runs by what has become of them.

    Attributes
    ----------
    done, crashed, damaged, pending : tuple of PlannedRun
        With a result; with nothing but failed attempts; with a record that cannot be trusted;
        without a record.
    unplanned : int
        Records that the protocol no longer asks for; they stay in the ledger.
    """

    done: tuple[PlannedRun, ...]
    crashed: tuple[PlannedRun, ...]
    damaged: tuple[PlannedRun, ...]
    pending: tuple[PlannedRun, ...]
    unplanned: int

    @property
    def lacking(self) -> tuple[PlannedRun, ...]:
        """Runs to execute, those never tried before those that crashed."""
        return (*self.pending, *self.damaged, *self.crashed)

    def upto(self, replicates: int) -> Progress:
        """Of the first replicates of every cell alone."""
        names = ("done", "crashed", "damaged", "pending")
        done, crashed, damaged, pending = (
            tuple(run for run in getattr(self, name) if run.replicate < replicates)
            for name in names
        )
        return Progress(done, crashed, damaged, pending, self.unplanned)
