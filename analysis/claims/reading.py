"""Reads a claims file that may come from anybody: bounded, typed, every digest checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NoReturn

from vggstudy.analysis.claims.claim import FORMAT, READABLE, VERSION, Claim
from vggstudy.errors import AnalysisError

MAX_WHOLE = 2**53

_TEXTS = ("id", "estimand", "outcome", "quantity", "unit", "status")
_DIGESTS = ("inputs_digest", "code_version", "claim_digest")
_OPTIONAL_TEXTS = ("method", "verdict", "reason", "reason_text", "offered")
_OPTIONAL_NUMBERS = ("estimate", "low", "high", "mc_error_low", "mc_error_high", "reference")


def checked_claims(text: str) -> list[Claim]:
    """The claims of a text, each of the right types and with its digest.

    Raises
    ------
    AnalysisError
        If the text is not such a file, of another version, or was changed.
    """
    content = _parsed(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise AnalysisError(f"not a claims file: its format is not {FORMAT!r}")
    version = content.get("version")
    if isinstance(version, bool) or version not in READABLE:
        found = repr(version)[:40]
        raise AnalysisError(f"claims file of version {found}; this program reads {VERSION}")
    items = content.get("claims")
    if not isinstance(items, list):
        raise AnalysisError("not a claims file: its claims are no list")
    if not items:
        raise AnalysisError("not a claims file: it holds no claim")
    return _distinct(items)


def _distinct(items: Iterable[object]) -> list[Claim]:
    """One claim an item; ids differ."""
    claims: dict[str, Claim] = {}
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise AnalysisError(f"claim {number} is no object")
        claim = _claim(item, number)
        if claim.id in claims:
            raise AnalysisError(f"two claims have the id {claim.id[:80]!r}")
        claims[claim.id] = claim
    return [*claims.values()]


def _claim(item: Mapping[str, Any], number: int) -> Claim:
    """One claim, its fields of the types that they have."""
    problem = _problem(item)
    if problem is not None:
        name = item.get("id")
        said = repr(name[:80]) if isinstance(name, str) else str(number)
        raise AnalysisError(f"claim {said}: {problem}")
    try:
        claim = Claim.from_dict(item)
    except (TypeError, AttributeError, ValueError, KeyError):
        raise AnalysisError(
            f"claim {item['id'][:80]!r}: a nested field is of another form"
        ) from None
    if not claim.claim_digest:
        raise AnalysisError(f"claim {claim.id[:80]!r}: its digest is missing")
    return claim


def _problem(item: Mapping[str, Any]) -> str | None:
    """The first field that is of another type."""
    known = {each.name for each in fields(Claim)} | {*_OPTIONAL_TEXTS}
    if unknown := sorted(item.keys() - known):
        return f"{unknown[0][:80]} is unknown"
    missing = [f.name for f in fields(Claim) if f.name not in item and f.name in _REQUIRED]
    if missing:
        return f"{missing[0]} is missing"
    for name, value in item.items():
        test = _TESTS.get(name)
        if test is not None and not test(value):
            return f"{name} is not of its type"
    if item.get("registered") and item.get("registration") is not None:
        return "it is registered, and is not"
    low, high = item.get("low"), item.get("high")
    if low is not None and high is not None and low > high:
        return "its ends are not in order"
    return None


def _text(value: object) -> bool:
    return isinstance(value, str)


def _number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= MAX_WHOLE


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WHOLE


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _text_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _level(value: object) -> bool:
    return _number(value) and 0 < value < 1  # type: ignore[operator]


def _range(value: object) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_number, value))
    return value is None or (pair and value[0] <= value[1])  # type: ignore[index]


_REQUIRED = ("id", "estimand", "outcome", "quantity", "unit", "level", "n", "k")
_TESTS: dict[str, Any] = {
    **dict.fromkeys((*_TEXTS, *_DIGESTS), _text),
    **dict.fromkeys(_OPTIONAL_TEXTS, lambda value: value is None or _text(value)),
    **dict.fromkeys(_OPTIONAL_NUMBERS, lambda value: value is None or _number(value)),
    **dict.fromkeys(("n", "k"), _whole),
    **dict.fromkeys(("B", "seed"), lambda value: value is None or isinstance(value, int)),
    "level": _level,
    "levels_run": _range,
    "registered": lambda value: isinstance(value, bool),
    "survives": lambda value: value is None or isinstance(value, bool),
    "registration": lambda value: value is None or isinstance(value, dict),
    "factors": _texts,
    "warnings": _objects,
    "alternatives": _objects,
    "conditions": _text_map,
    "display": _text_map,
}


def _parsed(text: str) -> Any:
    """JSON without what JSON does not have, nor what only hurts."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_double)
    except json.JSONDecodeError as error:
        raise AnalysisError(f"not a claims file: {error}") from None
    except RecursionError:
        raise AnalysisError("not a claims file: it is nested too deeply") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise AnalysisError(f"not a claims file: {str(error)[:80]}") from None


def _no_constant(name: str) -> NoReturn:
    raise AnalysisError(f"not a claims file: {name} is no number")


def _no_double(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise AnalysisError("not a claims file: an object has a key twice")
    return found
