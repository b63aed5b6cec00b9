"""Seconds of `vggstudy run quickstart --report`, part by part: benchmarks/quickstart.py.

What `make quickstart` does after the install, in a folder and with an image cache that are thrown
away. Run it on an idle machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vggstudy.ledger import StudyStore

ASKED_S = 100.0


def told(command: list[str], environment: dict[str, str], begun: float) -> list[tuple[float, str]]:
    """What a command says on its standard error, and when."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vggstudy", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = [(time.perf_counter() - begun, line.strip()) for line in process.stderr]
    if process.wait():
        raise SystemExit("\n".join(line for _, line in lines))
    return lines


def main() -> None:
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="vggstudy-quickstart-") as folder:
        study = str(Path(folder) / "study")
        environment = {**os.environ, "VGGSTUDY_CACHE": str(Path(folder) / "cache")}
        begun = time.perf_counter()
        lines = told(["run", "quickstart", "--study", study, "--report"], environment, begun)
        whole = time.perf_counter() - begun
        ran = next(seconds for seconds, line in lines if "runs done" in line)
        records = [*StudyStore.open(Path(study), readonly=True).records()]
    timings = [record.timings for record in records]
    busy = sum(each["total_s"] for each in timings)
    named = ("images", "measured", "[1/")
    print(f"{cores} cores, load {load:.1f} before; {len(records)} runs\n")
    print("| what | s |\n| --- | ---: |")
    for name in named:
        at = next((seconds for seconds, line in lines if name in line), None)
        print(f"| until it said {name!r} | {'-' if at is None else f'{at:.1f}'} |")
    print(f"| until all runs were done | {ran:.1f} |")
    for key in ("train_s", "evaluate_s"):
        print(f"| of its runs, a worker: {key} | {sum(t[key] for t in timings) / cores:.1f} |")
    print(f"| of its runs, a worker: all | {busy / cores:.1f} |")
    print(f"| the report | {whole - ran:.1f} |")
    print(f"| all (at most {ASKED_S:g} is asked) | {whole:.1f} |")


if __name__ == "__main__":
    main()
