"""Checks of the input table: every problem is found before anything is analysed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.labelling import chance_of, judges, labels_of, outcome_numbers
from vggstudy.analysis.data.levels import (
    Level,
    canonical_level,
    ordered_levels,
    remembered,
    write_level,
)
from vggstudy.analysis.data.outcomes import CONVERGED, DIVERGED, EVERY_RUN, NOT_DATA, is_fraction
from vggstudy.analysis.data.problems import SHOWN, Problems
from vggstudy.analysis.data.repeated_rows import advice, measurements, unnamed_columns
from vggstudy.analysis.data.request import (
    LABEL_COLUMNS,
    REPLICATE_COLUMNS,
    TableRequest,
    replicate_in,
)
from vggstudy.analysis.data.row_names import RowNames
from vggstudy.analysis.data.spellings import one_spelling
from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray, ObjectArray
from vggstudy.errors import AnalysisError
from vggstudy.suggest import hint

if TYPE_CHECKING:
    import pandas as pd

MAX_RUNS = 2_000_000
"""Runs of a table: one row each."""

LARGEST = 1e70
"""The largest outcome that is analysed."""

SEED_COLUMN = "seed"
"""What a run was seeded with: where its values recur in other cells, runs depend on one another."""
SUMMARIES = frozenset({"mean", "avg", "average"})
SPREADS = frozenset({"std", "sd", "stdev", "stddev", "se", "sem", "stderr", "std_dev", "ci"})
"""Columns of tables that have a row for several runs."""
STREAM_COLUMNS = ("init_seed", "data_seed")
"""Seed of the initialisation, and seed of everything else, where a design crosses them."""


def build_table(frame: pd.DataFrame, request: TableRequest, names: RowNames) -> dict[str, Any]:
    """The fields of a `RunTable`, in canonical order.

    Parameters
    ----------
    frame : DataFrame
    request : TableRequest
    names : RowNames
        How messages name a row.

    Raises
    ------
    AnalysisError
        Listing every problem.
    """
    problems = Problems(names)
    _check_columns(frame, request, problems)
    problems.raise_if_any()
    places = _places(frame)
    columns, notes = _factor_columns(frame, request, places, problems)
    chance, own = chance_of(frame, request, places, problems)
    label, rule = labels_of(frame, request, places, (chance, own), problems)
    if rule == EVERY_RUN:
        chance = own = None
    value = _values(frame, request, label, places, problems)
    replicate = _replicates(frame, request, places, problems)
    problems.raise_if_any()
    levels = {
        name: tuple(ordered_levels(columns[name].values(), request.levels.get(name)))
        for name in request.factors
    }
    codes = _codes(columns, levels, places)
    others = frame.drop(columns=[request.outcome, replicate_in(frame.columns, request.replicate)])
    _check_duplicates(codes, replicate, places, levels, problems, others)
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
        "seeds": _seeds(frame, request, places, order),
        "own_chance": None if own is None else own[places][order],
        "notes": tuple(notes),
        "percent": request.in_percent(request.outcome),
    }


def _places(frame: pd.DataFrame) -> IntArray:
    """The rows that are runs: those that are not blank."""
    used = ~frame.isna().all(axis=1).to_numpy()
    if not used.any():
        raise AnalysisError("the table has no runs")
    if (count := int(used.sum())) > MAX_RUNS:
        msg = (
            f"{count:,} rows; at most {MAX_RUNS:,} runs are analysed. Rows that measure one run "
            "again and again are no runs: keep one row a run, or some of them with --where"
        )
        raise AnalysisError(msg)
    return np.flatnonzero(used)


def _streams(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, order: list[int]
) -> IntArray | None:
    """Numbers of each run's two kinds of seeds, shape (N, 2); None without both columns."""
    if not set(STREAM_COLUMNS) <= set(frame.columns) or set(STREAM_COLUMNS) & set(request.factors):
        return None
    named = [frame[name].to_numpy(dtype=object)[places] for name in STREAM_COLUMNS]
    codes = [np.unique(column.astype(str), return_inverse=True)[1] for column in named]
    return np.stack(codes, axis=1).astype(np.int64)[order]


