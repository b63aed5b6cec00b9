"""Lanes that are occupied."""

from __future__ import annotations

from dataclasses import dataclass

from vggstudy.training.lanes.lane import Lane


@dataclass(slots=True)
class Active:
    """A lane that is occupied.

    Attributes
    ----------
    key : str
        Of its run.
    lane : Lane
    place : int
        Number of its stream.
    cell, reads : str
        As in `Assignment`.
    """

    key: str
    lane: Lane
    place: int
    cell: str
    reads: str


@dataclass(frozen=True, slots=True)
class Opening:
    """A lane that is being recorded: what it holds is not known until then.

    Attributes
    ----------
    active : Active
    free : int
        Bytes that were free before it.
    expected : int or None
    """

    active: Active
    free: int
    expected: int | None
