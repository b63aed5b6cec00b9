"""One row a run, of several that measure it: their mean, or the last of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.files import TableFile
from vggstudy.analysis.data.levels import Level, canonical_level, write_level
from vggstudy.analysis.data.repeated_rows import advice
from vggstudy.analysis.data.request import LABEL_COLUMNS, replicate_in
from vggstudy.analysis.data.spellings import one_spelling
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.errors import AnalysisError
from vggstudy.suggest import hint

if TYPE_CHECKING:
    import pandas as pd

MAJORITY_RATE = "majority_rate"


@dataclass(frozen=True, slots=True)
class OneRow:
    """How rows that measure one run become one.

    Attributes
    ----------
    last : str or None
        Column of numbers; the row with a run's greatest one counts.
    average_over : tuple of str
        Columns that number measurements; outcomes are averaged over them. After ``last``.
    replicate : str or None
        Column that tells the runs of a cell apart, where it has another name.
    """

    last: str | None = None
    average_over: tuple[str, ...] = ()
    replicate: str | None = None

    def __bool__(self) -> bool:
        return bool(self.last or self.average_over)


def one_row_a_run(
    file: TableFile, factors: Sequence[str], outcomes: Sequence[str], how: OneRow
) -> tuple[TableFile, tuple[Note, ...]]:
    """The table with one row for each combination of factors and replicate.

    A run stays where its first row was, or its last one; the other rows become blank, so that
    messages count as the file does. Of a mean of rows, columns that differ within a run are lost,
    but for the outcomes and ``majority_rate``, which are averaged.

    Parameters
    ----------
    file : TableFile
    factors, outcomes : sequence of str
        Columns.
    how : OneRow

    Returns
    -------
    TableFile
    tuple of Note
        What was done.

    Raises
    ------
    AnalysisError
        If a column is missing or no number where it must be one, if a run was measured twice under
        one number, or if its label is not one.
    """
    if not how:
        return file, ()
    frame, notes = file.frame, []
    _check(frame, factors, outcomes, how)
    key = [*factors, replicate_in(frame.columns, how.replicate) or ""]
    if how.last is not None:
        kept, note = _last(file, _runs(frame, key), how.last)
        frame, notes = only(frame, kept), [note]
    if how.average_over:
        averaged = _Mean(replace(file, frame=frame), key, outcomes, how.average_over)
        frame = averaged.frame()
        notes.append(averaged.note())
    return replace(file, frame=frame), tuple(notes)


def _check(
    frame: pd.DataFrame, factors: Sequence[str], outcomes: Sequence[str], how: OneRow
) -> None:
    """Every column that is needed is there, and free."""
    names = [str(name) for name in frame.columns]
    asked = {"--average-over": how.average_over, "--last": (how.last,) if how.last else ()}
    for option, columns in asked.items():
        for name in columns:
            if name not in names:
                msg = f"{option} {name}: there is no such column ({hint(name, names)})"
                raise AnalysisError(msg)
            if name in {*factors, *outcomes}:
                part = "a factor" if name in factors else "an outcome"
                raise AnalysisError(f"{option} {name}: the column is {part}")
    if lost := [name for name in factors if name not in names]:
        raise AnalysisError(f"factor {lost[0]!r} is not a column ({hint(lost[0], names)})")
    if replicate_in(names, how.replicate) is None:
        wanted = repr(how.replicate) if how.replicate else "'replicate' or 'seed'"
        msg = f"no column {wanted} tells which rows are of one run: add one, or --replicate"
        raise AnalysisError(msg)


def _runs(frame: pd.DataFrame, key: Sequence[str]) -> IntArray:
    """Number of each row's run, in the order in which runs begin; -1 where the key is missing."""
    import pandas as pd

    found = np.zeros(len(frame), dtype=np.int64)
    missing = np.zeros(len(frame), dtype=bool)
    for name in key:
        codes, values = pd.factorize(frame[name].to_numpy(dtype=object))
        written = np.array(_written(name, values) or [""], dtype=object)
        codes = np.where(codes < 0, -1, pd.factorize(written)[0][codes])
        missing |= codes < 0
        found = pd.factorize(found * (codes.max(initial=0) + 2) + codes)[0].astype(np.int64)
    found[missing] = -1
    found[~missing] = pd.factorize(found[~missing])[0]
    return found


def _written(name: str, values: Iterable[object]) -> list[str | None]:
    """Levels as a table of runs tells them apart; None for what is none."""
    levels: list[Level | None] = []
    for value in values:
        try:
            levels.append(canonical_level(value))
        except ValueError:
            levels.append(None)
    taken, _ = one_spelling(name, [level for level in levels if level is not None], ())
    texts = [None if level is None else write_level(level) for level in levels]
    return [text and write_level(taken.get(text, text)) for text in texts]


def _last(file: TableFile, runs: IntArray, name: str) -> tuple[BoolArray, Note]:
    """Which rows hold the greatest value of their run, and what that says."""
    rows = runs >= 0
    numbers = file.numbers(name, rows)
    if (lost := np.flatnonzero(np.isnan(numbers) & rows)).size:
        raise AnalysisError(f"--last {name}: {name!r} is empty: {file.names(int(lost[0]))}")
    greatest = np.full(runs.max(initial=-1) + 1, -np.inf)
    np.maximum.at(greatest, runs[rows], numbers[rows])
    kept = ~rows
    kept[rows] = numbers[rows] == greatest[runs[rows]]
    low, high = (greatest.min(), greatest.max()) if greatest.size else (0.0, 0.0)
    said = {"n": int(rows.sum()), "runs": greatest.size, "factor": name, "low": float(low)}
    if low == high:
        return kept, say("last_rows", **said)
    return kept, say("last_rows_differ", **said, high=float(high))


