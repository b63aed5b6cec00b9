"""The base of everything that a protocol states, and the kinds of values in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _integral(value: Any) -> Any:
    """Take ``11.0`` for ``11``: TOML tells them apart, a reader does not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


Integral = BeforeValidator(_integral)
"""Comes after the limits of an integer, so that the JSON Schema states them."""

Integer = Annotated[int, Integral]

ONE_LINE = r"^[^\x00-\x1F\x7F-\x9F\u2028-\u202E\u2066-\u2069]*$"
"""Text without line breaks, and without characters that would steer a terminal."""
PROSE = r"^[^\x00-\x08\x0B-\x1F\x7F-\x9F\u202A-\u202E\u2066-\u2069]*$"
"""The same, of several lines."""

Line = Annotated[str, Field(min_length=1, max_length=4096, pattern=ONE_LINE)]

Level = bool | Integer | float | str
"""One value of a factor, as TOML writes it."""

Scale = Literal["log2", "linear"]
"""Of a numeric factor."""


class Settings(BaseModel):
    """Base of everything a protocol holds: immutable, strict, no unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def pairs_of(interactions: list[str]) -> tuple[tuple[str, str], ...]:
    """Two factors of each ``first*second``."""
    parts = (text.partition("*") for text in interactions)
    return tuple((first, second) for first, _, second in parts)


def write_level(level: bool | int | float | str) -> str:
    """The text of a level in ids and tables, for people: ``true``, ``19``, ``0.001``, ``1e-5``.

    Numbers are written by value, whatever the notation they were read in: 1e-4 and 0.0001 are
    both ``0.0001``, and 11.0 is ``11``.
    """
    if isinstance(level, bool):
        return "true" if level else "false"
    if isinstance(level, float):
        if level.is_integer() and abs(level) < 2**63:
            return str(int(level))
        mantissa, exponent, digits = repr(level).partition("e")
        return f"{mantissa}e{int(digits)}" if exponent else mantissa
    return str(level)
