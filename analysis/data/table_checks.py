"""Checks of the input table: every problem is found before anything is analysed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.levels import Level, canonical_level, ordered_levels, write_level
from vggstudy.analysis.data.outcomes import (
    CONVERGED,
    FAILED_TO_LEARN,
    LABELS,
    NOT_DATA,
    is_fraction,
    lower_by_name,
)
from vggstudy.analysis.data.repeated_rows import advice, measurements, unnamed_columns
from vggstudy.analysis.data.spellings import one_spelling
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray, ObjectArray
from vggstudy.errors import AnalysisError
from vggstudy.suggest import suggest

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5
"""Rows named per kind of problem; the rest are counted."""

SAME_CHANCE = 1e-9
"""Majority rates that differ by less are one, written differently."""

LARGEST = 1e70
"""The largest outcome that is analysed."""

LABEL_COLUMNS = ("outcome", "label")
REPLICATE_COLUMNS = ("replicate", "seed")
SEED_COLUMN = "seed"
"""What a run was seeded with: where its values recur in other cells, runs depend on one another."""
STREAM_COLUMNS = ("init_seed", "data_seed")
"""Seed of the initialisation, and seed of everything else, where a design crosses them."""


@dataclass(frozen=True, slots=True)
class TableRequest:
    """What the caller asked to be analysed."""

    factors: tuple[str, ...]
    outcome: str
    margin: float
    chance: float | None
    levels: Mapping[str, Sequence[Level]]
    judged: str
    """Column by which runs without labels are labelled."""


@dataclass(slots=True)
class _Problems:
    """Collects what is wrong; rows are named as the reader finds them."""

    rows: str
    first: int
    found: list[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        self.found.append(message)

    def add_rows(
        self, where: Iterable[int], message: str, values: ObjectArray | None = None
    ) -> None:
        """One line for all rows with the same problem, the first few of them named."""
        places = list(where)
        if not places:
            return
        named = [
            f"{self.rows} {self.first + i}" + (f" ({values[i]!r})" if values is not None else "")
            for i in places[:SHOWN]
        ]
        more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        self.add(f"{message}: {', '.join(named)}{more}")

    def raise_if_any(self) -> None:
        if self.found:
            raise AnalysisError("\n".join(self.found))


def build_table(
    frame: pd.DataFrame, request: TableRequest, *, rows: str, first: int
) -> dict[str, Any]:
    """The fields of a `RunTable`, in canonical order.

    Parameters
    ----------
    frame : DataFrame
    request : TableRequest
    rows, first : str, int
        How messages name a row, and the number of the first one.

    Raises
    ------
    AnalysisError
        Listing every problem.
    """
    problems = _Problems(rows, first)
    _check_columns(frame, request, problems)
    problems.raise_if_any()
    blank = frame.isna().all(axis=1).to_numpy()
    places = np.flatnonzero(~blank)
    if not places.size:
        raise AnalysisError("the table has no runs")
    columns, notes = _factor_columns(frame, request, places, problems)
    chance, own = _chance(frame, request, places, problems)
    label, rule = _labels(frame, request, places, (chance, own), problems)
    value = _values(frame, request.outcome, label, places, problems)
    replicate = _replicates(frame, places, problems)
    problems.raise_if_any()
    levels = {
        name: tuple(ordered_levels(columns[name].values(), request.levels.get(name)))
        for name in request.factors
    }
    codes = _codes(columns, levels, places)
    _check_duplicates(
        codes, replicate, places, levels, problems, frame.drop(columns=request.outcome)
    )
    problems.raise_if_any()
    notes += [
        say("measurements_as_factor", factor=name, n=len(levels[name]))
        for name in measurements(request.factors, codes, replicate)
    ]
    order = _canonical_order(codes, replicate)
    return {
        "factors": request.factors,
        "levels": levels,
        "codes": codes[order],
        "replicate": tuple(replicate[i] for i in order),
        "label": label[places][order],
        "value": value[places][order],
        "outcome": request.outcome,
        "chance": chance,
        "label_rule": rule,
        "streams": _streams(frame, request, places, order),
        "seeds": _seeds(frame, places, order),
        "own_chance": None if own is None else own[places][order],
        "notes": tuple(notes),
    }


def _streams(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, order: list[int]
) -> IntArray | None:
    """Numbers of each run's two kinds of seeds, shape (N, 2); None without both columns."""
    if not set(STREAM_COLUMNS) <= set(frame.columns) or set(STREAM_COLUMNS) & set(request.factors):
        return None
    named = [frame[name].to_numpy(dtype=object)[places] for name in STREAM_COLUMNS]
    codes = [np.unique(column.astype(str), return_inverse=True)[1] for column in named]
    return np.stack(codes, axis=1).astype(np.int64)[order]


