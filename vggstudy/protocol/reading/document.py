"""From a file to a TOML document: bounded in size, depth and values, so that nothing hangs."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vggstudy.errors import Problem, ProtocolError

MAX_BYTES = 250_000
"""A protocol is a page of text; a larger file is something else."""

MAX_DEPTH = 16
"""Tables and lists within one another; a protocol needs five."""

_QUOTED = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*+"""|'
    r"'''(?:[^']|'(?!''))*+'''|"
    r'"(?:[^"\\\n]|\\.)*+"|'
    r"'[^'\n]*+'|"
    r"#[^\n]*+",
    re.DOTALL,
)
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_text(file: Path) -> str:
    """The file's text, without a byte order mark and with plain line ends.

    Raises
    ------
    ProtocolError
        If it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProtocolError(f"cannot be read: {error.strerror}", str(file)) from None
    if len(raw) > MAX_BYTES:
        raise ProtocolError(f"is larger than {MAX_BYTES:,} bytes: not a protocol", str(file))
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text (byte {error.start + 1:,} is {raw[error.start]:#04x})"
        raise ProtocolError(message, str(file)) from None


def parse_document(text: str, *, filename: str = "protocol") -> dict[str, Any]:
    """The document that a text is.

    Raises
    ------
    ProtocolError
        If the text is no TOML, or nested more deeply than a protocol is.
    """
    too_deep = f"tables and lists lie more than {MAX_DEPTH} deep in one another: not a protocol"
    # The parser takes quadratic time for long dotted keys: they are looked for first.
    if (found := _DEEP_KEY.search(_QUOTED.sub(_blank, text))) is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise ProtocolError([Problem(too_deep, line=line, column=1)], filename)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProtocolError([_syntax_problem(str(error), text)], filename) from None
    except RecursionError:
        raise ProtocolError(too_deep, filename) from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise ProtocolError(f"not TOML: {error}", filename) from None
    if _deeper_than(document, MAX_DEPTH):
        raise ProtocolError(too_deep, filename)
    return document


def _blank(match: re.Match[str]) -> str:
    """What keeps the length and lines of a quoted text or comment."""
    kept = "" if match[0].startswith("#") else "x"
    return kept + re.sub(r"[^\n]", " ", match[0][len(kept) :])


def _syntax_problem(message: str, text: str) -> Problem:
    """The place that tomllib puts into its message."""
    found = _PLACE.search(message)
    if found is None:
        return Problem(f"not TOML: {message}")
    if found[1] is None:
        last = text.rsplit("\n", 1)[-1]
        line, column = text.count("\n") + 1, len(last) + 1
    else:
        line, column = int(found[1]), int(found[2])
    return Problem(f"not TOML: {message[: found.start()]}", (), line, column)


def _deeper_than(value: Any, depth: int) -> bool:
    """Whether tables and lists lie more than so many levels deep."""
    if not isinstance(value, (dict, list)):
        return False
    items = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper_than(item, depth - 1) for item in items)


def unfit_values(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """Numbers that TOML can write and no protocol can hold."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from unfit_values(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unfit_values(item, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(f"{_name(path)} must be a finite number, got {value}", path=path)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield Problem(f"{_name(path)} must be an integer of at most 64 bits", path=path)


def _name(path: tuple[str | int, ...]) -> str:
    """The key at a path; for an item of a list, that of the list."""
    return next(part for part in reversed(path) if isinstance(part, str))
