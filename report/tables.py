"""Tables as plain values: what a section shows and what a reader can download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from vggstudy.report.display import display, read
from vggstudy.report.text import clean

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

NOT_AVAILABLE = "not available"
ABSENT = "n/a"
SAFE = ",;=@:*+!/()[]"
"""Characters that may stand in a data link as they are."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: text, and the id of the claim whose interval it prints."""

    text: str
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, whether it holds numbers, and whether its short entries never break."""

    label: str
    numeric: bool = True
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; every row has one entry a column."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]

    def __post_init__(self) -> None:
        """Refuse a row that its headings would mislabel."""
        for row in self.rows:
            if len(row) != len(self.columns):
                msg = f"a row needs {len(self.columns)} entries, got {len(row)}"
                raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class Download:
    """Data behind a figure, as a link that needs no network."""

    filename: str
    href: str


def entry(value: object) -> Entry:
    """An entry of text."""
    return value if isinstance(value, Entry) else Entry(str(value))


def estimate_entry(claim: Claim | None) -> Entry:
    """The claim's estimate with its unit."""
    shown = None if claim is None else display(claim)
    if shown is None or shown.rounded.estimate is None:
        return Entry(ABSENT)
    return Entry(read(shown.estimate))


def interval_entry(claim: Claim | None) -> Entry:
    """The claim's interval, bound to the claim; "n/a" without one."""
    if claim is None:
        return Entry(ABSENT)
    shown = display(claim)
    if shown is None or not claim.available:
        return Entry(ABSENT)
    return Entry(read(shown.ends), claim.id)


def download(filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Download:
    """Unrounded rows as a CSV file inside a data link."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    return Download(
        filename, f"data:text/csv;charset=utf-8,{quote(clean(buffer.getvalue()), safe=SAFE)}"
    )
