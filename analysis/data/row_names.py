"""How messages name a row of a table: by its line, its file, its column."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowNames:
    """Names of rows, by their places in a data frame.

    Attributes
    ----------
    word : str
        What a row is called: ``line`` of a text, ``row`` otherwise.
    first : int
        Number of the first one.
    columns : tuple of str
        Of a table with one column a run: the columns that became rows.
    parts : tuple of (str, int, RowNames)
        Of several files: the name of each, the place of its first row, its own names.
    """

    word: str = "row"
    first: int = 1
    columns: tuple[str, ...] = ()
    parts: tuple[tuple[str, int, RowNames], ...] = ()

    def __call__(self, place: int) -> str:
        """What a message calls the row at a place."""
        if self.columns:
            line, column = divmod(place, len(self.columns))
            return f"{self._plain(line)}, column {self.columns[column]!r}"
        return self._plain(place)

    def _plain(self, place: int) -> str:
        if not self.parts:
            return f"{self.word} {self.first + place}"
        at = bisect_right(self.parts, place, key=lambda part: part[1]) - 1
        name, start, own = self.parts[at]
        return f"{name}, {own(place - start)}"
