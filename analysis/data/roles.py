"""Which columns of a table are factors, by what they hold; what is uncertain is left open."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vggstudy.analysis.data.levels import canonical_level, write_level
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import IntArray, ObjectArray

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 30
"""Different numbers beyond which a column counts as measured."""

ENOUGH = 2
"""Runs that every combination of levels must have where nothing else tells factors."""


REASONS = ("column_has_gaps", "column_is_constant", "column_seldom_recurs", "column_says_the_same")
"""Names of the sentences that say why a column is no factor."""

ROLE_NOTES = ("factors_by_role", *REASONS)


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a table seem to be.

    Attributes
    ----------
    factors : tuple of str
        Columns that are factors for sure.
    open : tuple of str
        Columns that may be factors or not.
    left_out : dict of str to list of str
        Name of the sentence that says why, to the columns that are no factors.
    """

    factors: tuple[str, ...]
    open: tuple[str, ...] = ()
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def notes(self, taken: Sequence[str]) -> tuple[Note, ...]:
        """What was taken for factors, and why other columns were not."""
        return (
            say("factors_by_role", names=[*taken]),
            *(say(name, names=columns) for name, columns in self.left_out.items()),
        )


def roles_of(frame: pd.DataFrame, known: Collection[str], replicate: str | None) -> Roles:
    """Tell factors from other columns.

    A factor has few levels that recur. It is one for sure where without it two runs would be the
    same; or, where that tells none, if all combinations of levels occur, each with `ENOUGH` runs.
    Of columns that say the same the first is taken; whether one that another column tells is a
    factor stays open.

    Parameters
    ----------
    frame : DataFrame
    known : collection of str
        Columns that have a part already: outcomes, labels, seeds.
    replicate : str or None
        The column that tells the runs of a cell apart.
    """
    rows = frame[~frame.isna().all(axis=1)]
    left: dict[str, list[str]] = {}
    coded: dict[str, IntArray] = {}
    for name in map(str, rows.columns):
        if name in known or name == replicate:
            continue
        codes, why = _codes(rows[name])
        if why:
            left.setdefault(why, []).append(name)
        else:
            coded[name] = codes
    for name in _following(coded, both_ways=True):
        left.setdefault("column_says_the_same", []).append(name)
        del coded[name]
    doubtful = _following(coded, both_ways=False)
    coded = {name: codes for name, codes in coded.items() if name not in doubtful}
    names = list(coded)
    runs = _numbered(rows[replicate].to_numpy(dtype=object)) if replicate else np.arange(len(rows))
    sure = [
        name
        for name in names
        if not _same(names, coded, runs) and _same([x for x in names if x != name], coded, runs)
    ]
    if not sure and _crossed(coded):
        sure = names
    unsure = [name for name in names if name not in sure]
    return Roles(tuple(sure), (*unsure, *doubtful), left)


def measured_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of numbers that seldom recur."""
    return [
        str(name)
        for name in frame.columns
        if frame[name].dtype.kind in "iuf" and _codes(frame[name])[1] == "column_seldom_recurs"
    ]


def _codes(column: pd.Series) -> tuple[IntArray, str]:
    """Levels as numbers, or the name of the sentence that says why the column is no factor."""
    nothing = np.zeros(0, dtype=np.int64)
    if column.isna().any():
        return nothing, "column_has_gaps"
    values = column.to_numpy(dtype=object)
    codes = _numbered(values)
    count = int(codes.max(initial=-1)) + 1
    if count < 2:
        return nothing, "column_is_constant"
    numeric = column.dtype.kind in "iuf"
    if count > len(column) / 2 or (numeric and count > MOST_LEVELS):
        return nothing, "column_seldom_recurs"
    return codes, ""


def _numbered(values: ObjectArray) -> IntArray:
    """A number for each different level."""
    import pandas as pd

    return np.asarray(pd.factorize(np.array(list(map(_text, values)), dtype=object))[0])


def _text(value: object) -> str:
    try:
        return write_level(canonical_level(value))
    except ValueError:
        return ""


def _following(coded: dict[str, IntArray], *, both_ways: bool) -> list[str]:
    """Columns whose level another column tells; those that tell it as well, of which the later."""
    found: list[str] = []
    for name, codes in coded.items():
        for other, theirs in coded.items():
            if other == name or other in found:
                continue
            pairs = np.unique(np.stack([theirs, codes]), axis=1).shape[1]
            levels, own = np.unique(theirs).size, np.unique(codes).size
            first = list(coded).index(other) < list(coded).index(name)
            if pairs == levels and ((own == levels and first) if both_ways else own < levels):
                found.append(name)
                break
    return found


def _same(names: Sequence[str], coded: dict[str, IntArray], runs: IntArray) -> bool:
    """Whether two rows have the same levels of all these columns and the same replicate."""
    keys = np.stack([runs, *(coded[name] for name in names)])
    return bool(np.unique(keys, axis=1).shape[1] < runs.size)


def _crossed(coded: dict[str, IntArray]) -> bool:
    """Whether every combination of levels occurs, and often enough."""
    if not coded:
        return False
    keys = np.stack(list(coded.values()))
    cells, counts = np.unique(keys, axis=1, return_counts=True)
    full = int(np.prod([np.unique(codes).size for codes in coded.values()]))
    return bool(cells.shape[1] == full and counts.min() >= ENOUGH)