def _seeds(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, order: list[int]
) -> tuple[str, ...] | None:
    """What each run was seeded with; None without such a column. An unknown seed is no other's."""
    if SEED_COLUMN not in frame or SEED_COLUMN in request.factors:
        return None
    raw = frame[SEED_COLUMN].to_numpy(dtype=object)[places]
    found = []
    for i in order:
        try:
            found.append(write_level(canonical_level(raw[i])))
        except ValueError:
            found.append(f"unknown, run {i}")
    return tuple(found)


def _check_columns(frame: pd.DataFrame, request: TableRequest, problems: Problems) -> None:
    """Every needed column exists once and plays one part."""
    names = [str(name) for name in frame.columns]
    for name in sorted({x for x in request.factors if request.factors.count(x) > 1}):
        problems.add(f"factor {name!r} is named more than once")
    for name in sorted({x for x in names if names.count(x) > 1}):
        problems.add(f"column {name!r} occurs more than once")
    roles = [("factor", name) for name in request.factors]
    roles += [("outcome", name) for name in dict.fromkeys([request.outcome, request.judged])]
    roles += [("replicate", request.replicate)] if request.replicate else []
    roles += [("label", request.label)] if request.label else []
    for role, wanted in roles:
        if wanted not in names:
            problems.add(f"{role} {wanted!r} is not a column{_suggestion(role, wanted, names)}")
    parts = [request.replicate] if request.replicate else [*REPLICATE_COLUMNS]
    taken = {request.outcome, *parts, request.label or "label"} & set(request.factors)
    for name in sorted(taken):
        problems.add(f"column {name!r} cannot be a factor: it has another part in the table")
    if {request.replicate, request.label} & {request.outcome}:
        problems.add(f"outcome {request.outcome!r} cannot tell runs apart, nor label them")
    if request.replicate is None and replicate_in(names, request.replicate) is None:
        problems.add(_no_replicate(names))
    if not 0 <= request.margin < 1:
        problems.add(f"margin must be in [0, 1), got {request.margin}")
    if request.chance is not None and not 0 <= request.chance < 1:
        problems.add(f"chance must be in [0, 1), got {request.chance}")


def _suggestion(role: str, wanted: str, names: Sequence[str]) -> str:
    """A close name, or the list of those there are, with the option that names another."""
    option = "; --outcome COLUMN names another" if role == "outcome" else ""
    return f" ({hint(wanted, names)}{option})"


def _no_replicate(names: Sequence[str]) -> str:
    """That nothing numbers the runs, and what the table seems to be."""
    lower = {name.lower() for name in names}
    if lower & SUMMARIES and lower & SPREADS:
        return (
            "the rows seem to be summaries (mean, std, n), not runs: a table needs one row a run, "
            "with the outcome of each and a column 'seed' or 'replicate' that numbers them"
        )
    msg = (
        "no column 'replicate' or 'seed': say which column numbers the runs of a cell "
        "(--replicate COLUMN), or add one"
    )
    meant = next((name for name in names if name.lower() in REPLICATE_COLUMNS), None)
    return f"{msg}; {meant!r} would do, were it called {meant.lower()!r}" if meant else msg


def _factor_columns(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, problems: Problems
) -> tuple[dict[str, dict[int, Level]], list[Note]]:
    """Canonical level of every run, by factor and row; which spellings were taken as one."""
    columns: dict[str, dict[int, Level]] = {}
    notes: list[Note] = []
    for name in request.factors:
        cells: dict[int, Level] = {}
        bad: dict[str, list[int]] = {}
        raw = _scalars(frame[name])
        canonical = remembered(canonical_level)
        for i in places.tolist():
            try:
                cells[i] = canonical(raw[i])
            except ValueError as error:
                bad.setdefault(str(error), []).append(i)
        for why, rows in bad.items():
            empty = f"factor {name!r} is empty: write its level, such as none"
            problems.add_rows(rows, empty if why == "is missing" else f"factor {name!r} {why}")
        taken, said = one_spelling(name, cells.values(), request.levels.get(name, ()))
        columns[name] = cells
        if taken:
            columns[name] = {i: taken.get(write_level(x), x) for i, x in cells.items()}
        notes += said
    return columns, notes


