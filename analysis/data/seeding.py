"""Whether runs of different cells share their seeds: what a table tells, and what was asked.

A seed that recurs across cells moves all of them together: its runs are a block. A number that
merely counts the runs of a cell says nothing of the kind, so that only a column named ``seed`` is
taken for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.table import RunTable, Seeding
from vggstudy.analysis.notes import Levels, Named, Note, NotedError, say
from vggstudy.analysis.numbers.arrays import IntArray
from vggstudy.errors import AnalysisError

Taken = Literal["independent", "shared", "crossed"]

MOST_ALONE = 0.5
"""Share of runs whose seed no other cell has, from which on recurrences count as accidents."""


@dataclass(frozen=True, slots=True)
class SeedReading:
    """How the seeds of a table are read.

    Attributes
    ----------
    asked : str
        What the caller asked for.
    taken : str
        What the analysis takes: independent, shared or crossed.
    by_column : bool
        Whether the blocks are those of the column ``seed``, where they are any, and not of the
        replicates.
    other : str or None
        What else the table could mean, where it is a matter of judgement.
    notes : tuple of Note
        What a reader must know of it.
    """

    asked: Seeding
    taken: Taken
    by_column: bool = False
    other: Taken | None = None
    notes: tuple[Note, ...] = ()

    @property
    def shared(self) -> bool:
        """Whether runs of one block share their seeds across cells."""
        return self.taken == "shared"

    def applied(self, table: RunTable) -> RunTable:
        """The table as this reading takes it; of other rows than it was made of, if need be."""
        return _as(table, self.taken, by_column=self.by_column)

    def otherwise(self, table: RunTable) -> RunTable:
        """The table as the other reading takes it."""
        return _as(table, self.other or self.taken, by_column=table.seeds is not None)


UNRELATED = SeedReading("auto", "independent")
"""Runs that nothing ties together."""


def _as(table: RunTable, taken: Taken, *, by_column: bool) -> RunTable:
    """Blocks as replicates where they are shared; no streams where nothing is crossed."""
    if taken == "independent" and table.streams is not None:
        return replace(table, streams=None)
    if taken == "shared" and by_column and table.seeds is not None:
        return replace(table, replicate=table.seeds)
    return table


def read_seeds(
    table: RunTable, asked: Seeding | None = None, *, designed: Taken | None = None
) -> SeedReading:
    """Decide how the seeds of a table are read.

    Parameters
    ----------
    table : RunTable
    asked : str, optional
        By default what the table says of itself (`RunTable.seeding`).
    designed : str, optional
        How the runs were seeded, where a design says so: that is then no matter of judgement.

    Returns
    -------
    SeedReading
        Under ``auto``, seeds that recur in other cells for at least half of the runs are shared;
        a table that tells the seeds of initialisation and data apart is crossed.

    Raises
    ------
    AnalysisError
        If seeds cannot be read as asked.
    """
    asked = table.seeding if asked is None else asked
    if asked not in get_args(Seeding):
        known = ", ".join(get_args(Seeding))
        raise AnalysisError(f"seeding must be one of {known}, got {asked!r}")
    if asked == "auto":
        return _automatic(table) if designed is None else SeedReading(asked, designed)
    if asked == "crossed":
        if table.streams is None:
            raise NotedError(say("crossed_needs_streams"))
        return SeedReading(asked, asked)
    if asked == "independent":
        return _independent(table, asked)
    by_column = table.seeds is not None
    if by_column and (twice := _twice(table)):
        raise NotedError(say("seed_twice_in_cell", name=twice[0], names=twice[1]))
    other: Taken | None = None if designed == "shared" else "independent"
    return SeedReading(asked, asked, by_column=by_column, other=other)


def _automatic(table: RunTable) -> SeedReading:
    """What the table itself tells."""
    if table.streams is not None:
        return SeedReading("auto", "crossed")
    if table.seeds is None:
        other: Taken | None = "shared" if _recurring(table, table.replicate) else None
        return SeedReading("auto", "independent", other=other)
    if twice := _twice(table):
        note = say("seeds_repeat_in_cell", name=twice[0], names=twice[1])
        return SeedReading("auto", "independent", notes=(note,))
    again = _recurring(table, table.seeds)
    if not again:
        return SeedReading("auto", "independent")
    if again < (1 - MOST_ALONE) * len(table):
        note = say("few_seeds_recur", n=again, runs=len(table))
        return SeedReading("auto", "independent", other="shared", notes=(note,))
    note = say("seeds_recur", n=len(set(table.seeds)), cells=_cells(table))
    return SeedReading("auto", "shared", by_column=True, other="independent", notes=(note,))


def _independent(table: RunTable, asked: Seeding) -> SeedReading:
    """Unrelated runs, and that their seeds recur, if they do."""
    names = table.replicate if table.seeds is None else table.seeds
    again = 0 if table.seeds is not None and _twice(table) else _recurring(table, names)
    known = table.seeds is not None and again
    notes = (say("recurring_seeds_unrelated", n=again, runs=len(table)),) if known else ()
    return SeedReading(asked, "independent", other="shared" if again else None, notes=notes)


def _recurring(table: RunTable, names: Sequence[str]) -> int:
    """Runs whose seed occurs in another cell too."""
    cell, seed = _cell_numbers(table), _numbers(names)
    count = int(seed.max(initial=0)) + 1
    cells = np.bincount(np.unique(cell * count + seed) % count, minlength=count)
    return int((cells[seed] > 1).sum())


def _cells(table: RunTable) -> int:
    """Cells that have runs."""
    return np.unique(_cell_numbers(table)).size


def _twice(table: RunTable) -> tuple[str, Named] | None:
    """The first seed that two runs of one cell share, and that cell; None where none is."""
    if table.seeds is None or not _any_twice(_cell_numbers(table), _numbers(table.seeds)):
        return None
    seen: set[tuple[tuple[int, ...], str]] = set()
    for codes, name in zip(table.codes.tolist(), table.seeds or (), strict=False):
        if (tuple(codes), name) in seen:
            return name, Named((_named(table, codes),))
        seen.add((tuple(codes), name))
    return None


def _numbers(names: Sequence[str]) -> IntArray:
    """The number of each name among the distinct ones; shape (N,)."""
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)


def _cell_numbers(table: RunTable) -> IntArray:
    """The number of each run's cell; shape (N,)."""
    found = np.zeros(len(table), dtype=np.int64)
    for column, name in zip(table.codes.T, table.factors, strict=True):
        longer = found * len(table.levels[name]) + column
        found = np.asarray(np.unique(longer, return_inverse=True)[1], dtype=np.int64)
    return found


def _any_twice(cell: IntArray, seed: IntArray) -> bool:
    """Whether two runs of one cell share a seed."""
    return np.unique(cell * (int(seed.max(initial=0)) + 1) + seed).size < seed.size


def _named(table: RunTable, codes: Sequence[int]) -> Levels:
    """The levels of a cell."""
    return tuple(
        (factor, write_level(table.levels[factor][code]))
        for factor, code in zip(table.factors, codes, strict=True)
    )
