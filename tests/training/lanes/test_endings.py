"""Runs that leave their lanes before their result is there: the same bits, few at a time, told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.lanes.emulated import EmulatedStream
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import summary, train_run
from vggstudy.training.determinism import tensors_sha256
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.session import Assignment, Site

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


class Held:
    """One lane with threads beside it, in which weights are hashed when that is allowed."""

    def __init__(self, cache_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site = Site(device=CPU, cache_dir=cache_dir, checkpoint_every_s=1e-9)
        self.folder, self.allowed = folder, threading.Event()
        self.made: list[LaneSet] = []
        self.told: list[LaneEvent] = []

        def held(tensors: Any) -> str:
            assert self.allowed.wait(10)
            return tensors_sha256(tensors)

        monkeypatch.setattr(summary, "tensors_sha256", held)

    def lanes(self, stream: HostStream, recipe: Recipe, runs: int) -> LaneSet:
        lanes = LaneSet(self.site, lanes=1, streams=(stream,), threads=True)
        self.made.append(lanes)
        for index in range(runs):
            seeds = Seeds(index, index, index, index, split=index)
            job = Assignment(recipe=recipe, seeds=seeds, checkpoint=self.folder / f"{index}.pt")
            lanes.add(str(index), job)
        return lanes

    def drive(self, lanes: LaneSet, until: Callable[[], bool] = lambda: False) -> None:
        while lanes and not until():
            outcomes, progress = lanes.turn()
            self.told += [each for each in outcomes if each.epoch is None]
            if not progress:
                lanes.pause()


@pytest.fixture
def held(cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    made = Held(cache_dir, tmp_path, monkeypatch)
    yield made
    made.allowed.set()
    for each in made.made:
        each.close()


def keys(lanes: LaneSet) -> tuple[list[str], list[str]]:
    """Runs in lanes, and those that have left them."""
    return [each.key for each in lanes.active], [each.key for each in lanes.left]


@pytest.mark.parametrize("stream", [HostStream, EmulatedStream])
def test_the_next_run_trains_while_the_weights_of_the_last_are_hashed(
    stream: type[HostStream], held: Held, make_recipe: Make
) -> None:
    recipe = make_recipe(training_epochs=2, model_batch_norm=True)
    lanes = held.lanes(stream(), recipe, 2)
    held.drive(lanes, lambda: bool(lanes.active) and lanes.active[0].key == "1")
    second = lanes.active[0].lane.session.run
    held.drive(lanes, lambda: second.epoch == 1)
    assert keys(lanes) == (["1"], ["0"])
    assert (held.told, len(lanes), lanes.wanted) == ([], 2, 2)
    if stream is EmulatedStream:  # in the tensors of the first
        assert lanes.active[0].lane.recording is not None
    held.allowed.set()
    held.drive(lanes)
    assert [each.key for each in held.told] == ["0", "1"]
    assert lanes.wanted == 1
    for index, each in enumerate(held.told):
        assert each.result is not None
        seeds = Seeds(index, index, index, index, split=index)
        alone = train_run(recipe, seeds, cache_dir=held.site.cache_dir)
        assert each.result.result == alone.result


def test_no_run_begins_while_more_have_left_than_there_are_lanes(
    held: Held, make_recipe: Make
) -> None:
    lanes = held.lanes(HostStream(), make_recipe(training_epochs=1), 3)
    held.drive(lanes, lambda: len(lanes.left) == 2)
    lanes.turn()  # the third is prepared
    assert lanes.arrivals.thread is not None
    lanes.arrivals.thread.submit(lambda: None).result()
    assert lanes.turn() == ([], False)
    assert keys(lanes) == ([], ["0", "1"])  # the weights of three would be on the device
    held.allowed.set()
    held.drive(lanes)
    assert len(held.told) == 3


def test_weights_that_cannot_be_hashed_fail_their_run_alone(
    held: Held, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(100))

    def failing(tensors: Any) -> str:
        if next(calls) == 0:
            msg = "the device answers no more"
            raise OSError(msg)
        return tensors_sha256(tensors)

    monkeypatch.setattr(summary, "tensors_sha256", failing)
    held.allowed.set()
    held.drive(held.lanes(HostStream(), make_recipe(training_epochs=1), 2))
    first, second = sorted(held.told, key=lambda each: each.key)
    assert isinstance(first.error, OSError)
    assert second.result is not None


def test_a_stop_lets_runs_that_have_left_have_their_result(held: Held, make_recipe: Make) -> None:
    lanes = held.lanes(HostStream(), make_recipe(training_epochs=1), 2)
    held.drive(lanes, lambda: len(lanes.left) == 1)
    lanes.stop()
    held.allowed.set()
    held.drive(lanes)
    found = {each.key: each for each in held.told}
    assert found["0"].result is not None
    assert found["1"].error is not None


def test_lanes_that_are_closed_forget_runs_that_have_left(held: Held, make_recipe: Make) -> None:
    lanes = held.lanes(HostStream(), make_recipe(training_epochs=1), 1)
    held.drive(lanes, lambda: len(lanes.left) == 1)
    held.allowed.set()
    lanes.close()
    assert len(lanes) == 0
