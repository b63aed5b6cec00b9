"""Steady state: steps a second of lanes and of the baselines, each warmed up before.

Programs differ in what surrounds a step. Lanes end epochs, shuffle and pass over the validation
images; B2, B2d and B3 do so too, B0 does not. Set-up is told apart for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from baselines import eager, resident
from baselines.work import MOMENTUM, Work

from gpu import single
from gpu.common import graphs, scaled, site
from gpu.lines import Section
from vggstudy.training.determinism import deterministic
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.session import Assignment

WINDOW_S = 2.0
MOST_WINDOW_S = 5.0
"""Of slow cells: every lane must end two epochs in it."""

BEGIN_S = 20.0
"""In which all lanes must have begun."""

STEPS = 150
WARM_UP = 10
B0_S = 4.0
"""After which B0 is stopped before all its steps."""

LANES = (1, 2, 4, 8)
IMAGES = {8: 2_304, 64: 9_216, 1024: 18_432}
"""Training and validation images: 259, 129 and 16 steps an epoch."""


def work(depth: int, batch: int) -> Work:
    """A cell; its epochs never end."""
    return Work(
        depth=depth,
        width=1.0,
        batch_size=batch,
        batch_norm=True,
        seeds=max(LANES),
        epochs=1_000_000,
        data="synthetic",
        images=IMAGES[batch],
        precision="bfloat16",
        device="cuda",
    )


class Ladder:
    """Lanes of one cell, whose number grows from one measurement to the next."""

    def __init__(self) -> None:
        self.cell: Work | None = None
        self.lanes: LaneSet | None = None
        self.times: dict[str, list[float]] = {}

    def open(self, cell: Work) -> LaneSet:
        """The lanes of a cell; those of the one before are let go."""
        if self.lanes is None or cell != self.cell:
            self.close()
            self.cell = cell
            self.lanes = LaneSet(site(), lanes=max(LANES), graphs=graphs())
        return self.lanes

    def close(self) -> None:
        """Let go of the lanes and their memory."""
        if self.lanes is not None:
            self.lanes.close()
            torch.cuda.empty_cache()
        self.lanes, self.times = None, {}

    def measure(self, cell: Work, lanes: int) -> dict[str, Any]:
        """Steps a second of so many lanes, from the end of an epoch to the end of another."""
        if self.lanes is not None and len(self.lanes) > lanes:
            self.close()
        there = self.open(cell)
        started = time.perf_counter()
        while len(there) < lanes:
            run = cell.runs[len(there)]
            self.times[run.run_id] = []
            there.add(run.run_id, Assignment(recipe=run.recipe, seeds=run.seeds))
        self._turn(BEGIN_S, until=lambda: all(len(each) > 0 for each in self.times.values()))
        if not all(self.times.values()):
            raise TimeoutError(f"{lanes} lanes did not begin within {BEGIN_S:.0f} s")
        setup_s = time.perf_counter() - started
        for each in self.times.values():
            each.clear()
        self._turn(scaled(WINDOW_S))
        self._turn(
            scaled(MOST_WINDOW_S - WINDOW_S),
            until=lambda: all(len(each) > 2 for each in self.times.values()),
        )
        steps = steps_of(cell)
        rates = [
            steps * (len(each) - 1) / (each[-1] - each[0]) if len(each) > 1 else 0.0
            for each in self.times.values()
        ]
        if not all(rates):
            raise TimeoutError(f"a lane ended fewer than two epochs in {MOST_WINDOW_S:.0f} s")
        held = (torch.cuda.mem_get_info()[1] - torch.cuda.mem_get_info()[0]) / 2**20
        return {
            "steps_per_s": sum(rates),
            "slowest_lane": min(rates),
            "quickest_lane": max(rates),
            "setup_s": setup_s,
            "device_mib": held,
        }

    def _turn(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Give the lanes turns; note when epochs end."""
        there, end = self.lanes, time.perf_counter() + seconds
        while there is not None and time.perf_counter() < end and not until():
            outcomes, progress = there.turn()
            for each in outcomes:
                if each.error is not None:
                    raise each.error
                if each.epoch is not None:
                    self.times[each.key].append(time.perf_counter())
            if not progress:
                there.pause()


