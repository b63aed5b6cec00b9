"""What is wrong with a table: collected, so that all of it is said at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vggstudy.analysis.data.row_names import RowNames
from vggstudy.analysis.numbers.arrays import ObjectArray
from vggstudy.errors import AnalysisError
from vggstudy.suggest import LONGEST

SHOWN = 5
"""Rows named per kind of problem; the rest are counted."""


@dataclass(slots=True)
class Problems:
    """Collects what is wrong; rows are named as the reader finds them."""

    names: RowNames
    found: list[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        """A line of its own."""
        self.found.append(message)

    def add_rows(
        self, where: Iterable[int], message: str, values: ObjectArray | None = None
    ) -> None:
        """One line for all rows with the same problem, the first few of them named."""
        places = list(where)
        if not places:
            return
        named = [
            self.names(i) + (f" ({_short(values[i])})" if values is not None else "")
            for i in places[:SHOWN]
        ]
        more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        self.add(f"{message}: {', '.join(named)}{more}")

    def raise_if_any(self) -> None:
        """Say all that was found.

        Raises
        ------
        AnalysisError
            If anything was.
        """
        if self.found:
            raise AnalysisError("\n".join(self.found))


def _short(value: object) -> str:
    """A value as code writes it, of a long one the beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
