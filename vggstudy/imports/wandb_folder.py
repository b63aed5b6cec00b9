"""Weights & Biases: the folders of runs that were not synchronised, a file ``run-*.wandb`` in each.

Such a file is a log of records as LevelDB writes it, behind a mark of seven bytes: blocks of
32 KiB, a record in pieces (https://github.com/google/leveldb/blob/main/doc/log_format.md). Its
records are protocol buffers, ``Record`` of wandb/proto/wandb_internal.proto.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.imports.runs import (
    ImportedRun,
    ImportedRuns,
    Scalar,
    Status,
    refuse_nothing,
    unfolded,
)
from vggstudy.imports.sources import Place
from vggstudy.imports.wire import CUT, fields, inside, number_in

ENDING = ".wandb"
MARK = b":W&B"
MARK_BYTES = 7
BLOCK = 32_768
HEADER = 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

HISTORY, SUMMARY, CONFIG, RUN, EXIT = 2, 3, 5, 17, 18
"""Fields of a record."""
KEY, NESTED, VALUE = 1, 2, 16
"""Fields of an item of a configuration or a summary."""


def detects(place: Place) -> bool:
    """Whether a folder holds runs that were not synchronised."""
    return any(file.suffix == ENDING for file in place.files)


@dataclass(slots=True)
class _Log:
    """What the log of a run says so far."""

    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    exit_code: int | None = None


def read(place: Place) -> ImportedRuns:
    """A run a file."""
    files = [file for file in place.files if file.suffix == ENDING]
    refuse_nothing([*files], place.path, f"files run-*{ENDING}")
    runs, cut = [], 0
    for file in files:
        log, whole = _Log(), True
        try:
            for record in _records(place.bytes_of(file), place, file):
                _add(record, log)
        except (ValueError, struct.error, UnicodeDecodeError):
            whole = False
        cut += not whole
        runs.append(_run(file, log))
    notes = [f"{cut} of {len(files)} logs end within a record: what came before is read"] * (
        cut > 0
    )
    return ImportedRuns(tuple(runs), notes=tuple(notes))


def _run(file: PurePosixPath, log: _Log) -> ImportedRun:
    """A run by what its log says at its end; one without an end was killed, or runs still."""
    status: Status = "unfinished"
    if log.exit_code is not None:
        status = "failed" if log.exit_code else "finished"
    return ImportedRun(
        file.stem,
        status,
        _leaves(log.config, "config"),
        _leaves(log.summary, "summary"),
        {"name": log.name},
    )


def _leaves(values: dict[str, Any], name: str) -> dict[str, Scalar]:
    """Values by dotted names, W&B's own (``_wandb``) left out."""
    own = {key: value for key, value in values.items() if not key.startswith("_wandb")}
    return unfolded(own, name) if own else {}


def _records(data: bytes, place: Place, file: PurePosixPath) -> Iterator[bytes]:
    """The records of a log.

    Raises
    ------
    AnalysisError
        If the file is no such log.
    ValueError
        If it ends within a record.
    """
    if not data.startswith(MARK):
        raise AnalysisError(f"{place.path / file}: not of a layout of W&B that is known")
    at, pieces = MARK_BYTES, b""
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < HEADER:
            at += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        at += HEADER
        if kind not in (FULL, FIRST, MIDDLE, LAST) or at + length > len(data):
            raise ValueError(CUT)
        pieces = (
            data[at : at + length] if kind in (FULL, FIRST) else pieces + data[at : at + length]
        )
        at += length
        if kind in (FULL, LAST):
            yield pieces


def _add(record: bytes, log: _Log) -> None:
    """Add what one record says."""
    for number, _, content in fields(record):
        if not isinstance(content, bytes):
            continue
        if number == RUN:
            log.name = b"".join(inside(content, 8)).decode()
            for config in inside(content, 4):
                _update(config, log.config)
        elif number == CONFIG:
            _update(content, log.config)
        elif number == SUMMARY:
            _update(content, log.summary)
        elif number == HISTORY:
            for item in inside(content, 1):
                _set(item, log.summary)
        elif number == EXIT:
            log.exit_code = number_in(content, 1)


def _update(content: bytes, values: dict[str, Any]) -> None:
    """Set what a record of a configuration or a summary sets."""
    for item in inside(content, 1):
        _set(item, values)


def _set(item: bytes, values: dict[str, Any]) -> None:
    """Set one value, which may lie inside others."""
    key = b"".join(inside(item, KEY)).decode()
    path = [part.decode() for part in inside(item, NESTED)] or [key]
    try:
        value = json.loads(b"".join(inside(item, VALUE)))
    except RecursionError:
        raise ValueError(CUT) from None
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        values = inner if isinstance(inner, dict) else {}
    values[path[-1]] = value
