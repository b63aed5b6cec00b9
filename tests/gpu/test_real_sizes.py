"""Networks of full width at small, middle and large batches: equal bits however they are issued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training import train_run
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes.active import LaneEvent
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.session import Assignment, Site

pytestmark = pytest.mark.gpu

BATCH_SIZES = (8, 128, 1024)
STEPS = 3
LANES = 4


def job_of(depth: int, precision: str, batch_size: int, seed: int) -> Assignment:
    """A run of three steps and a ragged last one; a tenth of its images are for validation."""
    images = (STEPS * batch_size + batch_size // 2) * 10 // 9
    recipe = Recipe(
        data=DataSettings(
            name="synthetic",
            classes=4,
            train=images,
            test=20,
            flip=True,
            crop=2,
            data_norm=True,
        ),
        model=ModelSettings.model_validate(
            {"depth": depth, "width": 1.0, "batch_norm": True, "dropout": 0.3}
        ),
        training=TrainingSettings.model_validate(
            {"batch_size": batch_size, "epochs": 1, "precision": precision, "optimizer": "adam"}
        ),
    )
    return Assignment(recipe=recipe, seeds=Seeds(seed, seed, seed, seed, split=0))


def in_lanes(jobs: dict[str, Assignment], cache_dir: Path) -> dict[str, LaneEvent]:
    lanes = LaneSet(Site(device=open_device("cuda"), cache_dir=cache_dir), lanes=LANES)
    for key, job in jobs.items():
        lanes.add(key, job)
    last: dict[str, LaneEvent] = {}
    while lanes:
        outcomes, progress = lanes.turn()
        last |= {each.key: each for each in outcomes if each.epoch is None}
        if not progress:
            lanes.pause()
    lanes.close()
    return last


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize("depth", [11, 19])
def test_single_recorded_and_lane_steps_have_the_same_bits_at_full_width(
    depth: int, precision: str, cache_dir: Path
) -> None:
    jobs = {str(size): job_of(depth, precision, size, seed=size) for size in BATCH_SIZES}
    found: dict[str, list[dict[str, Any]]] = {}
    for key, job in jobs.items():
        for graphs in (False, True):
            done = train_run(
                job.recipe, job.seeds, device="cuda", cache_dir=cache_dir, graphs=graphs
            )
            assert done.execution["steps"] == ("recorded" if graphs else "single")
            found.setdefault(key, []).append(done.result)
    neighbour = {"neighbour": job_of(depth, precision, BATCH_SIZES[0], seed=1)}
    for key, outcome in in_lanes(jobs | neighbour, cache_dir).items():
        assert outcome.result is not None, outcome.error
        assert outcome.result.execution["steps"] == "recorded"
        assert outcome.result.execution["lanes"] == LANES
        found.setdefault(key, []).append(outcome.result.result)
    for key in jobs:
        single, recorded, lane = found[key]
        assert single == recorded == lane, key
