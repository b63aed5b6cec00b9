"""Time the engines: python benchmarks/engines.py overhead | scale [--json].

``overhead`` executes one study of short runs with the local engine, on a SLURM of two nodes and on
a local Ray cluster, two workers each, and divides what is not training by the number of runs. The
SLURM is that of the tests, started and stopped here; an engine that is not installed is left out.

``scale`` takes a large study through everything around its training, each step timed on its own:
plan, submit to a SLURM whose commands do nothing, find the jobs again, write records, collect,
index, analyse. Records are copies of one trained run.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vggstudy.execution import ExecutionOptions
from vggstudy.execution.events import Silent
from vggstudy.execution.packing import Packing
from vggstudy.execution.slurm.engine import SlurmEngine, held_runs
from vggstudy.execution.slurm.options import SlurmSettings
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

PROTOCOL = """\
schema = 1
name = "bench"
[design]
replicates = {replicates}
seed = 1
[design.factors]
depth = [11, 19]
batch_size = [8, 16, 32, 64, 128, 256, 512, 1024]
data_norm = [false, true]
batch_norm = [false, true]
[data]
name = "digits"
train = {train}
test = 64
validation = 32
[model]
width = 0.05
[training]
epochs = {epochs}
"""
CELLS = 64
ONLY = ("--only", "depth=11", "--only", "batch_norm=true", "--only", "data_norm=true")
REPLICATES, EPOCHS, TRAIN = 5, 4, 256
"""Of the study that is executed: 40 runs in the 8 cells that `ONLY` selects."""

WORKERS = 2
PACK = 100
"""Runs of a job where nothing is executed."""

SAMPLE = 100
"""One record in so many is written and synchronised under the clock; the disk decides its time."""


def cli(folder: Path, *arguments: str) -> None:
    """Call the command line in a folder, to its end."""
    command = [sys.executable, "-m", "vggstudy", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


def overhead() -> list[dict[str, Any]]:
    """Seconds a run that are not training, for each engine that is here."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="ve-", dir="/tmp") as name:
        folder = Path(name)
        os.environ["VGGSTUDY_CACHE"] = str(folder / "cache")
        text = PROTOCOL.format(replicates=REPLICATES, epochs=EPOCHS, train=TRAIN)
        (folder / "bench.toml").write_text(text)
        rows.append(measure(folder, "local", "-j", str(WORKERS)))
        pack = str(rows[0]["runs"] // WORKERS)
        if shutil.which("slurmctld"):
            with mini_slurm():
                rows.append(measure(folder, "slurm", "--engine", "slurm", "--pack", pack))
        if importlib.util.find_spec("ray"):
            rows.append(measure(folder, "ray", "--engine", "ray", "--pack", pack))
    for row in rows:
        row["more_than_local_s"] = round(row["overhead_s"] - rows[0]["overhead_s"], 3)
    return rows


def measure(folder: Path, study: str, *options: str) -> dict[str, Any]:
    """Execute the study and take its training off the wall time."""
    started = time.perf_counter()
    cli(folder, "run", "bench.toml", "--study", study, *ONLY, *options, "-q")
    wall = time.perf_counter() - started
    records = list(StudyStore.open(folder / study, readonly=True).records())
    training = sum(record.timings["total_s"] for record in records) / WORKERS
    return {
        "engine": study,
        "runs": len(records),
        "wall_s": round(wall, 2),
        "training_s": round(training, 2),
        "overhead_s": round((wall - training) / len(records), 3),
    }


@contextmanager
def mini_slurm() -> Iterator[None]:
    """The SLURM that the tests start."""
    path = Path(__file__).resolve().parent.parent / "tests" / "engines" / "conftest.py"
    spec = importlib.util.spec_from_file_location("engines_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cluster = module.MiniSlurm()
    try:
        cluster.start()
        os.environ["SLURM_CONF"] = cluster.environment["SLURM_CONF"]
        yield
    finally:
        cluster.stop()


def scale(runs: int) -> list[dict[str, Any]]:
    """Wall and processor time of every step around the training of a study of so many runs."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ve-", dir=os.environ.get("TMPDIR", "/tmp")) as name:
        folder = Path(name)
        os.environ["VGGSTUDY_CACHE"] = str(folder / "cache")
        template = trained_record(folder)
        text = PROTOCOL.format(replicates=-(-runs // CELLS), epochs=20, train=TRAIN)
        study = Study(parse_protocol(text), folder / "study")
        step(rows, "plan", lambda: study.plan)
        StudyStore.create(study.path, study.text, study.protocol.digest(), study.protocol.name)
        with fake_slurm(folder) as queue:
            step(rows, "submit", lambda: engine(study, detach=True))
            queue.show(study, "PENDING")
            step(rows, "find the jobs again", lambda: held_runs(study.path))
            sample = study.plan.runs[: len(study.plan.runs) // SAMPLE]
            step(rows, f"write every {SAMPLE}th record", lambda: write(study, template, sample))
            fill(study, template)
            step(rows, "collect", lambda: engine(study, detach=False))
        step(rows, "index", lambda: study.store().index().close())
        step(rows, "open the index again", lambda: study.progress())
        step(rows, "analyse", lambda: cli(folder, "analyze", "study", "-q"))
        for row in rows:
            row["runs"] = len(sample) if row["step"].startswith("write") else len(study.plan.runs)
        size = sum(path.stat().st_size for path in (study.path / "slurm").rglob("*"))
        rows.append({"step": "files of the submission, MB", "wall_s": round(size / 1e6, 1)})
    return rows


def step(rows: list[dict[str, Any]], name: str, work: Callable[[], object]) -> None:
    """Do one step and note what it took, its children included."""
    wall, cpu = time.perf_counter(), processor_s()
    work()
    wall, cpu = time.perf_counter() - wall, processor_s() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows.append({"step": name, "wall_s": round(wall, 2), "cpu_s": round(cpu, 2)})
    rows[-1]["peak_gib"] = round(peak, 2)
    print(f"{name}: {wall:.1f} s", file=sys.stderr)


def processor_s() -> float:
    """Processor time of this process and its children so far."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(k).ru_utime + resource.getrusage(k).ru_stime for k in kinds)


def trained_record(folder: Path) -> RunRecord:
    """A record of one real run of 20 epochs."""
    text = PROTOCOL.format(replicates=1, epochs=20, train=TRAIN)
    (folder / "one.toml").write_text(text)
    cli(folder, "run", "one.toml", "--study", "one", "--limit", "1", "-q")
    return next(StudyStore.open(folder / "one", readonly=True).records())


def copy_for(run: PlannedRun, template: RunRecord) -> RunRecord:
    """The record of the trained run as that of another."""
    return dataclasses.replace(
        template,
        run_id=run.run_id,
        cell_id=run.cell_id,
        replicate=run.replicate,
        levels=dict(run.levels),
        recipe=run.recipe.model_dump(mode="json"),
    )


def write(study: Study, template: RunRecord, runs: Sequence[PlannedRun]) -> None:
    """Write records as the engines do: synchronised, one by one."""
    store = StudyStore.open(study.path)
    for run in runs:
        store.write_record(copy_for(run, template))


def fill(study: Study, template: RunRecord) -> None:
    """Give every other planned run its record, without waiting for the disk."""
    store = StudyStore.open(study.path)
    for run in study.plan.runs:
        path = store.record_path(run.run_id)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(copy_for(run, template).to_json())


def engine(study: Study, *, detach: bool) -> None:
    """Call the engine for SLURM on every run of the study."""
    settings = SlurmSettings(packing=Packing(size=PACK), detach=detach)
    store = StudyStore.open(study.path)
    SlurmEngine(settings)(study.plan.runs, store, ExecutionOptions(jobs=1), Silent())


class FakeQueue:
    """What the stand-in for squeue prints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()

    def show(self, study: Study, state: str) -> None:
        """List every job of the study in a state."""
        lines = []
        for folder in sorted((study.path / "slurm").iterdir()):
            packs = json.loads((folder / "submission.json").read_text())["packs"]
            lines += [f"{folder.name}|{index}|{state}\n" for index in range(len(packs))]
        self.path.write_text("".join(lines))


@contextmanager
def fake_slurm(folder: Path) -> Iterator[FakeQueue]:
    """Stand-ins for sbatch, srun, squeue and scontrol, first on the path."""
    tools = folder / "bin"
    tools.mkdir()
    bodies = {
        "sbatch": "echo Submitted batch job $$",
        "srun": "true",
        "squeue": f"cat {folder}/queue",
        "scontrol": "echo MaxArraySize = 1001",
    }
    for name, body in bodies.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{tools}{os.pathsep}{before}"
    try:
        yield FakeQueue(folder / "queue")
    finally:
        os.environ["PATH"] = before


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "| " + " | ".join("---" for _ in names) + " |"]
    lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("overhead", "scale"))
    parser.add_argument("--runs", type=int, default=100_000, help="runs of the large study")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    rows = overhead() if given.what == "overhead" else scale(given.runs)
    if given.json:
        print(json.dumps({"rows": rows, "load": [load, os.getloadavg()[0]]}, indent=1))
        return
    print(table(rows))
    print(f"\n{os.cpu_count()} cores, load {load:.1f} at the start, {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
