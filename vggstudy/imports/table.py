"""Imported runs as the table that every other command takes."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vggstudy.errors import AnalysisError
from vggstudy.files import defused
from vggstudy.imports.columns import Column
from vggstudy.imports.runs import ImportedRun, Scalar, is_infinite

LABELS = {
    "failed": "crashed",
    "killed": "crashed",
    "running": "missing",
    "pruned": "missing",
    "unfinished": "missing",
}
"""What runs that came to no result are to an analysis."""


@dataclass(frozen=True, slots=True)
class RunsTable:
    """A table, ready to be written.

    Attributes
    ----------
    header : tuple of str
    rows : list of list
    statuses, labels : Counter
        How many runs have each; the empty label is that of runs that nothing speaks against.
    infinite : tuple of str
        Columns in which a value of a finished run is infinite or NaN.
    """

    header: tuple[str, ...]
    rows: list[list[Scalar]]
    statuses: Counter[str]
    labels: Counter[str]
    infinite: tuple[str, ...]

    def text(self) -> str:
        """The table as CSV; no field is a formula of a spreadsheet."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([defused(name) for name in self.header])
        writer.writerows([defused(_field(value)) for value in row] for row in self.rows)
        return stream.getvalue()

    def levels(self, name: str) -> int:
        """How many values a column has."""
        place = self.header.index(name)
        return len({str(row[place]) for row in self.rows})


def _field(value: Scalar) -> Scalar:
    """A value as it is written: truth values in small letters."""
    return str(value).lower() if isinstance(value, bool) else value


def table_of(runs: Sequence[ImportedRun], columns: Sequence[Column]) -> RunsTable:
    """A row a run: settings, what was measured, and how it ended.

    Runs without a seed among their columns are numbered by ``replicate``. A value that is infinite
    or not a number makes the run ``diverged`` and its field empty; runs that failed or were killed
    are ``crashed``, and those without a result ``missing``.
    """
    kept = [column for column in columns if column.name]
    if not any(column.role == "measured" for column in kept):
        raise AnalysisError("nothing that was measured is kept: see the map of columns")
    numbered = not {"seed", "replicate"} & {column.name for column in kept}
    order = sorted(kept, key=lambda column: ("setting", "measured", "about").index(column.role))
    statuses: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    infinite: dict[str, None] = {}
    rows = []
    for number, run in enumerate(runs):
        values = [_value(run, column.source) for column in order]
        off = [
            column.role == "measured" and is_infinite(value)
            for column, value in zip(order, values, strict=True)
        ]
        label = LABELS.get(run.status, "diverged" if any(off) else "")
        if label == "diverged":
            infinite |= dict.fromkeys(c.name for c, bad in zip(order, off, strict=True) if bad)
        statuses[run.status] += 1
        labels[label] += 1
        fields = [None if bad else value for value, bad in zip(values, off, strict=True)]
        rows.append([*fields, *([number] if numbered else []), run.status, label, run.name])
    if set(labels) == {""}:  # an empty column says nothing
        rows = [[*row[:-2], row[-1]] for row in rows]
    labelled = [] if set(labels) == {""} else ["label"]
    own = [*(["replicate"] if numbered else []), "status", *labelled, "run"]
    header = (*(column.name for column in order), *own)
    return RunsTable(header, rows, statuses, labels, tuple(infinite))


def _value(run: ImportedRun, source: str) -> Scalar:
    """A run's value of a column, in whichever part of it that stands."""
    for part in (run.settings, run.measured, run.about):
        if source in part:
            return part[source]
    return None
