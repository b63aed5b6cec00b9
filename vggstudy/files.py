"""Files that are only ever seen whole: atomic writes, bounded reads, errors as sentences."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

MAX_FILE_BYTES = 64 * 2**20
"""Largest file of a study that is read: a record of 10,000 epochs takes about 2 MiB."""

_PIECE_BYTES = 2**14

TEMPORARY_SUFFIX = ".tmp"

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp", re.DOTALL)
"""Names that `write_atomic` gives; other temporaries are somebody else's."""

_ADVICE = {
    errno.ENOSPC: "free some space there and run again",
    errno.EDQUOT: "the quota is used up; free some space there and run again",
    errno.EFBIG: "files there may not be this large; raise the limit (ulimit -f) and run again",
    errno.EROFS: "its file system is read-only; use a folder that can be written",
    errno.EACCES: "change the permissions or use another folder",
    errno.EPERM: "change the permissions or use another folder",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run again",
    errno.ENFILE: "too many files are open on this machine; run again later",
    errno.EIO: "the disk reported a fault; check it before running again",
    errno.ENOTDIR: "a file stands where a folder is needed; use another path",
    errno.ELOOP: "a link stands in the way; use the folder that it should lead to",
    errno.ENAMETOOLONG: "use a shorter path",
}


def explain(error: OSError, path: Path, action: str) -> str:
    """One sentence: what could not be done to which path, why, and what to do.

    Parameters
    ----------
    error : OSError
        What the operating system said.
    path : Path
        The file or folder concerned.
    action : str
        A participle: ``"written"``, ``"read"``.
    """
    cause = error.strerror or str(error)
    advice = _ADVICE.get(error.errno or 0)
    return f"{path} could not be {action}: {cause}" + (f"; {advice}" if advice else "")


def write_atomic(path: Path, data: bytes, *, exclusive: bool = False) -> None:
    """Write a file so that readers, and a power cut, see all of it or nothing of it.

    A temporary in the same folder is written, synchronised and renamed, then the folder is
    synchronised. On any failure the temporary is removed and the former file stands.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    data : bytes
        All of its content.
    exclusive : bool
        Refuse to replace a file that exists, atomically.

    Raises
    ------
    FileExistsError
        If ``exclusive`` and the file exists.
    OSError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}")
    try:
        _write_new(temporary, data)
        if exclusive:
            _link(temporary, path, data)
        else:
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write_new(path: Path, data: bytes) -> None:
    """Create a file with the permissions of the umask, write it and synchronise it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _link(temporary: Path, path: Path, data: bytes) -> None:
    """Give a written temporary its name, unless the name is taken."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        # Some file systems (exFAT, a few network ones) have no hard links; creating the file
        # itself is as exclusive, though its content appears a moment after its name.
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        _write_new(path, data)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where its file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
    finally:
        os.close(descriptor)


def read_bounded(path: str | Path, *, limit: int = MAX_FILE_BYTES, follow: bool = True) -> bytes:
    """All bytes of an ordinary file of bounded size; never waits for a pipe or a device.

    What is looked at is what was opened: a link that is swapped meanwhile changes nothing.

    Parameters
    ----------
    path : path
    limit : int
        Most bytes that are read.
    follow : bool
        Whether the last part of the path may be a link.

    Raises
    ------
    OSError
        If the file cannot be read, is no ordinary file (``EINVAL``) or is larger than ``limit``
        bytes (``EFBIG``).
    """
    descriptor = _open_ordinary(path, limit=limit, follow=follow)
    try:
        # As much at once as there is: a stream would set aside the whole limit for each file.
        size = max(os.fstat(descriptor).st_size + 1, _PIECE_BYTES)
        pieces, left = [], limit
        while left > 0 and (piece := os.read(descriptor, min(left, size))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def read_chunks(path: str | Path, *, limit: int, size: int) -> Iterator[bytes]:
    """The bytes of such a file in pieces, for what need not be in memory at once.

    Parameters
    ----------
    path : path
    limit : int
        Most bytes of the file.
    size : int
        Bytes of a piece.

    Raises
    ------
    OSError
        As `read_bounded` does, when the first piece is asked for.
    """
    descriptor = _open_ordinary(path, limit=limit, follow=True)
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            left = limit
            while left > 0 and (chunk := stream.read(min(size, left))):
                left -= len(chunk)
                yield chunk
    finally:
        os.close(descriptor)


def open_ordinary(path: str | Path, *, limit: int) -> IO[bytes]:
    """Open such a file for reading; what is opened is what was looked at.

    Raises
    ------
    OSError
        As `read_bounded` does.
    """
    return os.fdopen(_open_ordinary(path, limit=limit, follow=True), "rb")


def _open_ordinary(path: str | Path, *, limit: int, follow: bool) -> int:
    """A descriptor of an ordinary file of bounded size."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    status = os.fstat(descriptor)
    ordinary = stat.S_ISREG(status.st_mode)
    if ordinary and status.st_size <= limit:
        return descriptor
    os.close(descriptor)
    if not ordinary:
        raise OSError(errno.EINVAL, "not an ordinary file", str(path))
    raise OSError(errno.EFBIG, f"larger than {limit} bytes", str(path))


def read_head(path: str | Path, size: int) -> bytes:
    """The first bytes of an ordinary file, at most so many; never waits for a pipe or a device.

    Raises
    ------
    OSError
        If the file cannot be read or is no ordinary file (``EINVAL``).
    """
    descriptor = _open_ordinary(path, limit=sys.maxsize, follow=True)
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def remove_temporaries(folder: Path, *, older_than_s: float) -> Iterator[Path]:
    """Remove what interrupted writes left in a folder; yields each path removed.

    Younger temporaries stay: another process may be writing them at this moment.
    """
    now = time.time()
    for path in sorted(folder.glob(f".*{TEMPORARY_SUFFIX}")):
        with suppress(FileNotFoundError):
            own = _TEMPORARY.fullmatch(path.name) is not None
            if own and now - path.lstat().st_mtime >= older_than_s:
                path.unlink()
                yield path


def defused(value: object) -> object:
    """A text that no spreadsheet takes for a formula; numbers, also as texts, stay as they are."""
    if not isinstance(value, str) or value[:1] not in {"=", "+", "-", "@", "\t", "\r"}:
        return value
    with suppress(ValueError):
        float(value)
        return value
    return f"'{value}"
