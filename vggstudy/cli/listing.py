"""Commands that find studies and their reports: list, open."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from vggstudy.cli.console import Console, common
from vggstudy.errors import StudyError
from vggstudy.study.places import STUDIES, find_study
from vggstudy.study.study import Study

REPORT = "report.html"


@click.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=STUDIES)
@common
def list_command(console: Console, folder: Path) -> None:
    """List the studies in FOLDER, studies/ by default: how many runs are done, and since when.

    A study that cannot be read stays in the list, with the reason.
    """
    markers = sorted(folder.glob("*/study.json"))
    rows = [_row(marker) for marker in markers]
    if console.as_json:
        console.json("list", {"folder": str(folder), "studies": rows})
    elif not rows:
        console.say(f"no studies in {folder.resolve()}")
    else:
        names = ("name", "done", "runs", "changed", "report")
        console.table(names, [[row[name] for name in names] for row in rows])


def _row(marker: Path) -> dict[str, Any]:
    """One study: its counts, or why they are not known."""
    folder = marker.parent
    report = folder / REPORT
    try:
        study = Study.open(folder)
        progress = study.progress()
        counts: dict[str, Any] = {"done": len(progress.done), "runs": len(study.plan.runs)}
    except StudyError as error:
        return {
            "name": folder.name,
            "done": None,
            "runs": None,
            "changed": None,
            "report": str(error),
        }
    changed = max(path.stat().st_mtime for path in folder.iterdir())
    moment = datetime.datetime.fromtimestamp(changed).astimezone()
    there = str(report) if report.is_file() else None
    name = {"name": folder.name, **counts}
    return {**name, "changed": moment.isoformat(" ", "minutes"), "report": there}


@click.command("open")
@click.argument("study")
@common
def open_command(console: Console, study: str) -> None:
    """Open the report of STUDY in the browser; 'vggstudy report' renders it first."""
    path = find_study(study)
    page = path if path.suffix == ".html" else path / REPORT
    if not page.is_file():
        msg = f"{path} has no report yet: vggstudy report {study}"
        raise StudyError(msg)
    if console.as_json:
        console.json("open", {"path": str(page)})
        return
    if click.launch(page.resolve().as_uri()):
        msg = f"no browser could be started; the report is {page}"
        raise StudyError(msg)
    console.say(str(page))
