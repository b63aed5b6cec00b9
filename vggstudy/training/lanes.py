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

from vggstudy.protocol.model.settings import Recipe
from vggstudy.training.batches import RunData
from vggstudy.training.failures import Interrupted, lacks_memory
from vggstudy.training.lane import Lane
from vggstudy.training.lane_count import MAX_LANES, LaneCount
from vggstudy.training.lane_memory import (
    MemoryBudget,
    expected_bytes,
    free_bytes,
    return_memory,
)
from vggstudy.training.lane_streams import BROKEN, LaneStream, lane_streams
from vggstudy.training.results import EpochReport, TrainingResult
from vggstudy.training.session import Job, Session, Site

logger = logging.getLogger(__name__)

PAUSE_S = 2e-4
"""Seconds between two looks at lanes that are all waiting: a few steps of the quickest runs."""


@dataclass(frozen=True, slots=True)
class Outcome:
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

    Attributes
    ----------
    count : LaneCount
    budget : MemoryBudget or None
        None on a CPU, where lanes take turns and little memory.
    """

    def __init__(
        self,
        site: Site,
        *,
        lanes: int | None,
        graphs: bool = True,
        streams: tuple[LaneStream, ...] | None = None,
    ) -> None:
        self.site, self.graphs = site, graphs
        cuda = site.device.type == "cuda"
        self.count = LaneCount.measured(MAX_LANES if cuda else 1)
        if lanes is not None:
            self.count = LaneCount.fixed(lanes)
        self.streams = streams or lane_streams(site.device, self.count.limit, graphs=graphs)
        self.budget = MemoryBudget.of(site.device) if cuda else None
        self.waiting: deque[tuple[str, Job]] = deque()
        self.active: list[_Active] = []
        self.data: dict[str, RunData] = {}
        self.unrecorded: dict[str, str] = {}
        self.stopping = False
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

    def add(self, key: str, job: Job) -> None:
        """Let a run begin as soon as a lane is free and there is memory."""
        self.waiting.append((key, job))

    def stop(self) -> None:
        """Let every run write a checkpoint at the end of its epoch, and begin no other."""
        self.stopping = True

    def turn(self) -> tuple[list[Outcome], bool]:
        """Give every lane a turn.

        Returns
        -------
        outcomes : list of Outcome
        progress : bool
            Whether anything could be done; if not, the device is busy with what it has.
        """
        before = len(self.active)
        outcomes = self._fill()
        progress = bool(outcomes) or len(self.active) > before
        if len(self.active) > before:  # setting up runs says nothing about lanes
            self._turned_at = time.perf_counter()
        work_s, active = 0.0, len(self.active)
        for each in list(self.active):
            found, issued_s = self._advance(each)
            work_s += issued_s or 0.0
            progress = progress or issued_s is not None
            outcomes += found
        now = time.perf_counter()
        self.count.note(active=active, work_s=work_s, wall_s=now - self._turned_at)
        self._turned_at = now
        return outcomes, progress

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
        self._switches.close()
        self._precision = None

    def _advance(self, each: _Active) -> tuple[list[Outcome], float | None]:
        """One turn of a lane: what happened, and seconds of work issued (None: it only waits)."""
        try:
            return self._serve(each)
        except Exception as error:  # noqa: BLE001 - a run's failure is data; others go on
            return self._fail(each, error), 0.0

    def _serve(self, each: _Active) -> tuple[list[Outcome], float | None]:
        """Let a lane do what it can without waiting; a run that is over is measured."""
        lane = each.lane
        self._switch(lane.session.job.recipe)
        if lane.over:
            return [self._finish(each)], 0.0
        if self.stopping and lane.between_epochs:
            raise lane.interrupt()
        before = lane.next_step or 0
        turn = lane.turn()
        if not turn.progress:
            return [], None
        outcomes = [Outcome(each.key, epoch=turn.report)] if turn.report else []
        return outcomes, max(0, (lane.next_step or 0) - before) * lane.step_s

    def _finish(self, each: _Active) -> Outcome:
        """Measure a run that is over and free its lane."""
        result = each.lane.finish()
        self._leave(each)
        return Outcome(each.key, result=result)

    def _fail(self, each: _Active, error: Exception) -> list[Outcome]:
        """Free the lane of a run that failed; one that lacked memory waits for more of it."""
        self._leave(each)
        if lacks_memory(error) and self.active and not self.stopping:
            self._fewer_lanes(each.key)
            self.waiting.appendleft((each.key, each.lane.session.job))
            return []
        return [Outcome(each.key, error=error)]

    def _fill(self) -> list[Outcome]:
        """Begin runs while lanes are free."""
        outcomes: list[Outcome] = []
        while self.waiting and (self.stopping or len(self.active) < self.count.wanted):
            key, job = self.waiting.popleft()
            if self.stopping:
                outcomes.append(Outcome(key, error=Interrupted(0)))
                continue
            try:
                begun = self._begin(key, job)
            except Exception as error:  # noqa: BLE001 - as in `_advance`
                if not (lacks_memory(error) and self.active):
                    outcomes.append(Outcome(key, error=error))
                    continue
                self._fewer_lanes(key)
                begun = False
            if not begun:
                self.waiting.appendleft((key, job))
                break
        return outcomes

    def _begin(self, key: str, job: Job) -> bool:
        """Set a run up in a free lane; whether there was memory for it."""
        self._switch(job.recipe)
        cell = job.recipe.model_dump_json()
        data = self._load(job)
        if self.budget is None:
            self._open(key, job, cell, data)
            return True
        expected = None
        if cell not in self.budget.known:
            sizes = {"n_classes": len(data.classes), "side": data.side}
            expected = expected_bytes(job.recipe, **sizes)
        return_memory(self.site.device)  # of lanes that have ended since
        free = free_bytes(self.site.device)
        if not self.budget.admits(self.budget.need(cell, expected), free):
            return False
        each = self._open(key, job, cell, data)
        weights = [*each.lane.session.run.model.state_dict().values()]
        later = sum(value.numel() * value.element_size() for value in weights)
        left = free_bytes(self.site.device)
        used = max(0, free - left) + later
        self.budget.took(key, cell, used=used, expected=expected)
        each.lane.session.held_bytes = used
        if self.budget.short(left):
            self._leave(each)
            self._fewer_lanes(key)
            return False
        return True

    def _open(self, key: str, job: Job, cell: str, data: RunData) -> _Active:
        """Occupy a lane; steps that could not be recorded once are not tried again."""
        taken = {each.slot for each in self.active}
        slot = next(index for index in range(len(self.streams)) if index not in taken)
        stream = self.streams[slot]
        with stream.active():
            session = Session(job, self.site, data)
        refused = self.unrecorded.get(cell)
        lane = Lane(session, stream, graphs=self.graphs and refused is None)
        lane.refused = lane.refused or refused
        if lane.refused is not None:
            self.unrecorded[cell] = lane.refused
        if BROKEN:
            self.count.lower(1, f"a capture failed and could not be ended: {lane.refused}")
        each = _Active(key, lane, slot)
        self.active.append(each)
        session.execution = self._execution(lane)
        return each

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
        used = [id(other.lane.session.run.data) for other in self.active]
        self.data = {name: data for name, data in self.data.items() if id(data) in used}
        if self.budget is not None:
            self.budget.release(each.key)

    def _load(self, job: Job) -> RunData:
        """The splits of a run, from a lane that reads the same or from the cache."""
        name = f"{job.recipe.data.model_dump_json()} {job.seeds.split}"
        if name not in self.data:
            self.data[name] = self.site.load(job)
        return self.data[name]

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
