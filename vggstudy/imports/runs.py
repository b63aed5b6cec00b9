"""Runs as another tool has recorded them, before they become rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vggstudy.errors import AnalysisError

Status = Literal["finished", "failed", "killed", "running", "pruned", "unfinished", "unknown"]
"""How a run ended: ``unfinished`` has left no result, ``unknown`` is what no tool has noted."""

Scalar = bool | int | float | str | None

MIXED = "the export does not tell settings from what was measured: all of it counts as measured"
"""What to know of a table whose columns do not say what they are."""

MAX_RUNS = 1_000_000
MAX_COLUMNS = 10_000
MAX_DEPTH = 20
"""Levels of objects inside objects."""


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """One run.

    Attributes
    ----------
    name : str
        What the tool calls it, uniquely.
    status : str
    settings : mapping
        What it was given, by the tool's names.
    measured : mapping
        What came out: of a curve the last value. None where it is missing; infinite and NaN where
        the tool says so.
    about : mapping
        What is neither: times, users, names.
    """

    name: str
    status: Status
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    measured: Mapping[str, Scalar] = field(default_factory=dict)
    about: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportedRuns:
    """What a source holds.

    Attributes
    ----------
    runs : tuple of ImportedRun
    dropped : mapping of str to int
        What was left out, in words, and how many.
    notes : tuple of str
        What else to know.
    """

    runs: tuple[ImportedRun, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def unfolded(value: object, name: str = "") -> dict[str, Scalar]:
    """Leaves of objects inside objects, by dotted names; a list is one text of JSON.

    Raises
    ------
    AnalysisError
        If it is nested deeper, or has more leaves, than settings are.
    """
    found: dict[str, Scalar] = {}
    _unfold(value, name, 0, found)
    return found


def _unfold(value: object, name: str, depth: int, found: dict[str, Scalar]) -> None:
    """Add the leaves of a value."""
    if depth > MAX_DEPTH or len(found) > MAX_COLUMNS:
        msg = f"{name.partition('.')[0]!r} is nested deeper or has more parts than settings have"
        raise AnalysisError(msg)
    if isinstance(value, Mapping) and value:
        for key, inside in value.items():
            _unfold(inside, f"{name}.{key}" if name else str(key), depth + 1, found)
    else:
        found[name] = scalar(value)


def scalar(value: object) -> Scalar:
    """A value that a field of a table can hold."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple, Mapping)):
        return json.dumps(value, default=str, ensure_ascii=False) if value else None
    return str(value)


def number(value: Scalar) -> float | None:
    """A measured value as a number; None for what is missing or is none."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        return float(value)
    except ValueError:
        return None


def is_infinite(value: Scalar) -> bool:
    """Whether a measured value says that a run diverged: infinite, or not a number."""
    found = number(value)
    return found is not None and not math.isfinite(found)


def without_parents(
    runs: Iterable[tuple[ImportedRun, str | None]],
) -> tuple[tuple[ImportedRun, ...], int]:
    """Runs that are nobody's parent, and how many are: a parent holds runs, and is none.

    Parameters
    ----------
    runs : iterable of (ImportedRun, str or None)
        Each run and the name of its parent.
    """
    pairs = list(runs)
    parents = {parent for _, parent in pairs if parent}
    kept = tuple(run for run, _ in pairs if run.name not in parents)
    return kept, len(pairs) - len(kept)


def refuse_nothing(found: dict[str, Any] | list[Any], place: object, what: str) -> None:
    """Refuse a source in which nothing was found, and one with more runs than are read."""
    if not found:
        raise AnalysisError(f"{place}: holds no {what}")
    if len(found) > MAX_RUNS:
        raise AnalysisError(f"{place}: holds more than {MAX_RUNS:,} {what}")