def only(frame: pd.DataFrame, kept: BoolArray) -> pd.DataFrame:
    """The frame with its other rows blank; what is not a float stays what it is."""
    changed = {name: _open_to_gaps(frame[name]).where(kept) for name in frame.columns}
    return frame.assign(**changed)


def _open_to_gaps(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column that can lack values without a change of the others: integers become objects."""
    return column.astype(object) if column.dtype.kind in "iub" else column


class _Mean:
    """The mean of each run's rows."""

    def __init__(
        self,
        file: TableFile,
        key: Sequence[str],
        outcomes: Sequence[str],
        over: Sequence[str],
    ) -> None:
        self.file = file
        self.key = key
        self.over = over
        self.runs = _runs(file.frame, key)
        self.rows = self.runs >= 0
        self.count = np.bincount(self.runs[self.rows])
        self.averaged = [*dict.fromkeys(outcomes)]
        if MAJORITY_RATE in file.frame:
            self.averaged.append(MAJORITY_RATE)
        for name in outcomes:
            if name not in file.frame:
                raise AnalysisError(f"outcome {name!r} is not a column")
        self._refuse_twice()

    def _refuse_twice(self) -> None:
        """No run has two rows with the same numbers: these would be other runs, or a mistake."""
        parts = _runs(self.file.frame, [*self.key, *self.over])
        if (empty := np.flatnonzero((parts < 0) & self.rows)).size:
            names = ", ".join(self.over)
            msg = f"--average-over {names}: is empty in {self._place(empty[0])}"
            raise AnalysisError(msg)
        inside = parts[self.rows]
        again = np.flatnonzero(np.bincount(inside, minlength=1)[parts] * self.rows > 1)
        if not again.size:
            return
        first, second = np.flatnonzero(parts == parts[again[0]])[:2].tolist()
        values = ", ".join(f"{name} {self.file.frame[name].iloc[first]}" for name in self.over)
        known = {*self.key, *self.over, *self.averaged, *LABEL_COLUMNS}
        more = advice(self.file.frame[self.rows], parts[self.rows], known)
        msg = (
            f"one run has {values} twice ({self._place(first)} and {self._place(second)})"
            f"{f': {more}' if more else ', so these are no measurements of one run'}"
        )
        raise AnalysisError(msg)

    def _place(self, row: int) -> str:
        """How a message names a row."""
        return self.file.names(row)

    def frame(self) -> pd.DataFrame:
        """The table, each run's mean in its first row."""
        frame = self.file.frame
        first = np.zeros(len(frame), dtype=bool)
        first[~self.rows] = True
        first[np.unique(self.runs, return_index=True)[1]] = True
        fixed = {*self.key, *self.averaged}
        lost = [name for name in frame.columns if name not in fixed and self._differs(name)]
        self._refuse_labels(lost)
        means = {name: self._mean(name) for name in self.averaged}
        return only(frame.drop(columns=lost).assign(**means), first)

    def _differs(self, name: str) -> bool:
        """Whether a column has several values in one run."""
        import pandas as pd

        codes = pd.factorize(self.file.frame[name].to_numpy(dtype=object), use_na_sentinel=False)[0]
        pairs = self.runs * (codes.max(initial=0) + 1) + codes
        return bool(np.unique(pairs[self.rows]).size > self.count.size)

    def _refuse_labels(self, lost: Sequence[str]) -> None:
        """A run has one label."""
        name = next((x for x in LABEL_COLUMNS if x in lost and x not in self.averaged), None)
        if name is None:
            return
        raw = self.file.frame[name].to_numpy(dtype=object)
        begun: dict[int, int] = {}
        for i in np.flatnonzero(self.rows).tolist():
            first = begun.setdefault(int(self.runs[i]), i)
            if raw[i] != raw[first]:
                msg = (
                    f"{name!r} is {raw[first]!r} in {self._place(first)} and {raw[i]!r} in "
                    f"{self._place(i)}, which measure one run: write one label a run"
                )
                raise AnalysisError(msg)

    def _mean(self, name: str) -> FloatArray:
        """The mean of a column over each run's rows, in all of them; NaN where one is missing."""
        numbers = self.file.numbers(name, self.rows)
        with np.errstate(invalid="ignore"):  # inf - inf is for the table's checks to refuse
            total = np.bincount(self.runs[self.rows], weights=numbers[self.rows])
        numbers[self.rows] = (total / self.count)[self.runs[self.rows]]
        return numbers

    def note(self) -> Note:
        """How many rows became how many runs."""
        least, most = (int(self.count.min()), int(self.count.max())) if self.count.size else (0, 0)
        said = {"n": int(self.rows.sum()), "runs": self.count.size, "names": [*self.over]}
        if least == most:
            return say("rows_averaged", **said, k=least)
        return say("rows_averaged_unequal", **said, least=least, most=most)
