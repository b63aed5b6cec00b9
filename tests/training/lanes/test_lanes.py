"""Lanes: every run has the bits that it has alone, whoever stops, fails or is killed beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from vggstudy.errors import DataError
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import Interrupted, train_run
from vggstudy.training.data.batches import RunData
from vggstudy.training.lanes import laneset as module
from vggstudy.training.lanes import room
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.count import LaneCount
from vggstudy.training.lanes.graphs import Body, Recorder
from vggstudy.training.lanes.lane import CHUNKS_AHEAD, MOST_CHUNKS, Lane, Turn
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.memory import MemoryBudget
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.loop import Run
from vggstudy.training.pending import READY, Done
from vggstudy.training.session import Assignment, Session, Site

Make = Callable[..., Recipe]
CPU = torch.device("cpu")

MIXED: list[dict[str, Any]] = [
    {"training_epochs": 2},
    {"model_depth": 13, "model_batch_norm": True, "training_batch_size": 24},
    {"training_precision": "bfloat16", "data_flip": True, "model_dropout": 0.2},
    {"training_optimizer": "sgd", "training_momentum": 0.9, "training_epochs": 1},
    {"training_epochs": 4, "data_data_norm": True, "training_drop_last": True},
]


def seeds_of(index: int) -> Seeds:
    return Seeds(init=index, order=index + 10, augmentation=index + 20, dropout=index, split=3)


class Late:
    """Numbers or work that are there when they have been asked for a few times."""

    def __init__(self, asked: int, numbers: list[float] | None = None) -> None:
        self.asked, self.numbers = asked, numbers or []

    def ready(self) -> bool:
        self.asked -= 1
        return self.asked < 0

    def values(self) -> list[float]:
        assert self.asked < 0, "numbers were taken before they were there"
        return self.numbers


class LateStream(HostStream):
    """The CPU, as if it answered later, like a device."""

    def __init__(self, late: int) -> None:
        self.late = late

    def mark(self) -> Late:
        return Late(self.late)

    def fetch(self, numbers: Tensor) -> Late:
        return Late(self.late, numbers.tolist())


class Lanes:
    """Trains in lanes and alone."""

    def __init__(self, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache_dir = cache_dir
        self.made: list[LaneSet] = []
        monkeypatch.setattr(LaneSet, "pause", lambda lanes: None)

    def new(self, lanes: int | None, *, late: int = 0) -> LaneSet:
        site = Site(device=CPU, cache_dir=self.cache_dir)
        streams = tuple(LateStream(late + index) for index in range(lanes or 1))
        self.made.append(LaneSet(site, lanes=lanes, streams=streams))
        return self.made[-1]

    def run(self, lanes: LaneSet, jobs: dict[str, Assignment]) -> dict[str, LaneEvent]:
        for key, job in jobs.items():
            lanes.add(key, job)
        return self.drain(lanes)

    def drain(self, lanes: LaneSet, most: int = 10**6) -> dict[str, LaneEvent]:
        last: dict[str, LaneEvent] = {}
        while lanes and most:
            outcomes = lanes.turn()[0]
            last |= {each.key: each for each in outcomes if each.epoch is None}
            most -= 1
        return last

    def alone(self, job: Assignment) -> dict[str, Any]:
        name = f"{job.recipe} {job.seeds}"
        if name not in ALONE:
            ALONE[name] = train_run(job.recipe, job.seeds, cache_dir=self.cache_dir).result
        return ALONE[name]


ALONE: dict[str, dict[str, Any]] = {}
"""Results of runs alone, which many tests compare with."""


@pytest.fixture
def lanes(cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lanes]:
    made = Lanes(cache_dir, monkeypatch)
    yield made
    for each in reversed(made.made):  # each restores the switches that it found
        each.close()


@pytest.fixture
def mixed(make_recipe: Make) -> dict[str, Assignment]:
    """Five runs of five cells: depth, batch size, normalisation, precision, length."""
    return {
        f"run {index}": Assignment(recipe=make_recipe(**changes), seeds=seeds_of(index))
        for index, changes in enumerate(MIXED)
    }


@pytest.fixture
def alone(lanes: Lanes, mixed: dict[str, Assignment]) -> dict[str, dict[str, Any]]:
    return {key: lanes.alone(job) for key, job in mixed.items()}


def results(outcomes: dict[str, LaneEvent]) -> dict[str, dict[str, Any]]:
    return {key: each.result.result for key, each in outcomes.items() if each.result}


@pytest.mark.parametrize(("count", "late"), [(1, 0), (2, 3), (5, 1)])
def test_mixed_runs_have_the_bits_that_they_have_alone(
    count: int,
    late: int,
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
) -> None:
    done = lanes.run(lanes.new(count, late=late), mixed)
    assert results(done) == alone
    assert {each.result.execution["lanes"] for each in done.values() if each.result} == {count}


def test_runs_of_a_cell_are_refilled_in_their_order_and_share_their_splits(
    lanes: Lanes, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[object] = []
    load = Site.load

    def counting(site: Site, job: Assignment) -> RunData:
        loads.append(job)
        return load(site, job)

    monkeypatch.setattr(Site, "load", counting)
    recipe = make_recipe(training_epochs=1)
    jobs = {str(index): Assignment(recipe=recipe, seeds=seeds_of(index)) for index in range(5)}
    there = lanes.new(2)
    done = lanes.run(there, jobs)
    assert list(done) == ["0", "1", "2", "3", "4"]
    assert len(loads) == 1
    assert not there.data


def test_no_more_runs_are_under_way_than_there_are_lanes(
    lanes: Lanes, mixed: dict[str, Assignment]
) -> None:
    there = lanes.new(2, late=2)
    for key, job in mixed.items():
        there.add(key, job)
    most = 0
    while there:
        there.turn()
        most = max(most, len(there.active))
        assert len({each.place for each in there.active}) == len(there.active)
    assert most == 2


def test_a_lane_never_runs_further_ahead_than_allowed(
    lanes: Lanes, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(device=CPU, cache_dir=lanes.cache_dir)
    recipe = make_recipe(training_batch_size=2)
    with site.computing(recipe):
        lane = Lane(
            Session(Assignment(recipe=recipe, seeds=seeds_of(0)), site), LateStream(10**6), chunk=1
        )
        issued = [lane.turn().progress for _ in range(CHUNKS_AHEAD + 3)]
    assert issued == [True] * CHUNKS_AHEAD + [False] * 3
    assert lane.next_step == CHUNKS_AHEAD


@pytest.mark.parametrize(
    ("step_s", "epoch_s", "chunks"),
    [
        (0.0, None, CHUNKS_AHEAD),  # nothing is known of its steps
        (0.01, None, 7),  # 0.5 s are 50 steps, in chunks of 8
        (0.01, 400.0, 7),  # alone; in lanes they only take longer
        (0.0, 1.2, 4),  # 40 steps of 0.03 s: the fewest
        (0.0, 0.4, 7),
        (1e-4, None, MOST_CHUNKS),
    ],
)
def test_the_queue_of_a_lane_is_measured_in_time(
    step_s: float, epoch_s: float | None, chunks: int, lanes: Lanes, make_recipe: Make
) -> None:
    site = Site(device=CPU, cache_dir=lanes.cache_dir)
    recipe = make_recipe(training_batch_size=2)
    with site.computing(recipe):
        session = Session(Assignment(recipe=recipe, seeds=seeds_of(0)), site)
        lane = Lane(session, LateStream(0), chunk=8, step_s=step_s)
    assert len(session.run.bounds) == 32
    if epoch_s is not None:
        session.run.clock.epoch_s.append(epoch_s * 32 / 40)
    assert lane.chunks_ahead == chunks


def test_a_run_that_fails_leaves_the_others_alone(
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = Run.begin_epoch

    def break_one(run: Run) -> None:
        if run.seeds.init == 1 and run.epoch == 1:
            msg = "this one breaks"
            raise ZeroDivisionError(msg)
        begin(run)

    monkeypatch.setattr(Run, "begin_epoch", break_one)
    there = lanes.new(3)
    done = lanes.run(there, mixed)
    assert isinstance(done["run 1"].error, ZeroDivisionError)
    assert results(done) == {key: each for key, each in alone.items() if key != "run 1"}
    assert there.device_works()


def test_a_run_that_cannot_be_set_up_is_told_of_and_the_others_go_on(
    lanes: Lanes, mixed: dict[str, Assignment], make_recipe: Make
) -> None:
    wrong = Assignment(
        recipe=make_recipe(training_batch_size=100, training_drop_last=True), seeds=seeds_of(0)
    )
    done = lanes.run(lanes.new(2), {"wrong": wrong, **mixed})
    assert isinstance(done["wrong"].error, DataError)
    assert len(results(done)) == len(mixed)


def test_a_lack_of_memory_means_fewer_lanes_not_a_lost_run(
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = Run.begin_epoch
    there = lanes.new(3)

    def full(run: Run) -> None:
        if len(there.active) > 2:
            raise torch.OutOfMemoryError
        begin(run)

    monkeypatch.setattr(Run, "begin_epoch", full)
    done = lanes.run(there, mixed)
    assert results(done) == alone
    assert there.count.limit == 2
    last = done["run 4"].result
    assert last is not None
    assert last.execution["lanes_reason"] == "memory ran short at 3 lanes"


def test_a_run_that_lacks_memory_alone_has_failed(
    lanes: Lanes, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: Run) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Run, "begin_epoch", full)
    jobs = {"only": Assignment(recipe=make_recipe(), seeds=seeds_of(0))}
    assert isinstance(lanes.run(lanes.new(2), jobs)["only"].error, torch.OutOfMemoryError)


def with_checkpoints(jobs: dict[str, Assignment], folder: Path) -> dict[str, Assignment]:
    return {
        key: Assignment(recipe=job.recipe, seeds=job.seeds, checkpoint=folder / f"{key}.pt")
        for key, job in jobs.items()
    }


@pytest.mark.parametrize("turns", [1, 4, 9, 20])
def test_runs_that_are_stopped_go_on_in_other_lanes_to_the_same_bits(
    turns: int,
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
    tmp_path: Path,
) -> None:
    jobs = with_checkpoints(mixed, tmp_path)
    there = lanes.new(3, late=1)
    for key, job in jobs.items():
        there.add(key, job)
    before = lanes.drain(there, most=turns)
    there.stop()
    stopped = before | lanes.drain(there)
    assert set(stopped) == set(jobs)
    finished = results(stopped)
    assert all(
        isinstance(each.error, Interrupted) for key, each in stopped.items() if key not in finished
    )
    rest = dict(reversed([(key, job) for key, job in jobs.items() if key not in finished]))
    assert finished | results(lanes.run(lanes.new(2), rest)) == alone


def test_lanes_that_are_dropped_in_the_middle_go_on_from_their_checkpoints(
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
    tmp_path: Path,
) -> None:
    jobs = with_checkpoints(mixed, tmp_path)
    there = lanes.new(5, late=2)
    for key, job in jobs.items():
        there.add(key, job)
    finished = results(lanes.drain(there, most=14))
    there.close()
    assert not there.active
    rest = {key: job for key, job in jobs.items() if key not in finished}
    assert any(job.checkpoint is not None and job.checkpoint.exists() for job in rest.values())
    assert finished | results(lanes.run(lanes.new(1), rest)) == alone


def test_lanes_leave_the_process_as_they_found_it(
    lanes: Lanes, mixed: dict[str, Assignment]
) -> None:
    there = lanes.new(2)
    lanes.run(there, mixed)
    assert torch.are_deterministic_algorithms_enabled()
    there.close()
    assert not torch.are_deterministic_algorithms_enabled()


def test_on_a_cpu_one_lane_is_enough_unless_more_are_asked_for(cache_dir: Path) -> None:
    assert LaneSet(Site(device=CPU, cache_dir=cache_dir), lanes=None).wanted == 1
    assert LaneSet(Site(device=CPU, cache_dir=cache_dir), lanes=3).wanted == 3


def test_what_cannot_be_recorded_once_is_not_tried_again(
    lanes: Lanes, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []

    def refuse(lane: Lane) -> Iterator[Done]:
        tried.append(True)
        yield READY
        lane.refused = "RuntimeError: not permitted"

    monkeypatch.setattr(Lane, "_record", refuse)
    recipe = make_recipe(training_epochs=1)
    jobs = {str(index): Assignment(recipe=recipe, seeds=seeds_of(index)) for index in range(3)}
    done = lanes.run(lanes.new(1), jobs)
    assert len(tried) == 1
    reasons = [each.result.execution["steps_reason"] for each in done.values() if each.result]
    assert reasons == ["RuntimeError: not permitted"] * 3


def test_a_capture_that_could_not_be_ended_leaves_one_lane(
    lanes: Lanes, mixed: dict[str, Assignment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BROKEN", [object()])
    there = lanes.new(3)
    done = lanes.run(there, mixed)
    assert there.count.limit == 1
    assert len(results(done)) == len(mixed)


class Recording(HostStream):
    """Notes the order of what lanes do; steps are timed in it, and take some turns."""

    log: ClassVar[list[tuple[int, str]]] = []

    def __init__(self, name: int, late: int) -> None:
        self.name, self.late = name, late

    def mark(self) -> Late:
        self.log.append((self.name, "steps"))
        return Late(self.late)

    def fetch(self, numbers: Tensor) -> Late:
        self.log.append((self.name, "steps"))
        return Late(self.late, numbers.tolist())

    def recorder(self, generator: torch.Generator | None) -> Recorder:
        return Timed(self)


class Timed:
    """Records nothing; its timing takes some turns."""

    def __init__(self, stream: Recording) -> None:
        self.stream = stream

    def record(self, body: Body) -> Body:
        return body

    def mark(self) -> Done:
        return READY

    def time(self, replay: Body, times: int) -> Late:
        self.stream.log.append((self.stream.name, "timing"))
        return Late(self.stream.late, [0.001])

    def close(self) -> None:
        self.stream.log.append((self.stream.name, "close"))


def test_steps_are_timed_once_a_cell_while_no_other_lane_issues_any(
    lanes: Lanes, mixed: dict[str, Assignment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recording, "log", [])
    streams = tuple(Recording(index, late=3) for index in range(3))
    site = Site(device=CPU, cache_dir=lanes.cache_dir)
    there = LaneSet(site, lanes=None, streams=streams)
    there.count = LaneCount(limit=3, wanted=3)
    job = mixed["run 1"]
    again = {
        f"again {index}": Assignment(recipe=job.recipe, seeds=seeds_of(index)) for index in (7, 8)
    }
    for key, each in {**mixed, **again}.items():
        there.add(key, each)
    timing = False
    timed = 0
    while there:
        before = len(Recording.log)
        there.turn()
        new = Recording.log[before:]
        timed += sum(what == "timing" for _, what in new)
        # From the turn in which steps are timed to the one in which their time is known.
        if timing and any(each.lane.timing for each in there.active):
            assert not [what for _, what in new if what == "steps"]
        timing = any(each.lane.timing for each in there.active)
    there.close()
    assert timed == len(mixed)
    assert set(there.step_s) == {job.cell for job in mixed.values()}


def test_one_lane_a_turn_begins_is_recorded_or_is_measured(
    lanes: Lanes, mixed: dict[str, Assignment], alone: dict[str, dict[str, Any]], monkeypatch: Any
) -> None:
    stages: list[int] = []
    turn = Lane.turn

    def counting(lane: Lane, *, issue: bool = True) -> Turn:
        training = lane.training
        done = turn(lane, issue=issue)
        stages[-1] += done.progress and not training
        return done

    there = lanes.new(3)
    monkeypatch.setattr(Lane, "turn", counting)
    for key, job in mixed.items():
        there.add(key, job)
    done: dict[str, LaneEvent] = {}
    while there:
        stages.append(0)
        active = len(there.active)
        outcomes, _ = there.turn()
        done |= {each.key: each for each in outcomes if each.epoch is None}
        stages[-1] += len(there.begun) > 0
        there.begun.clear()
        assert active or stages[-1]
    assert max(stages) == 1
    assert results(done) == alone


class Memory:
    """A device's free memory, of which every lane takes the same."""

    def __init__(self, lanes: LaneSet, *, free: int, lane: int) -> None:
        self.lanes, self.free, self.lane = lanes, free, lane

    def __call__(self, device: object) -> int:
        return self.free - self.lane * len(self.lanes.active)


