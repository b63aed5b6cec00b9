"""Sealed JSON: one canonical text that carries the checksum of all of its other bytes.

The file is ``{"checksum":"<sha256>",`` followed by the canonical JSON of everything else without
its opening brace, and a newline. The checksum is that of the canonical JSON without the newline,
so any byte that is changed, added or lost is noticed. This outer form is the same in every
schema of every format: a newer file can be told from a damaged one.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from vggstudy.errors import LedgerError
from vggstudy.identity import canonical_json
from vggstudy.ledger.quick_json import read_ordinary

DamageKind = Literal["torn", "edited", "foreign", "newer", "unreadable"]

_PREFIX = re.compile(rb'\{"checksum":"([0-9a-f]{64})",')
HEAD_BYTES = 79
"""So many first bytes of a sealed file hold its checksum."""

MAX_DIGITS = 300
"""Digits of the longest integer that is read: any shorter one fits a float."""

_RESTORE = "restore it from a copy"


class DamagedFileError(LedgerError):
    """A file of a study that cannot be trusted.

    Attributes
    ----------
    kind : str
        ``torn`` (empty or cut short), ``edited`` (bytes changed since it was written),
        ``foreign`` (not such a file), ``newer`` (of a later schema), ``unreadable`` (the
        operating system refuses it).
    reason : str
        What is wrong and what to do, without the path.
    path : str or None
        The file, once known.
    """

    def __init__(self, kind: DamageKind, reason: str, path: str | None = None) -> None:
        self.kind = kind
        self.reason = reason
        self.path = path
        super().__init__(f"{path}: {reason}" if path else reason)

    def at(self, path: object) -> DamagedFileError:
        """The same error with the path of the file."""
        return DamagedFileError(self.kind, self.reason, str(path))


def seal(payload: Mapping[str, Any]) -> str:
    """The text of a sealed file, newline included.

    Raises
    ------
    ValueError
        If a number is not finite.
    TypeError
        If a value is not JSON.
    """
    # A lone surrogate, as in the name of a file that is not UTF-8, becomes its JSON escape.
    body = canonical_json(payload).encode("utf-8", "backslashreplace")
    checksum = hashlib.sha256(body).hexdigest()
    return f'{{"checksum":"{checksum}",{body[1:].decode()}\n'


def unseal(data: bytes, *, form: str, newest: int) -> dict[str, Any]:
    """The content of a sealed file, once its checksum, format and schema are found right.

    Parameters
    ----------
    data : bytes
        All bytes of the file.
    form : str
        The value that ``format`` must have.
    newest : int
        The latest schema that this version reads.

    Raises
    ------
    DamagedFileError
        Saying which of torn, edited, foreign or newer the file is, and why.
    """
    value = _parse(data)
    if value.get("format") != form:
        reason = f"not a {form} file: its format is {value.get('format')!r}"
        raise DamagedFileError("foreign", reason)
    _verify(data)
    schema = value.get("schema")
    if type(schema) is not int or schema < 1:
        raise DamagedFileError("foreign", f"schema must be a positive integer, got {schema!r}")
    if schema > newest:
        reason = f"written by a newer vggstudy (schema {schema}, this one reads {newest}); upgrade"
        raise DamagedFileError("newer", reason)
    del value["checksum"]
    return value


def sealed_checksum(head: bytes) -> str | None:
    """The checksum at the start of a sealed file's bytes, compared with nothing; None without."""
    found = _PREFIX.match(head)
    return found[1].decode() if found else None


def _parse(data: bytes) -> dict[str, Any]:
    """The JSON object that a file holds."""
    if not data.strip(b"\0 \r\n\t"):
        raise DamagedFileError("torn", f"empty, the end of a torn write; {_RESTORE}")
    try:
        value = read_ordinary(data)
    except ValueError:
        value = _read_slowly(data)
    if not isinstance(value, dict):
        raise DamagedFileError("foreign", f"holds a JSON {type(value).__name__}, not an object")
    return value


def _read_slowly(data: bytes) -> Any:
    """The same of a text that needs a closer look, or the words for what is wrong with it."""
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_constant, parse_int=_bounded)
        _refuse_infinite(value)
        return value
    except UnicodeDecodeError as error:
        reason = f"damaged at byte {error.start}, which is not UTF-8; {_RESTORE}"
        raise DamagedFileError("edited", reason) from None
    except json.JSONDecodeError as error:
        raise _malformed(error, data) from None
    except (ValueError, RecursionError) as error:
        reason = f"holds what no vggstudy writes: {str(error)[:100]}; {_RESTORE}"
        raise DamagedFileError("foreign", reason) from None


def _malformed(error: json.JSONDecodeError, data: bytes) -> DamagedFileError:
    """Tell a text that ends too early from one that is wrong on the way, or never was JSON."""
    if not data.startswith(b"{"):
        return DamagedFileError("foreign", "not a JSON object")
    if not data.endswith(b"}\n"):
        return DamagedFileError("torn", f"cut short after {len(data)} bytes; {_RESTORE}")
    return DamagedFileError("edited", f"damaged near character {error.pos}; {_RESTORE}")


def _verify(data: bytes) -> None:
    """Compare the checksum with the bytes that it covers."""
    prefix = _PREFIX.match(data)
    if prefix is None:
        raise DamagedFileError("edited", f"has no checksum at its start; {_RESTORE}")
    if not data.endswith(b"}\n"):
        raise DamagedFileError("torn", f"its last byte is missing or changed; {_RESTORE}")
    sha = hashlib.sha256(b"{")
    sha.update(memoryview(data)[prefix.end() : -1])
    if sha.hexdigest().encode() != prefix[1]:
        reason = f"changed since it was written: its checksum does not match; {_RESTORE}"
        raise DamagedFileError("edited", reason)


def _constant(text: str) -> float:
    """Refuse ``NaN`` and ``Infinity``, which Python reads although JSON has neither."""
    msg = f"the number {text}"
    raise ValueError(msg)


def _refuse_infinite(document: object) -> None:
    """Refuse a number that was too large for a float, as ``1e400`` is."""
    waiting = [[document]]
    while waiting:
        for item in waiting.pop():
            if isinstance(item, dict):
                waiting.append(list(item.values()))
            elif isinstance(item, list):
                waiting.append(item)
            elif isinstance(item, float) and not math.isfinite(item):
                msg = "a number beyond 1.8e308"
                raise ValueError(msg)


def _bounded(text: str) -> int:
    """An integer that a float can hold."""
    if len(text) > MAX_DIGITS:
        msg = f"an integer of {len(text)} digits"
        raise ValueError(msg)
    return int(text)
