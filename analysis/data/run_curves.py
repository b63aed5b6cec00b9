"""Curves of runs: what each recorded over its epochs, or over another time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.levels import Level, canonical_level, ordered_levels, write_level
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.errors import AnalysisError
from vggstudy.suggest import suggest

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

    Raises
    ------
    AnalysisError
        If a column is missing, a time no number, or a run has a time twice.
    """
    names = [str(name) for name in frame.columns]
    run = replicate or next((name for name in ("replicate", "seed") if name in names), "replicate")
    for name in (*factors, time, *measures, run):
        if name not in names:
            hint = suggest(name, names) or f"columns: {', '.join(names)}"
            raise AnalysisError(f"column {name!r} is not in the table ({hint})")
    levels = {name: _levels(frame, name) for name in factors}
    keys = zip(*(levels[name] for name in factors), map(str, frame[run]), strict=True)
    rows: dict[tuple[Any, ...], list[int]] = {}
    for index, key in enumerate(keys):
        rows.setdefault(key, []).append(index)
    when = _numbers(frame, time)
    columns = {name: _numbers(frame, name) for name in measures}
    if not np.isfinite(when).all():
        raise AnalysisError(f"{time!r} must be a number in every row")
    return [
        _run(key, factors, when, columns, np.array(members), time) for key, members in rows.items()
    ]


def _levels(frame: pd.DataFrame, name: str) -> list[Level]:
    """A factor's level in every row."""
    try:
        return [canonical_level(value) for value in frame[name]]
    except ValueError as error:
        raise AnalysisError(f"factor {name!r} {error}") from None


def _numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    """A column as numbers; NaN where it holds something else."""
    import pandas as pd

    return np.array(pd.to_numeric(frame[name], errors="coerce"), dtype=np.float64)


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
            f"a run has the same {time!r} twice ({cell}, run {key[-1]}): name the column that "
            "tells runs apart (--replicate), or one more factor"
        )
    values = {
        name: [x if math.isfinite(x) else None for x in column[rows].tolist()]
        for name, column in columns.items()
    }
    return RunCurves(
        levels=dict(zip(factors, key[:-1], strict=True)),
        outcome="converged",
        curves=values,
        replicate=key[-1],
        times=when[rows].tolist(),
    )


def levels_in(runs: Sequence[RunCurves], factor: str) -> list[Level]:
    """A factor's levels among some runs, in order."""
    return list(ordered_levels([run.levels[factor] for run in runs], None))
