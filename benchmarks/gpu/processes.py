"""Two processes at a time train the same runs: process A = process B, and the gates' process."""

from __future__ import annotations

import json
import subprocess
import sys

from gpu import single
from gpu.lines import Section

CELLS = ("VGG11-b128-tf32", "VGG19-b128-bfloat16", "VGG11-b8-bfloat16", "VGG19-b8-tf32")


def child() -> None:
    """Train every cell; a line of JSON each."""
    from gpu.common import DEVICE, SEEDS, bits, cache_dir, gates
    from vggstudy.training import train_run

    found = gates()
    for name in CELLS:
        done = train_run(
            found[name], SEEDS, device=DEVICE, cache_dir=cache_dir(), graphs=not single.wanted()
        )
        print(json.dumps({"name": name, "digest": bits(done)}), flush=True)


def main() -> None:
    section = Section.here("processes")
    command = [sys.executable, "-m", "gpu.processes", "child"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0] for process in started]
    first, second = (
        {line["name"]: line["digest"] for line in map(json.loads, output.splitlines())}
        for output in outputs
    )
    unlike = [name for name in CELLS if name not in first or first[name] != second.get(name)]
    for name in CELLS:
        section.note("cell", name=name, a=first.get(name), b=second.get(name))
    if unlike:
        sys.exit(f"two processes differ, or have no result, in {', '.join(unlike)}")


if __name__ == "__main__":
    child() if sys.argv[1:] == ["child"] else main()
