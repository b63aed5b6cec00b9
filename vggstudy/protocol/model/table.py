"""A table of runs that were made elsewhere: which file it is, and what its columns are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vggstudy.stated.base import Level, Line, Settings


class TableSettings(Settings):
    """How a table of runs is read, as the options on tables say it on the command line."""

    file: Line | None = None
    """The table, relative to this file: CSV, JSON Lines or Parquet. Without it the table is named
    on the command line, and this file with --protocol."""
    also: list[Line] = Field(default_factory=list, max_length=1000)
    """Further files of the same table, relative to this file."""
    factors: list[Line] = Field(min_length=1, max_length=1000)
    """Columns that are factors."""
    outcomes: list[Line] = Field(default_factory=list, max_length=50)
    """Columns that are analysed, the main one first; by default test_accuracy, or the time. Whether
    less is better, what is a block and how seeds are read stand in [analysis]."""
    levels: dict[str, Annotated[list[Level], Field(min_length=1, max_length=10_000)]] = Field(
        default_factory=dict
    )
    """Order of a factor's levels; by default numbers by value, texts as they come first."""
    replicate: Line | None = None
    """Column that tells the runs of a cell apart; by default replicate or seed."""
    where: Line | None = None
    """Condition that rows meet which belong to the table: "phase = test and lr <= 0.1"."""
    wide: Line | None = None
    """Pattern of columns, such as "seed_*", each of which holds the outcome of a run."""
    percent: bool = False
    """Whether the main outcome, and others that are fractions by their names, are in per cent."""
    label: Line | None = None
    """Column that says which runs converged, in words or as true and false; by default label or
    outcome, where it holds labels."""
    succeeds: Line | None = None
    """Condition that runs meet which converged: "val_loss < 3.28"."""
    chance: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Outcome of a run that guesses: others have learned."""
    last: Line | None = None
    """Of several rows a run: the column of numbers, such as epoch, whose greatest one is taken."""
    average_over: list[Line] = Field(default_factory=list, max_length=100)
    """The same: columns, such as episode, that number measurements whose mean is taken."""
    time: Line | None = None
    """Column of a time to a target, or until the run was lost."""
    reached: Line | None = None
    """Column that says whether the run reached the target then."""
    horizon: Annotated[float, Field(gt=0)] | None = None
    """Time up to which means of times to a target count."""
