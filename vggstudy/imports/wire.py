"""The wire format of protocol buffers, as far as files that tools leave are read.

https://protobuf.dev/programming-guides/encoding/: a message is a row of fields, each with a number,
a wire type and its content. Fields that nobody asks for are passed over, as the format wants.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
"""Wire types."""

CUT = "ends within a field"


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError(CUT)
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    """Number, wire type and content of each field of a message.

    Raises
    ------
    ValueError
        If the message ends within a field, or has one of an unknown type.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        size = {DOUBLE: 8, FLOAT: 4}.get(wire)
        if wire == BYTES:
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise ValueError(CUT)
        yield number, wire, data[at : at + size]
        at += size


def inside(data: bytes, number: int) -> Iterator[bytes]:
    """Messages and texts of one field."""
    return (value for n, _, value in fields(data) if n == number and isinstance(value, bytes))


def number_in(data: bytes, number: int) -> int:
    """A whole number of a field, 0 where it is not written."""
    return next((v for n, _, v in fields(data) if n == number and isinstance(v, int)), 0)
