"""Bit gates at full width: steps singly, recorded, and in lane i of four."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gpu.common import DEVICE, SEEDS, bits, cache_dir, device_name, gates, graphs, site
from gpu.lines import Section
from vggstudy.protocol.model.recipe import Recipe
from vggstudy.training import train_run
from vggstudy.training.lanes.laneset import LaneSet
from vggstudy.training.session import Assignment

LANES = 4


def alone(recipe: Recipe, *, recorded: bool) -> dict[str, Any]:
    """The run by itself."""
    started = time.perf_counter()
    done = train_run(recipe, SEEDS, device=DEVICE, cache_dir=cache_dir(), graphs=recorded)
    if recorded and done.execution["steps"] != "recorded":
        raise RuntimeError(f"not recorded: {done.execution['steps_reason']}")
    seconds = time.perf_counter() - started
    return {"digest": bits(done), "seconds": seconds, "device": device_name()}


class Together:
    """All cells in four lanes at once, each beside others of other depths, sizes, precisions."""

    def __init__(self, recipes: dict[str, Recipe]) -> None:
        self.lanes = LaneSet(site(), lanes=LANES, graphs=graphs())
        for name, recipe in recipes.items():
            self.lanes.add(name, Assignment(recipe=recipe, seeds=SEEDS))
        self.found: dict[str, dict[str, Any]] = {}
        self.errors: dict[str, Exception] = {}

    def get(self, name: str) -> dict[str, Any]:
        """One cell's, as soon as it has ended."""
        while name not in self.found and name not in self.errors:
            if not self.lanes:
                raise RuntimeError("the run was lost")
            outcomes, progress = self.lanes.turn()
            for each in outcomes:
                if each.result is not None:
                    self.found[each.key] = {"digest": bits(each.result), "device": device_name()}
                if each.error is not None:
                    self.errors[each.key] = each.error
            if not progress:
                self.lanes.pause()
        if name in self.errors:
            raise self.errors[name]
        return self.found[name]


def main() -> None:
    recipes = gates()
    todo: dict[str, Callable[[], dict[str, Any]]] = {}
    together: list[Together] = []

    def lane(name: str) -> dict[str, Any]:
        if not together:
            together.append(Together(recipes))
        return together[0].get(name)

    for name, recipe in recipes.items():
        todo[f"{name}/single"] = partial(alone, recipe, recorded=False)
        if graphs():
            todo[f"{name}/recorded"] = partial(alone, recipe, recorded=True)
    todo |= {f"{name}/lane": partial(lane, name) for name in recipes}
    Section.here("bits").cells(todo)


if __name__ == "__main__":
    main()
