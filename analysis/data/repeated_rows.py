"""What tells rows of one run apart: measurements of it, by a name or a count, or a factor."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.numbers.arrays import IntArray

if TYPE_CHECKING:
    import pandas as pd

NAMED = 5
"""Columns that are named at most."""

TIMES = frozenset(
    {"epoch", "step", "iteration", "iter", "update", "timestep", "timesteps", "frame", "frames"}
)
"""Words of columns that say how far a run has come: its last row is its result."""

AGAIN = frozenset(
    {"episode", "evaluation", "eval", "fold", "trial", "image", "img", "sample", "example"}
    | {"question", "prompt"}
)
"""Words of columns that number what one run was measured on: their mean is its result."""

AROUND = frozenset(
    {"", "global", "trainer", "train", "training", "eval", "evaluation", "env", "environment"}
    | {"test", "val", "current", "total", "id", "idx", "index", "number", "no", "name", "file"}
)
"""Words that may stand beside these; `seconds_per_epoch` and `best_epoch` are something else."""

MANY = 20
"""Texts that every run has, of which fewer are taken for levels."""


def kind_of(name: str) -> str:
    """``last`` for a column named after time, ``mean`` for one that numbers measurements."""
    words = {*re.split(r"[^a-z0-9]+", name.lower())}
    if words - TIMES - AGAIN - AROUND:
        return ""
    return "last" if words & TIMES else "mean" if words & AGAIN else ""


def advice(frame: pd.DataFrame, runs: IntArray, known: set[str]) -> str:
    """Why the rows of a run look like measurements of it, and what makes one row of them.

    Parameters
    ----------
    frame : DataFrame
        N rows.
    runs : ndarray of shape (N,)
        Number of each row's run.
    known : set of str
        Columns that have another part.

    Returns
    -------
    str
        Empty where nothing looks like that.
    """
    several = np.bincount(runs)[runs] > 1
    runs = runs[several]
    columns = {
        str(name): frame[name].to_numpy(dtype=object)[several].tolist()
        for name in frame.columns
        if str(name) not in known
    }
    named = {name: column for name, column in columns.items() if _is_named(name, column)}
    for name, column in sorted(named.items(), key=lambda item: kind_of(item[0]) == "last"):
        if _tells_apart(runs, column):
            return _named(name, _same(runs, column))
    for name, column in columns.items():
        if name not in named and _tells_apart(runs, column) and (size := _counts(runs, column)):
            return (
                f"every run has {size} values of {name!r}: if they measure one run again and "
                f"again, --average-over {name} makes one row of their mean (--last {name} takes "
                "the last); if they are settings, name it in --factors"
            )
    return _two(runs, named)


def measurements(factors: Sequence[str], codes: IntArray, replicate: Sequence[str]) -> list[str]:
    """Factors that are named like a number of measurements, and that every run takes all of.

    Parameters
    ----------
    factors : sequence of str
    codes : ndarray of shape (N, F)
        Index of each run's level.
    replicate : sequence of str
        N entries.
    """
    found = []
    for j, name in enumerate(factors):
        if kind_of(name) != "mean":
            continue
        runs: dict[tuple[Any, ...], set[int]] = {}
        for row, one in zip(codes.tolist(), replicate, strict=True):
            runs.setdefault((*row[:j], *row[j + 1 :], one), set()).add(row[j])
        count = len(np.unique(codes[:, j]))
        if count > 2 and all(len(levels) == count for levels in runs.values()):
            found.append(name)
    return found


def _named(name: str, size: int | None) -> str:
    """What the rows of a run are, by the name of the column that tells them apart."""
    has = f"every run has the same {size} values of {name!r}" if size else f"{name!r} numbers them"
    if kind_of(name) == "last":
        return (
            f"{has}: they measure one run again and again, so --last {name} takes the last of each "
            f"(--average-over {name} their mean)"
        )
    return (
        f"{has}: they measure one run again and again, so --average-over {name} makes one row of "
        f"their mean (--last {name} takes the last)"
    )


def _two(runs: IntArray, named: Mapping[str, list[Any]]) -> str:
    """Advice where a time and a number of measurements tell the rows of a run apart together."""
    for time in (name for name in named if kind_of(name) == "last"):
        for again in (name for name in named if kind_of(name) == "mean"):
            both = list(zip(named[time], named[again], strict=True))
            if _tells_apart(runs, both):
                return (
                    f"{time!r} and {again!r} number them: they measure one run again and again, so "
                    f"--last {time} --average-over {again} makes one row of them"
                )
    return ""


def _is_named(name: str, column: Sequence[Any]) -> bool:
    """Whether a column is named like a time, and holds whole numbers, or like measurements."""
    if (kind := kind_of(name)) != "last":
        return bool(kind)
    return all(isinstance(value, (int, float)) and float(value).is_integer() for value in column)


def _tells_apart(runs: IntArray, column: Sequence[Hashable]) -> bool:
    """Whether no run has a value of a column twice."""
    return len({*zip(runs.tolist(), column, strict=True)}) == len(column)


def _by_run(runs: IntArray, column: Sequence[Any]) -> list[list[Any]]:
    """The values of each run."""
    inside: dict[int, list[Any]] = {}
    for run, value in zip(runs.tolist(), column, strict=True):
        inside.setdefault(run, []).append(value)
    return list(inside.values())


def _same(runs: IntArray, column: Sequence[Any]) -> int | None:
    """How many values every run has, where these are the same ones."""
    first, *rest = (set(values) for values in _by_run(runs, column))
    return len(first) if all(values == first for values in rest) else None


def _counts(runs: IntArray, column: Sequence[Any]) -> str:
    """How many values each run has of what counts without being called so; empty if it does not.

    Counted are numbers from 0 or 1 upwards, other numbers at equal distances, and many texts.
    """
    groups = _by_run(runs, column)
    sizes = {len(values) for values in groups}
    if min(sizes) < 3 and len(sizes) == 1:
        return ""
    counted = all(
        {*values} in ({*range(len(values))}, {*range(1, len(values) + 1)}) for values in groups
    )
    if counted:
        return f"{min(sizes)}" if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"
    if (size := _same(runs, column)) is None:
        return ""
    if all(isinstance(value, (int, float)) for value in groups[0]):
        steps = np.diff(np.sort(np.asarray(groups[0], dtype=np.float64)))
        return f"the same {size}" if np.allclose(steps, steps[0]) else ""
    return f"the same {size}" if size >= MANY else ""


def unnamed_columns(frame: pd.DataFrame, first: int, second: int, known: set[str]) -> list[str]:
    """Columns that differ between two rows and take few values, as factors do."""
    few = max(2, len(frame) // 3)
    return [
        str(name)
        for name in frame.columns
        if str(name) not in known
        and frame[name].iloc[first] != frame[name].iloc[second]
        and 1 < frame[name].nunique() <= few
    ][:NAMED]
