"""What a record must be for its readers to rely on it, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vggstudy.ledger.consistency import consistency_problem

FIELDS: dict[str, type] = {
    "run_id": str,
    "cell_id": str,
    "study_seed": int,
    "replicate": int,
    "seeding": str,
    "levels": dict,
    "recipe": dict,
    "status": str,
    "result": dict,
    "provenance": dict,
}
"""Fields of a record and their types."""

_STATUSES = ("finished", "diverged", "crashed")
_PROVENANCE: dict[str, type] = {"attempts": list, "timings": dict, "environment": dict}
_LONGEST_S = 1e12
_LARGEST = 2**63


def record_problem(payload: Mapping[str, Any]) -> str | None:
    """The first field that is missing, of a wrong type, or at odds with another.

    Fields that no reader knows may be anything: a later version may have added them.
    """
    provenance = payload.get("provenance")
    inner = provenance if isinstance(provenance, Mapping) else {}
    problem = _type_problem(payload, FIELDS) or _type_problem(inner, _PROVENANCE)
    if problem:
        return problem
    if payload["status"] not in _STATUSES:
        return f"status must be one of {', '.join(_STATUSES)}, got {payload['status']!r}"
    return (
        _attempts_problem(inner["attempts"])
        or _parts_problem("timings", inner["timings"], _TIMINGS)
        or _parts_problem("environment", inner["environment"], _ENVIRONMENT)
        or _result_problem(payload["status"], payload["result"])
        or (consistency_problem(payload) if payload["result"] else None)
    )


def _type_problem(payload: Mapping[str, Any], types: Mapping[str, type]) -> str | None:
    """The first field that is missing or of a wrong type."""
    for name, expected in types.items():
        if name not in payload:
            return f"{name} is missing"
        value = payload[name]
        wanted = Mapping if expected is dict else expected
        if not isinstance(value, wanted) or (expected is int and isinstance(value, bool)):
            return f"{name} must be {expected.__name__}, got {type(value).__name__}"
    return None


def _attempts_problem(attempts: Sequence[Any]) -> str | None:
    """What is wrong with the attempts, each of which has all of its fields."""
    for attempt in attempts:
        if not isinstance(attempt, Mapping):
            return "attempts must be objects"
        missing = sorted(_ATTEMPT.keys() - attempt.keys())
        if missing:
            return f"an attempt's {missing[0]} is missing"
        rules = {**_ATTEMPT, "output": _OBJECT} if "output" in attempt else _ATTEMPT
        if problem := _parts_problem("attempts", attempt, rules):
            return problem
    return None


def _result_problem(status: str, result: Mapping[str, Any]) -> str | None:
    """What is wrong with a result, as far as readers rely on it."""
    if status == "crashed":
        return "a crashed run has no result" if result else None
    if result.get("status", status) != status:
        return f"status is {status!r}, that of the result {result['status']!r}"
    if problem := _parts_problem("result", result, _RESULT):
        return problem
    for name, value in [*result.get("metrics", {}).items(), *result.get("final", {}).items()]:
        if not _is_number(value):
            return f"the result's {name} must be a number or null, got {value!r}"
    return _curves_problem(result.get("curves", {}))


def _curves_problem(curves: Mapping[str, Any]) -> str | None:
    """Curves are lists of numbers or null, all of one length."""
    for name, values in curves.items():
        if not _is_curve(values):
            return f"result.curves.{name} must be a list of numbers or null"
    lengths = {name: len(values) for name, values in curves.items()}
    if len(set(lengths.values())) > 1:
        return f"curves must be of one length, got {lengths}"
    return None


def _parts_problem(
    where: str, values: Mapping[str, Any], rules: Mapping[str, tuple[_Rule, str]]
) -> str | None:
    """The first value that is there and breaks its rule."""
    for name, (holds, words) in rules.items():
        if name in values and not holds(values[name]):
            return f"{where}.{name} must be {words}, got {values[name]!r:.60}"
    return None


def _are_texts(values: object) -> bool:
    """Whether a value is a list of texts."""
    return isinstance(values, (list, tuple)) and all(isinstance(value, str) for value in values)


def _is_curve(values: object) -> bool:
    """Whether a value is a list of numbers or None."""
    return isinstance(values, (list, tuple)) and _are_numbers(values)


def _are_numbers(values: Sequence[object]) -> bool:
    """Whether all values are numbers or None.

    Their types say so at once; infinite ones are refused where a text is read or written.
    """
    return {*map(type, values)} <= {float, int, type(None)} or all(map(_is_number, values))


def _is_number(value: object) -> bool:
    """Whether a value is a finite number or None."""
    if value is None:
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_measure(value: object) -> bool:
    """Whether a value is None or a time or size that something can have."""
    return _is_number(value) and (value is None or 0 <= value <= _LARGEST)  # type: ignore[operator]


def _is_time(value: object) -> bool:
    """Whether a value is a time in seconds."""
    return value is not None and _is_measure(value) and value <= _LONGEST_S  # type: ignore[operator]


def _is_count(value: object) -> bool:
    """Whether a value is a natural number of ordinary size."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_count_or_none(value: object) -> bool:
    """The same, or None."""
    return value is None or _is_count(value)


