"""Tables of times until a target is reached, from two columns: the time, and whether it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vggstudy.analysis.data.labelling import YES_OR_NO
from vggstudy.analysis.data.levels import Level
from vggstudy.analysis.data.outcomes import DIVERGED, LABELS, NOT_DATA
from vggstudy.analysis.data.problems import Problems
from vggstudy.analysis.data.request import LABEL_COLUMNS
from vggstudy.analysis.data.row_names import RowNames
from vggstudy.analysis.data.table import RunTable
from vggstudy.errors import AnalysisError
from vggstudy.suggest import hint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class TimesAsked:
    """Which columns are a time to a target.

    Attributes
    ----------
    time : str
        How long a run took to the target, or was followed without reaching it.
    reached : str
        Whether it reached it: true or false, yes or no, 1 or 0.
    horizon : float or None
        Time up to which means count; by default the last one to which every cell was followed.
    """

    time: str
    reached: str
    horizon: float | None = None


def table_of_times(
    frame: pd.DataFrame,
    asked: TimesAsked,
    *,
    factors: Sequence[str],
    levels: Mapping[str, Sequence[Level]] | None = None,
    replicate: str | None = None,
    names: RowNames | None = None,
) -> RunTable:
    """The runs with their times; converged are those that reached the target.

    Runs that are labelled diverged can never reach it: they count as followed to the horizon.
    Crashed and missing ones are no data.

    Parameters
    ----------
    frame : DataFrame
        One row a run, as for `RunTable.from_frame`.
    asked : TimesAsked
    factors : sequence of str
    levels : mapping, optional
    replicate : str, optional
    names : RowNames, optional
        What messages call a row.

    Raises
    ------
    AnalysisError
        If a column is missing, a time negative, or something else than yes or no in `reached`.
    """
    label = _labels(frame, asked, names or RowNames())
    columns = [name for name in LABEL_COLUMNS if name in frame and name not in factors]
    numbered = frame.drop(columns=columns).assign(outcome=np.array(label, dtype=object))
    table = RunTable.from_frame(
        numbered,
        factors=factors,
        outcome=asked.time,
        label="outcome",
        levels=levels,
        replicate=replicate,
        names=names,
    )
    known = table.value[table.labelled]
    if np.isnan(known).any() or (known < 0).any():
        raise AnalysisError(f"{asked.time!r} must be a time of 0 or more for every run with data")
    horizon = _horizon(table) if asked.horizon is None else asked.horizon
    if not horizon > 0:
        raise AnalysisError(f"the horizon must lie above 0, got {horizon:g}")
    never = table.label == DIVERGED
    return replace(
        table,
        value=np.where(never, np.maximum(table.value, horizon), table.value),
        lower_is_better=True,
        label_rule=f"column {asked.reached!r}",
        horizon=horizon,
    )


def _labels(frame: pd.DataFrame, asked: TimesAsked, names: RowNames) -> list[str | None]:
    """The label of every row; what it says of a failed run is whether it could still reach it."""
    for name in (asked.time, asked.reached):
        if name not in frame:
            known = [str(column) for column in frame.columns]
            raise AnalysisError(f"column {name!r} is not in the table ({hint(name, known)})")
    given = next((name for name in LABEL_COLUMNS if name in frame), None)
    said = [""] * len(frame) if given is None else [str(x).strip() for x in frame[given]]
    found: list[str | None] = []
    wrong = []
    empty = frame.isna().all(axis=1).tolist()
    for index, (value, own) in enumerate(zip(frame[asked.reached], said, strict=True)):
        text = str(value).strip().lower()
        if empty[index]:
            found.append(None)
        elif own in {LABELS[i] for i in NOT_DATA}:
            found.append(own)
        elif (reached := YES_OR_NO.get(text)) is None:
            wrong.append(index)
        elif reached:
            found.append("converged")
        else:
            found.append("diverged" if own == "diverged" else "failed_to_learn")
    problems = Problems(names)
    values = frame[asked.reached].to_numpy(dtype=object)
    problems.add_rows(wrong, f"{asked.reached!r} must be true or false", values)
    problems.raise_if_any()
    return found


def _horizon(table: RunTable) -> float:
    """The last time up to which the curve of every cell is known.

    A cell's is known without end where the runs that took longest all reached the target.
    """
    cells: dict[tuple[int, ...], list[int]] = {}
    for row in np.flatnonzero(table.labelled & (table.label != DIVERGED)).tolist():
        cells.setdefault(tuple(table.codes[row].tolist()), []).append(row)
    if not cells:
        raise AnalysisError(f"no run says how long {table.outcome!r} it was followed")
    ends = []
    for members in cells.values():
        time = table.value[members]
        if not table.converged[members][time == time.max()].all():
            ends.append(float(time.max()))
    return min(ends) if ends else float(table.value[table.labelled].max())
