"""What an estimator hands back: an interval, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from vggstudy.analysis.notes import Note, Reason, say
from vggstudy.analysis.numbers.intervals import Interval


@dataclass(frozen=True, slots=True)
class Finding:
    """An estimate with its interval, or without one and with the reason.

    Attributes
    ----------
    estimate : float or None
        May be known although the interval is refused.
    interval : Interval or None
    reason : Note or None
        Present exactly when there is no interval.
    cautions : tuple of Note
    alternatives : tuple of Interval
        Other intervals for the same quantity, shown beside it.
    resamples : int or None
        Bootstrap resamples behind the interval.
    runs : int or None
        Runs behind the estimate, where they are not all converged ones of its cells.
    learned : int or None
        Of an estimate of all labelled runs: how many of `runs` converged.
    """

    estimate: float | None
    interval: Interval | None
    reason: Note | None = None
    cautions: tuple[Note, ...] = ()
    alternatives: tuple[Interval, ...] = ()
    resamples: int | None = None
    runs: int | None = None
    learned: int | None = None

    def __post_init__(self) -> None:
        if (self.interval is None) != (self.reason is not None):
            raise ValueError("a finding has an interval or a reason, and not both")


def refused(
    reason: Reason, name: str, estimate: float | None = None, /, **values: object
) -> Finding:
    """A finding without an interval, and the sentence that says why."""
    return Finding(estimate, None, say(name, reason, **values))
