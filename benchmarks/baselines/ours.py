"""vggstudy itself: a study run by its own engine, with its ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from baselines.work import Outcome, Work
from vggstudy.execution import ExecutionOptions, Silent
from vggstudy.ledger import RunRecord
from vggstudy.plan import PlannedRun
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study


class Stopwatch(Silent):
    """Notes when runs begin and end.

    Attributes
    ----------
    begun, ended : dict of str to float
        By run id, of `time.perf_counter`.
    """

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def started(self, run: PlannedRun, *, worker: int) -> None:  # noqa: ARG002 - as in Listener
        """A worker has taken the run."""
        self.begun.setdefault(run.run_id, time.perf_counter())

    def finished(self, run: PlannedRun, record: RunRecord) -> None:  # noqa: ARG002 - the same
        """Its record is in the ledger."""
        self.ended[run.run_id] = time.perf_counter()


def run_study(work: Work, folder: Path, options: ExecutionOptions) -> Outcome:
    """Run what the study in a folder lacks."""
    text = work.protocol()
    study = Study(parse_protocol(text, filename="benchmark.toml"), folder, text=text)
    watch = Stopwatch()
    started = time.perf_counter()
    tally = study.run(options=options, listener=lambda *_: nullcontext(watch))
    whole = time.perf_counter() - started
    if tally.crashed or tally.left:
        message = f"{tally.crashed} runs crashed, {tally.left} are left: see {folder}"
        raise RuntimeError(message)
    records = {record.run_id: record for record in study.store().records()}
    ordered = [records[run.run_id] for run in study.plan.runs]
    timings = [record.timings for record in ordered]
    # A worker has started its device when its first run begins; what runs record is their time.
    setup = {} if work.device == "cpu" else {"setup_s": min(watch.begun.values()) - started}
    workers = 1 if options.devices[0].startswith("cuda") else options.jobs
    return Outcome(
        seconds=max(watch.ended.values()) - min(watch.begun.values()),
        runs=len(watch.ended),
        accuracies=[record.result["metrics"]["test_accuracy"] for record in ordered],
        digests={record.run_id: digest(record) for record in ordered},
        peak_mib=max(t["peak_memory_bytes"] for t in timings) / 2**20,
        extra={
            "whole_s": whole,
            **setup,
            "workers": workers,
            "train_s": sum(t["train_s"] for t in timings),
            "steps": sum(record.result["steps"] for record in ordered),
        },
    )


def digest(record: RunRecord) -> str:
    """Everything that must agree bit for bit: the last weights and every curve."""
    from vggstudy.identity import digest as of

    result: Mapping[str, Any] = record.result
    return of({"weights": result["parameters_sha256"], "curves": result["curves"]})
