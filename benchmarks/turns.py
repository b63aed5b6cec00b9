"""How the thread that drives the lanes spends its time: benchmarks/turns.py --device cuda.

Runs of two cells begin, are recorded, train, write checkpoints, are measured and give way to
others. While a turn lasts no other lane is served: the longest are listed with what was done in
them. A run's start is the time from its coming to a lane until its first step may be issued: the
first of its cell in that lane, and those after it.

On a GPU, or under the null device of tests/gpu/null: NULL_NODE_US gives its kernels time, and how
busy the lanes' streams were is told as well; with NULL_CLOCK=processor other work on the machine
does not count, and with NULL_WATCH=0 recordings are replayed without looking at what they read.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vggstudy.execution.local.lane_worker import settle_memory
from vggstudy.execution.local.worker import load_training
from vggstudy.identity import Seeds
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.protocol.model.settings import DataSettings, ModelSettings, TrainingSettings
from vggstudy.training.determinism import open_device
from vggstudy.training.lanes.laneset import PAUSE_S, LaneSet
from vggstudy.training.session import Assignment, Site

LIMIT_S = 0.1
"""No turn should take longer."""


def jobs(arguments: argparse.Namespace, folder: Path) -> Iterator[Assignment]:
    """Runs of VGG11 and VGG19 in turn, on splits of their own, with Adam: its state is largest."""
    for index in range(arguments.runs):
        recipe = Recipe(
            data=DataSettings(
                name="synthetic",
                classes=10,
                train=arguments.train,
                test=512,
                flip=True,
                data_norm=True,
            ),
            model=ModelSettings(
                depth=(11, 19)[index % 2], width=arguments.width, batch_norm=True, init="he_normal"
            ),
            training=TrainingSettings(
                optimizer="adam",
                batch_size=arguments.batch,
                epochs=arguments.epochs,
                precision="bfloat16",
            ),
        )
        seeds = Seeds(init=index, order=index, augmentation=index, dropout=index, split=index)
        yield Assignment(recipe=recipe, seeds=seeds, checkpoint=folder / f"{index}.pt")


@dataclass
class Watched:
    """What was seen of lanes until they had nothing more to do.

    Attributes
    ----------
    turns : list of (float, str)
        Seconds of every turn, and what was done in it.
    first_s, later_s : list of float
        Seconds of starts: of a cell's first run in a lane, and of those after it.
    full_s, full_busy_s : float
        Seconds in which all lanes had a run, and the sum of those for which their streams worked.
    """

    turns: list[tuple[float, str]] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    later_s: list[float] = field(default_factory=list)
    full_s: float = 0.0
    full_busy_s: float = 0.0


NULL_DEVICE = ctypes.CDLL(None)
BY_PROCESSOR = os.environ.get("NULL_CLOCK") == "processor"
PATIENCE_S = 0.05
"""Seconds after which a thread that takes nothing of a processor is taken to wait for a disk."""


def of_null_device(name: str) -> float:
    """A number that the null device tells; 0 on another device."""
    ask = getattr(NULL_DEVICE, name, None)
    if ask is None:
        return 0.0
    ask.restype = ctypes.c_double
    return float(ask())


def now() -> float:
    """Seconds, by the clock of the null device where that counts processor time."""
    return of_null_device("null_now") if BY_PROCESSOR else REAL_CLOCK()


REAL_CLOCK = time.perf_counter


class Driven(LaneSet):
    """Lanes whose pauses are as long by the clock of the null device."""

    def pause(self) -> None:
        """Let the threads beside work meanwhile, where they have something to do."""
        if not BY_PROCESSOR:
            super().pause()
            return
        until, patient = now() + PAUSE_S, REAL_CLOCK() + PATIENCE_S
        while now() < until and REAL_CLOCK() < patient and not all(x.idle for x in self.threads):
            time.sleep(0)
        NULL_DEVICE.null_wait(ctypes.c_double(max(0.0, until - now())))


def watch(lanes: LaneSet, count: int) -> Watched:
    """Drive lanes until they are empty."""
    found = Watched()
    starting: dict[str, float] = {}
    known: set[tuple[int, str]] = set()
    while lanes:
        before = {each.key: each.lane for each in lanes.active}
        recording = {key for key, lane in before.items() if not lane.prepared}
        concluding = {key for key, lane in before.items() if lane.over}
        full = len(before) == count
        started, busy = now(), of_null_device("null_busy")
        outcomes, progress = lanes.turn()
        seconds = now() - started
        after = {each.key: each for each in lanes.active}
        done = [
            *(f"begins {key}" for key in after.keys() - before.keys()),
            *(f"records {key}" for key in recording),
            *(f"measures {key}" for key in concluding),
            *(f"ends an epoch of {each.key}" for each in outcomes if each.epoch),
            *(f"fails: {each.error!r}" for each in outcomes if each.error),
        ]
        found.turns.append((seconds, ", ".join(done) or "steps"))
        starting |= dict.fromkeys(after.keys() - before.keys(), started)
        for key in [key for key in starting if key in after and after[key].lane.prepared]:
            place = (after[key].place, after[key].cell)
            into = found.later_s if place in known else found.first_s
            into.append(now() - starting.pop(key))
            known.add(place)
        if not progress:
            lanes.pause()
        ended, busy_then = now(), of_null_device("null_busy")  # in the same order as before
        if full:
            found.full_s += ended - started
            found.full_busy_s += busy_then - busy
    return found


def figures(found: Watched, seconds: float, count: int) -> dict[str, Any]:
    """What is printed."""
    turns = sorted(found.turns, reverse=True)

    def middle(values: list[float]) -> float | None:
        return statistics.median(values) if values else None

    return {
        "turns": len(turns),
        "seconds": seconds,
        "median_s": statistics.median(each for each, _ in turns),
        "longer_than_limit": sum(each > LIMIT_S for each, _ in turns),
        "first_start_s": middle(found.first_s),
        "later_start_s": middle(found.later_s),
        "busy": found.full_busy_s / found.full_s / count if found.full_busy_s else None,
        "longest": [{"seconds": each, "what": what} for each, what in turns[:12]],
    }


def show(found: dict[str, Any]) -> None:
    """Print the figures in words."""
    median = f"median {found['median_s'] * 1e3:.2f} ms"
    print(f"{found['turns']} turns in {found['seconds']:.1f} s, {median}")
    for name, what in (("first", "first runs of a cell in a lane"), ("later", "runs after them")):
        if (start := found[f"{name}_start_s"]) is not None:
            print(f"{what} start in {start * 1e3:.0f} ms (median)")
    if found["busy"] is not None:
        print(f"streams were busy for {found['busy']:.1%} of the time in which all lanes had a run")
    print(f"{found['longer_than_limit']} longer than {LIMIT_S:g} s. The longest:")
    for each in found["longest"]:
        print(f"{each['seconds'] * 1e3:8.1f} ms  {each['what']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--train", type=int, default=2560)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between checkpoints")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    load_training()  # as a worker does
    time.perf_counter = now  # type: ignore[assignment] - for checkpoints, whose pauses it measures
    with tempfile.TemporaryDirectory() as folder:
        site = Site(
            device=open_device(arguments.device),
            cache_dir=Path(folder) / "cache",
            checkpoint_every_s=arguments.every,
        )
        lanes = Driven(site, lanes=arguments.lanes)
        for job in jobs(arguments, Path(folder)):
            lanes.add(str(len(lanes)), job)
        settle_memory()  # and this
        started = now()
        found = watch(lanes, arguments.lanes)
        seconds = now() - started
        lanes.close()
    told = figures(found, seconds, arguments.lanes)
    if arguments.json:
        print(json.dumps(told))
    else:
        show(told)


if __name__ == "__main__":
    main()
