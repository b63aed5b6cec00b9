"""How long a turn keeps the thread that drives the lanes: benchmarks/turns.py --device cuda.

While a turn lasts no other lane is served. Runs of two depths begin, are recorded, train, write
checkpoints, are measured and give way to others; the longest turns are listed with what was done in
them. On a GPU, or under the null device of tests/gpu/null, whose kernels take no time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from vggstudy.execution.local.lane_worker import settle_memory
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.session import Assignment, Site

LIMIT_S = 0.2
"""No turn should take longer."""


def jobs(runs: int, epochs: int, width: float, folder: Path) -> Iterator[Assignment]:
    """Runs of VGG11 and VGG19 in turn, with Adam, whose state is the largest."""
    for index in range(runs):
        recipe = Recipe(
            data=DataSettings(
                name="synthetic", classes=10, train=2560, test=512, flip=True, data_norm=True
            ),
            model=ModelSettings(
                depth=(11, 19)[index % 2], width=width, batch_norm=True, init="he_normal"
            ),
            training=TrainingSettings(
                optimizer="adam", batch_size=128, epochs=epochs, precision="bfloat16"
            ),
        )
        seeds = Seeds(init=index, order=1, augmentation=2, dropout=3, split=4)
        yield Assignment(recipe=recipe, seeds=seeds, checkpoint=folder / f"{index}.pt")


def measure(lanes: LaneSet) -> list[tuple[float, str]]:
    """Seconds of every turn, and what was done in it."""
    turns = []
    while lanes:
        before = {each.key: each.lane for each in lanes.active}
        recording = {key for key, lane in before.items() if not lane.prepared}
        concluding = {key for key, lane in before.items() if lane.over}
        started = time.perf_counter()
        outcomes, progress = lanes.turn()
        seconds = time.perf_counter() - started
        after = {each.key for each in lanes.active}
        done = [
            *(f"begins {key}" for key in after - before.keys()),
            *(f"records {key}" for key in recording),
            *(f"measures {key}" for key in concluding),
            *(f"ends an epoch of {each.key}" for each in outcomes if each.epoch),
            *(f"fails: {each.error!r}" for each in outcomes if each.error),
        ]
        turns.append((seconds, ", ".join(done) or "steps"))
        if not progress:
            lanes.pause()
    return turns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(
            device=open_device(arguments.device),
            cache_dir=Path(folder) / "cache",
            checkpoint_every_s=0.5,
        )
        lanes = LaneSet(site, lanes=arguments.lanes)
        for job in jobs(arguments.runs, arguments.epochs, arguments.width, Path(folder)):
            lanes.add(str(len(lanes)), job)
        settle_memory()  # as a worker does
        started = time.perf_counter()
        turns = measure(lanes)
        seconds = time.perf_counter() - started
        lanes.close()
    turns.sort(reverse=True)
    found = {
        "turns": len(turns),
        "seconds": seconds,
        "median_s": statistics.median(each for each, _ in turns),
        "longer_than_limit": sum(each > LIMIT_S for each, _ in turns),
        "longest": [{"seconds": each, "what": what} for each, what in turns[:12]],
    }
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{found['turns']} turns in {seconds:.1f} s, median {found['median_s'] * 1e3:.2f} ms, ")
    print(f"{found['longer_than_limit']} longer than {LIMIT_S:g} s. The longest:")
    for each, what in turns[:12]:
        print(f"{each * 1e3:8.1f} ms  {what}")


if __name__ == "__main__":
    main()
