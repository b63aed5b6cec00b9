"""MLflow: the SQLite file of its tracking store."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from vggstudy.imports.databases import require
from vggstudy.imports.mlflow_words import STATUSES, imported, keep_experiment
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Scalar
from vggstudy.imports.sources import Place

TABLES = {
    "experiments": ("experiment_id", "name"),
    "runs": ("run_uuid", "name", "status", "start_time", "lifecycle_stage", "experiment_id"),
    "params": ("key", "value", "run_uuid"),
    "latest_metrics": ("key", "value", "is_nan", "run_uuid"),
    "tags": ("key", "value", "run_uuid"),
}
LARGEST = 1.7976931348623157e308
"""What MLflow writes for infinity: a database may not know that."""


def detects(place: Place) -> bool:
    """Whether an SQLite file has MLflow's tables."""
    if not place.is_database:
        return False
    with place.database() as base:
        names = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
    return {"runs", "experiments", "params", "latest_metrics"} <= names


def read(place: Place) -> ImportedRuns:
    """Runs of all experiments."""
    with place.database() as base:
        require(base, TABLES, place, "MLflow")
        params: dict[str, dict[str, Scalar]] = defaultdict(dict)
        for key, value, run in base.execute("SELECT key, value, run_uuid FROM params"):
            params[run][f"params.{key}"] = value
        metrics: dict[str, dict[str, Scalar]] = defaultdict(dict)
        for key, value, is_nan, run in base.execute(
            "SELECT key, value, is_nan, run_uuid FROM latest_metrics"
        ):
            metrics[run][f"metrics.{key}"] = _value(value, is_nan)
        parents = dict(
            base.execute("SELECT run_uuid, value FROM tags WHERE key = 'mlflow.parentRunId'")
        )
        rows = base.execute(
            "SELECT run_uuid, runs.name, status, start_time, runs.lifecycle_stage, "
            "experiments.name FROM runs LEFT JOIN experiments USING (experiment_id) "
            "ORDER BY start_time, run_uuid"
        ).fetchall()
    kept = [row for row in rows if row[4] != "deleted"]
    pairs = [
        (
            ImportedRun(
                run,
                STATUSES.get(status, "unknown"),
                params[run],
                metrics[run],
                {"run_name": name, "start_time": start, "experiment": experiment},
            ),
            parents.get(run),
        )
        for run, name, status, start, _, experiment in kept
    ]
    return imported(keep_experiment(pairs), place, len(rows) - len(kept))


def _value(value: Any, is_nan: Any) -> float | None:
    """A metric's value, infinite and NaN as they were logged."""
    if is_nan:
        return math.nan
    if value is None:
        return None
    found = float(value)
    return math.copysign(math.inf, found) if abs(found) >= LARGEST else found