def steps_of(cell: Work) -> int:
    """Steps of an epoch."""
    held_out = IMAGES[cell.batch_size] // 10
    return (IMAGES[cell.batch_size] - held_out) // cell.batch_size


def ours(ladder: Ladder, depth: int, batch: int, lanes: int) -> dict[str, Any]:
    """So many lanes of vggstudy."""
    found = ladder.measure(work(depth, batch), lanes)
    return {"depth": depth, "batch_size": batch, "program": f"ours-{lanes}", **found}


def strong(program: str, depth: int, batch: int) -> dict[str, Any]:
    """B2, B2d or B3: whole epochs until there were enough steps."""
    cell = work(depth, batch)
    device = torch.device("cuda")
    started = time.perf_counter()
    switches: AbstractContextManager[object] = nullcontext()
    if program == "B2d":
        switches = deterministic(device, threads=1, precision=cell.precision)
    with switches:
        data = cell.load(0, device)
        if program == "B3":
            compiled = resident.Compiled(cell)
            model, forward = compiled.model, compiled.forward
        else:
            model = cell.model(0, data).to(device, memory_format=torch.channels_last)
            forward = model
        optimizer = torch.optim.SGD(model.parameters(), lr=cell.lr, momentum=MOMENTUM, fused=True)

        def epoch() -> None:
            model.train()
            resident.one_epoch(forward, optimizer, data, cell)
            resident.evaluate(model, data, data.validation, cell)

        epoch()
        torch.cuda.synchronize()
        begun = time.perf_counter()
        steps = 0
        while steps < STEPS:
            epoch()
            steps += len(data.train) // batch
        torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
    return {
        "depth": depth,
        "batch_size": batch,
        "program": program,
        "steps_per_s": steps / seconds,
        "setup_s": begun - started,
    }


def ordinary(depth: int, batch: int) -> dict[str, Any]:
    """B0: its loader's workers have begun, and its first steps are not counted."""
    cell = work(depth, batch)
    device = torch.device("cuda")
    started = time.perf_counter()
    data = cell.load(0, torch.device("cpu"))
    model = cell.model(0, data).to(device)
    loader = eager.loaders(data, batch, pin=True)["train"]
    optimizer = torch.optim.SGD(model.parameters(), lr=cell.lr, momentum=MOMENTUM)
    eager.one_epoch(model, loader, optimizer, device, steps=WARM_UP)
    torch.cuda.synchronize()
    begun = time.perf_counter()
    steps = 0
    while steps < STEPS and time.perf_counter() - begun < scaled(B0_S):
        steps += eager.one_epoch(model, loader, optimizer, device, steps=STEPS - steps)
    torch.cuda.synchronize()
    return {
        "depth": depth,
        "batch_size": batch,
        "program": "B0",
        "steps_per_s": steps / (time.perf_counter() - begun),
        "setup_s": begun - started,
        "steps": steps,
    }


def main() -> None:
    if single.wanted():
        single.switch_off()
    ladder = Ladder()
    cells = [(depth, batch) for batch in (8, 1024, 64) for depth in (11, 19)]
    todo: dict[str, Callable[[], dict[str, Any]]] = {}
    for depth, batch in cells:
        for lanes in LANES:
            name = f"VGG{depth}-b{batch}/ours-{lanes}"
            todo[name] = partial(ours, ladder, depth, batch, lanes)

    def baseline(measure: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        ladder.close()
        return measure(*arguments)

    # What is worth most comes first: time may end it.
    for program in ("B2", "B0", "B2d"):
        for depth, batch in cells:
            name = f"VGG{depth}-b{batch}/{program}"
            if program == "B0":
                todo[name] = partial(baseline, ordinary, depth, batch)
            else:
                todo[name] = partial(baseline, strong, program, depth, batch)
    for depth in (11, 19):
        todo[f"VGG{depth}-b1024/B3"] = partial(baseline, strong, "B3", depth, 1024)
    Section.here("steady").cells(todo)


if __name__ == "__main__":
    main()
