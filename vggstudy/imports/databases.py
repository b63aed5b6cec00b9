"""What an SQLite file must hold to be of a layout that is known."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from vggstudy.errors import AnalysisError
from vggstudy.imports.sources import Place


def require(
    base: sqlite3.Connection, tables: Mapping[str, Sequence[str]], place: Place, tool: str
) -> None:
    """Refuse a file that lacks a table or a column, or has a view where a table is needed.

    Raises
    ------
    AnalysisError
        Naming what is missing.
    """
    kinds = dict(base.execute("SELECT name, type FROM sqlite_master"))
    for table, columns in tables.items():
        here = {row[1] for row in base.execute(f'PRAGMA table_info("{table}")')}
        lost = [f"{table}.{name}" for name in columns if name not in here]
        if kinds.get(table) != "table" or lost:
            what = f"column {lost[0]}" if kinds.get(table) == "table" else f"table {table}"
            msg = f"{place.path}: not of a layout of {tool} that is known: it has no {what}"
            raise AnalysisError(msg)
