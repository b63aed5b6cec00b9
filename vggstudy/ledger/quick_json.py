"""JSON of many numbers, read and written by pydantic's parser: the json module's values, sooner.

Its floats are the nearest ones, as those of `float` are, so the bits are the same. What it refuses
(lone surrogates, deep nesting, ``NaN``) is left to the json module.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json, to_json

_SAFE = 2**63


def read_ordinary(data: bytes) -> Any:
    """The value of a JSON text whose numbers are ordinary ones.

    Raises
    ------
    ValueError
        If the text is no JSON, or may be and needs a closer look: a lone surrogate, nesting beyond
        200 levels, a number that is not finite, an integer beyond 64 bits.
    """
    value = from_json(data, allow_inf_nan=False)
    if not _is_ordinary(value):
        msg = "a number that needs a closer look"
        raise ValueError(msg)
    return value


def read_own(text: str) -> Any:
    """The value of a JSON text that this package wrote."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)  # a lone surrogate: the name of a file that is not UTF-8


def write_numbers(value: Mapping[str, Any]) -> str:
    """JSON of lists of finite numbers by name, which reads back to the same bits."""
    try:
        return to_json(value).decode()
    except ValueError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _is_ordinary(document: object) -> bool:
    """Whether all numbers are finite, and integers of 64 bits.

    ``1e400`` is read as infinity. Curves are most of a record, so lists of floats are added up
    rather than looked at one by one.
    """
    waiting = [[document]]
    while waiting:
        for item in waiting.pop():
            kind = type(item)
            if kind is float:
                if not math.isfinite(item):  # type: ignore[arg-type]
                    return False
            elif kind is int:
                if not -_SAFE <= item < _SAFE:  # type: ignore[operator]
                    return False
            elif kind is dict:
                waiting.append(list(item.values()))  # type: ignore[attr-defined]
            elif kind is list and not _adds_up(item):  # type: ignore[arg-type]
                waiting.append(item)  # type: ignore[arg-type]
    return True


def _adds_up(values: list[Any]) -> bool:
    """Whether a list holds floats alone, with a finite sum: then each of them is finite."""
    return {*map(type, values)} == {float} and math.isfinite(sum(values))
