"""benchopt: the Parquet file, or the CSV, of a benchmark's results."""

from __future__ import annotations

import io
import math
from typing import Any

from vggstudy.errors import AnalysisError, StudyError
from vggstudy.extras import lacks
from vggstudy.imports.runs import (
    MAX_RUNS,
    ImportedRun,
    ImportedRuns,
    Scalar,
    refuse_nothing,
    scalar,
)
from vggstudy.imports.sources import Place

NEEDED = ("solver_name", "dataset_name", "objective_name", "stop_val")
KEY = ("dataset_name", "objective_name", "solver_name", "idx_rep")
PARAMETERS = ("p_solver_", "p_dataset_", "p_obj_")
MAGIC = b"PAR1"


def detects(place: Place) -> bool:
    """Whether a file has the columns of a benchmark."""
    if place.head.startswith(MAGIC):
        return b"solver_name" in place.head or {*NEEDED} <= {*_schema(place)}
    return {*place.header} >= {*NEEDED}


def _schema(place: Place) -> list[str]:
    """Columns of a Parquet file."""
    return list(_parquet(place).schema_arrow.names)


def _parquet(place: Place) -> Any:
    """An opened Parquet file."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise StudyError(lacks(f"{place.path}", "pyarrow", "parquet")) from None
    try:
        return pq.ParquetFile(io.BytesIO(place.bytes_of()))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise AnalysisError(f"{place.path}: not a Parquet table: {error}") from None


def _rows(place: Place) -> list[dict[str, Any]]:
    """The rows of the file, at most as many as are read."""
    if not place.head.startswith(MAGIC):
        return [{**row} for row in place.rows_of()]
    file = _parquet(place)
    if file.metadata.num_rows > MAX_RUNS:
        raise AnalysisError(f"{place.path}: more than {MAX_RUNS:,} rows")
    try:
        return list(file.read().to_pylist())
    except (OSError, ValueError) as error:
        raise AnalysisError(f"{place.path}: not a Parquet table: {error}") from None


def read(place: Place) -> ImportedRuns:
    """A run a solver, data set, objective and repetition; of its curve the last point."""
    rows = _rows(place)
    refuse_nothing([*rows], place.path, "runs")
    if lost := [name for name in NEEDED if name not in rows[0]]:
        msg = f"{place.path}: no results of benchopt: it lacks {', '.join(lost)}"
        raise AnalysisError(msg)
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    points = 0
    for row in rows:
        key = tuple(row.get(name) for name in KEY)
        points += key in last
        if key not in last or _stop(row) >= _stop(last[key]):
            last[key] = row
    note = f"the last of {points + len(last)} points of {len(last)} curves" if points else ""
    runs = [_run(row, key) for key, row in last.items()]
    return ImportedRuns(tuple(runs), notes=(note,) if note else ())


def _stop(row: dict[str, Any]) -> float:
    """How far a point of a curve is."""
    try:
        return float(row["stop_val"])
    except (TypeError, ValueError):
        return -math.inf


def _run(row: dict[str, Any], key: tuple[Any, ...]) -> ImportedRun:
    """The end of a curve."""
    settings: dict[str, Scalar] = {}
    measured: dict[str, Scalar] = {}
    about: dict[str, Scalar] = {}
    for name, value in row.items():
        own = scalar(value)
        if own == "":
            own = None
        if name.startswith(PARAMETERS):
            settings[name] = own
        elif name in ("solver_name", "dataset_name", "objective_name"):
            settings[name] = None if own is None else str(own).partition("[")[0]
        elif name == "idx_rep":
            settings[name] = own
        elif name.startswith("objective_") or name == "time":
            measured[name] = own
        else:
            about[name] = own
    return ImportedRun(", ".join(map(str, key)), "finished", settings, measured, about)
