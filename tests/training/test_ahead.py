"""Epochs drawn ahead: there before they are needed, of the same bits, thrown away on a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.lanes.emulated import EmulatedStream, tensor_rate
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import Interrupted, train_run
from vggstudy.training.ahead import Drawn, Draws
from vggstudy.training.aside import Background
from vggstudy.training.draws import epoch_order
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.graphs import GraphSteps
from vggstudy.training.lanes.lane import CHUNKS_AHEAD, Lane
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.pending import Pending
from vggstudy.training.session import Assignment, Session, Site

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


class Noted:
    """Draws of plain numbers; knows which thread has drawn which epoch."""

    def __init__(self) -> None:
        self.threads: list[tuple[int, str]] = []

    def __call__(self, epoch: int) -> Drawn:
        self.threads.append((epoch, threading.current_thread().name.split("_")[0]))
        return Drawn(epoch_order(7, epoch, 100), None)


@pytest.fixture
def thread() -> Iterator[Background]:
    made = Background("draw")
    yield made
    made.close()


@pytest.fixture
def gate(thread: Background) -> Iterator[threading.Event]:
    """Holds the thread until it is set."""
    event = threading.Event()
    thread.submit(event.wait)
    yield event
    event.set()


def test_an_epoch_that_was_asked_for_is_drawn_once_in_the_other_thread(thread: Background) -> None:
    noted = Noted()
    draws = Draws(noted, thread)
    first = draws.take(1)
    draws.ask(2)
    thread.submit(lambda: None).result()
    assert noted.threads == [(1, "MainThread"), (2, "draw")]
    second = draws.take(2)
    assert len(noted.threads) == 2
    assert first.order.tolist() == epoch_order(7, 1, 100).tolist()
    assert second.order.tolist() == epoch_order(7, 2, 100).tolist()


@pytest.mark.usefixtures("gate")
def test_an_epoch_that_the_thread_has_not_come_to_is_drawn_at_once(thread: Background) -> None:
    noted = Noted()
    draws = Draws(noted, thread)
    draws.ask(2)
    assert draws.take(2).order.tolist() == epoch_order(7, 2, 100).tolist()
    assert noted.threads == [(2, "MainThread")]


def test_another_epoch_than_the_one_that_was_asked_for_is_drawn_anew(thread: Background) -> None:
    draws = Draws(Noted(), thread)
    draws.ask(2)
    thread.submit(lambda: None).result()
    assert draws.take(5).order.tolist() == epoch_order(7, 5, 100).tolist()


def test_what_is_dropped_is_not_drawn(thread: Background, gate: threading.Event) -> None:
    noted = Noted()
    draws = Draws(noted, thread)
    draws.ask(2)
    draws.drop()
    gate.set()
    thread.submit(lambda: None).result()
    assert draws.ahead is None
    assert noted.threads == []


def test_what_fails_in_the_thread_is_raised_when_its_epoch_begins(thread: Background) -> None:
    def fail(epoch: int) -> Drawn:
        msg = f"no memory for epoch {epoch}"
        raise RuntimeError(msg)

    draws = Draws(fail, thread)
    draws.ask(2)
    with pytest.raises(RuntimeError, match="no memory for epoch 2"):
        draws.take(2)


class HeldStream(EmulatedStream):
    """Recordings whose sums come when they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.held = True

    def fetch(self, numbers: Tensor) -> Any:
        return Held(self, numbers.tolist())


class Held:
    """Numbers that are held."""

    def __init__(self, stream: HeldStream, numbers: list[float]) -> None:
        self.stream, self.numbers = stream, numbers

    def ready(self) -> bool:
        return not self.stream.held

    def values(self) -> list[float]:
        return self.numbers


class Lanes:
    """Lanes with threads beside them."""

    def __init__(self, cache_dir: Path, folder: Path, seeds: Seeds) -> None:
        self.site, self.folder, self.seeds = Site(device=CPU, cache_dir=cache_dir), folder, seeds
        self.made: list[LaneSet] = []

    def of(self, recipe: Recipe, *streams: HostStream) -> LaneSet:
        lanes = LaneSet(self.site, lanes=len(streams) or 1, streams=streams or None, threads=True)
        self.made.append(lanes)
        checkpoint = self.folder / "run.pt"
        lanes.add("run", Assignment(recipe=recipe, seeds=self.seeds, checkpoint=checkpoint))
        return lanes

    def drive(self, lanes: LaneSet, until: Callable[[LaneSet], bool]) -> list[LaneEvent]:
        events: list[LaneEvent] = []
        while lanes and not until(lanes):
            outcomes, progress = lanes.turn()
            events += outcomes
            if not progress:
                lanes.pause()
        return events


@pytest.fixture
def lanes(cache_dir: Path, tmp_path: Path, seeds: Seeds) -> Iterator[Lanes]:
    made = Lanes(cache_dir, tmp_path, seeds)
    yield made
    for each in reversed(made.made):  # each restores the switches that it found
        each.close()


