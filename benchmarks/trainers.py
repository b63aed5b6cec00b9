"""Measure what a run of a trainer of one's own costs besides the trainer: benchmarks/trainers.py.

A study of 20 runs is executed by two workers: by a command that sleeps, and by a function that
sleeps. Against the command alone (the same argument vector, in as many processes at a time, started
by nothing but `subprocess`), and against the seconds that the function sleeps, the rest counts as
overhead: from a worker's first run to its last one's end, divided by its runs.

``--hostile 500`` executes so many runs of a trainer that crashes, hangs, lies or leaves processes
behind, and counts what is left of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from overhead import Lanes

from vggstudy.execution import resolve_options
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

WORKERS = 2

PROTOCOL = """
schema = 1
name = "{name}"
[design]
replicates = {replicates}
seed = 1
[design.factors]
how = {how}
[trainer]
{trainer}
[analysis]
outcome = "val_loss"
"""

SCRIPT = """
import sys, time
time.sleep({seconds})
print('{{"val_loss": 1.0}}')
"""

FUNCTION = """
import time

def train(params, seeds, report, run_dir):
    time.sleep({seconds})
    return {{"val_loss": 1.0}}
"""

HOSTILE = """
import json, os, signal, subprocess, sys, time
how = sys.argv[1]
if how == "crash": sys.exit(3)
if how == "hang": time.sleep(3600)
if how == "lie": print("all is well")
if how == "garbage": open(os.environ["VGGSTUDY_REPORT"], "w").write("loss: 3\\n")
if how == "signal": os.kill(os.getpid(), signal.SIGSEGV)
if how == "stay":
    subprocess.Popen(["sleep", "3600"], start_new_session=True)
    print(json.dumps({"val_loss": 1.0}))
if how == "flood":
    for _ in range(100): print("x" * 100_000)
    print(json.dumps({"val_loss": 1.0}))
if how == "well": print(json.dumps({"val_loss": 1.0}))
"""

WAYS = ["crash", "hang", "lie", "garbage", "signal", "stay", "flood", "well", "well", "well"]


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a run that are not its trainer's, on one worker of two.

    Attributes
    ----------
    command_ms, function_ms : float
    runs : int
    load : float
    """

    command_ms: float
    function_ms: float
    runs: int
    load: float


@dataclass(frozen=True, slots=True)
class Left:
    """What came of hostile runs, and what is left of them.

    Attributes
    ----------
    runs, finished, crashed, records : int
    processes, descriptors : int
        Of this process, more than before.
    seconds : float
    """

    runs: int
    finished: int
    crashed: int
    records: int
    processes: int
    descriptors: int
    seconds: float


def study(folder: Path, name: str, trainer: str, *, how: list[str], replicates: int) -> Study:
    text = PROTOCOL.format(name=name, how=json.dumps(how), trainer=trainer, replicates=replicates)
    return Study(parse_protocol(text), folder / name, text=text)


def per_run(made: Study, runs: int) -> float:
    """Seconds that a worker needs for a run, all in all."""
    watch = Lanes()
    tally = made.run(
        options=resolve_options(jobs=WORKERS, threads=1),
        listener=lambda *_: nullcontext(watch),
        allow_command=made.protocol.command_digest(),
        trainer=made.protocol.trainer.function if made.protocol.trainer else None,
    )
    if tally.finished != runs:
        raise SystemExit(f"{tally.finished} of {runs} runs finished: no figures")
    return watch.busy() / runs


def alone(argv: list[str], runs: int) -> float:
    """Seconds of the command alone, as many at a time as there are workers."""

    def once(_: int) -> float:
        begun = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        return time.perf_counter() - begun

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(once, range(runs))) / runs


def measure(runs: int, seconds: float) -> Cost:
    """Execute both studies and the command alone."""
    with tempfile.TemporaryDirectory() as name, inside(Path(name)) as folder:
        (folder / "script.py").write_text(SCRIPT.format(seconds=seconds))
        (folder / "sleeper.py").write_text(FUNCTION.format(seconds=seconds))
        argv = ["{python}", "script.py", "{how}", "{seed}"]
        command = f"command = {json.dumps(argv)}"
        by_command = study(folder, "command", command, how=["x"], replicates=runs)
        named = 'function = "sleeper:train"'
        by_function = study(folder, "function", named, how=["x"], replicates=runs)
        bare = alone([sys.executable, "script.py", "x", "1"], runs)
        whole = per_run(by_command, runs)
        called = per_run(by_function, runs)
    return Cost(
        command_ms=1000 * (whole - bare),
        function_ms=1000 * (called - seconds),
        runs=runs,
        load=os.getloadavg()[0],
    )


def hostile(runs: int) -> Left:
    """Execute hostile runs and count."""
    with tempfile.TemporaryDirectory() as name, inside(Path(name)) as folder:
        (folder / "script.py").write_text(HOSTILE)
        ways = [f"{way}" for way in dict.fromkeys(WAYS)]
        command = 'command = ["{python}", "script.py", "{how}", "{seed}"]'
        made = study(folder, "hostile", command, how=ways, replicates=-(-runs // len(ways)))
        before, begun = open_descriptors(), time.perf_counter()
        tally = made.run(
            options=resolve_options(jobs=WORKERS, retries=0, timeout_s=1.0),
            limit=runs,
            allow_command=made.protocol.command_digest(),
        )
        return Left(
            runs=runs,
            finished=tally.finished,
            crashed=tally.crashed,
            records=sum(1 for _ in made.store().records()),
            processes=len(working_in(folder)),
            descriptors=open_descriptors() - before,
            seconds=time.perf_counter() - begun,
        )


class inside:  # noqa: N801 - reads as a word
    """A folder as the working folder for a while."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.before = folder, Path.cwd()

    def __enter__(self) -> Path:
        os.chdir(self.folder)
        return self.folder

    def __exit__(self, *_: object) -> None:
        os.chdir(self.before)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def working_in(folder: Path) -> list[int]:
    """Processes that work in a folder, but for this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            own = int(entry.parent.name)
            if own != os.getpid() and entry.readlink() == folder.resolve():
                found.append(own)
        except OSError:
            continue
    return found


def markdown(found: Cost) -> str:
    """The figures as a table."""
    lines = [
        f"{found.runs} runs on {WORKERS} workers, load {found.load:.1f}",
        "",
        "| a run | besides its trainer | asked |",
        "| --- | ---: | --- |",
        f"| by a command | {found.command_ms:.1f} ms | below 60 ms |",
        f"| by a function | {found.function_ms:.1f} ms | below 5 ms |",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0, help="that a trainer sleeps")
    parser.add_argument("--hostile", type=int, default=0, metavar="RUNS")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if arguments.hostile:
        print(json.dumps(asdict(hostile(arguments.hostile))))
        return
    found = measure(arguments.runs, arguments.seconds)
    print(json.dumps(asdict(found)) if arguments.json else markdown(found))


if __name__ == "__main__":
    main()
