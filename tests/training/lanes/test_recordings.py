"""A recording outlives its run: the next one of its cell has the bits that it has in a new one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.lanes.emulated import (
    EmulatedRecorder,
    EmulatedStream,
    Reads,
    storage_of,
    tensor_rate,
)
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import train_run
from vggstudy.training.apparatus import Apparatus
from vggstudy.training.determinism import tensors_sha256
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.graphs import Body, GraphSteps
from vggstudy.training.lanes.lane import Lane, Recording
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.memory import MemoryBudget
from vggstudy.training.lanes.places import Places
from vggstudy.training.lanes.room import Room
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.loop import Run
from vggstudy.training.optim import make_optimizer
from vggstudy.training.session import Assignment, Session, Site, prepare

Make = Callable[..., Recipe]
CPU = torch.device("cpu")

FULL: dict[str, Any] = {
    "model_batch_norm": True,
    "model_dropout": 0.3,
    "data_flip": True,
    "data_crop": 2,
    "data_data_norm": True,
    "training_loss": "weighted_cross_entropy",
    "training_batch_size": 24,
    "training_epochs": 2,
}
"""All that a step can read: statistics, a generator, flips and crops, weights of classes."""

RECIPES: list[dict[str, Any]] = [
    FULL,
    {
        "training_optimizer": "sgd",
        "training_momentum": 0.9,
        "training_scheduler": {"name": "cosine"},
        "training_early_stopping": {"monitor": "test_loss"},
        "training_epochs": 2,
    },
    {"training_precision": "bfloat16", "model_batch_norm": True, "training_epochs": 1},
]


def seeds_of(index: int) -> Seeds:
    return Seeds(index, index + 10, index + 20, index + 30, split=index)


def found_tensors(value: object, path: str = "", seen: set[int] | None = None) -> dict[str, Tensor]:
    """Every tensor that can be reached from an object of the project or of torch, by its way."""
    seen = set() if seen is None else seen
    if isinstance(value, Tensor):
        found = {path: value}
        if value.is_leaf and value.grad is not None:
            found[f"{path}.grad"] = value.grad
        return found
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type, Path)):
        return {}
    seen.add(id(value))
    found = {}
    for name, each in parts_of(value):
        found |= found_tensors(each, f"{path}{name}", seen)
    return found


def parts_of(value: object) -> Iterator[tuple[str, object]]:
    """What an object consists of."""
    if isinstance(value, dict):
        # An optimizer's state is kept by parameter: by its number here.
        for number, (key, each) in enumerate(value.items()):
            yield f"[{number if isinstance(key, Tensor) else key}]", each
    elif isinstance(value, (list, tuple)):
        for number, each in enumerate(value):
            yield f"[{number}]", each
    elif is_dataclass(value):
        for field in fields(value):
            yield f".{field.name}", getattr(value, field.name)
    elif isinstance(value, (nn.Module, torch.optim.Optimizer)) or known(value):
        for name, each in vars(value).items():
            if not name.startswith(("_forward", "_backward", "_optimizer", "_zero_grad_prof")):
                yield f".{name}", each


def known(value: object) -> bool:
    return type(value).__module__.startswith("vggstudy.training") and hasattr(value, "__dict__")


SCRATCH = (".grad", ".stepper.sums")
"""What every step or pass writes before it reads it."""

DRAWN = (".stepper.order", ".stepper.position", ".stepper.augmentation", "['lr']", "[lr]")
"""What the begin of an epoch writes."""


def differences(one: Run, other: Run, *, but: tuple[str, ...]) -> list[str]:
    """Tensors that one run has and the other has not, or of another value."""
    ours, theirs = found_tensors(one), found_tensors(other)
    assert len(ours) > 60
    return [
        name
        for name in sorted(ours.keys() | theirs.keys())
        if not any(each in name for each in but)
        and not (name in ours and name in theirs and torch.equal(ours[name], theirs[name]))
    ]


def poison(run: Run) -> None:
    """Make all numbers wrong, as a run that diverged would at worst."""
    for name, tensor in found_tensors(run).items():
        if ".stepper.offsets" in name:  # constants of the recording
            continue
        if tensor.is_floating_point():
            tensor.detach().fill_(math.nan)
        elif tensor.dtype != torch.bool:
            tensor.fill_(1)


class Cells:
    """Runs of a recipe in new recordings and in those of others."""

    def __init__(self, cache_dir: Path) -> None:
        self.site = Site(device=CPU, cache_dir=cache_dir)

    def job(self, recipe: Recipe, index: int, checkpoint: Path | None = None) -> Assignment:
        return Assignment(recipe=recipe, seeds=seeds_of(index), checkpoint=checkpoint)

    def new(self, job: Assignment) -> Lane:
        session = Session(job, self.site, owned=True)
        tensor_rate(session.run)
        return Lane(session, EmulatedStream())

    def reused(self, job: Assignment, recording: Recording) -> Lane:
        ready = prepare(job, self.site)
        assert recording.apparatus.fits(ready.data)
        session = Session(job, self.site, ready, apparatus=recording.apparatus)
        return Lane(session, EmulatedStream(), recording=recording)

    def after(self, recipe: Recipe, *, spoilt: bool = True) -> Recording:
        """The recording of a run that has ended, at worst with numbers that are none."""
        lane = self.new(self.job(recipe, 1))
        train(lane)
        recording = lane.leave()
        assert recording is not None
        if spoilt:
            poison(lane.session.run)
        return recording

    def eager(self, job: Assignment) -> dict[str, Any]:
        session = Session(job, self.site)
        tensor_rate(session.run)
        return train(Lane(session, HostStream()))


def train(lane: Lane) -> dict[str, Any]:
    while not lane.over:
        lane.run_epoch()
    return lane.finish().result


@pytest.fixture
def cells(cache_dir: Path) -> Cells:
    return Cells(cache_dir)


@pytest.mark.parametrize("changes", RECIPES, ids=["full", "sgd", "bfloat16"])
def test_a_run_in_the_recording_of_another_has_the_bits_of_a_run_alone(
    changes: dict[str, Any], make_recipe: Make, cells: Cells
) -> None:
    recipe = make_recipe(**changes)
    with cells.site.computing(recipe):
        recording = cells.after(recipe)
        job = cells.job(recipe, 2)
        lane = cells.reused(job, recording)
        assert lane.prepared
        assert lane.execution == {"steps": "recorded", "steps_reason": None}
        assert train(lane) == cells.eager(job)
        # And once more: nothing wears out.
        again = cells.job(recipe, 3)
        left = lane.leave()
        assert left is recording
        assert train(cells.reused(again, recording)) == cells.eager(again)


def test_every_tensor_of_a_session_is_taken_over_or_drawn_anew(
    make_recipe: Make, cells: Cells
) -> None:
    recipe = make_recipe(**FULL)
    with cells.site.computing(recipe):
        job = cells.job(recipe, 2)
        reused = cells.reused(job, cells.after(recipe)).session.run
        fresh = cells.new(job).session.run
        assert not differences(reused, fresh, but=SCRATCH + DRAWN)
        for run in (reused, fresh):
            run.begin_epoch()
        assert not differences(reused, fresh, but=SCRATCH)


def test_a_tensor_that_nobody_takes_over_is_noticed(
    make_recipe: Make, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A layer that keeps a number beside its parameters and buffers, as the next one might.
    make = Apparatus.of

    def with_a_stranger(*arguments: Any, **options: Any) -> Apparatus:
        made = make(*arguments, **options)
        made.step.model.stranger = torch.zeros(2)
        return made

    monkeypatch.setattr(Apparatus, "of", with_a_stranger)
    recipe = make_recipe(**FULL)
    with cells.site.computing(recipe):
        job = cells.job(recipe, 2)
        reused = cells.reused(job, cells.after(recipe)).session.run
        fresh = cells.new(job).session.run
        found = differences(reused, fresh, but=SCRATCH + DRAWN)
    assert found
    assert all("stranger" in name for name in found)


def test_everything_that_a_recording_reads_belongs_to_its_session(
    make_recipe: Make, cells: Cells
) -> None:
    # So the two tests above look at all that a recording depends on.
    read: dict[int, str] = {}

    class Watching(EmulatedRecorder):
        def record(self, body: Body) -> Body:
            with Reads() as reads:
                body()
            read.update({int(name.rsplit(" at ")[-1]): name for name in reads.found})
            return lambda: None

    recipe = make_recipe(**FULL)
    with cells.site.computing(recipe):
        session = Session(cells.job(recipe, 1), cells.site, owned=True)
        tensor_rate(session.run)
        run = session.run
        steps = GraphSteps(
            run.step, run.data, run.bounds, watched=run.watched_splits, augmented=run.augmented
        )
        list(steps.record(Watching()))
        run.stepper = steps
        known = {storage_of(each) for each in found_tensors(run).values()}
    assert len(read) > 40
    assert [name for key, name in read.items() if key not in known] == []


def test_a_run_that_was_killed_goes_on_in_the_recording_of_another(
    make_recipe: Make, cells: Cells, tmp_path: Path
) -> None:
    recipe = make_recipe(**FULL | {"training_epochs": 3})
    path = tmp_path / "checkpoint.pt"
    with cells.site.computing(recipe):
        job = cells.job(recipe, 2, checkpoint=path)
        killed = Lane(session := Session(job, cells.site), HostStream())
        tensor_rate(session.run)
        killed.run_epoch()
        killed.interrupt()
        recording = cells.after(recipe)
        lane = cells.reused(job, recording)
        assert lane.session.run.epoch == 1
        assert train(lane) == cells.eager(cells.job(recipe, 2))


def test_an_optimizers_state_is_restored_where_it_is(make_recipe: Make, cells: Cells) -> None:
    recipe = make_recipe()
    with cells.site.computing(recipe):
        lane = cells.new(cells.job(recipe, 1))
        lane.run_epoch()
        run = lane.session.run
        state = run.state()
        kept = [
            (each.data_ptr(), each.clone())
            for values in run.step.optimizer.state.values()
            for each in values.values()
        ]
        stored = torch.utils._pytree.tree_map(
            lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, state
        )
        poison(run)
        run.restore(stored)
        now = [
            (each.data_ptr(), each)
            for values in run.step.optimizer.state.values()
            for each in values.values()
        ]
    assert kept
    for (before, value), (after, restored) in zip(kept, now, strict=True):
        assert before == after
        assert torch.equal(value, restored)


# -- In lanes ---------------------------------------------------------------------------------


class Lanes:
    """Lanes whose steps are recorded on the CPU."""

    def __init__(self, site: Site, count: int, places: int | None = None) -> None:
        self.streams = tuple(EmulatedStream() for _ in range(places or count))
        self.set = LaneSet(site, lanes=count, streams=self.streams)

    @property
    def recorded(self) -> int:
        return sum(len(stream.recorders) for stream in self.streams)

    @property
    def alive(self) -> int:
        return sum(not each.closed for stream in self.streams for each in stream.recorders)

    def run(self, jobs: dict[str, Assignment]) -> dict[str, LaneEvent]:
        for key, job in jobs.items():
            self.set.add(key, job)
        last: dict[str, LaneEvent] = {}
        while self.set:
            last |= {each.key: each for each in self.set.turn()[0] if each.epoch is None}
        return last


@pytest.fixture
def lanes(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Lanes]]:
    made: list[Lanes] = []
    monkeypatch.setattr(LaneSet, "pause", lambda lanes: None)

    def new(count: int, places: int | None = None) -> Lanes:
        made.append(Lanes(cells.site, count, places))
        return made[-1]

    yield new
    for each in reversed(made):
        each.set.close()
        assert not each.alive


def results(outcomes: dict[str, LaneEvent]) -> dict[str, dict[str, Any]]:
    assert all(each.result for each in outcomes.values()), outcomes
    return {key: each.result.result for key, each in outcomes.items() if each.result}


def alone(jobs: dict[str, Assignment], cells: Cells) -> dict[str, dict[str, Any]]:
    return {
        key: train_run(job.recipe, job.seeds, cache_dir=cells.site.cache_dir).result
        for key, job in jobs.items()
    }


@pytest.fixture
def replicates(make_recipe: Make, cells: Cells) -> dict[str, Assignment]:
    """Two cells in turn, three replicates each; both cells of a replicate share its split."""
    recipes = [make_recipe(training_epochs=1, training_batch_size=size) for size in (16, 24)]
    return {f"{at} {index}": cells.job(recipes[at], index) for index in (1, 2, 3) for at in (0, 1)}


def test_a_cell_is_recorded_once_a_lane_and_shared_splits_stay_as_they_are(
    lanes: Callable[..., Lanes], replicates: dict[str, Assignment], cells: Cells
) -> None:
    straight = alone(replicates, cells)
    there = lanes(2)
    assert results(there.run(replicates)) == straight
    assert there.recorded == 2


def test_the_places_are_as_many_as_there_are_recordings_to_keep(
    lanes: Callable[..., Lanes], replicates: dict[str, Assignment], cells: Cells
) -> None:
    straight = alone(replicates, cells)
    one, two = lanes(1), lanes(1, places=2)
    assert results(one.run(replicates)) == straight
    assert results(two.run(replicates)) == straight
    # One place gives way to the other cell each time; two keep both.
    assert (one.recorded, one.alive) == (len(replicates), 1)
    assert (two.recorded, two.alive) == (2, 2)


def test_splits_that_are_too_large_to_be_copied_are_read_by_their_own_recordings_alone(
    lanes: Callable[..., Lanes],
    replicates: dict[str, Assignment],
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Room, "owned", lambda room, data: False)
    jobs = {key: job for key, job in replicates.items() if key.startswith("0")}
    again = {f"again {key}": replace(job) for key, job in list(jobs.items())[-1:]}
    there = lanes(1)
    assert results(there.run(jobs | again)) == alone(jobs | again, cells)
    assert there.recorded == len(jobs)  # the last split comes twice


def test_what_a_run_that_failed_had_recorded_is_not_used_again(
    lanes: Callable[..., Lanes],
    replicates: dict[str, Assignment],
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = {key: job for key, job in replicates.items() if key.startswith("0")}
    straight = alone(jobs, cells)
    begin = Run.begin_epoch

    def breaks(run: Run) -> None:
        if run.seeds.init == 2:
            raise ZeroDivisionError
        begin(run)

    monkeypatch.setattr(Run, "begin_epoch", breaks)
    there = lanes(1)
    done = there.run(jobs)
    assert isinstance(done.pop("0 2").error, ZeroDivisionError)
    assert results(done) == {key: straight[key] for key in ("0 1", "0 3")}
    assert (there.recorded, there.alive) == (2, 1)


def test_a_run_that_cannot_take_over_leaves_no_recording_behind(
    lanes: Callable[..., Lanes],
    replicates: dict[str, Assignment],
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = {key: job for key, job in replicates.items() if key.startswith("0")}
    straight = alone(jobs, cells)
    take = Apparatus.take_over
    asked: list[int] = []

    def full(apparatus: Apparatus, *arguments: Any) -> None:
        asked.append(1)
        take(apparatus, *arguments)
        if len(asked) == 1:
            raise torch.OutOfMemoryError

    monkeypatch.setattr(Apparatus, "take_over", full)
    there = lanes(1)
    done = there.run(jobs)
    assert isinstance(done.pop("0 2").error, torch.OutOfMemoryError)  # nobody had memory to give
    assert results(done) == {key: straight[key] for key in ("0 1", "0 3")}
    assert (there.recorded, there.alive) == (2, 1)


def test_a_run_that_lacks_memory_gets_that_of_the_kept_recordings(
    lanes: Callable[..., Lanes],
    replicates: dict[str, Assignment],
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = dict(list(replicates.items())[:2])
    straight = alone(jobs, cells)
    begin, there = Run.begin_epoch, lanes(1, places=2)

    def full(run: Run) -> None:
        if there.set.room.places.kept:
            raise torch.OutOfMemoryError
        begin(run)

    monkeypatch.setattr(Run, "begin_epoch", full)
    assert results(there.run(jobs)) == straight
    assert (there.recorded, there.alive) == (3, 1)
    assert there.set.count.limit == 1


class Kept:
    """Stands for a recording."""

    def __init__(self, name: str, closed: list[str]) -> None:
        self.cell, self.closed = name, closed

    def close(self) -> None:
        self.closed.append(self.cell)


def test_kept_recordings_give_way_to_a_lane_that_needs_their_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[str] = []
    room = Room(CPU, [HostStream() for _ in range(4)])
    room.budget = budget = MemoryBudget(total=100, margin=0)
    monkeypatch.setattr(
        "vggstudy.training.lanes.room.free_bytes", lambda device: 100 - sum(budget.held.values())
    )
    for place, name in enumerate("abc"):
        budget.took(place, name, used=30, expected=None)
        room.leave(place, Kept(name, closed))  # type: ignore[arg-type]
    assert room.find("d", 5) == 10  # beside them all
    budget.took(3, "d", used=10, expected=None)
    assert room.find("e", 20) == 60  # instead of the two that ended last
    assert closed == ["c", "b"]
    assert room.find("f", 100) is None  # a lane that trains does not give way
    assert closed == ["c", "b", "a"]
    assert budget.held == {3: 10}


def test_a_place_is_found_by_its_cell_and_only_while_nobody_is_there(
    make_recipe: Make, cells: Cells
) -> None:
    recipe = make_recipe(training_epochs=1)
    with cells.site.computing(recipe):
        recording = cells.after(recipe, spoilt=False)
        data = prepare(cells.job(recipe, 5), cells.site).data
    places = Places([HostStream(), HostStream()])
    places.keep(1, recording)
    assert places.known(recording.cell, data, taken={1}) is None
    assert places.known("another", data, taken=set()) is None
    place = places.known(recording.cell, data, taken={0})
    assert place is not None
    assert (place.number, place.recording) == (1, recording)
    smaller = replace(data, test=data.validation)
    assert places.known(recording.cell, smaller, taken=set()) is None
    places.use(place)
    assert not places.kept
    empty = places.empty(taken={0})
    assert empty is not None
    assert empty.recording is None


def test_momentum_that_is_there_before_the_first_step_is_restored_in_place(
    make_recipe: Make,
) -> None:
    # On a GPU momentum exists from the beginning; a recording may know it already.
    model = nn.Linear(2, 2)
    settings = make_recipe(training_optimizer="sgd", training_momentum=0.9).training
    optimizer = make_optimizer(settings, model.parameters(), CPU)
    for parameter in model.parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.full_like(parameter, 3.0)
    state = optimizer.state_dict()
    stored = {**state, "state": {0: {"momentum_buffer": torch.ones(2, 2)}}}
    from vggstudy.training.optim import restore_optimizer

    buffers = [optimizer.state[each]["momentum_buffer"] for each in model.parameters()]
    restore_optimizer(optimizer, stored)
    assert [optimizer.state[each]["momentum_buffer"] for each in model.parameters()] == buffers
    assert tensors_sha256({"w": buffers[0]}) == tensors_sha256({"w": torch.ones(2, 2)})
    assert not buffers[1].any()  # of which the checkpoint knows nothing: it had no gradient yet
