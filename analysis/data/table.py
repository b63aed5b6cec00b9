"""The runs to be analysed: one row a planned run, checked once and frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import numpy as np

from vggstudy.analysis.data.files import Decimal, read_table_file
from vggstudy.analysis.data.levels import Level, is_numeric, write_level
from vggstudy.analysis.data.outcomes import (
    CONVERGED,
    EVERY_RUN,
    FAILED,
    LABELS,
    NOT_DATA,
    is_fraction,
    lower_by_name,
    unit,
)
from vggstudy.analysis.data.request import TableRequest
from vggstudy.analysis.data.row_names import RowNames
from vggstudy.analysis.data.table_checks import build_table
from vggstudy.analysis.notes import Note, NotedError, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.identity import digest_of_rows

if TYPE_CHECKING:
    import pandas as pd

Seeding = Literal["auto", "independent", "shared", "crossed"]
"""Whether runs of different cells share their seeds, or the table is to tell."""


class TableSettings(TypedDict, total=False):
    """What is asked of a table besides its factors: see `RunTable.from_frame`."""

    outcome: str
    margin: float
    chance: float | None
    judged: str | None
    levels: Mapping[str, Sequence[Level]] | None
    lower_is_better: bool | None
    seeding: Seeding
    replicate: str | None
    label: str | None
    succeeds: str | None
    percent: bool


@dataclass(frozen=True, slots=True, eq=False)
class RunTable:
    """Validated runs in canonical order: by cell, then by replicate.

    Attributes
    ----------
    factors : tuple of str
        In the order given; F of them.
    levels : mapping of str to tuple of Level
        Ordered levels of each factor.
    codes : ndarray of shape (N, F)
        Index of each run's level.
    replicate : tuple of str
        What tells the runs of a cell apart, N entries.
    label : ndarray of shape (N,)
        Index into `LABELS`.
    value : ndarray of shape (N,)
        The outcome; NaN where a run has none.
    outcome : str
        Name of the outcome's column.
    chance : float or None
        Accuracy of always naming the most frequent class, where the input tells one for all runs.
    label_rule : str
        In words, where the labels come from.
    streams : ndarray of shape (N, 2) or None
        Numbers of the seed of each run's initialisation and of the seed of everything else, where
        the input tells them apart (columns ``init_seed`` and ``data_seed``).
    seeds : tuple of str or None
        The column ``seed``, N entries, where the input has one.
    seeding : str
        How the seeds are to be read, unless an analysis says otherwise; see `seeding.read_seeds`.
    own_chance : ndarray of shape (N,) or None
        Each run's own chance level where runs differ in it; NaN where a run has none.
    notes : tuple of Note
        What to know of how the table was read, e.g. of spellings of one level.
    lower_is_better : bool
        Whether the best value of the outcome is the lowest one.
    horizon : float or None
        Where the outcome is a time until a target is reached (`times.table_of_times`): the time up
        to which its means count. Converged are then the runs that reached it; a failed one was
        followed until its value.
    block : str or None
        The factor whose levels stand for others of their kind, such as data sets or tasks.
    percent : bool
        Whether the input gave the outcome in per cent; `value` holds fractions.
    """

    factors: tuple[str, ...]
    levels: Mapping[str, tuple[Level, ...]]
    codes: IntArray
    replicate: tuple[str, ...]
    label: IntArray
    value: FloatArray
    outcome: str
    chance: float | None
    label_rule: str
    streams: IntArray | None = None
    seeds: tuple[str, ...] | None = None
    seeding: Seeding = "auto"
    own_chance: FloatArray | None = None
    notes: tuple[Note, ...] = ()
    lower_is_better: bool = False
    horizon: float | None = None
    block: str | None = None
    percent: bool = False

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        factors: Sequence[str],
        outcome: str = "test_accuracy",
        margin: float = 0.05,
        chance: float | None = None,
        judged: str | None = None,
        levels: Mapping[str, Sequence[Level]] | None = None,
        lower_is_better: bool | None = None,
        seeding: Seeding = "auto",
        replicate: str | None = None,
        label: str | None = None,
        succeeds: str | None = None,
        percent: bool = False,
        names: RowNames | None = None,
    ) -> RunTable:
        """Check a data frame, one row a run, and freeze it.

        Parameters
        ----------
        frame : DataFrame
            The factors' columns; ``replicate`` or ``seed``; the outcome's column; ``outcome`` or
            ``label`` with the values of `LABELS`. Where nothing tells which runs converged, neither
            labels nor a chance level, all of them count and none is judged.
        factors : sequence of str
            Columns whose combinations are the cells.
        outcome : str
            Column that is analysed. Columns named ``*accuracy`` must be fractions in [0, 1].
        margin : float
            Without labels, a run has converged when its outcome exceeds chance by more than this.
        chance : float, optional
            The majority-class rate of all runs; by default each row's own, the ``majority_rate``
            column.
        judged : str, optional
            Column of which chance is a level, where it is not the outcome's.
        levels : mapping, optional
            Declared order of the levels; by default false < true, numbers by value, then text.
        lower_is_better : bool, optional
            Whether less of the outcome is better; by default as its name says (`lower_by_name`).
        seeding : str
            Whether runs of different cells share their seeds: auto (the column ``seed`` tells),
            independent, shared, or crossed.
        replicate : str, optional
            Column that tells the runs of a cell apart; by default ``replicate`` or ``seed``.
        label : str, optional
            Column of labels, or of true and false; by default ``outcome`` or ``label``.
        succeeds : str, optional
            Condition that runs meet which converged, such as ``val_loss < 3.28``: see
            `conditions.read_condition`. It is held against the values as the frame has them.
        percent : bool
            Whether the outcome, and other columns of fractions, are in per cent.
        names : RowNames, optional
            What messages call a row; ``row 1`` by default.

        Raises
        ------
        AnalysisError
            If anything is wrong; every problem is listed, with its row.
        """
        request = TableRequest(
            tuple(factors),
            outcome,
            margin,
            chance,
            dict(levels or {}),
            judged or outcome,
            replicate=replicate,
            label=label,
            succeeds=succeeds,
            percent=percent,
        )
        made = cls(**build_table(frame, request, names or RowNames()), seeding=seeding)
        return made.directed(lower_is_better)

    @classmethod
    def read_csv(
        cls,
        path: str | Path,
        factors: Sequence[str],
        *,
        decimal: Decimal | None = None,
        **asked: Unpack[TableSettings],
    ) -> RunTable:
        """`from_frame` of a file: CSV, JSON Lines or Parquet; problems are named by line.

        Parameters
        ----------
        path : path
        factors : sequence of str
            Columns whose combinations are the cells.
        decimal : str, optional
            The decimal sign, where the file's numbers can be read in two ways.
        **asked
            The other arguments of `from_frame`.

        Raises
        ------
        AnalysisError
            If the file cannot be read as a table, or its content is wrong.
        """
        file = read_table_file(Path(path), factors, decimal=decimal)
        return cls.from_frame(file.frame, factors=factors, names=file.names, **asked)

    def directed(self, lower_is_better: bool | None) -> RunTable:
        """The same runs, with which values are better; None goes by the outcome's name."""
        lower = lower_by_name(self.outcome) if lower_is_better is None else lower_is_better
        return self if lower == self.lower_is_better else replace(self, lower_is_better=lower)

    def blocked(self, block: str | None) -> RunTable:
        """The same runs, with the factor whose levels are blocks; None leaves it as it is.

        Raises
        ------
        AnalysisError
            If it is no factor, or there is none to compare within its levels.
        """
        if block is None or block == self.block:
            return self
        if block not in self.factors:
            raise NotedError(say("no_factor", name=block, names=self.factors))
        if len(self.factors) < 2:
            raise NotedError(say("block_alone", factor=block))
        return replace(self, block=block)

    def __len__(self) -> int:
        return len(self.replicate)

    def is_numeric(self, factor: str) -> bool:
        """Whether all levels of a factor are numbers, so that first and last mean something."""
        return all(is_numeric(level) for level in self.levels[factor])

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range that the outcome cannot leave: [0, 1] for accuracies, otherwise None."""
        return (0.0, 1.0) if self.is_fraction else None

    @property
    def is_fraction(self) -> bool:
        """Whether the outcome is a fraction in [0, 1]: by its name, or given in per cent."""
        return self.percent or is_fraction(self.outcome)

    @property
    def unit(self) -> str:
        """Unit of the outcome."""
        return "fraction" if self.is_fraction else unit(self.outcome)

    @property
    def judged(self) -> bool:
        """Whether anything tells runs that converged from runs that failed."""
        return self.label_rule != EVERY_RUN

    def count(self, label: str) -> int:
        """Number of runs with a label."""
        return int((self.label == LABELS.index(label)).sum())

    def independent(self) -> RunTable:
        """The runs of which no two of a cell share a seed; all of them where none is shared.

        Under crossed seeding these are the runs along a diagonal, first come first kept.
        """
        if self.streams is None:
            return self
        used: set[tuple[int, ...]] = set()
        kept = []
        for i, (codes, pair) in enumerate(
            zip(self.codes.tolist(), self.streams.tolist(), strict=True)
        ):
            seeds = {(kind, seed, *codes) for kind, seed in enumerate(pair)}
            if not used & seeds:
                used |= seeds
                kept.append(i)
        return self.part(np.array(kept, dtype=np.int64))

    def part(self, rows: IntArray) -> RunTable:
        """Some of the runs, in the order given."""
        return replace(
            self,
            codes=self.codes[rows],
            replicate=tuple(self.replicate[i] for i in rows.tolist()),
            label=self.label[rows],
            value=self.value[rows],
            streams=None if self.streams is None else self.streams[rows],
            seeds=None if self.seeds is None else tuple(self.seeds[i] for i in rows.tolist()),
            own_chance=None if self.own_chance is None else self.own_chance[rows],
        )

    @property
    def chances(self) -> FloatArray | None:
        """Every run's chance level; NaN where it has none, None where no run has; shape (N,)."""
        if self.own_chance is not None:
            return self.own_chance
        return None if self.chance is None else np.full(len(self), self.chance)

    @property
    def converged(self) -> BoolArray:
        """Which runs converged; shape (N,)."""
        return np.asarray(self.label == CONVERGED)

    @property
    def failed(self) -> BoolArray:
        """Which runs gave data and did not converge; shape (N,)."""
        return np.isin(self.label, FAILED)

    @property
    def labelled(self) -> BoolArray:
        """Which runs gave data; shape (N,)."""
        return ~np.isin(self.label, NOT_DATA)

    def to_frame(self) -> pd.DataFrame:
        """One row a run, in canonical order: factors, replicate, outcome (its label), value."""
        import pandas as pd

        levels = {
            name: [self.levels[name][code] for code in self.codes[:, index].tolist()]
            for index, name in enumerate(self.factors)
        }
        labels = [LABELS[code] for code in self.label.tolist()]
        own = {"replicate": list(self.replicate), "outcome": labels, self.outcome: self.value}
        return pd.DataFrame({**levels, **own})

    def of_every_run(self) -> RunTable:
        """The same runs, where failed ones that have a value count like converged ones.

        Means are then over all runs, which is what is asked of a cost such as the seconds of an
        epoch; converging means nothing in such a table.
        """
        counts = self.labelled & ~np.isnan(self.value)
        return replace(self, label=np.where(counts, CONVERGED, self.label), label_rule=EVERY_RUN)

    def content_digest(self) -> str:
        """SHA-256 of what the table holds; the order of the input's rows does not enter."""
        rows = (
            [*codes, replicate, label, _plain(value)]
            for codes, replicate, label, value in zip(
                self.codes.tolist(),
                self.replicate,
                self.label.tolist(),
                self.value.tolist(),
                strict=True,
            )
        )
        further: dict[str, object] = (
            {} if self.streams is None else {"streams": self.streams.tolist()}
        )
        if self.own_chance is not None:
            further["own_chance"] = [None if np.isnan(x) else x for x in self.own_chance.tolist()]
        if self.lower_is_better != lower_by_name(self.outcome):
            further["lower_is_better"] = self.lower_is_better
        if self.horizon is not None:
            further["horizon"] = self.horizon
        if self.block is not None:
            further["block"] = self.block
        if self.percent:
            further["percent"] = True
        return digest_of_rows(
            {
                **further,
                "factors": list(self.factors),
                "levels": {
                    name: [write_level(x) for x in self.levels[name]] for name in self.factors
                },
                "labels": list(LABELS),
                "outcome": self.outcome,
                "chance": self.chance,
            },
            rows,
        )


def _plain(value: float) -> float | int | None:
    """A value as canonical JSON has it: none where it is not known, integers as such."""
    if value != value:
        return None
    return int(value) if value.is_integer() else value
