"""Compare vggstudy's training with what people use: python benchmarks/training.py [--device cuda].

Every program trains the same networks on the same images for the same epochs, with an evaluation
after each, from the same initial weights:

B0   what most people run: DataLoader with two workers, PIL transforms, float32, two `.item()` a
     step, one run after another
B1   the same in Lightning, where it is installed
B2   a strong loop: data on the device, channels last, fused SGD, no synchronisation in an epoch
B2d  B2 with torch's deterministic algorithms
B3   B2 with torch.compile; the time of compilation is told apart
B4   B2 in several processes
joblib, tune
     B2 as a function that joblib or Ray Tune spreads over the cores
ours a study: two workers of one thread on two cores, lanes on a GPU; ledger and all

Programs are timed in processes of their own, for each piece of work in turn. On a GPU the
baselines train a short run first, and vggstudy's workers have started their device: no program's
time holds the start of CUDA, and set-up is told apart. The machine's rate in matrix products is
measured before and after, and vggstudy's records are compared bit by bit: a second time, with one
worker, and killed and resumed. The tables are written after every part.

Finished parts stay in --out: the same command goes on where the time (--minutes) ended it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from baselines.tables import Report, markdown
from baselines.work import Work

PROGRAMS = ("B0", "B1", "B2", "B2d", "B3", "B4", "joblib", "tune", "ours")
OTHERS = ("repeat", "one-worker", "resumed")
"""Executions of ours whose bits are compared."""


def works(device: str) -> list[Work]:
    """What is timed: small networks and one full one on a CPU, the grid of full ones on a GPU."""
    if device == "cpu":
        small = Work(
            depth=11,
            width=0.25,
            batch_size=32,
            batch_norm=True,
            seeds=4,
            epochs=3,
            data="digits",
            images=None,
            precision="float32",
            device="cpu",
        )
        full = replace(small, width=1.0, batch_norm=False, seeds=2, epochs=1)
        low = replace(full, precision="bfloat16")
        return [small, replace(small, batch_norm=False), full, low]
    big = Work(
        depth=11,
        width=1.0,
        batch_size=128,
        batch_norm=True,
        seeds=8,
        epochs=2,
        data="synthetic",
        images=12_800,
        precision="bfloat16",
        device=device,
    )
    return [
        replace(big, depth=depth, batch_size=batch, batch_norm=norm)
        for batch in (128, 8, 1024)
        for depth in (11, 16)
        for norm in (True, False)
    ]


def programs(work: Work) -> tuple[str, ...]:
    """What is run on a piece of work: on a CPU everything on the first, the rest for its rates."""
    if work.device != "cpu":
        return tuple(name for name in PROGRAMS if name not in ("joblib", "tune"))
    if work == works("cpu")[0]:
        return PROGRAMS
    return ("B4", "ours") if work.width == 1 else ("B0", "B2", "B4", "ours")


def sequential_seeds(work: Work, program: str) -> int:
    """Runs that a program trains: one on a GPU if it trains one after another."""
    parallel = program in ("B4", "joblib", "tune", "ours", *OTHERS)
    return work.seeds if parallel or work.device == "cpu" else 1


class Parts:
    """Measures what has not been measured and keeps it in a folder.

    Parameters
    ----------
    folder : Path
    deadline : float
        Of `time.monotonic`: nothing is begun after it.
    """

    def __init__(self, folder: Path, deadline: float) -> None:
        self.folder = folder
        self.deadline = deadline
        self.complete = True

    def get(self, name: str, make: Callable[[], dict[str, object]]) -> dict[str, object] | None:
        """A part from its file, or measured now; None where there is no time left."""
        path = self.folder / "parts" / f"{name}.json"
        if path.exists():
            return json.loads(path.read_text())
        if time.monotonic() > self.deadline:
            self.complete = False
            return None
        print(f"{time.strftime('%H:%M:%S')} {name}", file=sys.stderr, flush=True)
        found = make()
        if not {"failed", "skipped"} & found.keys():  # the next invocation tries again
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found))
        return found


def apart(*arguments: str, environment: dict[str, str] | None = None) -> dict[str, object]:
    """The last line of what `part.py` prints in a process of its own, or why there is none."""
    command = [sys.executable, "-m", "baselines.part", *arguments]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    surroundings = {**os.environ, "PYTHONPATH": path, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"failed": lines[-1][:300]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(parts: Parts, found: list[Work], chosen: set[str]) -> Iterator[dict[str, object]]:
    """Every part of the benchmark, with what it is."""
    for work in found:
        text = json.dumps(asdict(work))
        for program in programs(work):
            if program not in chosen:
                continue
            doing = json.dumps(asdict(replace(work, seeds=sequential_seeds(work, program))))
            folder = parts.folder / "studies" / f"{work.name}-{program}"
            part = parts.get(
                f"{work.name}-{program}",
                lambda p=program, w=doing, f=folder: apart(p, w, str(f)),
            )
            if part is not None:
                yield {"kind": "program", "work": asdict(work), "program": program, **part}
        if "ours" not in chosen:
            continue
        part = parts.get(f"{work.name}-floor", lambda w=text: apart("floor", w, ""))
        if part is not None:
            yield {"kind": "floor", "work": asdict(work), **part}
    for program in OTHERS if "ours" in chosen else ():
        work = found[0]
        text = json.dumps(asdict(work))
        folder = parts.folder / "studies" / f"{work.name}-{program}"
        part = parts.get(
            f"{work.name}-{program}", lambda p=program, w=text, f=folder: apart(p, w, str(f))
        )
        if part is not None:
            yield {"kind": "bits", "work": asdict(work), "program": program, **part}


def surroundings(device: str) -> dict[str, object]:
    """The machine and its load."""
    import torch

    from vggstudy.environment import capture

    cores = len(os.sched_getaffinity(0))
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else capture()["cpu"]["model"],
        "cores": cores,
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def written(folder: Path, found: list[dict[str, object]], before: dict[str, object]) -> Report:
    """The report of the parts so far, in its files: what is cut short leaves its tables."""
    report = Report.of(found, machine={**before, "load_at_end": os.getloadavg()[0]})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "training.json").write_text(json.dumps(report.to_dict(), indent=1))
    (folder / "training.md").write_text(markdown(report))
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/training"))
    parser.add_argument("--minutes", type=float, default=60.0, help="begin nothing after these")
    parser.add_argument("--only", default=",".join(PROGRAMS), help="programs, between commas")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    parts = Parts(arguments.out / arguments.device, time.monotonic() + 60 * arguments.minutes)
    before = surroundings(arguments.device)
    found: list[dict[str, object]] = []
    report = written(parts.folder, found, before)
    for part in measure(parts, works(arguments.device), set(arguments.only.split(","))):
        found.append(part)
        report = written(parts.folder, found, before)
    text = json.dumps(report.to_dict(), indent=1)
    print(text if arguments.json else markdown(report))
    if not parts.complete:
        print("Time is up: the same command goes on from here.", file=sys.stderr)


if __name__ == "__main__":
    main()
