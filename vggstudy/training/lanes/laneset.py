"""Several runs on one device at a time, driven by one thread.

Lanes take turns at issuing steps, so that their streams are busy together. Each is waited for at
its own epoch boundaries alone; a lane whose run stops takes the next one. The bits of a run do not
depend on its lane or its neighbours: no memory, stream, generator or switch is shared with them.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import torch

from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.aside import Aside, Background, Beside, Directly
from vggstudy.training.data.batches import RunData
from vggstudy.training.failures import Interrupted, lacks_memory
from vggstudy.training.lanes.active import Active, LaneEvent, Opening
from vggstudy.training.lanes.arrivals import Arrival, Arrivals
from vggstudy.training.lanes.count import MAX_LANES, LaneCount
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.places import Place
from vggstudy.training.lanes.room import Room
from vggstudy.training.lanes.streams import BROKEN, LaneStream, lane_streams
from vggstudy.training.session import Assignment, Prepared, Session, Site

logger = logging.getLogger(__name__)

PAUSE_S = 2e-4
"""Seconds between two looks at lanes that are all waiting: a few steps of the quickest runs."""


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
        At least one for every lane; the device's by default.
    threads : bool or None
        Whether runs are prepared, epochs drawn ahead, weights hashed and checkpoints written beside
        this thread; so it is on a GPU by default, where nobody else would use the cores.

    Attributes
    ----------
    count : LaneCount
    room : Room
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
        places = MAX_LANES if cuda and graphs else self.count.limit  # recordings stay in some
        self.room = Room(site.device, streams or lane_streams(site.device, places, graphs=graphs))
        self.waiting: deque[tuple[str, Assignment]] = deque()
        self.active: list[Active] = []
        self.data: dict[str, RunData] = {}
        self.step_s: dict[str, float] = {}
        self.begun: list[str] = []
        self.unrecorded: dict[str, str] = {}
        self.stopping = False
        beside = cuda if threads is None else threads
        self.arrivals = Arrivals(site, Background("prepare") if beside else None)
        self._aside = Background("aside") if beside else None
        self._draws = Background("draw") if beside else None
        self._opening: Opening | None = None
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
            if issued_s is not None and each.lane.dry:
                more, more_s = self._advance(each, issue=self._may_issue(each, quiet))
                found, issued_s = found + more, more_s or 0.0
            work_s += issued_s or 0.0
            staged = staged or (stage and issued_s is not None)
            progress = progress or issued_s is not None
            outcomes += found
        now = time.perf_counter()
        self.count.note(active=training, work_s=work_s, wall_s=now - self._turned_at)
        self._turned_at = now
        return outcomes, progress

    def _may_issue(self, each: Active, quiet: Active | None) -> bool:
        """Whether a lane may issue steps: while one is to be timed, it alone, and after all others.

        Nobody waits for that: the device does what it has been given, and then the timed steps.
        """
        if quiet is None:
            return not any(other.lane.timing for other in self.active)
        return each is quiet and all(
            other.lane.quiet for other in self.active if other is not quiet
        )

    @property
    def threads(self) -> list[Background]:
        """Those that work beside this one."""
        return [each for each in (self.arrivals.thread, self._aside, self._draws) if each]

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
        self.room.drop_all()
        for thread in self.threads:
            thread.close()
        self._switches.close()
        self._precision = None

    def _advance(self, each: Active, *, issue: bool) -> tuple[list[LaneEvent], float | None]:
        """One turn of a lane: what happened, and seconds of work issued (None: it only waits)."""
        try:
            return self._serve(each, issue=issue)
        except Exception as error:  # noqa: BLE001 - a run's failure is data; others go on
            return self._fail(each, error), 0.0

    def _serve(self, each: Active, *, issue: bool) -> tuple[list[LaneEvent], float | None]:
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
            self._leave(each, ended=True)
            return [LaneEvent(each.key, result=turn.result)], 0.0
        if not turn.progress:
            return [], None
        outcomes = [LaneEvent(each.key, epoch=turn.report)] if turn.report else []
        return outcomes, max(0, (lane.next_step or 0) - before) * lane.step_s

    def _fail(self, each: Active, error: Exception) -> list[LaneEvent]:
        """Free the lane of a run that failed; one that lacked memory waits for more of it."""
        self._leave(each)
        if self.stopping or not self._make_room(each.key, error):
            return [LaneEvent(each.key, error=error)]
        self.waiting.appendleft((each.key, each.lane.session.assignment))
        return []

    def _make_room(self, key: str, error: Exception) -> bool:
        """Whether a run may find the memory it lacked: less is kept, or there are fewer lanes."""
        if not lacks_memory(error):
            return False
        if self.room.drop_all():
            return True
        if self.active:
            self._fewer_lanes(key)
        return bool(self.active)

    def _fill(self) -> tuple[list[LaneEvent], bool]:
        """Begin the next run, if a lane is free and it has been prepared; whether one began."""
        if self.stopping:
            outcomes = [LaneEvent(key, error=Interrupted(0)) for key, _ in self.waiting]
            self.waiting.clear()
            return outcomes, False
        if not self.waiting:
            return [], False
        key, assignment = self.waiting[0]
        sized = self.room.budget is not None
        arrival = self.arrivals.take(key, assignment, self.data.get(assignment.reads), sized=sized)
        if arrival is None or len(self.active) >= self.count.wanted:
            return [], False
        place = self._known(assignment, arrival)
        if place is None and (self._opening is not None or self._refused):
            return [], False
        self.waiting.popleft()
        self.arrivals.taken()
        try:
            begun = self._begin(key, assignment, arrival.result(), place)
            self._refused = self._refused or not begun
        except Exception as error:  # noqa: BLE001 - as in `_advance`
            if not self._make_room(key, error):
                return [LaneEvent(key, error=error)], True
            begun = False
        if not begun:
            self.waiting.appendleft((key, assignment))
        return [], begun

    def _known(self, assignment: Assignment, arrival: Future[Arrival]) -> Place | None:
        """A free place with a recording that a prepared run can use."""
        if arrival.exception() is not None:
            return None
        taken = {each.place for each in self.active}
        return self.room.places.known(assignment.cell, arrival.result().prepared.data, taken)

    def _begin(
        self, key: str, assignment: Assignment, arrival: Arrival, place: Place | None
    ) -> bool:
        """Let a prepared run occupy a free lane; whether there was memory for it."""
        self._switch(assignment.recipe)
        self.data.setdefault(assignment.reads, arrival.prepared.data)
        if place is not None:
            self.room.places.use(place)
            each = self._open(key, assignment, arrival.prepared, place)
            each.lane.session.held_bytes = self.room.held(place)
        else:
            place = self.room.empty({each.place for each in self.active})
            free = self.room.find(assignment.cell, arrival.expected)
            if free is None:
                return False
            each = self._open(key, assignment, arrival.prepared, place)
            if self.room.budget is not None:
                self._opening = Opening(each, free, arrival.expected)
        if each.lane.prepared:
            self._opened(each)
        return True

    def _open(self, key: str, assignment: Assignment, prepared: Prepared, place: Place) -> Active:
        """Occupy a lane; steps that could not be recorded once are not tried again."""
        stream, recording, cell = place.stream, place.recording, assignment.cell
        refused = self.unrecorded.get(cell)
        graphs = self.graphs and refused is None
        try:
            with stream.active():
                session = Session(
                    assignment,
                    self.site,
                    prepared,
                    aside=self._aside_of(stream),
                    draws=self._draws,
                    apparatus=recording.apparatus if recording else None,
                    owned=graphs and stream.graphs and self.room.owned(prepared.data),
                )
        except Exception:
            if recording is not None:  # which is neither the old run's any more nor the new one's
                recording.close()
                self.room.leave(place.number, None)
            raise
        lane = Lane(
            session,
            stream,
            graphs=graphs,
            gradual=True,
            step_s=0.0 if self.count.settled else self.step_s.get(cell),
            recording=recording,
        )
        lane.refused = refused
        each = Active(key, lane, place.number, cell, assignment.reads)
        self.active.append(each)
        self.begun.append(key)
        return each

    def _aside_of(self, stream: LaneStream) -> Aside:
        """Where the weights of a lane are hashed and written."""
        return Beside(stream.stage, self._aside) if self._aside else Directly()

    def _opened(self, each: Active) -> None:
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

    def _measure(self, opening: Opening) -> None:
        """Take note of what a lane holds; give it up if that is too much beside the others."""
        if self.room.budget is None:
            return
        each, weights = opening.active, opening.active.lane.session.run.model.state_dict().values()
        used = self.room.measure(each.place, each.cell, [*weights], opening.free, opening.expected)
        each.lane.session.held_bytes = used
        if used is None:
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

    def _leave(self, each: Active, *, ended: bool = False) -> None:
        """Free a lane, and splits that nobody reads; the recording of a run that ended stays."""
        recording = each.lane.leave() if ended else None
        if not ended:
            each.lane.close()
        self.active.remove(each)
        self.room.leave(each.place, recording)
        self._refused = False
        if self._opening is not None and self._opening.active is each:
            self._opening = None
        used = {other.reads for other in self.active}
        kept = [id(other.apparatus.data.train) for other in self.room.places.kept.values()]
        self.data = {
            name: data for name, data in self.data.items() if name in used or id(data.train) in kept
        }

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