def waiting(lanes: LaneSet) -> bool:
    """Whether the first lane has issued all of an epoch and waits for its sums."""
    return bool(lanes.active) and lanes.active[0].lane.sums is not None


def test_the_next_epoch_is_drawn_while_the_sums_of_the_last_are_not_there(
    lanes: Lanes, make_recipe: Make
) -> None:
    stream = HeldStream()
    there = lanes.of(make_recipe(data_flip=True, data_crop=2, training_epochs=2), stream)
    lanes.drive(there, waiting)
    run = there.active[0].lane.session.run
    assert run.epoch == 0
    assert run.draws.ahead is not None
    epoch, future = run.draws.ahead
    drawn = future.result()  # though the device has not answered
    assert epoch == 2
    assert drawn.order.tolist() == epoch_order(lanes.seeds.order, 2, 64).tolist()
    assert drawn.augmentation is not None

    stream.held = False
    lanes.drive(there, lambda there: bool(there.active) and run.epoch == 1)
    stream.held = True
    lanes.drive(there, waiting)
    assert isinstance(run.stepper, GraphSteps)
    assert torch.equal(run.stepper.order, drawn.order)
    assert run.draws.ahead is None  # there is no third


STOPS: dict[str, dict[str, Any]] = {
    "early_stopping": {
        "training_early_stopping": {"monitor": "val_loss", "patience": 1, "min_delta": 10.0},
        "training_epochs": 9,
    },
    "non_finite": {"training_optimizer": "sgd", "training_lr": 1e30, "training_epochs": 5},
    "epoch_cap": {"data_flip": True, "data_crop": 2, "model_dropout": 0.2, "training_epochs": 3},
}


@pytest.mark.parametrize("reason", STOPS)
def test_a_run_drawn_ahead_has_the_bits_that_it_has_alone_whatever_stops_it(
    reason: str, lanes: Lanes, make_recipe: Make
) -> None:
    recipe = make_recipe(**STOPS[reason])
    there = lanes.of(recipe)
    lanes.drive(there, lambda there: bool(there.active))
    draws = there.active[0].lane.session.run.draws
    events = lanes.drive(there, lambda _: False)
    result = events[-1].result
    assert result is not None
    assert result.result["stop_reason"] == reason
    assert draws.ahead is None
    alone = train_run(recipe, lanes.seeds, cache_dir=lanes.site.cache_dir)
    assert result.result == alone.result


def test_a_run_that_is_interrupted_goes_on_without_what_was_drawn_ahead(
    lanes: Lanes, make_recipe: Make
) -> None:
    recipe = make_recipe(data_flip=True, training_epochs=4)
    there = lanes.of(recipe)
    lanes.drive(there, lambda there: bool(there.active))
    run = there.active[0].lane.session.run
    lanes.drive(there, lambda _: run.epoch == 2)
    there.stop()
    (event,) = [each for each in lanes.drive(there, lambda _: False) if each.error]
    assert isinstance(event.error, Interrupted)
    assert run.draws.ahead is None
    again = lanes.drive(lanes.of(recipe), lambda _: False)
    assert again[-1].result is not None
    assert again[-1].result.timings["resumed_at"] == [run.epoch]
    alone = train_run(recipe, lanes.seeds, cache_dir=lanes.site.cache_dir)
    assert again[-1].result.result == alone.result


def test_a_run_alone_draws_each_epoch_when_it_begins(
    make_recipe: Make, cache_dir: Path, seeds: Seeds
) -> None:
    site = Site(device=CPU, cache_dir=cache_dir)
    recipe = make_recipe()
    with site.computing(recipe):
        run = Session(Assignment(recipe=recipe, seeds=seeds), site).run
        run.run_epoch()
    assert run.draws.ahead is None


def test_a_lane_whose_epoch_has_ended_begins_the_next_in_the_same_turn(
    lanes: Lanes, make_recipe: Make
) -> None:
    stream = HeldStream()
    there = lanes.of(make_recipe(training_epochs=2), stream)
    lanes.drive(there, waiting)
    stream.held = False
    (event,) = there.turn()[0]
    assert event.epoch is not None
    assert event.epoch.epoch == 1
    lane = there.active[0].lane
    assert lane.next_step is not None  # of the second epoch


class NeverReady(EmulatedStream):
    """Recordings on a device that never comes to an end."""

    def mark(self) -> Pending:
        return Never()


class Never:
    def ready(self) -> bool:
        return False


def test_recorded_steps_of_all_chunks_that_must_wait_are_issued_in_one_turn(
    make_recipe: Make, cache_dir: Path, seeds: Seeds
) -> None:
    site = Site(device=CPU, cache_dir=cache_dir)
    recipe = make_recipe(training_batch_size=2)
    with site.computing(recipe):
        session = Session(Assignment(recipe=recipe, seeds=seeds), site)
        tensor_rate(session.run)
        lane = Lane(session, NeverReady(), chunk=2, step_s=0.0)
        assert lane.turn().progress
        assert lane.next_step == CHUNKS_AHEAD * 2
        assert not lane.turn().progress
        lane.close()
