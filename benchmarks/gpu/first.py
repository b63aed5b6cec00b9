"""One recorded run against one whose steps are issued singly: whether recordings can be used."""

from __future__ import annotations

import sys
import time
from typing import Any

from gpu.common import DEVICE, SEEDS, bits, cache_dir, recipe
from gpu.lines import Section, last, read
from vggstudy.training import train_run


def run(*, graphs: bool) -> dict[str, Any]:
    """Train the run one way."""
    started = time.perf_counter()
    chosen = recipe(11, 64, "tf32", epochs=2)
    done = train_run(chosen, SEEDS, device=DEVICE, cache_dir=cache_dir(), graphs=graphs)
    return {
        "digest": bits(done),
        "steps": done.execution["steps"],
        "reason": done.execution["steps_reason"],
        "seconds": time.perf_counter() - started,
    }


def main() -> None:
    section = Section.here("first")
    section.cells({"single": lambda: run(graphs=False), "recorded": lambda: run(graphs=True)})
    lines = read(section.path)
    single, recorded = (
        last(lines, section="first", kind="cell", name=name) or {}
        for name in ("single", "recorded")
    )
    if recorded["steps"] != "recorded":
        sys.exit(f"steps could not be recorded: {recorded['reason']}")
    if single["digest"] != recorded["digest"]:
        sys.exit("recorded and single steps differ in their bits")


if __name__ == "__main__":
    main()
