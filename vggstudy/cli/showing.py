"""The command that shows a run's record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vggstudy.cli.console import Console, common, duration
from vggstudy.plan import describe_levels
from vggstudy.study.keeping import note_look
from vggstudy.study.places import find_study
from vggstudy.study.study import Study

if TYPE_CHECKING:
    from vggstudy.ledger import Attempt


@click.command("show")
@click.argument("study")
@click.argument("run_id")
@common
def show_command(console: Console, study: str, run_id: str) -> None:
    """Show the record of the run RUN_ID (or the beginning of its id) of STUDY."""
    folder = find_study(study)
    opened = Study.open(folder)
    store = opened.store()
    matches = [run for run in opened.plan.runs if run.run_id.startswith(run_id.lower())]
    if len(matches) != 1:
        found = f"{len(matches)} planned runs" if matches else "no planned run"
        msg = f"{found} of {folder} with an id that begins with '{run_id}'"
        raise click.UsageError(msg)
    run = matches[0]
    record = store.read_record(run.run_id)
    if not store.packed:
        note_look(opened.path, 1)
    label = opened.label(run, record)
    if console.as_json:
        content = {"run_id": run.run_id, "levels": dict(run.levels), "replicate": run.replicate}
        provenance = {
            "attempts": list(record.attempts),
            "timings": dict(record.timings),
            "environment": dict(record.environment),
        }
        outcome = {"outcome": label.outcome, "completion": label.completion}
        console.json("record", {**content, **outcome, "result": dict(record.result), **provenance})
        return
    console.data(f"run {run.run_id}: {describe_levels(run.levels)}, replicate {run.replicate}")
    completion = f" ({label.completion})" if label.completion else ""
    console.data(f"outcome: {label.words}{completion}: {label.reason}")
    for name, value in record.result.get("metrics", {}).items():
        console.data(f"  {name}: {value:.4f}" if value is not None else f"  {name}: not finite")
    for attempt in record.attempts:
        failure = attempt["failure"]
        ended = f"{failure['kind']}: {failure['message']}" if failure else "ended well"
        console.data(
            f"attempt {attempt['number']}: {attempt['started_at']}, "
            f"{duration(attempt['duration_s'])}, {ended}"
        )
        _output(console, attempt)
    if record.result.get("parameters"):
        count = record.result.get("parameters", {}).get("count", 0)
        console.data(f"parameters: {count:,}, SHA-256 {record.result.get('parameters_sha256')}")
    _curves(console, record.result.get("curves", {}))


def _output(console: Console, attempt: Attempt) -> None:
    """The end of what a trainer of one's own has written in an attempt that failed."""
    output = attempt.get("output", {})
    if attempt["failure"] is None:
        return
    for name, text in (("stdout", output.get("stdout")), ("stderr", output.get("stderr"))):
        for line in (text or "").splitlines():
            console.data(f"  {name}: {line}")


def _curves(console: Console, curves: dict[str, list[float | None]]) -> None:
    """The curves as a table, one row an epoch."""
    if not curves:
        return
    names = list(curves)
    rows = [
        (epoch, *("-" if value is None else f"{value:.4g}" for value in values))
        for epoch, values in enumerate(zip(*curves.values(), strict=True), start=1)
    ]
    console.table(("epoch", *names), rows)
