"""Fields of a file that usually count as empty, and are levels where they stand in a factor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

LEVEL_TEXTS = frozenset({"None", "NA", "N/A", "n/a", "null", "NULL"})
"""Empty fields as programs write them, and levels where they stand in a factor."""

NUMBERLESS = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "NaN", "nan"}
)
"""What says that there is no number; with `LEVEL_TEXTS` all that pandas takes for empty."""


def empty_fields(columns: Iterable[str], factors: Sequence[str]) -> dict[str, list[str]]:
    """What counts as an empty field, by column."""
    everything = NUMBERLESS | LEVEL_TEXTS
    return {name: sorted(NUMBERLESS if name in factors else everything) for name in columns}


def with_numbers_beside_texts(frame: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """The frame, numbers that stand in a factor beside "None" and the like read as numbers."""
    for name in {*factors} & {*frame.columns}:
        frame[name] = _beside_texts(frame[name])
    return frame


def _beside_texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of numbers or booleans beside "None" and the like, with its numbers as numbers."""
    import pandas as pd

    words = column.isin(LEVEL_TEXTS)
    if not words.any():
        return column
    rest = column[~words]
    if {*rest.dropna()} <= {"True", "False"}:
        return column.where(words, rest.map({"True": True, "False": False}))
    numbers = pd.to_numeric(rest, errors="coerce")
    return column if numbers[rest.notna()].isna().any() else column.where(words, numbers)
