"""Tables whose n stands in a column of its own: which one belongs to an interval."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vggstudy.report.citing.text import CELL, PARAGRAPH, ROW

_END = re.compile(f"[{PARAGRAPH}{ROW}]")
_HEAD = re.compile(
    r"[\s#*_(]*(?:(?i:number|no\.?|count|total)(?: of)? )?"
    r"(?:n|N|(?i:n )?\(?(?i:runs?)\)?)[\s*_:.)]*"
)
_WHOLE = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:[, ]\d{3})+|\d{1,12})(?![\d.]*\d)")


class _Row(NamedTuple):
    """A row below a head that names n, its place, and the columns of n."""

    start: int
    end: int
    columns: tuple[int, ...]


class Columns:
    """The rows of a text's tables that have an n in a column of its own.

    Parameters
    ----------
    text : str
        Plain text, with `vggstudy.report.citing.text`'s signs between cells and rows.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._rows = [*_rows(text)]
        self._starts = [row.start for row in self._rows]

    def size(self, place: int) -> int | None:
        """The n of the row in which something stands; None where there is no such column.

        Of several columns of n the next one behind the place counts, else the last before it. A
        cell such as "36 of 40" has the last of its numbers.
        """
        at = bisect_right(self._starts, place) - 1
        if at < 0 or place >= self._rows[at].end:
            return None
        row = self._rows[at]
        cells = self._text[row.start : row.end].split(CELL)
        own = self._text.count(CELL, row.start, place)
        column = next((one for one in row.columns if one > own), row.columns[-1])
        found = _WHOLE.findall(cells[column]) if column != own else []
        return int(re.sub(r"[, ]", "", found[-1])) if found else None


def _rows(text: str) -> Iterator[_Row]:
    """Rows with as many cells as the head above them, where that names n."""
    head: tuple[int, ...] = ()
    start = width = 0
    for end in [*_END.finditer(text), None]:
        stop = end.start() if end else len(text)
        count = text.count(CELL, start, stop)
        if count:
            cells = text[start:stop].split(CELL)
            named = tuple(i for i, cell in enumerate(cells) if _HEAD.fullmatch(cell))
            if named:
                head, width = named, count
            elif head and count == width:
                yield _Row(start, stop, head)
        if end is None:
            return
        if end[0] == PARAGRAPH:
            head = ()
        start = end.end()


_NUMBER = re.compile(r"(?<![\w.])[+-]?\d[\d.,]*(?![\w])%?")


def unbound(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Numbers in cells of tables in which none of the spans stands, each with its place."""
    start = 0
    for end in [*_END.finditer(text), None]:
        stop = end.start() if end else len(text)
        place = start
        if CELL in text[start:stop]:
            for cell in text[start:stop].split(CELL):
                own = (place, place + len(cell))
                if not any(a < own[1] and own[0] < b for a, b in spans):
                    for number in _NUMBER.finditer(cell):
                        yield place + number.start(), number[0]
                place = own[1] + 1
        if end is None:
            return
        start = end.end()
