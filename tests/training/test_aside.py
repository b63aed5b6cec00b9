"""Work beside the driving thread: on a copy, in order, and nothing of it is lost without a word."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vggstudy.errors import ExecutionError
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import keeper as module
from vggstudy.training.aside import Background, Beside, Directly
from vggstudy.training.checkpoint import write_checkpoint
from vggstudy.training.determinism import tensors_sha256
from vggstudy.training.keeper import CHECKPOINT_SHARE
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.session import Assignment, Session, Site

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


class Gate:
    """Holds a background thread until it is opened."""

    def __init__(self, thread: Background) -> None:
        self.event = threading.Event()
        thread.submit(self.event.wait)

    def open(self) -> None:
        self.event.set()


@pytest.fixture
def thread() -> Iterator[Background]:
    made = Background("test")
    yield made
    made.close()


def test_a_call_beside_sees_the_values_of_when_it_was_asked_for(thread: Background) -> None:
    gate = Gate(thread)
    value: dict[str, Any] = {"weights": torch.zeros(3), "curve": [1.0], "epoch": 1, "none": None}
    seen = Beside(HostStream().stage, thread).submit(value, lambda given: given)
    value["weights"].fill_(7)
    value["curve"].append(2.0)
    gate.open()
    given = seen.result()
    assert given["weights"].tolist() == [0, 0, 0]
    assert (given["curve"], given["epoch"], given["none"]) == ([1.0], 1, None)


def test_calls_beside_are_made_in_another_thread_one_after_another(thread: Background) -> None:
    beside, order = Beside(HostStream().stage, thread), []
    gate = Gate(thread)
    assert not beside.idle

    def note(value: int) -> int:
        order.append(value)
        return threading.get_ident()

    found: list[Future[int]] = [beside.submit(index, note) for index in range(3)]
    gate.open()
    assert {each.result() for each in found} != {threading.get_ident()}
    assert order == [0, 1, 2]
    assert beside.idle


def test_what_is_raised_is_kept_until_it_is_asked_for(thread: Background) -> None:
    def fail(value: object) -> None:
        msg = "it breaks"
        raise OSError(msg)

    for aside in (Beside(HostStream().stage, thread), Directly()):
        future = aside.submit(torch.zeros(1), fail)
        with pytest.raises(OSError, match="it breaks"):
            future.result()


def test_a_thread_that_is_closed_finishes_its_call_and_drops_the_others() -> None:
    thread = Background("test")
    gate = Gate(thread)
    dropped = thread.submit(lambda: None)
    gate.open()
    thread.close()
    assert dropped.done()


class Lanes:
    """Trains a few runs in lanes, with or without threads beside them."""

    def __init__(self, cache_dir: Path, folder: Path) -> None:
        self.cache_dir, self.folder = cache_dir, folder

    def run(self, recipe: Recipe, *, threads: bool, every_s: float = 0.0) -> dict[str, LaneEvent]:
        site = Site(device=CPU, cache_dir=self.cache_dir, checkpoint_every_s=every_s)
        lanes = LaneSet(site, lanes=2, threads=threads)
        for index in range(4):
            seeds = Seeds(init=index, order=1, augmentation=2, dropout=3, split=index % 2)
            path = self.folder / f"{threads}-{index}.pt"
            lanes.add(str(index), Assignment(recipe=recipe, seeds=seeds, checkpoint=path))
        done: dict[str, LaneEvent] = {}
        while lanes:
            outcomes, progress = lanes.turn()
            done |= {each.key: each for each in outcomes if each.epoch is None}
            if not progress:
                lanes.pause()
        lanes.close()
        return done


@pytest.fixture
def lanes(cache_dir: Path, tmp_path: Path) -> Lanes:
    return Lanes(cache_dir, tmp_path)


@pytest.mark.parametrize("every_s", [0.0, 1e-9])
def test_runs_prepared_and_hashed_beside_have_the_bits_of_others(
    every_s: float, lanes: Lanes, make_recipe: Make
) -> None:
    recipe = make_recipe(model_init="he_normal", training_epochs=3)
    plain, beside = (
        {
            key: outcome.result.result
            for key, outcome in lanes.run(recipe, threads=threads, every_s=every_s).items()
            if outcome.result is not None
        }
        for threads in (False, True)
    )
    assert len(plain) == 4
    assert beside == plain


def session_of(recipe: Recipe, seeds: Seeds, site: Site, path: Path, **options: Any) -> Session:
    return Session(Assignment(recipe=recipe, seeds=seeds, checkpoint=path), site, **options)


def test_a_checkpoint_beside_holds_the_epoch_at_which_it_was_asked_for(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path, thread: Background
) -> None:
    recipe, path = make_recipe(training_epochs=4), tmp_path / "checkpoint.pt"
    site = Site(device=CPU, cache_dir=cache_dir, checkpoint_every_s=1e-9)
    with site.computing(recipe):
        beside = Beside(HostStream().stage, thread)
        session = session_of(recipe, seeds, site, path, aside=beside)
        lane = Lane(session, HostStream())
        gate = Gate(thread)
        session.keeper.aside = Eager(beside)  # as if the thread were idle, although it is held
        lane.run_epoch()
        weights = tensors_sha256(session.run.model.state_dict())
        session.keeper.every_s = 1e9
        lane.run_epoch()
        assert not path.exists()
        gate.open()
        session.close()
        resumed = session_of(recipe, seeds, site, path)
        assert resumed.run.epoch == 1
        assert tensors_sha256(resumed.run.model.state_dict()) == weights


class Eager:
    """Takes calls although the thread is busy."""

    idle = True

    def __init__(self, beside: Beside) -> None:
        self.submit = beside.submit


def test_no_second_checkpoint_is_asked_for_while_one_is_written(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path, thread: Background
) -> None:
    recipe, path = make_recipe(training_epochs=3), tmp_path / "checkpoint.pt"
    site = Site(device=CPU, cache_dir=cache_dir, checkpoint_every_s=1e-9)
    with site.computing(recipe):
        beside = Beside(HostStream().stage, thread)
        lane = Lane(session_of(recipe, seeds, site, path, aside=beside), HostStream())
        gate = Gate(thread)
        lane.run_epoch()
        assert lane.session.keeper.writing is None
        gate.open()


def test_an_interrupted_run_waits_until_its_checkpoint_is_written(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path, thread: Background
) -> None:
    recipe, path = make_recipe(training_epochs=4), tmp_path / "checkpoint.pt"
    site = Site(device=CPU, cache_dir=cache_dir, checkpoint_every_s=1e9)
    with site.computing(recipe):
        beside = Beside(HostStream().stage, thread)
        lane = Lane(session_of(recipe, seeds, site, path, aside=beside), HostStream())
        lane.run_epoch()
        lane.run_epoch()
        assert lane.interrupt().epoch == 2
        assert session_of(recipe, seeds, site, path).run.epoch == 2


def test_a_checkpoint_that_cannot_be_written_beside_stops_the_run(
    lanes: Lanes, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, **content: object) -> None:
        msg = f"cannot write the checkpoint {path}: No space left on device"
        raise ExecutionError(msg)

    monkeypatch.setattr(module, "write_checkpoint", full)
    done = lanes.run(make_recipe(training_epochs=30), threads=True, every_s=1e-9)
    assert all(isinstance(each.error, ExecutionError) for each in done.values())


def test_nothing_is_written_after_a_result_has_been_told(
    lanes: Lanes, make_recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever records the result removes the checkpoint, and it must stay away.
    gate = threading.Event()
    written: list[Path] = []

    def slow(path: Path, **content: Any) -> None:
        gate.wait(0.05)
        write_checkpoint(path, **content)
        written.append(path)

    monkeypatch.setattr(module, "write_checkpoint", slow)
    told: list[list[Path]] = []
    conclude = Session.conclude

    def watching(session: Session, fetch: Callable[[Tensor], Any]) -> Any:
        result = yield from conclude(session, fetch)
        told.append(written.copy())
        assert session.keeper.writing is None
        return result

    monkeypatch.setattr(Session, "conclude", watching)
    lanes.run(make_recipe(training_epochs=2), threads=True, every_s=1e-9)
    assert len(told) == 4
    assert told[-1] == written


def test_checkpoints_take_no_more_than_their_share_of_the_driving_thread(
    make_recipe: Make, seeds: Seeds, cache_dir: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(training_epochs=3)
    site = Site(device=CPU, cache_dir=cache_dir, checkpoint_every_s=0.5)
    with site.computing(recipe):
        keeper = session_of(recipe, seeds, site, tmp_path / "checkpoint.pt").keeper
    keeper.written_at, keeper.cost_s = 100.0, 0.2
    assert not keeper._due(100.0 + 0.99 * 0.2 / CHECKPOINT_SHARE)
    assert keeper._due(100.0 + 1.01 * 0.2 / CHECKPOINT_SHARE)
    keeper.cost_s = 0.0
    assert not keeper._due(100.4)
    assert keeper._due(100.6)
    keeper.every_s, keeper.cost_s = 0.0, 0.2  # after every epoch, whatever it costs
    assert keeper._due(100.0)
