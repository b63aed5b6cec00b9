"""Measure what a study costs besides training: python benchmarks/overhead.py [--json].

A study of short runs (about two seconds each on an idle core) is executed by two workers, then
labelled and tabulated. A run's own time is what its record says: images, set-up, training,
evaluation. Everything else counts as overhead, in two ways:

- wall time: what passes between a run's end and the next one's begin, and between the driver's
  view of a run and the run's own;
- processor time of the driver and of labelling and tabulating, into which other work on the
  machine does not enter.

The plan of 100,000 runs is timed besides: from the protocol's text to every run's id and seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from baselines.ours import Stopwatch

from vggstudy.execution import resolve_options
from vggstudy.plan import PlannedRun, make_plan
from vggstudy.protocol import Protocol, parse_protocol
from vggstudy.study.study import Study

PROTOCOL = """
schema = 1
name = "short"

[design]
replicates = {replicates}
seed = 1

[design.factors]
batch_size = [{batches}]

[data]
name = "digits"

[model]
depth = 11
width = {width}

[training]
optimizer = "adam"
epochs = {epochs}
"""

PLANNED = 100_000


@dataclass(frozen=True, slots=True)
class Overhead:
    """What was measured.

    Attributes
    ----------
    runs, workers : int
    run_s : float
        Mean seconds of a run by its own record.
    wall : float
        Share of the workers' wall time that is no run's own.
    driver_cpu : float
        Processor time of the driver (scheduling, progress) per run's own time.
    after_cpu : float
        Processor time of reading, labelling and tabulating all runs, likewise.
    plan_s, plan_cpu_s : float
        Seconds of planning 100,000 runs.
    load : float
    """

    runs: int
    workers: int
    run_s: float
    wall: float
    driver_cpu: float
    after_cpu: float
    plan_s: float
    plan_cpu_s: float
    load: float


def protocol(replicates: int, batches: str, *, width: float = 0.125, epochs: int = 3) -> Protocol:
    text = PROTOCOL.format(replicates=replicates, batches=batches, width=width, epochs=epochs)
    return parse_protocol(text, filename="short.toml")


def measure(replicates: int) -> Overhead:
    """Execute the study and plan the large one."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study(protocol(replicates, "32, 64"), Path(folder) / "short")
        options = resolve_options(threads=1)
        warm = Study(protocol(1, "64", epochs=1), Path(folder) / "warm")
        warm.run(options=options)  # the images are decoded once
        watch = Lanes()
        before = time.process_time()
        tally = study.run(options=options, listener=lambda *_: nullcontext(watch))
        if tally.left or tally.crashed:
            raise SystemExit(f"{tally.left} runs are left and {tally.crashed} crashed: no figures")
        driver = time.process_time() - before
        before = time.process_time()
        study.to_frame()
        after = time.process_time() - before
        own = {r.run_id: r.timings["total_s"] for r in study.store().records()}
    total = sum(own.values())
    wall, cpu = time.perf_counter(), time.process_time()
    runs = len(make_plan(protocol(PLANNED // 4, "8, 16, 32, 64")).runs)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert runs == PLANNED
    return Overhead(
        runs=len(own),
        workers=options.jobs,
        run_s=total / len(own),
        wall=1 - total / watch.busy(),
        driver_cpu=driver / total,
        after_cpu=after / total,
        plan_s=wall,
        plan_cpu_s=cpu,
        load=os.getloadavg()[0],
    )


class Lanes(Stopwatch):
    """Notes on which worker a run was."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: dict[int, list[str]] = {}

    def started(self, run: PlannedRun, *, worker: int) -> None:
        """A worker has taken the run."""
        super().started(run, worker=worker)
        self.workers.setdefault(worker, []).append(run.run_id)

    def busy(self) -> float:
        """Seconds from each worker's first run to its last one's end, all workers together."""
        return sum(
            max(self.ended[run] for run in runs) - min(self.begun[run] for run in runs)
            for runs in self.workers.values()
        )


def markdown(found: Overhead) -> str:
    """The figures as a table."""
    rows = [
        ("wall time that is no run's own", f"{found.wall:.1%}", "below 3%"),
        ("processor time of the driver", f"{found.driver_cpu:.1%}", ""),
        ("processor time of labelling and tabulating", f"{found.after_cpu:.1%}", ""),
        (f"planning {PLANNED:,} runs", f"{found.plan_s:.2f} s", "below 1 s"),
        ("the same, processor time", f"{found.plan_cpu_s:.2f} s", ""),
    ]
    lines = [
        f"{found.runs} runs of {found.run_s:.1f} s on {found.workers} workers, "
        f"load {found.load:.1f}",
        "",
        "| what | measured | asked |",
        "| --- | --- | --- |",
        *(f"| {what} | {value} | {asked} |" for what, value, asked in rows),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=8, help="of two cells")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    found = measure(arguments.replicates)
    print(json.dumps(asdict(found)) if arguments.json else markdown(found))


if __name__ == "__main__":
    main()
