"""Time the index of a study of many long runs: python benchmarks/records.py [--records 10000].

Records with curves that differ from run to run, of 100 epochs unless --epochs says otherwise, are
written to a scratch folder; then a process of its own makes their index anew, a second one opens
it. 100,000 of them take about 3 GB of disk, and as long to write as to index.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ASKED_S = 60.0
"""Seconds in which 100,000 records of 100 epochs are to be indexed."""

_CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "gradient_norm")
_N_TRAIN, _N_VALIDATION, _N_TEST, _BATCH = 1200, 300, 2000, 64
_CLASSES = 10

_OPEN = """
import json, resource, sys, time
from pathlib import Path
from vggstudy.ledger.index import StudyIndex
began = time.perf_counter()
with StudyIndex.open(Path(sys.argv[1])) as index:
    assert len(index) == int(sys.argv[2]) and not index.damaged()
wall = time.perf_counter() - began
own, children = (resource.getrusage(who) for who in (0, resource.RUSAGE_CHILDREN))
cpu = sum(used.ru_utime + used.ru_stime for used in (own, children))
peak = max(used.ru_maxrss for used in (own, children)) / 2**20
print(json.dumps({"wall_s": wall, "cpu_s": cpu, "peak_gib": peak}))
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening an index took, in a process of its own.

    Attributes
    ----------
    wall_s : float
        Without the interpreter's start.
    cpu_s : float
        With it, of all processes.
    peak_gib : float
        Largest resident memory of any process.
    """

    wall_s: float
    cpu_s: float
    peak_gib: float


def result_of(epochs: int, draw: random.Random) -> dict[str, Any]:
    """What a run of so many epochs measured: every number has the digits of a real one."""
    hits = [draw.randint(30, _N_VALIDATION) for _ in range(epochs)]
    curves = {name: [draw.random() for _ in range(epochs)] for name in _CURVES}
    curves["val_accuracy"] = [count / _N_VALIDATION for count in hits]
    curves["lr"] = [0.002] * epochs
    best = hits.index(max(hits))
    of_class = [draw.randint(0, _N_TEST // _CLASSES) for _ in range(_CLASSES)]
    recalls = [count * _CLASSES / _N_TEST for count in of_class]
    last = {name: curves[name][-1] for name in ("val_accuracy", "val_loss")}
    return {
        "status": "finished",
        "stop_reason": "epoch_cap",
        "epochs": epochs,
        "steps": epochs * -(-_N_TRAIN // _BATCH),
        "selected_epoch": best + 1,
        "curves": curves,
        "final": last,
        "test_recall": recalls,
        "metrics": {
            **{name: curves[name][best] for name in last},
            "test_accuracy": sum(of_class) / _N_TEST,
            "test_balanced_accuracy": sum(recalls) / _CLASSES,
            "test_loss": draw.random(),
        },
        "data": {
            "classes": [f"class {place}" for place in range(_CLASSES)],
            "majority_rate": 1 / _CLASSES,
            "n_train": _N_TRAIN,
            "n_validation": _N_VALIDATION,
            "n_test": _N_TEST,
        },
    }


def make(folder: Path, records: int, epochs: int) -> None:
    """Write a study of so many records, without a sync for each."""
    from vggstudy.ledger import RunRecord, StudyStore

    store = StudyStore.create(folder, "schema = 1\n", "d", "records")
    draw = random.Random(1)
    training = {
        "batch_size": _BATCH,
        "drop_last": False,
        "epochs": epochs,
        "early_stopping": None,
        "selection": "val_accuracy",
    }
    attempt = {"number": 1, "started_at": "2026-01-02T03:04:05", "duration_s": 1.5, "failure": None}
    for number in range(records):
        seconds = [draw.random() for _ in range(epochs)]
        record = RunRecord(
            run_id=f"{number:016x}",
            cell_id=f"{number % 64:016x}",
            study_seed=2026,
            replicate=number // 64,
            seeding="independent",
            levels={"depth": 11},
            recipe={"data": {"name": "digits"}, "training": training},
            status="finished",
            attempts=[attempt],  # type: ignore[list-item]
            result=result_of(epochs, draw),
            timings={"epoch_s": seconds, "total_s": sum(seconds)},
            environment={"host": "machine", "packages": {"torch": "2.14.1"}},
        )
        own = store.run_dir(record.run_id)
        own.mkdir()
        (own / "run.json").write_text(record.to_json())


def opened(folder: Path, records: int) -> Opened:
    """Open the study's index in a process of its own."""
    command = [sys.executable, "-c", _OPEN, str(folder), str(records)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Opened(**json.loads(done.stdout))


def markdown(records: int, epochs: int, rows: dict[str, Opened]) -> str:
    """The results; what is asked of 100,000 records in proportion."""
    asked = f"{ASKED_S * records * epochs / 1e7:.0f} s"
    lines = [
        f"| {records:,} records of {epochs} epochs | wall | CPU | peak memory | asked |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    lines += [
        f"| {name} | {found.wall_s:.1f} s | {found.cpu_s:.1f} s | {found.peak_gib:.2f} GiB | "
        f"{asked if name == 'indexed' else ''} |"
        for name, found in rows.items()
    ]
    return "\n".join([*lines, "", f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON in place of Markdown")
    parser.add_argument("--records", type=int, default=10_000, help="so many (default: 10,000)")
    parser.add_argument("--epochs", type=int, default=100, help="of each run (default: 100)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "study"
        make(folder, asked.records, asked.epochs)
        time.sleep(3)  # a file written this moment is read again the next time
        rows = {what: opened(folder, asked.records) for what in ("indexed", "opened again")}
    if asked.json:
        print(json.dumps({what: asdict(found) for what, found in rows.items()}))
    else:
        print(markdown(asked.records, asked.epochs, rows))


if __name__ == "__main__":
    main()