def _seeds(frame: pd.DataFrame, places: IntArray, order: list[int]) -> tuple[str, ...] | None:
    """What each run was seeded with; None without such a column. An unknown seed is no other's."""
    if SEED_COLUMN not in frame:
        return None
    raw = frame[SEED_COLUMN].to_numpy(dtype=object)[places]
    found = []
    for i in order:
        try:
            found.append(write_level(canonical_level(raw[i])))
        except ValueError:
            found.append(f"unknown, run {i}")
    return tuple(found)


def _check_columns(frame: pd.DataFrame, request: TableRequest, problems: _Problems) -> None:
    """Every needed column exists once and plays one part."""
    names = [str(name) for name in frame.columns]
    for name in sorted({x for x in request.factors if request.factors.count(x) > 1}):
        problems.add(f"factor {name!r} is named more than once")
    for name in sorted({x for x in names if names.count(x) > 1}):
        problems.add(f"column {name!r} occurs more than once")
    roles = [("factor", name) for name in request.factors]
    roles += [("outcome", name) for name in dict.fromkeys([request.outcome, request.judged])]
    for role, wanted in roles:
        if wanted not in names:
            problems.add(f"{role} {wanted!r} is not a column{_suggestion(wanted, names)}")
    taken = {request.outcome, *REPLICATE_COLUMNS, "label"} & set(request.factors)
    for name in sorted(taken):
        problems.add(f"column {name!r} cannot be a factor: it has another part in the table")
    if not set(REPLICATE_COLUMNS) & set(names):
        problems.add("no column 'replicate' or 'seed': add one that numbers the runs of a cell")
    if not 0 <= request.margin < 1:
        problems.add(f"margin must be in [0, 1), got {request.margin}")
    if request.chance is not None and not 0 <= request.chance < 1:
        problems.add(f"chance must be in [0, 1), got {request.chance}")


def _suggestion(wanted: str, names: Sequence[str]) -> str:
    """A close name, or the list of those there are."""
    hint = suggest(wanted, names) or f"columns: {', '.join(names)}"
    return f" ({hint})"


def _factor_columns(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, problems: _Problems
) -> tuple[dict[str, dict[int, Level]], list[Note]]:
    """Canonical level of every run, by factor and row; which spellings were taken as one."""
    columns: dict[str, dict[int, Level]] = {}
    notes: list[Note] = []
    for name in request.factors:
        cells: dict[int, Level] = {}
        bad: dict[str, list[int]] = {}
        raw = _scalars(frame[name])
        for i in places.tolist():
            try:
                cells[i] = canonical_level(raw[i])
            except ValueError as error:
                bad.setdefault(str(error), []).append(i)
        for why, rows in bad.items():
            empty = f"factor {name!r} is empty: write its level, such as none"
            problems.add_rows(rows, empty if why == "is missing" else f"factor {name!r} {why}")
        taken, said = one_spelling(name, cells.values(), request.levels.get(name, ()))
        columns[name] = {i: taken.get(write_level(level), level) for i, level in cells.items()}
        notes += said
    return columns, notes


def _scalars(column: pd.Series[Any]) -> Sequence[Any]:
    """The values of a column; floats of 32 bits and fewer keep their type."""
    narrow = str(column.dtype).lower() in {"float16", "float32"}
    dtype = str(column.dtype).lower() if narrow else object
    return list(column.to_numpy(dtype=dtype, na_value=np.nan) if narrow else column.to_numpy(dtype))


