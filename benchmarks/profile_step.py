"""Profile a training step of every batch size: python benchmarks/profile_step.py [--device cuda].

For each depth, batch size and normalisation, and with fused kernels for some: seconds of a recorded
step alone on the device and of one issued singly, launches, time in kernels, the kernels that take
most of it, memory, and the floor of the step by its arithmetic. Writes profile.md and profile.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes.lane import Lane
from vggstudy.training.lanes.streams import LaneStream, lane_streams
from vggstudy.training.session import Assignment, Session, Site

GFLOP = {11: 0.913, 13: 1.366, 16: 1.876, 19: 2.385}
"""Forward and backward of an image of 32 x 32 with the linear head."""

TFLOPS = 790.0
"""Rate that bfloat16 matrix products reach on the device of the floors."""

FUSED_SIZES = (128, 1024)
"""Batches at which fused kernels are measured beside torch's."""

STEPS = 4
KERNELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What was measured of one cell; times in milliseconds a step, `record_s` with an epoch."""

    depth: int
    batch_size: int
    batch_norm: bool
    fused: bool
    recorded_ms: float | None
    single_ms: float
    kernels_ms: float
    launches: float
    record_s: float
    held_mib: float
    floor_ms: float
    refused: str | None
    table: str


def measure(recipe: Recipe, site: Site) -> Step:
    """Time and profile the steps of one recipe."""
    stream = lane_streams(site.device, 1, graphs=True)[0]
    cuda = site.device.type == "cuda"
    seeds = Seeds(init=1, order=2, augmentation=3, dropout=4, split=5)
    with site.computing(recipe):
        free = torch.cuda.mem_get_info()[0] if cuda else 0
        with stream.active():
            session = Session(Assignment(recipe=recipe, seeds=seeds), site)
        single = Lane(session, stream, graphs=False)
        single_s, profile = _single(single, stream, cuda=cuda)
        started = time.perf_counter()
        lane = Lane(session, stream)
        # Steps are recorded here or in the first turns: a whole epoch is past either.
        lane.run_epoch()
        record_s = time.perf_counter() - started
        held = free - torch.cuda.mem_get_info()[0] if cuda else 0
        lane.close()
    if cuda:
        torch.cuda.empty_cache()
    averages = profile.key_averages()
    # Operations of the host carry the time of the kernels that they launch too.
    kernels = [event for event in averages if str(event.device_type).endswith("CUDA")]
    model, training = recipe.model, recipe.training
    return Step(
        depth=model.depth or 0,
        batch_size=training.batch_size,
        batch_norm=model.batch_norm,
        fused=training.kernels == "fused",
        recorded_ms=1000 * lane.step_s if lane.step_s else None,
        single_ms=1000 * single_s,
        kernels_ms=sum(event.self_device_time_total for event in kernels) / 1000 / STEPS,
        launches=sum(event.count for event in kernels) / STEPS,
        record_s=record_s,
        held_mib=held / 2**20,
        floor_ms=training.batch_size * GFLOP[model.depth or 0] * model.width**2 / TFLOPS,
        refused=lane.refused,
        table=averages.table(
            sort_by="self_cuda_time_total" if cuda else "self_cpu_time_total",
            row_limit=KERNELS,
            max_name_column_width=60,
        ),
    )


def _single(lane: Lane, stream: LaneStream, *, cuda: bool) -> tuple[float, Any]:
    """Seconds of a step issued operation by operation, and the profile of some."""
    run = lane.session.run
    activities = [torch.profiler.ProfilerActivity.CPU]
    if cuda:
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with stream.active():
        run.begin_epoch()
        run.stepper.issue(0, STEPS)  # creates handles, workspaces and the optimizer's state
        stream.wait()
        started = time.perf_counter()
        run.stepper.issue(STEPS, 2 * STEPS)
        stream.wait()
        seconds = (time.perf_counter() - started) / STEPS
        with torch.profiler.profile(activities=activities) as profile:
            run.stepper.issue(2 * STEPS, 3 * STEPS)
            stream.wait()
    return seconds, profile


def recipe(depth: int, size: int, *, norm: bool, gpu: bool = True, fused: bool = False) -> Recipe:
    """A cell: a full network on a GPU, a narrow one on a CPU."""
    return Recipe(
        data=DataSettings(
            name="synthetic", classes=10, train=3 * STEPS * size + 100, test=100, validation=100
        ),
        model=ModelSettings.model_validate(
            {"depth": depth, "width": 1.0 if gpu else 0.125, "batch_norm": norm}
        ),
        training=TrainingSettings(
            batch_size=size,
            epochs=2,
            optimizer="sgd",
            momentum=0.9,
            precision="bfloat16" if gpu else "float32",
            kernels="fused" if fused else "torch",
        ),
    )


def recipes(device: str) -> list[Recipe]:
    """All cells; kernels are fused where that might pay."""
    gpu = device == "cuda"
    return [
        recipe(depth, size, norm=norm, gpu=gpu, fused=fused)
        for size in ((8, 32, 128, 512, 1024) if gpu else (8, 32))
        for depth in ((11, 19) if gpu else (11,))
        for norm in (False, True)
        for fused in ((False, True) if size in FUSED_SIZES and depth == 11 else (False,))
    ]


def markdown(steps: list[Step]) -> str:
    """The figures as a table, then the kernels of each cell."""
    head = (
        "| depth | batch | batch norm | fused | recorded, ms | singly, ms | kernels, ms | "
        "launches | floor, ms | first epoch, s | held, MiB |\n|" + " --- |" * 11
    )
    rows = [
        f"| {s.depth} | {s.batch_size} | {'yes' if s.batch_norm else 'no'} | "
        f"{'yes' if s.fused else 'no'} | "
        f"{'-' if s.recorded_ms is None else f'{s.recorded_ms:.3f}'} | {s.single_ms:.3f} | "
        f"{s.kernels_ms:.3f} | {s.launches:.0f} | {s.floor_ms:.3f} | {s.record_s:.2f} | "
        f"{s.held_mib:.0f} |"
        for s in steps
    ]
    refused = [
        f"VGG{s.depth} at {s.batch_size} was not recorded: {s.refused}" for s in steps if s.refused
    ]
    tables = [
        f"## VGG{s.depth}, batch {s.batch_size}, batch norm {s.batch_norm}, fused {s.fused}\n\n"
        f"```\n{s.table}\n```"
        for s in steps
    ]
    return "\n\n".join(["\n".join([head, *rows]), *refused, *tables]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/profile"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    steps: list[Step] = []
    with tempfile.TemporaryDirectory() as cache:
        site = Site(device=open_device(arguments.device), cache_dir=Path(cache))
        for recipe in recipes(arguments.device):
            steps.append(measure(recipe, site))
            # Written after each: what is cut short leaves what it has measured.
            (arguments.out / "profile.json").write_text(json.dumps([*map(asdict, steps)], indent=1))
            (arguments.out / "profile.md").write_text(markdown(steps))
    print(markdown(steps).split("\n## ")[0])


if __name__ == "__main__":
    main()
