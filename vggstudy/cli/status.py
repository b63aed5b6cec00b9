"""The command `status`: the state of a study, once or for as long as it changes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console, common, duration, printable, table_lines
from vggstudy.cli.engines import queue_counts, queue_text
from vggstudy.cli.looks import look_rows, show_looks
from vggstudy.cli.trainers import warn_of_code
from vggstudy.stated.base import write_level
from vggstudy.study.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggstudy.study.progress import Progress

EVERY_S = 5.0
"""Seconds between two looks."""


@click.command("status")
@click.argument("study")
@click.option("--watch", is_flag=True, help="Show it until all runs are done, or Ctrl-C.")
@click.option(
    "--report",
    "reports",
    is_flag=True,
    help="With --watch: write report.html anew whenever runs have ended, marked as not final.",
)
@common
def status_command(console: Console, study: str, *, watch: bool, reports: bool) -> None:
    """Show the state of STUDY (its folder, or its name below studies/), cell by cell.

    A report before the last run is a look at the results, and the study's claims will say that
    there was one.
    """
    opened = Study.open(study)
    warn_of_code(console, opened)
    if reports and not watch:
        raise click.UsageError("--report is for --watch: 'vggstudy report' writes it once")
    if watch:
        if not console.live or console.as_json:
            raise click.UsageError("--watch needs a terminal")
        watch_study(console, opened, reports=reports)
        return
    progress = opened.progress()
    queue = queue_counts(console, opened, progress)
    cells = _cells(opened)
    if console.as_json:
        content = {"name": opened.protocol.name, "study": str(opened.path)}
        counts = {**progress_counts(progress), **({"slurm": queue} if queue else {})}
        rows = look_rows(opened.looks, opened.protocol)
        looks = {"looks": rows} if rows else {}
        console.json("status", {**content, **counts, **looks, "cells": cells})
        return
    line = f"{progress_line(progress)}{queue_text(queue)}"
    console.data(f"{opened.protocol.name} in {opened.path}: {line}")
    show_looks(console, opened.looks, opened.protocol, look_rows(opened.looks, opened.protocol))
    for text in _cell_lines(opened, cells):
        console.data(text)


def watch_study(
    console: Console,
    study: Study,
    *,
    reports: bool = False,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Draw a study's state anew every few seconds, in its place, until nothing is lacking.

    With `reports` the report is written whenever runs have ended since the last one.
    """
    from rich.console import Console as RichConsole
    from rich.live import Live
    from rich.text import Text

    began, first = clock(), len(study.progress().done)
    told, reported = "", -1
    with Live(console=RichConsole(stderr=True), auto_refresh=False) as display:

        def draw(*lines: str) -> None:
            display.update(Text(printable("\n".join(filter(None, lines)))), refresh=True)

        while True:
            progress = study.progress()
            left = _time_left(len(progress.done) - first, clock() - began, progress)
            head = f"{study.protocol.name}: {progress_line(progress)}{left}"
            lines = [head, *_cell_lines(study, _cells(study))]
            draw(*lines, told)
            if reports and len(progress.done) != reported:
                draw(*lines, "drawing the report ...")
                told, reported = _report_now(study), len(progress.done)
                draw(*lines, told)
            if not progress.lacking:
                break
            wait(EVERY_S)
    if not reports:
        console.say(f"next: vggstudy report {study.path}")


def _report_now(study: Study) -> str:
    """Write the report of the runs that there are; what it says of itself, or why there is none."""
    from vggstudy.errors import AnalysisError
    from vggstudy.report import write_report
    from vggstudy.report.page.flow import unfinished
    from vggstudy.study.analyze import analyze_source
    from vggstudy.study.context import report_context
    from vggstudy.study.sources import open_source

    try:
        source = open_source(study)
        result, context = analyze_source(source, sensitivity=True), report_context(source)
    except AnalysisError as error:
        return f"no report yet: {error}"
    path = write_report(result, study.path / "report.html", context=context)
    mark = unfinished(result.flow, context.planned)
    return f"{path}{f' ({mark})' if mark else ''}"


def _time_left(done: int, seconds: float, progress: Progress) -> str:
    """How long the rest takes at the pace since the first look; nothing before a run has ended."""
    if not done or not progress.lacking:
        return ""
    return f"; about {duration(len(progress.lacking) * seconds / done)} left at this pace"


def _cells(study: Study) -> list[dict[str, Any]]:
    """The cells with their counts and their mean outcome."""
    from vggstudy.study.cells import cell_table

    outcome = study.protocol.analysis.outcome if study.protocol.trainer else "test_accuracy"
    return cell_table(study.to_frame(), study.plan.factors, outcome)


def print_cells(console: Console, study: Study) -> None:
    """The state of a study, one line a cell."""
    for line in _cell_lines(study, _cells(study)):
        console.data(line)


def _cell_lines(study: Study, cells: list[dict[str, Any]]) -> list[str]:
    """The table of `cell_table`, without columns of outcomes that no run has."""
    from vggstudy.study.labels import counts_all

    rare = [name for name in ("diverged", "crashed", "missing") if any(c[name] for c in cells)]
    mean = next(name for name in reversed(cells[0]) if name.startswith("mean_"))
    ends = {"converged": "finished"} if counts_all(study.protocol) else _ENDS
    names = [*study.plan.factors, "planned", *ends, *rare, mean]
    rows = [[_cell_text(cell[name]) for name in names] for cell in cells]
    return table_lines([ends.get(name, name).replace("_", " ") for name in names], rows)


_ENDS = {"converged": "converged", "failed": "failed"}
"""Columns of how runs ended, and what they are called."""


def _cell_text(value: Any) -> str:
    """A value in the status table."""
    if value is None:
        return "-"
    return (
        f"{value:.4f}"
        if isinstance(value, float) and not value.is_integer()
        else (write_level(value))
    )


def progress_counts(progress: Progress) -> dict[str, int]:
    """Runs by state, for JSON."""
    lists = ("done", "crashed", "damaged", "pending")
    counts = {name: len(getattr(progress, name)) for name in lists}
    return {"runs": sum(counts.values()), **counts, "unplanned": progress.unplanned}


def progress_line(progress: Progress) -> str:
    """Runs by state, in words."""
    counts = progress_counts(progress)
    parts = [f"{counts['done']} of {counts['runs']} runs done", f"{counts['pending']} pending"]
    parts += [f"{counts[name]} {name}" for name in ("crashed", "damaged") if counts[name]]
    if progress.unplanned:
        parts.append(f"{progress.unplanned} recorded but no longer planned")
    return ", ".join(parts)
