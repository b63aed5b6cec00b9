"""Curves of runs: what each recorded over its epochs, or over another time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.files import TableFile
from vggstudy.analysis.data.levels import Level, canonical_level, ordered_levels, write_level
from vggstudy.analysis.data.request import REPLICATE_COLUMNS, replicate_in
from vggstudy.analysis.data.row_names import RowNames
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.errors import AnalysisError
from vggstudy.suggest import hint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCurves:
    """What a run recorded epoch by epoch.

    Attributes
    ----------
    levels : mapping of str to level
        Factor to level.
    outcome : str
        converged, failed_to_learn or diverged.
    curves : mapping of str to sequence
        Measure to its value after each epoch; None where it was not finite. The first measure is
        drawn first.
    gap : float or None
        Accuracy on the training data less that on the test data, a fraction.
    replicate : str
        What tells it from the other runs of its cell.
    times : sequence of float or None
        When it recorded them, increasing; None after epochs 1, 2, 3 and so on.
    """

    levels: Mapping[str, Any]
    outcome: str
    curves: Mapping[str, Sequence[float | None]]
    gap: float | None = None
    replicate: str = ""
    times: Sequence[float] | None = None

    def points(self, measure: str) -> tuple[FloatArray, FloatArray] | None:
        """Times and values of a measure; None where it has none, or one that is not finite."""
        values = self.curves.get(measure, ())
        if not values or any(x is None or not math.isfinite(x) for x in values):
            return None
        times = range(1, len(values) + 1) if self.times is None else self.times
        return np.array([*times], dtype=np.float64), np.array(values, dtype=np.float64)


def curves_of_frame(
    frame: pd.DataFrame,
    *,
    factors: Sequence[str],
    time: str,
    measures: Sequence[str],
    replicate: str | None = None,
    names: RowNames | None = None,
) -> list[RunCurves]:
    """The curves of a table with one row a run and time; all of its runs count.

    Parameters
    ----------
    frame : DataFrame
    factors : sequence of str
        Columns whose combinations are the cells.
    time : str
        Column of numbers: steps, epochs, seconds.
    measures : sequence of str
        Columns of what was measured then.
    replicate : str, optional
        Column that tells the runs of a cell apart; by default ``replicate`` or ``seed``.
    names : RowNames, optional
        What messages call a row.

    Raises
    ------
    AnalysisError
        If a column is missing, a time or what was measured then no number, or a run has a time
        twice.
    """
    columns = [str(name) for name in frame.columns]
    run = replicate_in(columns, replicate) or replicate or REPLICATE_COLUMNS[0]
    for name in (*factors, time, *measures, run):
        if name not in columns:
            raise AnalysisError(f"column {name!r} is not in the table ({hint(name, columns)})")
    used = ~frame.isna().all(axis=1).to_numpy()
    parts = [*(("factor", name) for name in factors), ("run", run)]
    keys = zip(*(_levels(frame[used], part, name) for part, name in parts), strict=True)
    rows: dict[tuple[Any, ...], list[int]] = {}
    for index, key in zip(np.flatnonzero(used).tolist(), keys, strict=True):
        rows.setdefault(key, []).append(index)
    file = TableFile(frame, names or RowNames())
    when = file.numbers(time, used)
    values = {name: file.numbers(name, used) for name in measures}
    if not np.isfinite(when[used]).all():
        raise AnalysisError(f"{time!r} must be a number in every row")
    return [
        _run(key, factors, when, values, np.array(members), time) for key, members in rows.items()
    ]


def _levels(frame: pd.DataFrame, part: str, name: str) -> list[Level]:
    """A factor's level, or what tells the run, in every row."""
    try:
        return [canonical_level(value) for value in frame[name]]
    except ValueError as error:
        raise AnalysisError(f"{part} {name!r} {error}") from None


def _run(
    key: tuple[Any, ...],
    factors: Sequence[str],
    when: FloatArray,
    columns: Mapping[str, FloatArray],
    rows: np.ndarray,
    time: str,
) -> RunCurves:
    """A run's rows in the order of their times."""
    rows = rows[np.argsort(when[rows], kind="stable")]
    if (np.diff(when[rows]) <= 0).any():
        cell = ", ".join(
            f"{name}={write_level(level)}" for name, level in zip(factors, key, strict=False)
        )
        raise AnalysisError(
            f"a run has the same {time!r} twice ({cell}, run {write_level(key[-1])}): name the "
            "column that tells runs apart (--replicate), or one more factor"
        )
    values = {
        name: [x if math.isfinite(x) else None for x in column[rows].tolist()]
        for name, column in columns.items()
    }
    return RunCurves(
        levels=dict(zip(factors, key[:-1], strict=True)),
        outcome="converged",
        curves=values,
        replicate=write_level(key[-1]),
        times=when[rows].tolist(),
    )


def levels_in(runs: Sequence[RunCurves], factor: str) -> list[Level]:
    """A factor's levels among some runs, in order."""
    return list(ordered_levels([run.levels[factor] for run in runs], None))
