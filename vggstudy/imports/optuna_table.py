"""Optuna: the CSV of `study.trials_dataframe()`."""

from __future__ import annotations

from vggstudy.errors import AnalysisError
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Scalar, Status, refuse_nothing
from vggstudy.imports.sources import Place

NEEDED = ("number", "state")
STATES: dict[str, Status] = {
    "COMPLETE": "finished",
    "FAIL": "failed",
    "PRUNED": "pruned",
    "RUNNING": "running",
    "WAITING": "running",
}


def detects(place: Place) -> bool:
    """Whether a header is one of Optuna's."""
    header = {*place.header}
    return header >= {*NEEDED} and any(name.startswith("value") for name in header)


def read(place: Place) -> ImportedRuns:
    """Trials, one a row."""
    if lost := [name for name in NEEDED if name not in place.header]:
        msg = f"{place.path}: no table of Optuna's trials: it lacks {', '.join(lost)}"
        raise AnalysisError(msg)
    rows = place.rows_of()
    refuse_nothing([*rows], place.path, "trials")
    return ImportedRuns(tuple(map(_trial, rows)))


def _trial(row: dict[str, str]) -> ImportedRun:
    """A row, by what its columns begin with."""
    settings: dict[str, Scalar] = {}
    measured: dict[str, Scalar] = {}
    about: dict[str, Scalar] = {}
    for name, value in row.items():
        if name.startswith("params_"):
            settings[name] = value or None
        elif name.startswith("user_attrs_") or name == "value" or name.startswith("values_"):
            measured[name] = value or None
        elif name not in {*NEEDED, ""}:
            about[name] = value or None
    status = STATES.get(row["state"].removeprefix("TrialState."), "unknown")
    return ImportedRun(row["number"], status, settings, measured, about)
