"""The next run of a device, prepared on the host while the lanes are busy."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import torch

from vggstudy.training.aside import Background, immediate
from vggstudy.training.data.batches import RunData
from vggstudy.training.lanes.memory import expected_bytes
from vggstudy.training.session import Assignment, Prepared, Site, prepare


@dataclass(frozen=True, slots=True)
class Arrival:
    """A run that a lane can take.

    Attributes
    ----------
    prepared : Prepared
    expected : int or None
        Bytes that a lane needs for it at least, where that can be told from shapes.
    """

    prepared: Prepared
    expected: int | None


class Arrivals:
    """Prepares one run at a time.

    Parameters
    ----------
    site : Site
    thread : Background or None
        Where runs are prepared; in the calling thread without one.

    Attributes
    ----------
    expected : dict of str to int or None
        Of every cell that has been looked at.
    """

    def __init__(self, site: Site, thread: Background | None) -> None:
        self.site, self.thread = site, thread
        self.expected: dict[str, int | None] = {}
        self._next: tuple[str, Future[Arrival]] | None = None

    def take(
        self, key: str, assignment: Assignment, data: RunData | None, *, sized: bool
    ) -> Future[Arrival] | None:
        """The run of a key once it has been prepared; it is begun with the first call.

        Parameters
        ----------
        key : str
        assignment : Assignment
        data : RunData or None
            The run's splits, where they are on the device.
        sized : bool
            Whether to find out what memory it needs.

        Returns
        -------
        Future or None
            With the arrival, or with what went wrong; it is not kept. None where it takes longer.
        """
        if self._next is None:
            call = partial(self._prepare, assignment, data, sized=sized)
            future = self.thread.submit(call) if self.thread else immediate(call)
            self._next = (key, future)
        prepared_key, future = self._next
        if not future.done():
            return None
        if prepared_key != key:  # another run has come back to the head of the queue
            self._next = None
            return None
        return future

    def taken(self) -> None:
        """Let the next one be prepared."""
        self._next = None

    def _prepare(self, assignment: Assignment, data: RunData | None, *, sized: bool) -> Arrival:
        """Prepare a run, with its splits and its weights on the device."""
        prepared = prepare(assignment, self.site, data)
        device = self.site.device
        if device.type == "cuda":
            prepared.model.to(device).to(memory_format=torch.channels_last)
            torch.cuda.current_stream(device).synchronize()
        return Arrival(prepared, self._expect(assignment, prepared.data) if sized else None)

    def _expect(self, assignment: Assignment, data: RunData) -> int | None:
        """Bytes that a lane needs, found once a cell."""
        if assignment.cell not in self.expected:
            sizes = {"n_classes": len(data.classes), "side": data.side}
            self.expected[assignment.cell] = expected_bytes(assignment.recipe, **sizes)
        return self.expected[assignment.cell]
