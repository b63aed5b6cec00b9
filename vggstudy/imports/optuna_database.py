"""Optuna: the SQLite file of its storage."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.imports.databases import require
from vggstudy.imports.optuna_table import STATES
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Scalar, refuse_nothing, unfolded
from vggstudy.imports.sources import Place

TABLES = {
    "studies": ("study_id", "study_name"),
    "trials": ("trial_id", "number", "study_id", "state"),
    "trial_params": ("trial_id", "param_name", "param_value", "distribution_json"),
    "trial_values": ("trial_id", "objective", "value", "value_type"),
    "trial_user_attributes": ("trial_id", "key", "value_json"),
}
INFINITE = {"INF_POS": math.inf, "INF_NEG": -math.inf}


def detects(place: Place) -> bool:
    """Whether an SQLite file has Optuna's tables."""
    if not place.is_database:
        return False
    with place.database() as base:
        names = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
    return {"studies", "trials", "trial_params"} <= names


def read(place: Place) -> ImportedRuns:
    """Trials of all studies; of several, the study is a setting."""
    settings: dict[int, dict[str, Scalar]] = defaultdict(dict)
    measured: dict[int, dict[str, Scalar]] = defaultdict(dict)
    with place.database() as base:
        require(base, TABLES, place, "Optuna")
        for trial, name, value, kind in base.execute(
            "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params"
        ):
            settings[trial][f"params_{name}"] = _parameter(value, kind, place, name)
        several = base.execute("SELECT 1 FROM trial_values WHERE objective > 0").fetchone()
        for trial, objective, value, kind in base.execute(
            "SELECT trial_id, objective, value, value_type FROM trial_values ORDER BY objective"
        ):
            name = f"values_{objective}" if several else "value"
            measured[trial][name] = INFINITE.get(kind, value)
        for trial, key, text in base.execute(
            "SELECT trial_id, key, value_json FROM trial_user_attributes"
        ):
            measured[trial] |= unfolded(_json(text, place), f"user_attrs_{key}")
        rows = base.execute(
            "SELECT trial_id, number, study_id, study_name, state FROM trials "
            "JOIN studies USING (study_id) ORDER BY study_id, number"
        ).fetchall()
    refuse_nothing(rows, place.path, "trials")
    one_study = len({study for _, _, study, *_ in rows}) == 1
    return ImportedRuns(
        tuple(
            ImportedRun(
                f"{number}" if one_study else f"{name}/{number}",
                STATES.get(state, "unknown"),
                settings[trial] if one_study else {"study": name, **settings[trial]},
                measured[trial],
                {"study": name},
            )
            for trial, number, study, name, state in rows
        )
    )


def _json(text: Any, place: Place) -> Any:
    """What a field holds."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise AnalysisError(f"{place.path}: a field is not JSON: {error}") from None


def _parameter(value: Any, distribution: Any, place: Place, name: str) -> Scalar:
    """A parameter's value: a category by its number, whole numbers as such."""
    found = _json(distribution, place)
    try:
        kind, attributes = found["name"], found["attributes"]
        if kind == "CategoricalDistribution":
            choice = attributes["choices"][int(value)]
            return choice if isinstance(choice, (bool, int, float, str)) else str(choice)
        whole = kind in {"IntDistribution", "IntUniformDistribution", "IntLogUniformDistribution"}
        return int(value) if whole else float(value)
    except (TypeError, KeyError, IndexError, ValueError, OverflowError):
        msg = f"{place.path}: parameter {name!r} is not of a layout of Optuna that is known"
        raise AnalysisError(msg) from None