def _scalars(column: pd.Series[Any]) -> Sequence[Any]:
    """The values of a column; floats of 32 bits and fewer keep their type."""
    narrow = str(column.dtype).lower() in {"float16", "float32"}
    dtype = str(column.dtype).lower() if narrow else object
    return list(column.to_numpy(dtype=dtype, na_value=np.nan) if narrow else column.to_numpy(dtype))


def _values(
    frame: pd.DataFrame,
    request: TableRequest,
    label: IntArray,
    places: IntArray,
    problems: Problems,
) -> FloatArray:
    """The outcome per row; a converged run must have one, and fractions must be fractions."""
    outcome, judged = request.outcome, judges(request, frame)
    in_percent = request.in_percent(outcome)
    numbers, bad = outcome_numbers(frame, request)
    raw = frame[outcome].to_numpy(dtype=object)
    data = [i for i in places.tolist() if label[i] not in NOT_DATA]
    problems.add_rows([i for i in data if i in bad], f"{outcome!r} is not a number", raw)
    hint = "" if judged else UNKNOWN_FATE % {"outcome": outcome}
    numbers[(label == DIVERGED) & np.isinf(numbers)] = np.nan
    infinite = [i for i in data if np.isinf(numbers[i])]
    problems.add_rows(infinite, f"{outcome!r} is infinite{hint}")
    _check_size(numbers, outcome, [i for i in data if np.isfinite(numbers[i])], problems, raw)
    missing = [i for i in data if label[i] == CONVERGED and np.isnan(numbers[i]) and i not in bad]
    problems.add_rows(
        missing, f"{outcome!r} is missing" + (" for a run that converged" if judged else hint)
    )
    if in_percent or is_fraction(outcome):
        outside = [i for i in data if numbers[i] < 0 or numbers[i] > 1]
        what = "a percentage in [0, 100]" if in_percent else "a fraction in [0, 1]"
        over = not in_percent and any(numbers[i] > 1 for i in outside)
        hint = "; divide percentages by 100 (--percent)" if over else ""
        problems.add_rows(outside, f"{outcome!r} must be {what}{hint}", raw)
    numbers[np.isin(label, NOT_DATA)] = np.nan
    return numbers


UNKNOWN_FATE = (
    ', and nothing tells which runs failed: say --label COLUMN or --succeeds "%(outcome)s < '
    '...", or leave such runs out with --where "%(outcome)s > -inf and %(outcome)s < inf"'
)
"""What settles whether a run without a finite value failed."""


def _check_size(
    numbers: FloatArray, outcome: str, rows: list[int], problems: Problems, raw: ObjectArray
) -> None:
    """Values whose fourth power, which degrees of freedom take, is a number of 64 bits."""
    large = [i for i in rows if abs(numbers[i]) > LARGEST]
    advice = "give it in another unit, or label such runs diverged and leave it out"
    problems.add_rows(large, f"{outcome!r} is beyond {LARGEST:g}; {advice}", raw)
    if rows and 0 < np.abs(numbers[rows]).max() < 1 / LARGEST:
        problems.add(f"{outcome!r} is nowhere beyond {1 / LARGEST:g}; give it in another unit")


def _replicates(
    frame: pd.DataFrame, request: TableRequest, places: IntArray, problems: Problems
) -> list[str]:
    """The text that tells the runs of a cell apart, for the rows in use."""
    name = replicate_in(frame.columns, request.replicate)
    raw = frame[name].to_numpy(dtype=object)
    found: list[str] = []
    bad: list[int] = []
    text_of = remembered(lambda x: write_level(canonical_level(x)))
    for i in places.tolist():
        try:
            found.append(text_of(raw[i]))
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
        text_of = remembered(write_level)
        codes[:, j] = [index[text_of(columns[name][i])] for i in places.tolist()]
    return codes


def _check_duplicates(
    codes: IntArray,
    replicate: Sequence[str],
    places: IntArray,
    levels: Mapping[str, Sequence[Level]],
    problems: Problems,
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
        rows = f"{problems.names(first)}, {problems.names(again[0])}{more}"
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
