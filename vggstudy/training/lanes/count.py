"""How many lanes at once: more while more of them do more. Never imports torch."""

from __future__ import annotations

from dataclasses import dataclass

MAX_STREAMS = 32
"""Streams of one priority that torch has for a device; it hands out the same ones again."""

MAX_LANES = MAX_STREAMS - 8
"""Leaves streams to whatever else of the process asks torch for some."""

WINDOW_S = 2.0
"""Seconds over which a number of lanes is timed."""

GAIN = 1.05
"""Ratio of rates from which more lanes are worth their memory."""


@dataclass(slots=True)
class LaneCount:
    """Finds the number of lanes by measurement.

    Rates are in seconds that the work would have taken in a lane alone, per second: what so many
    lanes gain over one. So lanes of different cells can be added up.

    Attributes
    ----------
    limit : int
        Most lanes that there may be.
    wanted : int
        Lanes to keep busy now.
    settled : bool
        Whether the search is over.
    best : int
        The number with the best rate so far.
    best_rate : float
    reason : str or None
        Why there are fewer lanes than were asked for.
    """

    limit: int
    wanted: int = 1
    settled: bool = False
    best: int = 1
    best_rate: float = 0.0
    reason: str | None = None
    _work_s: float = 0.0
    _wall_s: float = 0.0

    @classmethod
    def fixed(cls, lanes: int) -> LaneCount:
        """A number that was asked for; only a lack of memory lowers it."""
        return cls(limit=lanes, wanted=lanes, settled=True, best=lanes)

    @classmethod
    def measured(cls, limit: int = MAX_LANES) -> LaneCount:
        """A number to be found: one first, then twice as many for as long as that gains."""
        return cls(limit=limit, settled=limit == 1)

    def note(self, *, active: int, work_s: float, wall_s: float) -> None:
        """Take note of what the active lanes did in a time.

        Times in which not all of them were training are left out: between two runs of a lane, and
        while one is recorded.
        """
        if self.settled or active != self.wanted:
            return
        self._work_s += work_s
        self._wall_s += wall_s
        if self._wall_s >= WINDOW_S:
            self._decide(self._work_s / self._wall_s)
            self._work_s = self._wall_s = 0.0

    def _decide(self, rate: float) -> None:
        """Double the number, or go back to the best one."""
        if rate <= GAIN * self.best_rate:
            self.wanted, self.settled = self.best, True
            return
        self.best, self.best_rate = self.wanted, rate
        self.wanted = min(2 * self.wanted, self.limit)
        self.settled = self.wanted == self.best

    def lower(self, lanes: int, reason: str) -> None:
        """Allow no more than so many lanes from now on, at least one."""
        lanes = max(1, lanes)
        if lanes < self.limit:
            self.limit, self.reason = lanes, reason
        self.best = min(self.best, self.limit)
        self._work_s = self._wall_s = 0.0
        if self.wanted > self.limit:
            self.wanted, self.settled = self.limit, True
