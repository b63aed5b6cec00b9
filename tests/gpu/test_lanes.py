"""Lanes on one GPU: equal bits alone and in lanes, recorded and single, straight and resumed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import Interrupted, train_run
from vggstudy.training.determinism import open_device, tensors_sha256
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.lanes.memory import MemoryBudget
from vggstudy.training.lanes.streams import CudaRecorder, CudaStream, lane_streams
from vggstudy.training.nets.build import state_tensors
from vggstudy.training.nets.norms import NativeBatchNorm2d
from vggstudy.training.session import Assignment, Session, Site

pytestmark = pytest.mark.gpu

Make = Callable[..., Recipe]

PLAIN = {"depth": 13, "width": 0.25}
MIXED: list[dict[str, Any]] = [
    {},
    {"model": PLAIN, "batch_size": 8, "epochs": 2},
    {"model": {"depth": 19, "width": 0.25, "batch_norm": True}, "optimizer": "adam"},
    {"batch_size": 360, "precision": "bfloat16"},
    {"model": PLAIN, "optimizer": "adamw", "precision": "tf32", "drop_last": True},
    {"momentum": 0.9, "lr": 0.01, "scheduler": {"name": "cosine"}},
    {"batch_size": 100, "epochs": 1},
    {"precision": "bfloat16", "optimizer": "adam", "batch_size": 16},
]
"""Depth, batch size, normalisation, precision, optimizer and length all differ."""


@pytest.fixture
def jobs(recipe: Make) -> dict[str, Assignment]:
    def seeds_of(index: int) -> Seeds:
        return Seeds(init=index, order=index, augmentation=index, dropout=index, split=index % 2)

    made = {}
    for index, changes in enumerate(MIXED):
        chosen = {"optimizer": "sgd", **changes}
        made[str(index)] = Assignment(recipe=recipe(**chosen), seeds=seeds_of(index))
    return made


ALONE: dict[str, dict[str, Any]] = {}
"""Results of runs alone, which many tests compare with."""


@pytest.fixture
def alone(jobs: dict[str, Assignment], cache_dir: Path) -> dict[str, dict[str, Any]]:
    for key, job in jobs.items():
        if key not in ALONE:
            done = train_run(job.recipe, job.seeds, device="cuda", cache_dir=cache_dir)
            assert done.execution["steps"] == "recorded", done.execution
            ALONE[key] = done.result
    return {key: ALONE[key] for key in jobs}


class Lanes:
    """Trains jobs in lanes."""

    def __init__(self, cache_dir: Path) -> None:
        self.site = Site(device=open_device("cuda"), cache_dir=cache_dir)
        self.made: list[LaneSet] = []

    def new(self, lanes: int | None, *, threads: bool | None = None) -> LaneSet:
        self.made.append(LaneSet(self.site, lanes=lanes, threads=threads))
        return self.made[-1]

    def run(self, lanes: LaneSet, jobs: dict[str, Assignment]) -> dict[str, LaneEvent]:
        for key, job in jobs.items():
            lanes.add(key, job)
        return self.drain(lanes)

    def drain(self, lanes: LaneSet, *, until_epochs: int = 10**9) -> dict[str, LaneEvent]:
        last: dict[str, LaneEvent] = {}
        epochs = 0
        while lanes and epochs < until_epochs:
            outcomes, progress = lanes.turn()
            epochs += sum(each.epoch is not None for each in outcomes)
            last |= {each.key: each for each in outcomes if each.epoch is None}
            if not progress:
                lanes.pause()
        return last


@pytest.fixture
def lanes(cache_dir: Path) -> Iterator[Lanes]:
    made = Lanes(cache_dir)
    yield made
    for each in reversed(made.made):
        each.close()


def results(outcomes: dict[str, LaneEvent]) -> dict[str, dict[str, Any]]:
    failed = {key: repr(each.error) for key, each in outcomes.items() if each.error}
    assert not {key: each for key, each in failed.items() if "Interrupted" not in each}, failed
    return {key: each.result.result for key, each in outcomes.items() if each.result}


@pytest.mark.parametrize("index", range(len(MIXED)))
def test_recorded_steps_have_the_bits_of_single_ones(
    index: int, jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]], cache_dir: Path
) -> None:
    job = jobs[str(index)]
    single = train_run(job.recipe, job.seeds, device="cuda", cache_dir=cache_dir, graphs=False)
    assert single.execution["steps"] == "single"
    assert single.result == alone[str(index)]


@pytest.mark.parametrize("count", [2, 4, 8])
def test_a_run_in_any_lane_has_the_bits_that_it_has_alone(
    count: int, lanes: Lanes, jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]]
) -> None:
    there = lanes.new(count)
    done = lanes.run(there, jobs)
    assert results(done) == alone
    for each in done.values():
        assert each.result is not None
        assert each.result.execution["steps"] == "recorded"
    # And in the opposite order: other lanes, other neighbours.
    again = lanes.run(there, dict(reversed(jobs.items())))
    assert results(again) == alone


def test_runs_that_are_stopped_go_on_in_other_lanes_to_the_same_bits(
    lanes: Lanes, jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    kept = {
        key: Assignment(recipe=job.recipe, seeds=job.seeds, checkpoint=tmp_path / f"{key}.pt")
        for key, job in jobs.items()
    }
    there = lanes.new(4)
    for key, job in kept.items():
        there.add(key, job)
    done = lanes.drain(there, until_epochs=4)
    there.stop()
    done |= lanes.drain(there)
    assert any(isinstance(each.error, Interrupted) for each in done.values())
    there.close()
    finished = results(done)
    rest = dict(reversed([(key, job) for key, job in kept.items() if key not in finished]))
    assert finished | results(lanes.run(lanes.new(3), rest)) == alone


def test_a_run_goes_on_alone_and_singly_where_lanes_were_dropped(
    lanes: Lanes, jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    job = Assignment(recipe=jobs["0"].recipe, seeds=jobs["0"].seeds, checkpoint=tmp_path / "0.pt")
    there = lanes.new(2)
    there.add("0", job)
    there.add("1", jobs["1"])
    lanes.drain(there, until_epochs=3)
    there.close()  # in the middle of whatever was under way, as a kill would
    path = tmp_path / "0.pt"
    assert path.exists()
    resumed = train_run(
        job.recipe,
        job.seeds,
        device="cuda",
        cache_dir=lanes.site.cache_dir,
        checkpoint=path,
        graphs=False,
    )
    assert resumed.timings["resumed_at"]
    assert resumed.result == alone["0"]


PROCESS = """
import sys
from pathlib import Path
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import train_run

