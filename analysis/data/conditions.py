"""Conditions on a table's rows as text: ``phase = test and lr <= 0.1``; read, never evaluated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.levels import canonical_level, write_level
from vggstudy.analysis.data.number_texts import COMMA, PERCENT, as_numbers
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.errors import TableOptionError
from vggstudy.suggest import hint

if TYPE_CHECKING:
    import pandas as pd

QUOTED = r"\"[^\"]*\"|'[^']*'|`[^`]*`"
PART = re.compile(
    rf"\s*({QUOTED}|[^\"'`<>=!]+?)\s*(==|!=|<=|>=|=|<|>)\s*({QUOTED}|[^\"'`<>=!]+?)\s*"
)
AND = re.compile(rf"(?:{QUOTED}|(?!\s+and\s).)+", re.IGNORECASE | re.DOTALL)

_ORDERS: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column, an operator and what it is compared with.

    Attributes
    ----------
    column : str
    sign : str
        ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
    text : str
        The value as it is written, without quotes.
    number : float or None
        The number that the text is, unless it stands in quotes.
    """

    column: str
    sign: str
    text: str
    number: float | None

    def meets(self, frame: pd.DataFrame) -> BoolArray:
        """Which rows meet it; one without a value never does; shape (N,)."""
        if self.column not in frame:
            names = [str(name) for name in frame.columns]
            raise TableOptionError(f"{self.column!r} is not a column ({hint(self.column, names)})")
        if list(frame.columns).count(self.column) > 1:
            raise TableOptionError(f"column {self.column!r} occurs more than once")
        column = frame[self.column]
        present = ~column.isna().to_numpy()
        if self.sign in _ORDERS:
            with np.errstate(invalid="ignore"):
                return np.asarray(_ORDERS[self.sign](self._numbers(column), self.number) & present)
        same = self._same(column)
        return np.asarray((same if self.sign == "=" else ~same) & present)

    def _numbers(self, column: pd.Series[Any]) -> FloatArray:
        """The column as numbers.

        Raises
        ------
        TableOptionError
            If either side is a text, which has no order.
        """
        if self.number is None:
            what = f"{self.column} {self.sign} {self.text}"
            raise TableOptionError(f"{what!r}: {self.text!r} is not a number, so only = and != fit")
        numbers = as_numbers(column)
        bad = np.isnan(numbers) & ~column.isna().to_numpy()
        texts = column[bad].astype(str).str.strip().str.lower()
        if not texts.isin(["nan", "none", "null", "na", "n/a", ""]).all():
            first = column[bad].iloc[0]
            msg = f"column {self.column!r} holds {first!r}, which is not a number"
            raise TableOptionError(f"{msg}: {self.sign} compares numbers only")
        return numbers

    def _same(self, column: pd.Series[Any]) -> BoolArray:
        """Which values are the same number, or else the same text."""
        values = column.unique()
        same = {value for value in values if self._is(value)}
        return np.asarray(column.isin(same).to_numpy())

    def _is(self, value: object) -> bool:
        try:
            level = canonical_level(value)
        except ValueError:
            return False
        text = write_level(level)
        if self.number is not None:
            try:
                return float(text) == self.number
            except ValueError:
                return text == self.text
        return text == self.text or (isinstance(level, bool) and text == self.text.lower())


def read_condition(text: str) -> tuple[Comparison, ...]:
    """Comparisons that are joined by ``and``.

    Names and texts with blanks need no quotes; those with quotes, signs of comparison or the word
    "and" do. ``93%`` is 0.93. Decimals have a point, whatever the file has.

    Raises
    ------
    TableOptionError
        If the text is no such condition.
    """
    found = []
    for part in AND.findall(text):
        clean = re.sub(r"^\s*and\s", "", part, flags=re.IGNORECASE)
        match = PART.fullmatch(clean)
        if match is None:
            msg = (
                f"{text!r}: {clean.strip()!r} is no comparison; write COLUMN = VALUE, with =, !=, "
                "<, <=, > or >=, joined by 'and'"
            )
            raise TableOptionError(msg)
        name, sign, value = match.groups()
        quoted = value[:1] in "\"'`"
        plain = value[1:-1] if quoted else value
        if not quoted and COMMA.fullmatch(plain):
            msg = f"{text!r}: write {plain} with a decimal point, or a text in quotes"
            raise TableOptionError(msg)
        number = None if quoted else _number(plain)
        found.append(Comparison(_bare(name), sign.replace("==", "="), plain, number))
    if not found:
        raise TableOptionError("the condition is empty: write COLUMN = VALUE")
    return tuple(found)


def rows_that_meet(frame: pd.DataFrame, text: str) -> BoolArray:
    """Which rows of a frame meet a condition; shape (N,).

    Raises
    ------
    TableOptionError
        If the text is no condition, or names what the frame does not have.
    """
    met = np.ones(len(frame), dtype=bool)
    for one in read_condition(text):
        met &= one.meets(frame)
    return met


def _bare(name: str) -> str:
    return name[1:-1] if name[:1] in "\"'`" else name


def _number(text: str) -> float | None:
    """The number that a text is, per cent as a fraction; None where it is none."""
    if PERCENT.fullmatch(text):
        return float(f"{text.strip().rstrip('%').strip().replace(',', '.')}e-2")
    try:
        number = float(text)
    except ValueError:
        return None
    return None if np.isnan(number) else number
