"""Where the lanes of a device are: their streams, each with the recording that was made on it last.

A recording stays when its run is over, for the next run of its cell: making one takes as long as
hundreds of steps. There is one a stream, as torch frees what cuBLAS needs on a stream with the
first of its graphs; so there are more streams than lanes.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from vggstudy.training.data.batches import RunData
from vggstudy.training.lanes.lane import Recording
from vggstudy.training.lanes.streams import LaneStream


@dataclass(frozen=True, slots=True)
class Place:
    """A stream for a run.

    Attributes
    ----------
    number : int
    stream : LaneStream
    recording : Recording or None
        Which the run can use.
    """

    number: int
    stream: LaneStream
    recording: Recording | None


@dataclass(slots=True)
class Places:
    """The streams, and what is kept on them.

    Attributes
    ----------
    streams : sequence of LaneStream
    kept : dict of int to Recording
        By the number of the stream; those that ended first come first.
    """

    streams: Sequence[LaneStream]
    kept: dict[int, Recording] = field(default_factory=dict)

    def known(self, cell: str, data: RunData, taken: Container[int]) -> Place | None:
        """A free place with a recording that a run can use."""
        for number, recording in self.kept.items():
            free = number not in taken
            if free and recording.cell == cell and recording.apparatus.fits(data):
                return Place(number, self.streams[number], recording)
        return None

    def empty(self, taken: Container[int]) -> Place | None:
        """A free place without a recording."""
        for number, stream in enumerate(self.streams):
            if number not in taken and number not in self.kept:
                return Place(number, stream, None)
        return None

    def use(self, place: Place) -> None:
        """A run takes a place, and the recording there."""
        self.kept.pop(place.number, None)

    def keep(self, number: int, recording: Recording) -> None:
        """Keep the recording of a run that is over."""
        self.kept[number] = recording

    def drop(self) -> int | None:
        """Let go of the recording that was used last; the number of its place.

        Plans go over all cells before they come back to one: its cell is the last to come back.
        """
        if not self.kept:
            return None
        number, recording = self.kept.popitem()
        with self.streams[number].active():
            recording.close()
        return number