recipe = Recipe.model_validate_json(sys.argv[1])
seeds = Seeds(**{name: int(value) for name, value in (pair.split("=") for pair in sys.argv[3:])})
done = train_run(recipe, seeds, device="cuda", cache_dir=Path(sys.argv[2]))
print(done.result["parameters_sha256"])
"""


def test_two_processes_compute_the_same_bits(
    jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]], cache_dir: Path
) -> None:
    for key in ("0", "3"):
        seeds = [f"{name}={value}" for name, value in asdict(jobs[key].seeds).items()]
        arguments = [jobs[key].recipe.model_dump_json(), str(cache_dir), *seeds]
        done = subprocess.run(
            [sys.executable, "-c", PROCESS, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [alone[key]["parameters_sha256"]]


def test_the_number_of_lanes_is_found_and_changes_no_bit(
    lanes: Lanes, jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]]
) -> None:
    there = lanes.new(None)
    assert there.wanted == 1
    done = lanes.run(there, jobs)
    assert results(done) == alone
    assert there.room.budget is not None
    assert there.room.budget.held.keys() == there.room.places.kept.keys()
    assert set(there.room.budget.known) == {job.recipe.model_dump_json() for job in jobs.values()}
    assert all(0 < used < there.room.budget.total for used in there.room.budget.known.values())


def test_lanes_wait_where_the_memory_has_no_room_for_them(
    lanes: Lanes, jobs: dict[str, Assignment], alone: dict[str, dict[str, Any]]
) -> None:
    there = lanes.new(4)
    there.room.budget = MemoryBudget(total=1, margin=0)  # room for one lane, which always may begin
    for key, job in jobs.items():
        there.add(key, job)
    done: dict[str, LaneEvent] = {}
    while there:
        outcomes, _ = there.turn()
        done |= {each.key: each for each in outcomes if each.epoch is None}
        assert len(there.active) <= 1
    assert results(done) == alone


class Greedy(MemoryBudget):
    """Lets every lane begin, whatever that leaves."""

    def admits(self, need: int, free: int) -> bool:
        return True


def test_a_lane_that_came_into_the_margin_is_given_up_and_begun_again(
    lanes: Lanes, recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    # Long enough that the first run is still under way when the second has been recorded, which
    # begins without waiting for another thread.
    long = recipe(epochs=30)
    straight = train_run(long, seeds, device="cuda", cache_dir=cache_dir).result
    jobs = {str(index): Assignment(recipe=long, seeds=seeds) for index in range(3)}
    there = lanes.new(3, threads=False)
    total = torch.cuda.mem_get_info()[1]
    there.room.budget = Greedy(total=total, margin=total)
    assert results(lanes.run(there, jobs)) == dict.fromkeys(jobs, straight)
    assert there.count.limit == 1
    assert there.count.reason == "memory ran short at 2 lanes"


def test_lanes_have_streams_pools_and_generators_of_their_own(
    recipe: Make, cache_dir: Path
) -> None:
    site = Site(device=open_device("cuda"), cache_dir=cache_dir)
    chosen = recipe()
    made = []
    with site.computing(chosen):
        for index, stream in enumerate(lane_streams(site.device, 4, graphs=True)):
            assert isinstance(stream, CudaStream)
            with stream.active():
                seeds = Seeds(init=index, order=1, augmentation=1, dropout=1, split=1)
                session = Session(Assignment(recipe=chosen, seeds=seeds), site)
            made.append(Lane(session, stream))
    handles = {lane.stream.stream.cuda_stream for lane in made}  # type: ignore[attr-defined]
    assert len(handles) == 4
    assert torch.cuda.default_stream().cuda_stream not in handles
    recorders = [lane.recording.recorder for lane in made if lane.recording]
    assert len(recorders) == 4
    assert all(isinstance(each, CudaRecorder) for each in recorders)
    assert len({each.pool for each in recorders}) == 4  # type: ignore[attr-defined]
    assert len({id(lane.session.run.apparatus.dropout) for lane in made}) == 4
    assert all(lane.step_s > 0 for lane in made)
    for lane in made:
        lane.close()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_recording_leaves_a_run_as_it_found_it(
    optimizer: str, recipe: Make, seeds: Seeds, cache_dir: Path
) -> None:
    site = Site(device=open_device("cuda"), cache_dir=cache_dir)
    chosen = recipe(optimizer=optimizer, momentum=0.9 if optimizer == "sgd" else 0.0)
    with site.computing(chosen):
        (stream,) = lane_streams(site.device, 1, graphs=True)
        with stream.active():
            session = Session(Assignment(recipe=chosen, seeds=seeds), site)
        run = session.run
        before = tensors_sha256(state_tensors(run.model))
        lane = Lane(session, stream)
        stream.wait()
        assert lane.refused is None
        assert tensors_sha256(state_tensors(run.model)) == before
        assert not run.step.totals.any()
        states = [s for state in run.step.optimizer.state.values() for s in state.values()]
        assert states
        assert not any(bool(value.any()) for value in states)
        assert any(isinstance(each, NativeBatchNorm2d) for each in run.model.modules())
        lane.close()


def test_no_kernel_of_cudnn_normalises_batches(recipe: Make, seeds: Seeds, cache_dir: Path) -> None:
    site = Site(device=open_device("cuda"), cache_dir=cache_dir)
    chosen = recipe()
    with site.computing(chosen):
        (stream,) = lane_streams(site.device, 1, graphs=False)
        with stream.active():
            session = Session(Assignment(recipe=chosen, seeds=seeds), site)
        lane = Lane(session, stream)
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, acc_events=True) as profile:
            lane.run_epoch()
        lane.close()
    names = {event.key for event in profile.key_averages()}
    assert "aten::cudnn_batch_norm" not in names
    assert "aten::native_batch_norm" in names


UNRECORDABLE = """
import sys
from pathlib import Path
import torch
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import train_run
from vggstudy.training.nets.vgg import Vgg

