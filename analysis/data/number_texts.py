"""Numbers that stand in a table as texts: with a per cent sign, or with a decimal comma."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd

COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
WHOLE = re.compile(r"[+-]?\d+(?:[eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")
PER_CENT = "per cent, divided by 100"
PERCENT = re.compile(r"\s*([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?)\s*%\s*")


def as_numbers(column: pd.Series[Any]) -> FloatArray:
    """A column as numbers; NaN where it holds something else."""
    import pandas as pd

    return np.array(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


def with_numbers(
    frame: pd.DataFrame, decimal: Literal[".", ","] | None, place: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The frame with texts that are numbers as numbers, and what was done by column.

    Parameters
    ----------
    frame : DataFrame
    decimal : str or None
        The decimal sign; where it is None, a column decides by itself.
    place : str
        The file, in messages.

    Raises
    ------
    AnalysisError
        If some values of a column have a per cent sign and others have none, or if commas could
        divide thousands as well as fractions.
    """
    changed: dict[str, pd.Series] = {}
    notes: dict[str, str] = {}
    for name in frame.columns:
        if frame[name].dtype.kind != "O":
            continue
        texts = [value.strip() for value in frame[name].dropna() if isinstance(value, str)]
        if len(texts) != frame[name].notna().sum() or not texts:
            continue
        if any(text.endswith("%") for text in texts):
            found = _percents(frame[name], texts, f"{place}: column '{name}'")
            note = PER_CENT
        elif _has_commas(texts, decimal, f"{place}: column '{name}'"):
            found = frame[name].map(_of_comma, na_action="ignore").astype(float)
            note = "decimal commas"
        else:
            continue
        if found is not None:
            changed[name] = found
            notes[str(name)] = note
    return frame.assign(**changed) if changed else frame, notes


def _percents(column: pd.Series, texts: list[str], place: str) -> pd.Series | None:
    """Fractions of a column whose numbers carry a per cent sign; None if it holds other texts."""
    signed = sum(PERCENT.fullmatch(text) is not None for text in texts)
    plain = sum(
        (COMMA.fullmatch(text) or WHOLE.fullmatch(text) or _is_number(text)) is not None
        and not text.endswith("%")
        for text in texts
    )
    if signed + plain < len(texts):
        return None
    if plain:
        msg = f"{place}: {signed} values have a per cent sign and {plain} have none"
        raise AnalysisError(msg)
    return column.map(_of_percent, na_action="ignore").astype(float)


def _has_commas(texts: list[str], decimal: str | None, place: str) -> bool:
    """Whether the commas of a column are decimal commas."""
    commas = [text for text in texts if COMMA.fullmatch(text)]
    if not commas or decimal == "." or any(not _with_comma(text) for text in texts):
        return False
    if decimal is None and all(THOUSANDS.fullmatch(text) for text in commas):
        msg = (
            f"{place}: is {commas[0]} a fraction or a number of thousands? "
            "Separate the columns by semicolons for a decimal comma, or write the numbers "
            "without commas"
        )
        raise AnalysisError(msg)
    return True


def _with_comma(text: str) -> bool:
    """Whether a text is a number where the comma is the decimal sign."""
    return bool(COMMA.fullmatch(text) or WHOLE.fullmatch(text))


def _is_number(text: str) -> bool | None:
    """True for what Python reads as a number, otherwise None."""
    try:
        float(text)
    except ValueError:
        return None
    return True


def _of_comma(text: str) -> float:
    return float(text.strip().replace(",", "."))


def _of_percent(text: str) -> float:
    """93.2 per cent as the number nearest to .932, which 93.2 / 100 need not be."""
    digits = text.strip().rstrip("%").strip().replace(",", ".")
    return float(f"{digits}e-2") if "e" not in digits.lower() else float(digits) / 100