def _is_text(value: object) -> bool:
    """Whether a value is a text."""
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    """The same, or None."""
    return value is None or isinstance(value, str)


def _is_object(value: object) -> bool:
    """Whether a value is an object."""
    return isinstance(value, Mapping)


def _is_sizes(value: object) -> bool:
    """Whether a value is an object of natural numbers."""
    return isinstance(value, Mapping) and all(map(_is_count, value.values()))


def _is_failure(value: object) -> bool:
    """Whether a value is None or a kind of failure with its message."""
    texts = isinstance(value, Mapping) and all(
        isinstance(value.get(name), str) for name in ("kind", "message")
    )
    return value is None or texts


_Rule = Callable[[object], bool]

_COUNT: tuple[_Rule, str] = (_is_count, "a natural number")
_COUNT_OR_NONE: tuple[_Rule, str] = (_is_count_or_none, "a natural number or null")
_TEXT_OR_NONE: tuple[_Rule, str] = (_is_text_or_none, "a text or null")
_MEASURE: tuple[_Rule, str] = (_is_measure, "a number or null, at least 0")
_CURVE: tuple[_Rule, str] = (_is_curve, "a list of numbers or null")
_OBJECT: tuple[_Rule, str] = (_is_object, "an object")

_ATTEMPT: dict[str, tuple[_Rule, str]] = {
    "number": _COUNT,
    "started_at": (_is_text, "a text"),
    "duration_s": (_is_time, "a time in seconds"),
    "failure": (_is_failure, "null, or an object with kind and message"),
}
_TIMINGS: dict[str, tuple[_Rule, str]] = {
    **dict.fromkeys(("total_s", "data_s", "train_s", "evaluate_s", "peak_memory_bytes"), _MEASURE),
    "epoch_s": _CURVE,
}
_ENVIRONMENT: dict[str, tuple[_Rule, str]] = {"packages": _OBJECT, "numerics": _OBJECT}
_RESULT: dict[str, tuple[_Rule, str]] = {
    **dict.fromkeys(("metrics", "final", "data", "curves"), _OBJECT),
    **dict.fromkeys(("epochs", "steps"), _COUNT),
    **dict.fromkeys(("selected_epoch", "parameters_and_statistics"), _COUNT_OR_NONE),
    **dict.fromkeys(("stop_reason", "parameters_sha256", "selected_sha256"), _TEXT_OR_NONE),
    "parameters": (_is_sizes, "an object of natural numbers"),
    "test_recall": _CURVE,
    "measured_on": (_are_texts, "a list of texts"),
}
