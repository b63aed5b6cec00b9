"""Which runs of a table converged: by its labels, a condition, the chance level, or nobody says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vggstudy.analysis.data.conditions import rows_that_meet
from vggstudy.analysis.data.number_texts import as_numbers
from vggstudy.analysis.data.outcomes import (
    CONVERGED,
    DIVERGED,
    EVERY_RUN,
    FAILED,
    FAILED_TO_LEARN,
    LABELS,
    lower_by_name,
)
from vggstudy.analysis.data.problems import Problems
from vggstudy.analysis.data.request import LABEL_COLUMNS, TableRequest
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

SAME_CHANCE = 1e-9
"""Majority rates that differ by less are one, written differently."""

CODES = {name: i for i, name in enumerate(LABELS)}
YES_OR_NO = {
    **dict.fromkeys(("true", "1", "1.0", "yes"), True),
    **dict.fromkeys(("false", "0", "0.0", "no"), False),
}
"""Whether it was, in the words of a column that somebody names."""

WORDS = {
    **CODES,
    **{word: CONVERGED if yes else FAILED_TO_LEARN for word, yes in YES_OR_NO.items()},
}
"""Labels as a column that somebody names may write them."""

_BLANK = -2
"""No label, in a column that names failures alone."""


def label_column(request: TableRequest, frame: pd.DataFrame) -> str | None:
    """The column of labels; None where there is none, or where a condition stands for it."""
    if request.label is not None:
        return request.label
    columns = {str(name) for name in frame.columns} - {request.outcome, request.judged}
    columns -= {*request.factors, request.replicate}
    return next((name for name in LABEL_COLUMNS if name in columns), None)


def judges(request: TableRequest, frame: pd.DataFrame) -> bool:
    """Whether anything tells runs that converged from runs that failed."""
    if request.succeeds is not None or label_column(request, frame) is not None:
        return True
    return _has_level(request, frame)


def _has_level(request: TableRequest, frame: pd.DataFrame) -> bool:
    """Whether a chance level tells which runs learned."""
    if lower_by_name(request.judged):
        return False
    return request.chance is not None or "majority_rate" in frame


def labels_of(
    frame: pd.DataFrame,
    request: TableRequest,
    places: IntArray,
    chances: tuple[float | None, FloatArray | None],
    problems: Problems,
) -> tuple[IntArray, str]:
    """Index into `LABELS` per row of the frame, and where it comes from."""
    column = label_column(request, frame)
    if request.succeeds is not None:
        return _by_condition(frame, request, places, problems), request.succeeds
    if column is None:
        return _by_level(frame, request, places, chances, problems)
    label = _by_column(frame, request, column, places, problems)
    rest = places[label[places] == _BLANK]
    if not rest.size:
        return label, f"column {column!r}"
    others, rule = _by_level(frame, request, rest, chances, problems)
    label[rest] = others[rest]
    if rule == EVERY_RUN:
        failed = np.isin(label[places], FAILED).any()
        return label, f"column {column!r}, other runs converged" if failed else EVERY_RUN
    return label, f"column {column!r}, other runs by {rule}"


def _by_level(
    frame: pd.DataFrame,
    request: TableRequest,
    places: IntArray,
    chances: tuple[float | None, FloatArray | None],
    problems: Problems,
) -> tuple[IntArray, str]:
    """Learned has what exceeds chance by more than the margin; without such a level, every run."""
    if not _has_level(request, frame):
        if request.chance is not None:
            problems.add(
                f"less of {request.judged!r} is better, so no chance level tells which runs "
                "learned: say --succeeds or --label instead, or neither"
            )
        return np.full(len(frame), CONVERGED, dtype=np.int64), EVERY_RUN
    chance, own = chances
    numbers, _ = outcome_numbers(frame, request, request.judged)
    level = np.full(len(frame), chance, dtype=np.float64) if own is None else own
    unknown = [i for i in places.tolist() if np.isnan(level[i])]
    problems.add_rows(unknown, "'majority_rate' is missing for a run without a label")
    with np.errstate(invalid="ignore"):
        learned = numbers > level + request.margin
    label = np.where(learned, CONVERGED, FAILED_TO_LEARN).astype(np.int64)
    return label, chance_rule(request.judged, chance, request.margin)


def _by_column(
    frame: pd.DataFrame,
    request: TableRequest,
    column: str,
    places: IntArray,
    problems: Problems,
) -> IntArray:
    """Labels as a column says them; of one that somebody names, yes and no count too.

    Where a column names failures alone, a field that is empty is `_BLANK`: nothing that the column
    knows speaks against the run. Beside labels of runs that converged it is a label forgotten.
    """
    label = np.full(len(frame), -1, dtype=np.int64)
    raw = frame[column].to_numpy(dtype=object)
    empty = frame[column].isna().to_numpy()
    for i in places.tolist():
        text = str(raw[i]).strip()
        found = CODES.get(text, -1)
        label[i] = WORDS.get(text.lower(), -1) if found < 0 and request.label else found
    if not (label[places] == CONVERGED).any():
        label[empty] = _BLANK
    unknown = [i for i in places.tolist() if label[i] == -1]
    hint = f"{column!r} must be one of {', '.join(LABELS)}"
    problems.add_rows(unknown, hint + (", or true or false" if request.label else ""), raw)
    return label


def _by_condition(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, problems: Problems
) -> IntArray:
    """Runs have converged that meet a condition; of others, those without a value diverged.

    A column of labels beside it may name runs that crashed or are missing, and must not say
    otherwise.
    """
    numbers, _ = outcome_numbers(frame, request, request.judged)
    met = rows_that_meet(frame, request.succeeds or "") & ~np.isinf(numbers)
    label = np.where(met, CONVERGED, np.where(np.isfinite(numbers), FAILED_TO_LEARN, DIVERGED))
    column = label_column(request, frame)
    if column is None:
        return label.astype(np.int64)
    said = frame[column].to_numpy(dtype=object)
    own = np.array([CODES.get(str(text).strip(), -1) for text in said])
    judged = np.isin(own, (CONVERGED, *FAILED))
    other = [i for i in places.tolist() if judged[i] and (own[i] == CONVERGED) != met[i]]
    hint = f"column {column!r} contradicts {request.succeeds!r}"
    problems.add_rows(other, f"{hint}; --label {column} without --succeeds goes by it alone", said)
    return np.where(own > FAILED_TO_LEARN, own, label).astype(np.int64)


def chance_rule(outcome: str, chance: float | None, margin: float) -> str:
    """The rule without labels in words; None is each run's own majority rate."""
    level = "its majority_rate" if chance is None else f"{chance:g}"
    return f"{outcome} above {level} + {margin:g}"


