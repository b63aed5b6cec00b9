"""A run's state at an epoch boundary, on disk: whole or not at all, and never executed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vggstudy.errors import ExecutionError
from vggstudy.training.failures import CheckpointMismatch

MAGIC = b"vggstudy-checkpoint\n"
SCHEMA = 1
"""Schema 1: the magic line, SHA-256 of the rest (32 bytes), a file of `torch.save` that holds
``fingerprint`` and ``state``: tensors, numbers, strings, and lists and mappings of them."""

HEADER = len(MAGIC) + hashlib.sha256().digest_size


class DamagedCheckpoint(Exception):  # noqa: N818 - caught inside the package, never shown
    """A file that is no complete checkpoint."""


def write_checkpoint(
    path: Path, *, fingerprint: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    """Replace the checkpoint at a path.

    Raises
    ------
    ExecutionError
        If the file cannot be written; the one before it stays as it was.
    """
    buffer = io.BytesIO()
    torch.save({"fingerprint": _flat({"schema": SCHEMA, **fingerprint}), "state": state}, buffer)
    content = buffer.getbuffer()
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)  # never write through a link that somebody put there
        with partial.open("xb") as file:
            file.write(MAGIC)
            file.write(hashlib.sha256(content).digest())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        msg = f"cannot write the checkpoint {path}: {error.strerror or error}"
        raise ExecutionError(msg) from error


def read_checkpoint(path: Path, *, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """The state that was written, with its tensors on the CPU.

    Raises
    ------
    DamagedCheckpoint
        If the file is torn, or holds anything but tensors and plain values.
    CheckpointMismatch
        If it was written by another run, or where the bits would differ.
    ExecutionError
        If it cannot be read.
    """
    try:
        data = _read_file(path)
    except OSError as error:
        msg = f"cannot read the checkpoint {path}: {error.strerror or error}"
        raise ExecutionError(msg) from error
    content = memoryview(data)[HEADER:]
    if data[:HEADER] != MAGIC + hashlib.sha256(content).digest():
        raise DamagedCheckpoint(path)
    try:
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        # Its checksum is right, so somebody made it: an unpickler may then raise anything.
        raise DamagedCheckpoint(path) from error
    parts = ("fingerprint", "state")
    if not (isinstance(stored, dict) and all(isinstance(stored.get(x), dict) for x in parts)):
        raise DamagedCheckpoint(path)
    differences = _differences(stored["fingerprint"], _flat({"schema": SCHEMA, **fingerprint}))
    if differences:
        raise CheckpointMismatch(path, differences)
    state: dict[str, Any] = stored["state"]
    return state


def _read_file(path: Path) -> bytes:
    """All bytes of an ordinary file; never waits for a pipe, never reads a device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        return file.read()


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = item
    return flat


def _differences(stored: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """One line for each name whose values differ."""
    names = sorted(stored.keys() | own.keys())
    return [
        f"{name}: the checkpoint has {stored.get(name)}, this run has {own.get(name)}"
        for name in names
        if stored.get(name) != own.get(name)
    ]
