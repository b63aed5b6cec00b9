"""Weights & Biases: a table of runs as CSV or JSON, from the browser or of `wandb.Api().runs`.

Cells of such tables may hold a whole configuration or summary, as JSON or as Python writes a
dictionary; they are unfolded. The browser's own export has a column a setting and a column a value,
which nothing tells apart.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.imports.runs import (
    MIXED,
    ImportedRun,
    ImportedRuns,
    Scalar,
    Status,
    refuse_nothing,
    unfolded,
)
from vggstudy.imports.sources import Place

STATES: dict[str, Status] = {
    "finished": "finished",
    "crashed": "failed",
    "failed": "failed",
    "killed": "killed",
    "preempted": "killed",
    "preempting": "killed",
    "running": "running",
    "pending": "running",
}
BROWSER = ("Name", "State")
ABOUT = frozenset(
    {"name", "id", "state", "notes", "user", "tags", "created", "runtime", "sweep", "group"}
    | {"job type", "job_type", "end time", "updated", "hostname", "commit", "github", "agent"}
    | {"created_at", "url", "entity", "project", "path", "", "unnamed: 0", "display_name"}
)
"""Columns, in small letters, that say neither what a run was given nor what came out."""

FOLDED = ("config", "summary")
NUMBERS = {"nan": "nan", "inf": "inf", "Infinity": "inf", "NaN": "nan"}
MAX_CELL = 2**20


def detects(place: Place) -> bool:
    """Whether a header, or the first object of a JSON, is one of W&B's."""
    header = {*place.header}
    if header:
        return header >= {*BROWSER} or (
            "config" in header and header & {"summary", "name"} != set()
        )
    return place.head.lstrip()[:1] in (b"[", b"{") and all(
        f'"{name}"'.encode() in place.head for name in FOLDED
    )


def read(place: Place) -> ImportedRuns:
    """Runs of the table, one a row."""
    rows: list[dict[str, Any]] = (
        [{**row} for row in place.rows_of()] if place.header else _objects(place)
    )
    refuse_nothing([*rows], place.path, "runs")
    names = {name.lower() for name in rows[0]}
    if not names & {"config", "summary", "state"}:
        msg = f"{place.path}: no table of W&B's runs: it has no config, summary or State"
        raise AnalysisError(msg)
    runs = [_run(row, number, place) for number, row in enumerate(rows, 1)]
    folded = names & {*FOLDED}
    return ImportedRuns(tuple(runs), notes=() if folded else (MIXED,))


def _objects(place: Place) -> list[dict[str, Any]]:
    """The rows of a JSON: an array, an object a line, or a data frame by columns."""
    try:
        found = json.loads(place.text_of())
    except ValueError:
        found = [_line(line, place) for line in place.text_of().splitlines() if line.strip()]
    except RecursionError:
        raise AnalysisError(f"{place.path}: nested deeper than settings are") from None
    if isinstance(found, dict) and all(isinstance(column, dict) for column in found.values()):
        rows = {key for column in found.values() for key in column}
        order = sorted(rows, key=lambda key: (len(key), key))
        found = [{name: column.get(key) for name, column in found.items()} for key in order]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise AnalysisError(f"{place.path}: not a table of runs: neither rows nor columns")
    return found


def _line(line: str, place: Place) -> Any:
    """An object of one line."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AnalysisError(f"{place.path}: not JSON: {error}") from None


def _run(row: Mapping[str, Any], number: int, place: Place) -> ImportedRun:
    """One row, its folded cells unfolded."""
    settings: dict[str, Scalar] = {}
    measured: dict[str, Scalar] = {}
    about: dict[str, Scalar] = {}
    for name, value in row.items():
        if name.lower() in FOLDED:
            part = settings if name.lower() == "config" else measured
            part |= _cell(value, name.lower(), f"{place.path}: row {number}: {name}")
        elif name.lower() in ABOUT:
            about[name] = _plain(value)
        else:
            measured |= unfolded(_opened(value), name)
    lower = {name.lower(): value for name, value in row.items()}
    state = str(lower.get("state") or "")
    known = next((lower[name] for name in ("id", "path", "name") if lower.get(name)), number)
    return ImportedRun(str(known), STATES.get(state.lower(), "unknown"), settings, measured, about)


def _plain(value: Any) -> Scalar:
    """A cell as text."""
    return None if value in (None, "") else str(value)


def _cell(value: Any, name: str, place: str) -> dict[str, Scalar]:
    """What a folded cell holds, private names (``_wandb``) left out."""
    found = _opened(value)
    if found in (None, ""):
        return {}
    if not isinstance(found, Mapping):
        raise AnalysisError(f"{place} is neither JSON nor a dictionary")
    return {
        key: leaf
        for own, inside in found.items()
        if not str(own).startswith("_")
        for key, leaf in unfolded(_described(inside), f"{name}.{own}").items()
    }


def _described(value: Any) -> Any:
    """The value of a setting that is written with its description."""
    described = isinstance(value, Mapping) and "value" in value and {*value} <= {"desc", "value"}
    return value["value"] if described else value


def _opened(value: Any) -> Any:
    """A cell that holds an object, as that object; any other as it is."""
    if not isinstance(value, str) or value[:1] != "{" or len(value) > MAX_CELL:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        return _literal(ast.parse(value, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return value


def _literal(node: ast.expr) -> Any:
    """A value that Python has written, with its bare nan and inf; nothing is evaluated.

    Raises
    ------
    ValueError
        If it is anything but a constant or a container of them.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in NUMBERS:
        return float(NUMBERS[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        found = _literal(node.operand)
        if isinstance(found, (int, float)):
            return -found
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return _literals(node.elts)
    if isinstance(node, ast.Dict):
        keys = [_literal(key) for key in node.keys if key is not None]
        if len(keys) == len(node.values):
            return dict(zip(map(str, keys), _literals(node.values), strict=True))
    msg = "not a literal"
    raise ValueError(msg)


def _literals(nodes: Sequence[ast.expr]) -> list[Any]:
    """Several of them."""
    return [_literal(node) for node in nodes]
