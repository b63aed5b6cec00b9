"""How long a run may go without a finished epoch before it counts as hung."""

from __future__ import annotations

from dataclasses import dataclass, field

EPOCHS = 20
"""A stall has lasted as long as so many of the longest epochs that the run's cell has had."""

LEAST_S = 300.0
"""No epoch is so quick that less silence would tell of a stall: a machine may be busy elsewhere."""

FIRST_S = 1800.0
"""Seconds for the first epoch of a cell: its data are decoded and its steps recorded in them."""


@dataclass(slots=True)
class StallLimit:
    """The limit of each cell: what the user said, or what a device's own epochs tell.

    On a CPU nothing hangs without a reason in the program, and a debugger or a suspended laptop
    may hold a run for hours; so there is no limit there unless somebody sets one. On a GPU a
    kernel that never ends holds its lane, and with it the study, forever.

    Attributes
    ----------
    timeout_s : float or None
        What the user said: the limit of all cells.
    measured : bool
        Whether to measure where the user said nothing.
    longest_s : dict of str to float
        Seconds between two signs of a run, by its cell: with as many lanes as there were.
    """

    timeout_s: float | None
    measured: bool
    longest_s: dict[str, float] = field(default_factory=dict)

    def saw_epoch(self, cell: str, seconds: float) -> None:
        """A run of a cell has finished an epoch, so long after its last one or its begin."""
        self.longest_s[cell] = max(self.longest_s.get(cell, 0.0), seconds)

    def of(self, cell: str) -> float | None:
        """Seconds of silence after which a run of a cell counts as hung; None for never."""
        if self.timeout_s is not None or not self.measured:
            return self.timeout_s
        if cell not in self.longest_s:
            return FIRST_S
        return max(LEAST_S, EPOCHS * self.longest_s[cell])