forward = Vgg.forward
def peeking(self, images):
    logits = forward(self, images)
    if self.training and not images.is_meta:
        float(logits.detach().sum())  # waits for the device: no graph can do that
    return logits

recipe = Recipe.model_validate_json(sys.argv[1])
seeds = Seeds(init=11, order=22, augmentation=33, dropout=44, split=55)
plain = train_run(recipe, seeds, device="cuda", cache_dir=Path(sys.argv[2]))
assert plain.execution["steps"] == "recorded", plain.execution
Vgg.forward = peeking
single = train_run(recipe, seeds, device="cuda", cache_dir=Path(sys.argv[2]))
assert single.execution["steps"] == "single", single.execution
assert single.execution["steps_reason"], single.execution
assert single.result == plain.result
print("equal bits", flush=True)
"""


def test_a_model_that_no_graph_can_record_is_trained_singly_to_the_same_bits(
    recipe: Make, cache_dir: Path
) -> None:
    # In a process of its own: a capture that fails may leave torch's allocator in doubt.
    done = subprocess.run(
        [sys.executable, "-c", UNRECORDABLE, recipe().model_dump_json(), str(cache_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    # Not by the exit status: what torch does with the broken capture at the very end is no matter.
    assert "equal bits" in done.stdout, done.stderr


def test_cublas_must_be_fixed_before_cuda_starts(cache_dir: Path, recipe: Make) -> None:
    program = (
        "import os, torch\n"
        "os.environ.pop('CUBLAS_WORKSPACE_CONFIG', None)\n"
        "torch.ones(1, device='cuda')\n"
        "from vggstudy.training.determinism import deterministic\n"
        "with deterministic(torch.device('cuda', 0), threads=1, precision='float32'):\n"
        "    pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert "started CUDA without CUBLAS_WORKSPACE_CONFIG" in done.stderr
