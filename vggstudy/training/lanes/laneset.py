"""Several runs on one device at a time, driven by one thread.

Lanes take turns at issuing steps, so that their streams are busy together. Each is waited for at
its own epoch boundaries alone; a lane whose run stops takes the next one. The bits of a run do not
depend on its lane or its neighbours: no memory, stream, generator or switch is shared with them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch

from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.aside import Aside, Background, Beside, Directly
from vggstudy.training.data.batches import RunData
from vggstudy.training.failures import Interrupted, lacks_memory
from vggstudy.training.lanes.arrivals import Arrival, Arrivals
from vggstudy.training.lanes.count import MAX_LANES, LaneCount
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.memory import (
    MemoryBudget,
    free_bytes,
    return_memory,
)
from vggstudy.training.lanes.streams import BROKEN, LaneStream, lane_streams
from vggstudy.training.results import EpochReport, TrainingResult
from vggstudy.training.session import Assignment, Prepared, Session, Site

logger = logging.getLogger(__name__)

PAUSE_S = 2e-4
"""Seconds between two looks at lanes that are all waiting: a few steps of the quickest runs."""


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


@dataclass(slots=True)
class _Active:
    """A lane that is occupied."""

    key: str
    lane: Lane
    slot: int
    cell: str


@dataclass(frozen=True, slots=True)
class _Opening:
    """A lane that is being recorded: what it holds is not known until then.

    Attributes
    ----------
    active : _Active
    free : int
        Bytes that were free before it.
    expected : int or None
    """

    active: _Active
    free: int
    expected: int | None


class LaneSet:
    """The lanes of one device.

    Parameters
    ----------
    site : Site
    lanes : int or None
        How many runs to train at a time; None finds out.
    graphs : bool
        Whether steps are recorded, where the device can.
    streams : sequence of LaneStream or None
        One for every lane; the device's by default.
    threads : bool or None
        Whether runs are prepared, weights hashed and checkpoints written beside this thread; so it
        is on a GPU by default, where nobody else would use the cores.

    Attributes
    ----------
    count : LaneCount
    budget : MemoryBudget or None
        None on a CPU, where lanes take turns and little memory.
    step_s : dict of str to float
        Seconds of a step of every cell that has been timed.
    begun : list of str
        Keys of runs that have come to a lane; whoever takes note of them clears it.
    """

    def __init__(
        self,
        site: Site,
        *,
        lanes: int | None,
        graphs: bool = True,
        streams: tuple[LaneStream, ...] | None = None,
        threads: bool | None = None,
    ) -> None:
        self.site, self.graphs = site, graphs
        cuda = site.device.type == "cuda"
        self.count = LaneCount.measured(MAX_LANES if cuda else 1)
        if lanes is not None:
            self.count = LaneCount.fixed(lanes)
        self.streams = streams or lane_streams(site.device, self.count.limit, graphs=graphs)
        self.budget = MemoryBudget.of(site.device) if cuda else None
        self.waiting: deque[tuple[str, Assignment]] = deque()
        self.active: list[_Active] = []
        self.data: dict[str, RunData] = {}
        self.step_s: dict[str, float] = {}
        self.begun: list[str] = []
        self.unrecorded: dict[str, str] = {}
        self.stopping = False
        beside = cuda if threads is None else threads
        self.arrivals = Arrivals(site, Background("prepare") if beside else None)
        self._aside = Background("aside") if beside else None
        self._opening: _Opening | None = None
        self._refused = False  # for want of memory; until a lane ends
        self._switches = ExitStack()
        self._precision: str | None = None
        self._turned_at = time.perf_counter()

    def __len__(self) -> int:
        """Runs that have been added and are not over."""
        return len(self.waiting) + len(self.active)

    @property
    def wanted(self) -> int:
        """Runs that there should be, so that no lane is empty."""
        return self.count.wanted

    def add(self, key: str, assignment: Assignment) -> None:
        """Let a run begin as soon as a lane is free and there is memory."""
        self.waiting.append((key, assignment))

    def stop(self) -> None:
        """Let every run write a checkpoint at the end of its epoch, and begin no other."""
        self.stopping = True

    def turn(self) -> tuple[list[LaneEvent], bool]:
        """Give every lane a turn, and let one more begin if there is room.

        Returns
        -------
        outcomes : list of LaneEvent
        progress : bool
            Whether anything could be done; if not, the device is busy with what it has.
        """
        outcomes, progress = self._fill()
        quiet = next((each for each in self.active if each.lane.wants_quiet), None)
        training = sum(each.lane.training for each in self.active)
        work_s, staged = 0.0, progress
        for each in list(self.active):
            stage = not each.lane.training
            if stage and staged:  # one stage a turn: each takes tens of milliseconds
                progress = True
                continue
            found, issued_s = self._advance(each, issue=self._may_issue(each, quiet))
            work_s += issued_s or 0.0
            staged = staged or (stage and issued_s is not None)
            progress = progress or issued_s is not None
            outcomes += found
        now = time.perf_counter()
        self.count.note(active=training, work_s=work_s, wall_s=now - self._turned_at)
        self._turned_at = now
        return outcomes, progress

    def _may_issue(self, each: _Active, quiet: _Active | None) -> bool:
        """Whether a lane may issue steps: while one is to be timed, it alone, and after all others.

        Nobody waits for that: the device does what it has been given, and then the timed steps.
        """
        if quiet is None:
            return not any(other.lane.timing for other in self.active)
        return each is quiet and all(
            other.lane.quiet for other in self.active if other is not quiet
        )

    def device_works(self) -> bool:
        """Whether the device still does anything: after some errors it refuses all further work."""
        if self.site.device.type == "cuda":
            try:
                torch.cuda.synchronize(self.site.device)
            except RuntimeError:
                return False
        return True

    def pause(self) -> None:
        """Leave the device a moment, when no lane could do anything."""
        time.sleep(PAUSE_S)

    def close(self) -> None:
        """Let go of everything; runs that are not over are as their checkpoints have them."""
        for each in list(self.active):
            self._leave(each)
        for thread in filter(None, (self.arrivals.thread, self._aside)):
            thread.close()
        self._switches.close()
        self._precision = None

    def _advance(self, each: _Active, *, issue: bool) -> tuple[list[LaneEvent], float | None]:
        """One turn of a lane: what happened, and seconds of work issued (None: it only waits)."""
        try:
            return self._serve(each, issue=issue)
        except Exception as error:  # noqa: BLE001 - a run's failure is data; others go on
            return self._fail(each, error), 0.0

    def _serve(self, each: _Active, *, issue: bool) -> tuple[list[LaneEvent], float | None]:
        """Let a lane do what it can without waiting."""
        lane = each.lane
        self._switch(lane.session.assignment.recipe)
        if self.stopping and lane.between_epochs and not lane.over:
            raise lane.interrupt()
        before, prepared = lane.next_step or 0, lane.prepared
        turn = lane.turn(issue=issue)
        if lane.prepared and not prepared:
            self._opened(each)
        if turn.result is not None:
            self._leave(each)
            return [LaneEvent(each.key, result=turn.result)], 0.0
        if not turn.progress:
            return [], None
        outcomes = [LaneEvent(each.key, epoch=turn.report)] if turn.report else []
        return outcomes, max(0, (lane.next_step or 0) - before) * lane.step_s

    def _fail(self, each: _Active, error: Exception) -> list[LaneEvent]:
        """Free the lane of a run that failed; one that lacked memory waits for more of it."""
        self._leave(each)
        if lacks_memory(error) and self.active and not self.stopping:
            self._fewer_lanes(each.key)
            self.waiting.appendleft((each.key, each.lane.session.assignment))
            return []
        return [LaneEvent(each.key, error=error)]

    def _fill(self) -> tuple[list[LaneEvent], bool]:
        """Begin the next run, if a lane is free and it has been prepared; whether one began."""
        if self.stopping:
            outcomes = [LaneEvent(key, error=Interrupted(0)) for key, _ in self.waiting]
            self.waiting.clear()
            return outcomes, False
        if not self.waiting:
            return [], False
        key, assignment = self.waiting[0]
        arrival = self.arrivals.take(
            key, assignment, self.data.get(assignment.reads), sized=self.budget is not None
        )
        hindered = self._opening is not None or self._refused
        if arrival is None or hindered or len(self.active) >= self.count.wanted:
            return [], False
        self.waiting.popleft()
        self.arrivals.taken()
        try:
            begun = self._begin(key, assignment, arrival.result())
        except Exception as error:  # noqa: BLE001 - as in `_advance`
            if not (lacks_memory(error) and self.active):
                return [LaneEvent(key, error=error)], True
            self._fewer_lanes(key)
            begun = False
        if not begun:
            self._refused = True
            self.waiting.appendleft((key, assignment))
        return [], begun

    def _begin(self, key: str, assignment: Assignment, arrival: Arrival) -> bool:
        """Let a prepared run occupy a free lane; whether there was memory for it."""
        self._switch(assignment.recipe)
        self.data.setdefault(assignment.reads, arrival.prepared.data)
        if self.budget is None:
            each = self._open(key, assignment, arrival.prepared)
            if each.lane.prepared:
                self._opened(each)
            return True
        cell = assignment.cell
        need = self.budget.need(cell, arrival.expected)
        free = free_bytes(self.site.device)
        if self.budget.should_return(cell, need, free):
            return_memory(self.site.device)
            self.budget.left = 0
            free = free_bytes(self.site.device)
        if not self.budget.admits(need, free):
            return False
        each = self._open(key, assignment, arrival.prepared)
        self._opening = _Opening(each, free, arrival.expected)
        if each.lane.prepared:
            self._opened(each)
        return True

    def _open(self, key: str, assignment: Assignment, prepared: Prepared) -> _Active:
        """Occupy a lane; steps that could not be recorded once are not tried again."""
        taken = {each.slot for each in self.active}
        slot = next(index for index in range(len(self.streams)) if index not in taken)
        stream, cell = self.streams[slot], assignment.cell
        with stream.active():
            session = Session(assignment, self.site, prepared, aside=self._aside_of(stream))
        refused = self.unrecorded.get(cell)
        lane = Lane(
            session,
            stream,
            graphs=self.graphs and refused is None,
            gradual=True,
            step_s=0.0 if self.count.settled else self.step_s.get(cell),
        )
        lane.refused = refused
        each = _Active(key, lane, slot, cell)
        self.active.append(each)
        self.begun.append(key)
        return each

    def _aside_of(self, stream: LaneStream) -> Aside:
        """Where the weights of a lane are hashed and written."""
        return Beside(stream.stage, self._aside) if self._aside else Directly()

    def _opened(self, each: _Active) -> None:
        """Take note of a lane whose steps have been recorded, or cannot be."""
        lane = each.lane
        if lane.refused is not None:
            self.unrecorded[each.cell] = lane.refused
        if lane.step_s:
            self.step_s[each.cell] = lane.step_s
        if BROKEN:
            self.count.lower(1, f"a capture failed and could not be ended: {lane.refused}")
        lane.session.execution = self._execution(lane)
        if self._opening is not None and self._opening.active is each:
            opening, self._opening = self._opening, None
            self._measure(opening)

    def _measure(self, opening: _Opening) -> None:
        """Take note of what a lane holds; give it up if that is too much beside the others."""
        each = opening.active
        if self.budget is None:
            return
        weights = [*each.lane.session.run.model.state_dict().values()]
        copy = sum(value.numel() * value.element_size() for value in weights)
        left = free_bytes(self.site.device)
        # The weights had come to the device before, and the best ones will be kept beside them.
        used = max(0, opening.free - left) + 2 * copy
        self.budget.took(each.key, each.cell, used=used, expected=opening.expected)
        each.lane.session.held_bytes = used
        if self.budget.short(left):
            self._leave(each)
            self._fewer_lanes(each.key)
            self.waiting.appendleft((each.key, each.lane.session.assignment))

    def _execution(self, lane: Lane) -> dict[str, Any]:
        """How a run is computed, for its record."""
        return {
            "lanes": max(len(self.active), self.count.wanted),
            "lanes_reason": self.count.reason,
            **lane.execution,
        }

    def _leave(self, each: _Active) -> None:
        """Free a lane, its memory, and splits that nobody reads any more."""
        each.lane.close()
        self.active.remove(each)
        self._refused = False
        if self._opening is not None and self._opening.active is each:
            self._opening = None
        used = [id(other.lane.session.run.data) for other in self.active]
        self.data = {name: data for name, data in self.data.items() if id(data) in used}
        if self.budget is not None:
            self.budget.release(each.key)

    def _switch(self, recipe: Recipe) -> None:
        """Set the switches of the process as a recipe needs them."""
        if recipe.training.precision != self._precision:
            self._switches.close()
            self._switches.enter_context(self.site.computing(recipe))
            self._precision = recipe.training.precision

    def _fewer_lanes(self, key: str) -> None:
        """Do with the lanes that there are."""
        reason = f"memory ran short at {len(self.active) + 1} lanes"
        self.count.lower(len(self.active), reason)
        logger.warning("%s: run %s waits for a free one", reason, key)
