"""Room for lanes: a place and memory for a run, and what is let go of for them."""

from __future__ import annotations

from collections.abc import Container, Sequence

import torch
from torch import Tensor

from vggstudy.training.data.batches import RunData
from vggstudy.training.lanes.lane import Recording
from vggstudy.training.lanes.memory import MemoryBudget, free_bytes, return_memory
from vggstudy.training.lanes.places import Place, Places
from vggstudy.training.lanes.streams import BROKEN, LaneStream

OWNED_SHARE = 0.01
"""Share of a device's memory up to which a lane gets splits of its own: a run with other splits can
use only such a lane's recording."""


class Room:
    """Places and memory of a device.

    Parameters
    ----------
    device : torch.device
    streams : sequence of LaneStream

    Attributes
    ----------
    budget : MemoryBudget or None
        None on a CPU, where lanes take turns and little memory.
    places : Places
    """

    def __init__(self, device: torch.device, streams: Sequence[LaneStream]) -> None:
        self.device = device
        self.budget = MemoryBudget.of(device) if device.type == "cuda" else None
        self.places = Places(streams)

    def owned(self, data: RunData) -> bool:
        """Whether splits are small enough that a lane may have its own."""
        splits = (data.train, data.validation, data.test)
        size = sum(each.images.nbytes + each.targets.nbytes for each in splits)
        return self.budget is None or size <= OWNED_SHARE * self.budget.total

    def empty(self, taken: Container[int]) -> Place:
        """A free place, if need be that of a recording that is let go."""
        while (place := self.places.empty(taken)) is None:
            if not self.drop():
                msg = "no stream is free"
                raise RuntimeError(msg)
        return place

    def find(self, cell: str, expected: int | None) -> int | None:
        """Bytes that are free before a lane of a cell begins; None where that is too little.

        Kept recordings give way to it.
        """
        if self.budget is None:
            return 0
        need = self.budget.need(cell, expected)
        while True:
            free = free_bytes(self.device)
            if self.budget.should_return(cell, need, free):
                free = self._return()
            if self.budget.admits(need, free):
                return free
            if not self.drop():
                return None

    def measure(
        self, place: int, cell: str, weights: Sequence[Tensor], free: int, expected: int | None
    ) -> int | None:
        """Bytes that a lane holds, of those that were free before it; None where they are too many.

        Parameters
        ----------
        place : int
        cell : str
        weights : sequence of Tensor
            They had come to the device before, and the best ones will be kept beside them.
        free : int
        expected : int or None
        """
        if self.budget is None:
            return None
        left = free_bytes(self.device)
        used = max(0, free - left) + 2 * sum(each.nbytes for each in weights)
        self.budget.took(place, cell, used=used, expected=expected)
        while self.budget.short(left) and self.drop():
            left = self._return()
        return None if self.budget.short(left) else used

    def held(self, place: Place) -> int | None:
        """Bytes that the recording of a place holds."""
        return self.budget.held.get(place.number) if self.budget else None

    def leave(self, place: int, recording: Recording | None) -> None:
        """Take a place back, with a recording that is to stay there."""
        if recording is not None and not BROKEN:
            self.places.keep(place, recording)
            return
        if recording is not None:
            recording.close()
        if self.budget is not None:
            self.budget.release(place)

    def drop(self) -> bool:
        """Let go of a kept recording; whether there was one."""
        place = self.places.drop()
        if place is not None and self.budget is not None:
            self.budget.release(place)
        return place is not None

    def drop_all(self) -> bool:
        """Let go of all kept recordings; whether there were any."""
        dropped = False
        while self.drop():
            dropped = True
        return dropped

    def _return(self) -> int:
        """Give back what no tensor uses; bytes that are free then."""
        return_memory(self.device)
        if self.budget is not None:
            self.budget.left = 0
        return free_bytes(self.device)
