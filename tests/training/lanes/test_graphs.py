"""Recorded steps, repeated on the CPU as a CUDA graph would be: the bits of eager steps.

`emulated` has the recorder.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef

from tests.training.lanes.emulated import (
    EmulatedRecorder,
    EmulatedStream,
    Reads,
    Tape,
    tensor_rate,
)
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training.determinism import deterministic, tensors_sha256
from vggstudy.training.lanes.graphs import Body, GraphSteps, Snapshot
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.streams import HostStream
from vggstudy.training.nets.build import state_tensors
from vggstudy.training.nets.norms import NativeBatchNorm2d, use_native_norms
from vggstudy.training.session import Assignment, Session, Site

Make = Callable[..., Recipe]
CPU = torch.device("cpu")


class Recorded:
    """Trains a recipe eagerly and by recordings."""

    def __init__(self, seeds: Seeds, cache_dir: Path) -> None:
        self.seeds, self.site = seeds, Site(device=CPU, cache_dir=cache_dir)

    def session(self, recipe: Recipe, checkpoint: Path | None = None) -> Session:
        session = Session(
            Assignment(recipe=recipe, seeds=self.seeds, checkpoint=checkpoint), self.site
        )
        tensor_rate(session.run)
        return session

    def eager(self, recipe: Recipe, **options: Any) -> dict[str, Any]:
        with self.site.computing(recipe):
            lane = Lane(self.session(recipe, **options), HostStream())
            while not lane.over:
                lane.run_epoch()
            return lane.finish().result

    def replayed(self, recipe: Recipe, **options: Any) -> dict[str, Any]:
        stream = EmulatedStream()
        with self.site.computing(recipe):
            lane = Lane(self.session(recipe, **options), stream, chunk=3)
            assert lane.refused is None
            while not lane.over:
                lane.run_epoch()
            result = lane.finish().result
            lane.close()
        (recorder,) = stream.recorders
        assert recorder.replays > 0
        assert recorder.closed
        return result


@pytest.fixture
def recorded(seeds: Seeds, cache_dir: Path) -> Recorded:
    return Recorded(seeds, cache_dir)


RECIPES: list[dict[str, Any]] = [
    {},
    {"model_batch_norm": True, "model_dropout": 0.3, "data_flip": True, "data_crop": 2},
    {"training_optimizer": "sgd", "training_momentum": 0.9, "training_lr": 0.01},
    {"training_optimizer": "sgd", "training_lr": 0.01, "training_weight_decay": 0.01},
    {"training_optimizer": "adamw", "training_batch_size": 24, "data_data_norm": True},
    {"training_batch_size": 24, "training_drop_last": True, "model_batch_norm": True},
    {"training_batch_size": 100, "training_early_stopping": {"monitor": "test_loss"}},
    {"training_scheduler": {"name": "cosine"}, "training_output": "softmax"},
    {"training_loss": "weighted_cross_entropy", "data_flip": True},
    {"training_precision": "bfloat16", "model_batch_norm": True},
]


@pytest.mark.parametrize("changes", RECIPES, ids=lambda each: ",".join(each) or "plain")
def test_recorded_steps_compute_the_bits_of_eager_steps(
    changes: dict[str, Any], make_recipe: Make, recorded: Recorded
) -> None:
    recipe = make_recipe(**changes)
    assert recorded.replayed(recipe) == recorded.eager(recipe)


def test_a_rate_on_the_host_would_be_frozen(
    make_recipe: Make, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So the test above would notice it: the recorder is as strict as a graph.
    monkeypatch.setattr(f"{__name__}.tensor_rate", lambda run: None)
    recipe = make_recipe(training_scheduler={"name": "cosine"})
    replayed, eager = recorded.replayed(recipe), recorded.eager(recipe)
    assert replayed["curves"]["lr"] == eager["curves"]["lr"]
    assert replayed["parameters_sha256"] != eager["parameters_sha256"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_recording_leaves_a_run_as_it_found_it(
    optimizer: str, make_recipe: Make, recorded: Recorded, tmp_path: Path
) -> None:
    recipe = make_recipe(
        model_batch_norm=True,
        training_optimizer=optimizer,
        training_momentum=0.9 * (optimizer == "sgd"),
    )
    with recorded.site.computing(recipe):
        session = recorded.session(recipe)
        run = session.run
        before = tensors_sha256(state_tensors(run.model))
        addresses = [value.data_ptr() for value in state_tensors(run.model).values()]
        Lane(session, EmulatedStream())
        assert tensors_sha256(state_tensors(run.model)) == before
        assert [value.data_ptr() for value in state_tensors(run.model).values()] == addresses
        assert not run.step.totals.any()
        states = [s for state in run.step.optimizer.state.values() for s in state.values()]
        assert states
        assert not any(bool(value.any()) for value in states)


def test_recording_in_the_middle_of_a_run_keeps_the_optimizers_state(
    make_recipe: Make, recorded: Recorded
) -> None:
    recipe = make_recipe()
    with recorded.site.computing(recipe):
        session = recorded.session(recipe)
        Lane(session, HostStream()).run_epoch()
        optimizer = session.run.step.optimizer

        def values() -> list[Tensor]:
            return [s.clone() for state in optimizer.state.values() for s in state.values()]

        before = values()
        Lane(session, EmulatedStream())
        assert all(torch.equal(a, b) for a, b in zip(before, values(), strict=True))
        assert any(bool(value.any()) for value in before)


@pytest.mark.parametrize("first", ["eager", "replayed"])
def test_a_run_goes_on_in_recordings_where_eager_steps_stopped_and_the_reverse(
    first: str, make_recipe: Make, recorded: Recorded, tmp_path: Path
) -> None:
    recipe = make_recipe(model_dropout=0.2, training_epochs=4, data_flip=True)
    path = tmp_path / "checkpoint.pt"
    with recorded.site.computing(recipe):
        stream = HostStream() if first == "eager" else EmulatedStream()
        lane = Lane(recorded.session(recipe, path), stream)
        lane.run_epoch()
        lane.run_epoch()
        lane.interrupt()
    finish = recorded.replayed if first == "eager" else recorded.eager
    assert finish(recipe, checkpoint=path) == recorded.eager(recipe)


def test_a_finished_run_is_not_recorded(make_recipe: Make, recorded: Recorded) -> None:
    stream = EmulatedStream()
    recipe = make_recipe(training_epochs=1)
    with recorded.site.computing(recipe):
        session = recorded.session(recipe)
        Lane(session, HostStream()).run_epoch()
        assert Lane(session, stream).over
    assert not stream.recorders


class WatchingRecorder(EmulatedRecorder):
    """Keeps nothing of what it records, as a device that knows addresses alone."""

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[str, StorageWeakRef] = {}

    def record(self, body: Body) -> Body:
        with Reads() as reads:
            body()
        self.read |= reads.found
        return lambda: None


@pytest.mark.parametrize("changes", RECIPES, ids=lambda each: ",".join(each) or "plain")
def test_everything_that_a_recording_reads_is_alive_afterwards(
    changes: dict[str, Any],
    make_recipe: Make,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder = WatchingRecorder()
    monkeypatch.setattr(EmulatedStream, "recorder", lambda self, generator: recorder)
    recipe = make_recipe(**changes)
    with recorded.site.computing(recipe):
        lane = Lane(recorded.session(recipe), EmulatedStream())
        gc.collect()
        dead = [
            name
            for name, storage in recorder.read.items()
            if storage.expired()  # type: ignore[no-untyped-call]
        ]
        assert lane.recording is not None
        assert lane.recording.recorder is recorder
    assert len(recorder.read) > 20
    assert not dead


class Peeking(nn.Module):
    """Reads a number from the device in its forward pass."""

    def forward(self, value: Tensor) -> Tensor:
        return value * 1.0 if float(value.detach().sum()) > 0 else value


def test_steps_that_wait_for_the_device_are_issued_singly_and_the_reason_is_kept(
    make_recipe: Make, recorded: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = make_recipe()
    stream = EmulatedStream()
    with recorded.site.computing(recipe):
        session = recorded.session(recipe)
        session.run.model.features.append(Peeking())  # type: ignore[union-attr, operator]
        before = session.run.apparatus.dropout
        lane = Lane(session, stream)
        assert lane.refused is not None
        assert "not permitted when stream is capturing" in lane.refused
        assert (
            session.run.apparatus.dropout is not before
        )  # a broken capture has drawn from that one
        while not lane.over:
            lane.run_epoch()
        # Multiplying by one changes no bit: the run is that of the network without the layer.
        assert lane.finish().result["curves"] == recorded.eager(recipe)["curves"]
    assert stream.recorders[0].closed
    assert "issued singly" in caplog.text


def test_recording_in_turns_can_be_left_off_at_any_of_them(
    make_recipe: Make, recorded: Recorded, tmp_path: Path
) -> None:
    recipe = make_recipe(model_batch_norm=True, model_dropout=0.3, training_batch_size=24)
    straight = recorded.eager(recipe)
    turns = 0
    with recorded.site.computing(recipe):
        done = False
        while not done:
            session = recorded.session(recipe, tmp_path / "checkpoint.pt")
            before = tensors_sha256(state_tensors(session.run.model))
            lane = Lane(session, EmulatedStream(), gradual=True)
            for _ in range(turns):
                assert not lane.prepared
                lane.turn()
            done = lane.prepared
            assert lane.interrupt().epoch == 0
            assert tensors_sha256(state_tensors(session.run.model)) == before
            turns += 1
        while not lane.over:
            lane.run_epoch()
        assert lane.finish().result == straight
    # Two warm-ups of two batch sizes and a pass, a wait, three captures, the timing and its result.
    assert turns > 3 * 2 + 1 + 3 + 2


def test_steps_are_timed_only_where_nobody_knows_their_time(
    make_recipe: Make, recorded: Recorded
) -> None:
    recipe = make_recipe()
    with recorded.site.computing(recipe):
        times = [
            Lane(recorded.session(recipe), EmulatedStream(), step_s=known).step_s
            for known in (None, 0.0, 0.25)
        ]
    assert times == [0.001, 0.0, 0.25]


class FullRecorder(EmulatedRecorder):
    def record(self, body: Body) -> Body:
        msg = "CUDA out of memory"
        raise torch.OutOfMemoryError(msg)


def test_a_lack_of_memory_is_no_reason_to_issue_singly(
    make_recipe: Make, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = FullRecorder()
    monkeypatch.setattr(EmulatedStream, "recorder", lambda self, generator: recorder)
    recipe = make_recipe()
    with recorded.site.computing(recipe):
        session = recorded.session(recipe)
        before = tensors_sha256(state_tensors(session.run.model))
        with pytest.raises(torch.OutOfMemoryError):
            Lane(session, EmulatedStream())
        assert tensors_sha256(state_tensors(session.run.model)) == before
    assert recorder.closed


def test_a_snapshot_makes_new_state_of_the_optimizer_zero(
    make_recipe: Make, recorded: Recorded
) -> None:
    recipe = make_recipe(training_optimizer="sgd", training_momentum=0.5)
    with recorded.site.computing(recipe):
        run = recorded.session(recipe).run
        snapshot = Snapshot.of(run.step)
        run.step(torch.ones(2, 3, 32, 32), torch.tensor([0, 1]))
        snapshot.restore()
        buffers = [state["momentum_buffer"] for state in run.step.optimizer.state.values()]
    assert buffers
    assert not any(bool(buffer.any()) for buffer in buffers)


@pytest.mark.parametrize("training", [True, False])
def test_native_batch_normalisation_has_the_bits_of_torchs(training: bool) -> None:
    torch.manual_seed(1)
    plain = nn.Sequential(nn.Sequential(nn.BatchNorm2d(5)), nn.BatchNorm2d(5)).train(training)
    native = nn.Sequential(nn.Sequential(nn.BatchNorm2d(5)), nn.BatchNorm2d(5)).train(training)
    native.load_state_dict(plain.state_dict())
    names, tensors = list(native.state_dict()), [id(each) for each in native.parameters()]
    assert use_native_norms(native) == 2
    assert list(native.state_dict()) == names
    assert [id(each) for each in native.parameters()] == tensors
    assert isinstance(native[1], NativeBatchNorm2d)
    assert native[1].training == training
    images = torch.randn(4, 5, 6, 6).to(memory_format=torch.channels_last)
    found = []
    for model in (plain, native):
        value = images.clone().requires_grad_()
        result = model(value)
        result.square().sum().backward()
        gradients = [each.grad for each in model.parameters()]
        found.append([result, value.grad, *gradients, *model.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_native_batch_normalisation_asks_for_the_native_operation_by_its_name() -> None:
    # `torch.batch_norm` dispatches to cuDNN on a GPU, whatever its argument says.
    with Tape() as tape:
        use_native_norms(model := nn.Sequential(nn.BatchNorm2d(3)))
        model(torch.randn(2, 3, 4, 4))
    assert torch.ops.aten.native_batch_norm.default in [call[0] for call in tape.calls]
    assert "torch.native_batch_norm(" in inspect.getsource(NativeBatchNorm2d.forward)


def test_cumulative_batch_normalisation_stays_torchs() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=None))
    assert use_native_norms(model) == 0
    assert type(model[0]) is nn.BatchNorm2d


def test_batches_are_gathered_at_the_devices_own_place_in_the_order(
    make_recipe: Make, recorded: Recorded
) -> None:
    recipe = make_recipe(training_batch_size=24)
    with deterministic(CPU, threads=1, precision="float32"):
        run = recorded.session(recipe).run
        steps = GraphSteps(
            run.step,
            run.data,
            run.bounds,
            watched=run.watched_splits,
            augmented=False,
        )
        list(steps.record(EmulatedRecorder()))
        steps.begin(torch.arange(64), None)
        places = []
        for index in range(len(run.bounds)):
            places.append(int(steps.position))
            steps.issue(index, index + 1)
    assert sorted(steps.replays) == [16, 24]
    assert places == [0, 24, 48]
    assert int(steps.position) == 64