def chance_of(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, problems: Problems
) -> tuple[float | None, FloatArray | None]:
    """The majority-class rate: as given, that of all rows, or else each row's own."""
    if request.chance is not None or "majority_rate" not in frame:
        return request.chance, None
    numbers, bad = numbers_of(frame, "majority_rate")
    used = numbers[places]
    outside = [i for i in places.tolist() if numbers[i] < 0 or numbers[i] >= 1 or i in bad]
    problems.add_rows(outside, "'majority_rate' must be a fraction in [0, 1)")
    present = used[np.isfinite(used)]
    if not present.size:
        return None, None
    if np.ptp(present) > SAME_CHANCE:
        return None, numbers
    return float(present.mean()), None


def outcome_numbers(
    frame: pd.DataFrame, request: TableRequest, name: str | None = None
) -> tuple[FloatArray, set[int]]:
    """`numbers_of` an outcome, percentages as fractions."""
    column = name or request.outcome
    numbers, bad = numbers_of(frame, column)
    if request.in_percent(column):
        numbers = numbers / 100
    return numbers, bad


def numbers_of(frame: pd.DataFrame, name: str) -> tuple[FloatArray, set[int]]:
    """A column as numbers (NaN where it has none) and the rows whose text is not a number."""
    numbers = as_numbers(frame[name])
    bad = np.isnan(numbers) & ~frame[name].isna().to_numpy()
    return numbers, set(np.flatnonzero(bad).tolist())
