"""Tables as plain values: what a section shows and what a reader can download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from vggstudy.analysis.notes import Note
from vggstudy.report.words.display import alternative_ends, display, read
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise, method_words
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.text import clean

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

NOT_AVAILABLE = mark("not available")
ABSENT = mark("n/a")

MOST_ROWS = 300
"""Rows of a table that the page shows."""

MOST_DATA = 200_000
"""Characters of a link that carries data."""

SAFE = ",;=@:*+!/()[]"
"""Characters that may stand in a data link as they are."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Another interval for the same claim: its method, the method in words, and its ends."""

    method: str
    words: str
    ends: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: text, and where it prints an interval what belongs to it.

    Attributes
    ----------
    text : str
    claim : str or None
        Id of the claim whose interval is printed.
    beside : tuple of Beside
        Intervals by other methods, printed small below it.
    cautions : tuple of str
        What must be known of it; the table gives each its mark.
    evidence : str or None
        The part of a hypothesis, or the claim under another reading of seeds, whose interval is
        printed.
    """

    text: str
    claim: str | None = None
    beside: tuple[Beside, ...] = ()
    cautions: tuple[str, ...] = ()
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading, whether it holds numbers, and whether its short entries never break."""

    label: str
    numeric: bool = True
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; every row has one entry a column, the first `most` are shown."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    most: int = MOST_ROWS

    def __post_init__(self) -> None:
        """Refuse a row that its headings would mislabel."""
        for row in self.rows:
            if len(row) != len(self.columns):
                msg = f"a row needs {len(self.columns)} entries, got {len(row)}"
                raise ValueError(msg)

    @property
    def shown(self) -> tuple[tuple[Entry, ...], ...]:
        """The rows that the page shows."""
        return self.rows[: self.most]

    @property
    def marks(self) -> dict[str, str]:
        """The mark of every caution that is shown, in order of appearance: a, b, ... aa, ab."""
        found = dict.fromkeys(text for row in self.shown for item in row for text in item.cautions)
        return {text: _mark(index) for index, text in enumerate(found)}


@dataclass(frozen=True, slots=True)
class Download:
    """Data behind a figure, as a link that needs no network; none where they are too many."""

    filename: str
    href: str


def _mark(index: int) -> str:
    """Letters that count: a to z, then aa, ab ..."""
    before, letter = divmod(index, 26)
    return (_mark(before - 1) if before else "") + chr(ord("a") + letter)


def entry(value: object) -> Entry:
    """An entry of text; the words for what is missing in the report's language."""
    if isinstance(value, Entry):
        return value
    return Entry(gettext(value) if value in (NOT_AVAILABLE, ABSENT) else str(value))


def estimate_entry(claim: Claim | None) -> Entry:
    """The claim's estimate with its unit."""
    shown = None if claim is None else display(claim)
    if shown is None:
        return entry(ABSENT)
    return Entry(read(shown.estimate))


def interval_entry(claim: Claim | None, *, pointers: bool = True) -> Entry:
    """The claim's interval, bound to the claim; "n/a" without one.

    Without `pointers` its cautions leave out which other claim to read, so that many share one.
    """
    if claim is None:
        return entry(ABSENT)
    shown = display(claim)
    if shown is None or not claim.available:
        return entry(ABSENT)
    return Entry(read(shown.ends), claim.id, _beside(claim), _cautions(claim, pointers=pointers))


def _beside(claim: Claim) -> tuple[Beside, ...]:
    """The claim's other intervals."""
    found = ((other.method, alternative_ends(claim, other)) for other in claim.alternatives)
    return tuple(
        Beside(method, method_words(method), read(ends))
        for method, ends in found
        if ends is not None
    )


def _cautions(claim: Claim, *, pointers: bool) -> tuple[str, ...]:
    """The claim's cautions in words."""
    notes = [note if pointers else _without_pointer(note) for note in claim.warnings]
    return tuple(capitalise(spoken(note)).rstrip(".") for note in notes)


def _without_pointer(note: Note) -> Note:
    """The note without the claim on all runs that it points to."""
    text = note.values.get("text") if note.name == "with_all_runs" else None
    return text if isinstance(text, Note) else note


def download(filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Download:
    """Unrounded rows as a CSV file inside a data link."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    text = buffer.getvalue()
    link = quote(clean(text), safe=SAFE) if len(text) <= MOST_DATA else ""
    fits = 0 < len(link) <= MOST_DATA
    return Download(filename, f"data:text/csv;charset=utf-8,{link}" if fits else "")
