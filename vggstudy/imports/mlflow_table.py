"""MLflow: the CSV of `mlflow.search_runs()`, of `mlflow experiments csv` or of the browser."""

from __future__ import annotations

from dataclasses import replace

from vggstudy.errors import AnalysisError
from vggstudy.imports.mlflow_words import PARENT, STATUSES, imported, keep_experiment
from vggstudy.imports.runs import MIXED, ImportedRun, ImportedRuns, Scalar
from vggstudy.imports.sources import Place

NEEDED = ("run_id", "status")
BROWSER = ("Run ID", "Status", "Start Time")
ABOUT = ("Duration", "Name", "Source Type", "Source Name", "User", "Source Version", "Models")


def detects(place: Place) -> bool:
    """Whether a header is one of MLflow's."""
    header = {*place.header}
    of_search = header >= {*NEEDED} and any(
        name.startswith(("params.", "metrics.", "tags.mlflow.")) for name in header
    )
    return of_search or header >= {*BROWSER}


def read(place: Place) -> ImportedRuns:
    """Runs of the table, one a row."""
    rows = place.rows_of()
    if {*place.header} >= {*BROWSER}:
        found = imported([(_of_browser(row), None) for row in rows], place)
        return replace(found, notes=(MIXED,))
    if lost := [name for name in NEEDED if name not in place.header]:
        msg = f"{place.path}: no table of MLflow's runs: it lacks {', '.join(lost)}"
        raise AnalysisError(msg)
    pairs = [(_of_search(row), row.get(PARENT) or None) for row in rows]
    return imported(keep_experiment(pairs), place)


def _of_search(row: dict[str, str]) -> ImportedRun:
    """A row of `search_runs`: names carry what they are."""
    about: dict[str, Scalar] = {
        name: row[name] or None
        for name in row
        if not name.startswith(("params.", "metrics.")) and name not in NEEDED
    }
    return ImportedRun(
        row["run_id"],
        STATUSES.get(row["status"], "unknown"),
        {name: value or None for name, value in row.items() if name.startswith("params.")},
        {name: value or None for name, value in row.items() if name.startswith("metrics.")},
        about,
    )


def _of_browser(row: dict[str, str]) -> ImportedRun:
    """A row of the browser's table: parameters and metrics look alike there."""
    taken = {*BROWSER, *ABOUT}
    return ImportedRun(
        row["Run ID"],
        STATUSES.get(row["Status"], "unknown"),
        {},
        {name: value or None for name, value in row.items() if name not in taken},
        {name: row[name] or None for name in row if name in taken - {"Run ID", "Status"}},
    )