def _labels(
    frame: pd.DataFrame,
    request: TableRequest,
    places: IntArray,
    chances: tuple[float | None, FloatArray | None],
    problems: _Problems,
) -> tuple[IntArray, str]:
    """Index into `LABELS` per row of the frame, and where it comes from."""
    chance, own = chances
    label = np.full(len(frame), -1, dtype=np.int64)
    columns = set(frame.columns) - {request.outcome, request.judged}
    column = next((name for name in LABEL_COLUMNS if name in columns), None)
    if column is None and lower_by_name(request.judged):
        problems.add(
            f"no column 'outcome' or 'label', and less of {request.judged!r} is better: no margin "
            "above chance tells which runs learned, so add such a column"
        )
        return label, ""
    if column is None:
        if chance is None and own is None:
            problems.add(
                "no column 'outcome' or 'label', and no chance level to tell which runs learned: "
                "add such a column (converged, failed_to_learn, diverged, crashed or missing), "
                "a column 'majority_rate', or give the chance level (--chance)"
            )
            return label, ""
        numbers, _ = _numbers(frame, request.judged)
        level = np.full(len(frame), chance, dtype=np.float64) if own is None else own
        unknown = [i for i in places.tolist() if np.isnan(level[i])]
        problems.add_rows(unknown, "'majority_rate' is missing for a run without a label")
        with np.errstate(invalid="ignore"):
            learned = numbers > level + request.margin
        label[:] = np.where(learned, CONVERGED, FAILED_TO_LEARN)
        return label, chance_rule(request.judged, chance, request.margin)
    raw = frame[column].to_numpy(dtype=object)
    known = {name: i for i, name in enumerate(LABELS)}
    for i in places.tolist():
        label[i] = known.get(str(raw[i]).strip(), -1)
    unknown = [i for i in places.tolist() if label[i] < 0]
    hint = f"{column!r} must be one of {', '.join(LABELS)}"
    problems.add_rows(unknown, hint, raw)
    return label, f"column {column!r}"


def chance_rule(outcome: str, chance: float | None, margin: float) -> str:
    """The rule without labels in words; None is each run's own majority rate."""
    level = "its majority_rate" if chance is None else f"{chance:g}"
    return f"{outcome} above {level} + {margin:g}"


def _chance(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, problems: _Problems
) -> tuple[float | None, FloatArray | None]:
    """The majority-class rate: as given, that of all rows, or else each row's own."""
    if request.chance is not None or "majority_rate" not in frame:
        return request.chance, None
    numbers, bad = _numbers(frame, "majority_rate")
    used = numbers[places]
    outside = [i for i in places.tolist() if numbers[i] < 0 or numbers[i] >= 1 or i in bad]
    problems.add_rows(outside, "'majority_rate' must be a fraction in [0, 1)")
    present = used[np.isfinite(used)]
    if not present.size:
        return None, None
    if np.ptp(present) > SAME_CHANCE:
        return None, numbers
    return float(present.mean()), None


def _values(
    frame: pd.DataFrame, outcome: str, label: IntArray, places: IntArray, problems: _Problems
) -> FloatArray:
    """The outcome per row; a converged run must have one, and fractions must be fractions."""
    numbers, bad = _numbers(frame, outcome)
    raw = frame[outcome].to_numpy(dtype=object)
    data = [i for i in places.tolist() if label[i] not in NOT_DATA]
    problems.add_rows([i for i in data if i in bad], f"{outcome!r} is not a number", raw)
    infinite = [i for i in data if np.isinf(numbers[i])]
    problems.add_rows(infinite, f"{outcome!r} is infinite")
    _check_size(numbers, outcome, [i for i in data if np.isfinite(numbers[i])], problems, raw)
    missing = [i for i in data if label[i] == CONVERGED and np.isnan(numbers[i]) and i not in bad]
    problems.add_rows(missing, f"{outcome!r} is missing for a run that converged")
    if is_fraction(outcome):
        outside = [i for i in data if numbers[i] < 0 or numbers[i] > 1]
        hint = "; divide percentages by 100" if any(numbers[i] > 1 for i in outside) else ""
        problems.add_rows(outside, f"{outcome!r} must be a fraction in [0, 1]{hint}", raw)
    numbers[np.isin(label, NOT_DATA)] = np.nan
    return numbers


