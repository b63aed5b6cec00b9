"""Lanes that are occupied, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass

from vggstudy.training.lanes.lane import Lane
from vggstudy.training.results import EpochReport, TrainingResult


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


@dataclass(frozen=True, slots=True)
class LaneEvent:
    """Something that happened to a run.

    Attributes
    ----------
    key : str
        Of the run.
    epoch : EpochReport or None
        It has finished an epoch and goes on; everything else is the last that is heard of it.
    result : TrainingResult or None
        It has ended.
    error : Exception or None
        It failed; `Interrupted` where it was asked to stop.
    """

    key: str
    epoch: EpochReport | None = None
    result: TrainingResult | None = None
    error: Exception | None = None
