"""What tells rows of one run apart: a factor that was not named, or a count of measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

NAMED = 5
"""Columns that are named at most."""

MEASURED_AGAIN = ("episode", "epoch", "step", "iteration", "fold", "trial", "evaluation")
"""Columns that usually number measurements of one run."""


def hint(name: str, column: Sequence[Any], runs: Sequence[tuple[Any, ...]]) -> str:
    """What a column that tells the rows of one run apart may be: a count of them, or a factor."""
    inside: dict[tuple[Any, ...], list[Any]] = {}
    for run, value in zip(runs, column, strict=True):
        inside.setdefault(run, []).append(value)
    values = {tuple(sorted(rows, key=str)) for rows in inside.values()}
    (some,) = values if len(values) == 1 else ((),)
    size = len(some)
    counted = size > 2 and ({*some} in ({*range(size)}, {*range(1, size + 1)}))
    if len({*some}) == size and (counted or name.lower() in MEASURED_AGAIN):
        return (
            f"every run has the same {size} values of {name!r}: if its rows measure one run again "
            "and again, average them to one row a run"
        )
    return f"column {name!r} differs between these rows: is it a factor, too?"


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