def _check_size(
    numbers: FloatArray, outcome: str, rows: list[int], problems: _Problems, raw: ObjectArray
) -> None:
    """Values whose fourth power, which degrees of freedom take, is a number of 64 bits."""
    large = [i for i in rows if abs(numbers[i]) > LARGEST]
    advice = "give it in another unit, or label such runs diverged and leave it out"
    problems.add_rows(large, f"{outcome!r} is beyond {LARGEST:g}; {advice}", raw)
    if rows and 0 < np.abs(numbers[rows]).max() < 1 / LARGEST:
        problems.add(f"{outcome!r} is nowhere beyond {1 / LARGEST:g}; give it in another unit")


def _numbers(frame: pd.DataFrame, name: str) -> tuple[FloatArray, set[int]]:
    """A column as numbers (NaN where it has none) and the rows whose text is not a number."""
    import pandas as pd

    column = frame[name]
    numbers = np.array(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    bad = np.isnan(numbers) & ~column.isna().to_numpy()
    return numbers, set(np.flatnonzero(bad).tolist())


def _replicates(frame: pd.DataFrame, places: IntArray, problems: _Problems) -> list[str]:
    """The text that tells the runs of a cell apart, for the rows in use."""
    name = next(column for column in REPLICATE_COLUMNS if column in frame)
    raw = frame[name].to_numpy(dtype=object)
    found: list[str] = []
    bad: list[int] = []
    for i in places.tolist():
        try:
            found.append(write_level(canonical_level(raw[i])))
        except ValueError:
            bad.append(i)
    problems.add_rows(bad, f"{name!r} is missing")
    return found


def _codes(
    columns: Mapping[str, Mapping[int, Level]],
    levels: Mapping[str, Sequence[Level]],
    places: IntArray,
) -> IntArray:
    """Index of the level of every run, shape (N, F)."""
    codes = np.empty((places.size, len(levels)), dtype=np.int64)
    for j, (name, ordered) in enumerate(levels.items()):
        index = {write_level(level): i for i, level in enumerate(ordered)}
        codes[:, j] = [index[write_level(columns[name][i])] for i in places.tolist()]
    return codes


def _check_duplicates(
    codes: IntArray,
    replicate: Sequence[str],
    places: IntArray,
    levels: Mapping[str, Sequence[Level]],
    problems: _Problems,
    frame: pd.DataFrame,
) -> None:
    """Two rows of one cell never share a replicate; a factor that was not named looks like that."""
    seen: dict[tuple[Any, ...], int] = {}
    again: list[int] = []
    text: dict[int, str] = {}
    for i, row, name in zip(places.tolist(), codes.tolist(), replicate, strict=True):
        if seen.setdefault((*row, name), i) != i:
            again.append(i)
            cell = ", ".join(
                f"{factor}={write_level(levels[factor][code])}"
                for factor, code in zip(levels, row, strict=True)
            )
            text[i] = f"{cell}, replicate {name}"
    if not again:
        return
    at = places.tolist().index(again[0])
    first = seen[*codes[at].tolist(), replicate[at]]
    known = {*levels, *REPLICATE_COLUMNS, *LABEL_COLUMNS}
    runs = {run: number for number, run in enumerate(seen)}
    keys = zip(codes.tolist(), replicate, strict=True)
    numbers = np.array([runs[*row, name] for row, name in keys], dtype=np.int64)
    if why := advice(frame.iloc[places], numbers, known):
        alike = int((numbers == numbers[at]).sum()) - 2
        more = f" and {alike} more" if alike else ""
        rows = f"{problems.rows} {problems.first + first}, {problems.first + again[0]}{more}"
        problems.add(f"several rows are one run ({text[again[0]]}: {rows}): {why}")
        return
    named = "; ".join(list(dict.fromkeys(text.values()))[:SHOWN])
    problems.add_rows(again, f"replicates must differ within a cell ({named})")
    for name in unnamed_columns(frame, first, again[0], known):
        problems.add(f"column {name!r} differs between these rows: is it a factor, too?")


def _canonical_order(codes: IntArray, replicate: Sequence[str]) -> list[int]:
    """Rows by cell, then by replicate (numbers by value)."""
    keys = [(0, int(x), "") if x.lstrip("-").isdigit() else (1, 0, x) for x in replicate]
    return sorted(range(len(replicate)), key=lambda i: (tuple(codes[i].tolist()), keys[i]))
