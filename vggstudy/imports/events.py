"""TensorBoard's event files: records of protocol buffers, of which scalars and settings are read.

The format: https://www.tensorflow.org/tutorials/load_data/tfrecord (length, checksum, data,
checksum), with ``Event``, ``Summary`` and ``TensorProto`` as tensorflow/core writes them and
``HParamsPluginData`` as tensorboard/plugins/hparams does. Unknown fields are passed over, as the
format asks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from vggstudy.imports.runs import Scalar
from vggstudy.imports.wire import CUT, DOUBLE, FLOAT, fields, inside, number_in

FLOAT32, FLOAT64, INT32, INT64, HALF = 1, 2, 3, 9, 19
"""Types of a tensor."""

PACKED = {FLOAT32: "<f", FLOAT64: "<d", INT32: "<i", INT64: "<q", HALF: "<e"}
FIELD_OF = {FLOAT32: 5, FLOAT64: 6, INT32: 7, INT64: 10}
"""Where a tensor has a single value outside its content."""

HPARAMS = "hparams"
SESSION_START, SESSION_END = "_hparams_/session_start_info", "_hparams_/session_end_info"
ENDS = {1: "finished", 2: "failed", 3: "running"}


@dataclass(slots=True)
class Events:
    """What event files of one run say.

    Attributes
    ----------
    scalars : dict
        By tag the last step and its value.
    settings : dict
        Hyperparameters, where they were logged as such.
    status : str
        How the session ended, where that was logged.
    """

    scalars: dict[str, tuple[int, float]] = field(default_factory=dict)
    settings: dict[str, Scalar] = field(default_factory=dict)
    status: str = ""


def read_events(data: bytes, found: Events) -> bool:
    """Add what an event file says; whether it was read to its end.

    A file that is still written, or was cut, ends within a record: what came before counts.
    """
    try:
        for record in _records(data):
            _event(record, found)
    except (ValueError, struct.error, UnicodeDecodeError):
        return False
    return True


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a file.

    Raises
    ------
    ValueError
        If the file ends within one.
    """
    at = 0
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError(CUT)
        (length,) = struct.unpack_from("<Q", data, at)
        at += 12
        if at + length + 4 > len(data):
            raise ValueError(CUT)
        yield data[at : at + length]
        at += length + 4


def _event(record: bytes, found: Events) -> None:
    """Add the values of one event."""
    step = number_in(record, 2)
    step -= (step >> 63) << 64
    for summary in inside(record, 5):
        for value in inside(summary, 1):
            tag = b"".join(inside(value, 1)).decode()
            plugin = [
                (b"".join(inside(one, 1)), b"".join(inside(one, 2)))
                for metadata in inside(value, 9)
                for one in inside(metadata, 1)
            ]
            if any(name == HPARAMS.encode() for name, _ in plugin):
                _session(tag, plugin[0][1], found)
                continue
            number = _scalar(value)
            if number is not None and step >= found.scalars.get(tag, (step, 0.0))[0]:
                found.scalars[tag] = step, number


def _scalar(value: bytes) -> float | None:
    """The number of a summary; None of an image, a text and the like."""
    for number, wire, content in fields(value):
        if number == 2 and wire == FLOAT and isinstance(content, bytes):
            return float(struct.unpack("<f", content)[0])
        if number == 8 and isinstance(content, bytes):
            return _of_tensor(content)
    return None


def _of_tensor(tensor: bytes) -> float | None:
    """The number of a tensor that holds a single one."""
    kind = number_in(tensor, 1)
    form = PACKED.get(kind)
    if form is None:
        return None
    content = b"".join(inside(tensor, 4))
    if content:
        return (
            float(struct.unpack(form, content)[0])
            if len(content) == struct.calcsize(form)
            else None
        )
    for number, wire, value in fields(tensor):
        if number != FIELD_OF.get(kind):
            continue
        if isinstance(value, int):
            return float(value - ((value >> 63) << 64))
        if wire in (FLOAT, DOUBLE) or len(value) == struct.calcsize(form):
            return float(struct.unpack(form, value)[0])
    return None


def _session(tag: str, content: bytes, found: Events) -> None:
    """Add the hyperparameters of a session, or how it ended."""
    if tag == SESSION_START:
        for start in inside(content, 3):
            for entry in inside(start, 1):
                name = b"".join(inside(entry, 1)).decode()
                for value in inside(entry, 2):
                    found.settings[f"hparams.{name}"] = _setting(value)
    elif tag == SESSION_END:
        for end in inside(content, 4):
            found.status = ENDS.get(number_in(end, 1), "")


def _setting(value: bytes) -> Scalar:
    """A value of ``google.protobuf.Value``."""
    for number, _, content in fields(value):
        if number == 2 and isinstance(content, bytes):
            found = float(struct.unpack("<d", content)[0])
            return int(found) if found.is_integer() and abs(found) < 2**53 else found
        if number == 3 and isinstance(content, bytes):
            return content.decode()
        if number == 4:
            return bool(content)
    return None