def test_lanes_begin_only_where_their_memory_fits(
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = lanes.new(5, late=1)
    gib = 2**30
    monkeypatch.setattr(room, "free_bytes", Memory(there, free=10 * gib, lane=3 * gib))
    there.room.budget = MemoryBudget(total=10 * gib, margin=0)
    for key, job in mixed.items():
        there.add(key, job)
    most = 0
    done: dict[str, LaneEvent] = {}
    while there:
        outcomes, _ = there.turn()
        done |= {each.key: each for each in outcomes if each.epoch is None}
        most = max(most, len(there.active))
        assert sum(there.room.budget.held.values()) <= there.room.budget.total
    assert results(done) == alone
    assert most == 3
    assert not there.room.budget.held
    assert there.count.limit == 5  # room was waited for; nothing ran short
    memory = {
        each.result.timings["peak_memory_bytes"] // gib for each in done.values() if each.result
    }
    assert memory == {3}


def test_a_lane_that_came_into_the_margin_is_given_up_and_begun_again(
    lanes: Lanes,
    mixed: dict[str, Assignment],
    alone: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Greedy(MemoryBudget):
        def admits(self, need: int, free: int) -> bool:
            return True

    there = lanes.new(3)
    monkeypatch.setattr(room, "free_bytes", Memory(there, free=10, lane=4))
    there.room.budget = Greedy(total=10, margin=4)
    assert results(lanes.run(there, mixed)) == alone
    assert (there.count.limit, there.count.reason) == (1, "memory ran short at 2 lanes")
