"""The levels of a factor: one value, one text, one order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from vggstudy.stated.base import write_level as write_level

T = TypeVar("T")
Level = bool | int | float | str
"""A factor's level. Booleans stay booleans, integral numbers are integers."""


def canonical_level(value: object) -> Level:
    """Reduce a value of a factor column to the one form in which it is compared and written.

    Parameters
    ----------
    value : object
        A Python or NumPy scalar.

    Returns
    -------
    bool, int, float or str
        ``numpy.bool_`` becomes ``bool``; 19.0 becomes 19; a NumPy float of 32 bits or fewer the
        number of its shortest text; anything that is not a number its text.

    Raises
    ------
    ValueError
        If the value is missing (None, NaN), infinite, an integer beyond 64 bits, or empty text.
    """
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, float) and getattr(value, "itemsize", 8) < 8:
        plain = float(str(value))  # 0.1 of 32 bits, not 0.10000000149011612
    if isinstance(plain, (bool, int)):
        if abs(plain) >= 2**63:
            raise ValueError("is an integer of 64 bits or more")
        return plain
    if isinstance(plain, float):
        if not math.isfinite(plain):
            raise ValueError("is missing" if math.isnan(plain) else f"is {plain}")
        return int(plain) if plain.is_integer() and abs(plain) < 2**63 else plain
    text = "" if plain is None or str(plain) in {"NaT", "<NA>"} else str(plain).strip()
    if not text:
        raise ValueError("is missing")
    return text


def is_numeric(level: Level) -> bool:
    """Whether a level is a number; booleans are not."""
    return isinstance(level, (int, float)) and not isinstance(level, bool)


def ordered_levels(values: Iterable[Level], declared: Sequence[Level] | None = None) -> list[Level]:
    """Distinct levels in order: declared ones, false < true, numbers by value, texts as they come.

    Levels are the same when their texts are, so that 11 and "11" do not make two cells. Of texts
    the first to come is the earlier level: nothing says that ``old`` follows ``new``.
    """
    order = {write_level(canonical_level(level)): i for i, level in enumerate(declared or ())}
    distinct: dict[str, Level] = {}
    place: dict[str, int] = {}
    for level in map(canonical_level, distinct_of(values)):
        text = write_level(level)
        place.setdefault(text, len(place))
        if text not in distinct or _rank(level) < _rank(distinct[text]):
            distinct[text] = level
    return sorted(
        distinct.values(),
        key=lambda level: (
            order.get(write_level(level), len(order)),
            *_rank(level),
            place[write_level(level)],
        ),
    )


def distinct_of(values: Iterable[Level]) -> list[Level]:
    """Each value once, as it first comes; 1, 1.0 and True are three of them."""
    return [value for _, value in dict.fromkeys((type(value), value) for value in values)]


def remembered(function: Callable[[Any], T]) -> Callable[[Any], T]:
    """The same function of single values, which of a column is asked for each value once only."""
    known: dict[tuple[type, Any], T] = {}

    def answer(value: Any) -> T:
        key = (type(value), value)
        try:
            if key not in known:
                known[key] = function(value)
        except TypeError:  # a value that cannot be a key
            return function(value)
        return known[key]

    return answer


def _rank(level: Level) -> tuple[int, float]:
    """Sort key: booleans and numbers by value, then texts."""
    return (1, 0.0) if isinstance(level, str) else (0, float(level))
