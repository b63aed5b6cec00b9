"""Time whole commands on tables of many cells and of many runs: python benchmarks/tables.py.

Each table is simulated with a fixed seed, written as CSV, and analysed by the command line in a
process of its own, so that reading, imports and the claims file are part of its time and memory.
``--table FILE --factors A,B --outcome COLUMN`` times a table of yours besides.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from simulated import FACTORS, many_tasks, simulate

RUNS_OF_A_CELL = {"640 runs": 10, "100,032 runs": 1_563, "1,000,000 runs": 15_625}
"""Of the tables with 64 cells."""


@dataclass(frozen=True, slots=True)
class Case:
    """One command on one table.

    Attributes
    ----------
    name, command : str
        ``analyze`` or ``report``.
    path : Path
    factors : sequence of str
    outcome : str
    options : sequence of str
    asked_s, asked_gib : float
    """

    name: str
    command: str
    path: Path
    factors: Sequence[str]
    outcome: str
    options: Sequence[str] = ()
    asked_s: float = 0.0
    asked_gib: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a command took.

    Attributes
    ----------
    wall_s, cpu_s : float
    peak_gib : float
        Largest resident memory of the process.
    claims, written_mb : int, float
        Claims of its file, or megabytes of its page.
    """

    wall_s: float
    cpu_s: float
    peak_gib: float
    claims: int
    written_mb: float


def cases(folder: Path) -> list[Case]:
    """The tables that are asked about, written to a folder."""
    made = []
    for name, per_cell in RUNS_OF_A_CELL.items():
        path = folder / f"{per_cell}.csv"
        simulate(per_cell).to_csv(path, index=False)
        large = per_cell > 10
        options = ["--headline-only"] if large else []
        shown = f"{name} in 64 cells" + (", headline" if large else "")
        limits = (60.0, 2.0) if large else (5.0, 1.0)
        made.append(Case(shown, "analyze", path, FACTORS, "test_accuracy", options, *limits))
    for shape, command, limits in (
        ((13, 86, 15), "analyze", (30.0, 1.0)),
        ((13, 86, 15), "report", (60.0, 1.0)),
        ((6, 60, 5), "analyze", (10.0, 1.0)),
        ((6, 60, 5), "report", (10.0, 1.0)),
    ):
        path = folder / f"{'x'.join(map(str, shape))}.csv"
        many_tasks(*shape).to_csv(path, index=False)
        name = "{} methods, {} tasks, {} runs each".format(*shape)
        made.append(Case(name, command, path, ("method", "task"), "score", (), *limits))
    return made


def measure(case: Case, folder: Path) -> Measured:
    """Run one command in a process of its own."""
    target = folder / ("page.html" if case.command == "report" else "claims.json")
    command = [sys.executable, "-m", "vggstudy", case.command, str(case.path), *case.options]
    command += ["--factors", ",".join(case.factors), "--outcome", case.outcome, "-o", str(target)]
    watched = (
        "import json, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20]))"
    )
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", watched, *command], check=True, capture_output=True, text=True
    )
    wall = time.perf_counter() - start
    cpu, peak = json.loads(done.stdout)
    text = target.read_text("utf-8")
    claims = len(json.loads(text)["claims"]) if target.suffix == ".json" else 0
    return Measured(wall, cpu, peak, claims, len(text) / 1e6)


def markdown(rows: Sequence[tuple[Case, Measured]]) -> str:
    """The results beside what is asked."""
    lines = [
        "| table | command | wall | CPU | peak memory | asked | written |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    for case, found in rows:
        asked = f"{case.asked_s:g} s, {case.asked_gib:g} GiB" if case.asked_s else ""
        written = f"{found.claims:,} claims, " if found.claims else ""
        lines.append(
            f"| {case.name} | {case.command} | {found.wall_s:.1f} s | {found.cpu_s:.1f} s | "
            f"{found.peak_gib:.2f} GiB | {asked} | {written}{found.written_mb:.1f} MB |"
        )
    return "\n".join([*lines, "", f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    parser.add_argument("--only", default="", help="only tables whose name holds this text")
    parser.add_argument("--table", type=Path, help="a table of yours, timed besides")
    parser.add_argument("--factors", default="", help="its factors, between commas")
    parser.add_argument("--outcome", default="test_accuracy", help="its outcome")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = [case for case in cases(folder) if asked.only in case.name]
        if asked.table is not None:
            factors = asked.factors.split(",")
            chosen += [
                Case(asked.table.name, command, asked.table, factors, asked.outcome)
                for command in ("analyze", "report")
            ]
        rows = [(case, measure(case, folder)) for case in chosen]
    if asked.json:
        print(json.dumps([{"name": c.name, "command": c.command, **asdict(m)} for c, m in rows]))
    else:
        print(markdown(rows))


if __name__ == "__main__":
    main()
