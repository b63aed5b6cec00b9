"""The journal of a study, ``journal.jsonl``: what happened in which order, each entry on the last.

Every line is sealed like a record (`vggstudy.ledger.sealed`) and names the checksum of the line
before it, so whoever deletes, changes or inserts a line has to write all later ones anew, and the
last checksum, which packs and receipts carry, then differs. The driver of a study appends to it,
and so do commands that show results; workers on a cluster do not. Appending takes a lock of the
operating system for some microseconds. Where a file system has none, two at once may follow the
same line, which is told as what it is.

A line that was torn (a power cut, a full disk) stays: the next entry begins on a new line and an
entry before it names the torn bytes.

Format history (``"format": "vggstudy-journal"``, in the first line):

schema 1
    ``number``, ``at``, ``event``, ``prev`` and what the event needs (``run``, ``record``, ...);
    ``format`` and ``schema`` in the first line. Events: ``created``, ``opened`` (of a study that
    had runs already), ``started``, ``retried``, ``recorded``, ``crashed``, ``found`` (a result
    that no driver saw come), ``amended``, ``registered``, ``looked``, ``analysed`` (claims were
    made), ``look`` (one that the protocol declares), ``repaired``.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded
from vggstudy.ledger.sealed import HEAD_BYTES, seal, sealed_checksum

JOURNAL_NAME = "journal.jsonl"
FORMAT = "vggstudy-journal"
SCHEMA = 1

MAX_BYTES = 2**28
MAX_LINE = 2**16

RESULTS = ("recorded", "found")
"""Events after which a run has a result."""

LOOKED, ANALYSED = "looked", "analysed"
"""Results were shown, or claims made of them."""

START = "0" * 64
"""What the first line follows."""

_TAIL = 4096
_WAIT_S = 10.0
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal.

    Attributes
    ----------
    number : int
        From 1, one more than that of the line which it follows.
    at : str
        By the clock of whoever wrote it, ISO 8601 in UTC.
    event : str
    run, record : str or None
        Id of the run concerned, and the checksum of its record.
    values : mapping
        What else the event tells.
    checksum : str
    """

    number: int
    at: str
    event: str
    run: str | None
    record: str | None
    values: Mapping[str, Any]
    checksum: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line: ``edited``, ``gap`` (what it follows is not there) or ``fork``."""

    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as it was found.

    Attributes
    ----------
    entries : tuple of Entry
        Every line whose checksum is right.
    faults : tuple of Fault
    repaired : int
        Torn lines that a later entry names.
    torn : int
        Bytes of a last line that is torn and not named yet.
    """

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()
    repaired: int = 0
    torn: int = 0

    @property
    def head(self) -> str | None:
        """The checksum of the last entry."""
        return self.entries[-1].checksum if self.entries else None

    def results(self) -> dict[str, list[str]]:
        """Run id to the checksums of the results that it came to, one after the other."""
        found: dict[str, list[str]] = {}
        for entry in self.entries:
            if entry.event in RESULTS and entry.run is not None:
                known = found.setdefault(entry.run, [])
                if entry.record is not None and entry.record not in known[-1:]:
                    known.append(entry.record)
        return found

    def looks(self) -> list[str]:
        """When results were looked at, of those times at which there were any."""
        found, any_yet = [], False
        for entry in self.entries:
            any_yet = any_yet or entry.event in RESULTS
            if any_yet and entry.event in (LOOKED, ANALYSED):
                found.append(entry.at)
        return found

    def amendments(self) -> dict[tuple[str, str], set[str]]:
        """Date and digest of each amendment, and the runs that had a result before it."""
        found: dict[tuple[str, str], set[str]] = {}
        before: set[str] = set()
        for entry in self.entries:
            if entry.event in RESULTS and entry.run is not None:
                before.add(entry.run)
            elif entry.event == "amended":
                key = (str(entry.values.get("date")), str(entry.values.get("new")))
                found.setdefault(key, set(before))
        return found


def read_journal(folder: Path) -> Journal | None:
    """The journal of a study; None where there is none.

    Raises
    ------
    LedgerError
        If it cannot be read, or is no ordinary file.
    """
    path = folder / JOURNAL_NAME
    try:
        if path.is_symlink():
            raise LedgerError(f"{path} is a link, which no journal is; delete it")
        data = read_bounded(path, limit=MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(explain(error, path, "read")) from error
    return _read(data)


@dataclass(slots=True)
class _Reading:
    """State while a journal is read."""

    entries: list[Entry] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=lambda: {START})
    last: str = START
    repaired: int = 0


def _read(data: bytes) -> Journal:
    """The journal that these bytes hold."""
    state = _Reading()
    *lines, tail = data.split(b"\n")
    if parse_line(tail) is not None:  # whole but for its end
        lines, tail = [*lines, tail], b""
    for number, line in enumerate(lines, start=1):
        _take(state, line, number)
    state.faults += [Fault(number, "edited") for number in state.unread.values()]
    faults = sorted(state.faults, key=lambda fault: fault.line)
    return Journal(tuple(state.entries), tuple(faults), state.repaired, len(tail))


def _take(state: _Reading, line: bytes, number: int) -> None:
    """One line that has its end."""
    content = parse_line(line)
    if content is None:
        state.unread[hashlib.sha256(line).hexdigest()] = number
        return
    if content["prev"] != state.last:
        state.faults.append(Fault(number, "fork" if content["prev"] in state.seen else "gap"))
    entry = _entry(content)
    if entry.event == "repaired" and entry.values.get("sha256") in state.unread:
        del state.unread[entry.values["sha256"]]
        state.repaired += 1
    state.entries.append(entry)
    state.last = entry.checksum
    state.seen.add(entry.checksum)


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The content of a line with its checksum; None if it is not what was written."""
    checksum = sealed_checksum(line[:HEAD_BYTES])
    if checksum is None or len(line) > MAX_LINE:
        return None
    if hashlib.sha256(b"{" + line[HEAD_BYTES:]).hexdigest() != checksum:
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    types = {"number": int, "at": str, "event": str, "prev": str}
    if not all(type(content.get(name)) is kind for name, kind in types.items()):
        return None
    texts = (content.get("run"), content.get("record"), content.get("sha256"))
    return content if all(text is None or isinstance(text, str) for text in texts) else None


def _entry(content: dict[str, Any]) -> Entry:
    """A line's content as an entry."""
    own = ("number", "at", "event", "run", "record", "prev", "checksum", "format", "schema")
    values = {name: value for name, value in content.items() if name not in own}
    return Entry(
        content["number"],
        content["at"],
        content["event"],
        content.get("run"),
        content.get("record"),
        values,
        content["checksum"],
    )


def append(
    folder: Path,
    events: Iterable[Mapping[str, Any]],
    *,
    create: bool = False,
    sync: bool = False,
    unless_last: str | None = None,
) -> bool:
    """Append entries to a study's journal.

    Parameters
    ----------
    folder : Path
    events : iterable of mapping
        Each with its ``event`` and what that needs.
    create : bool
        Make the journal if there is none.
    sync : bool
        Wait until it would survive a power cut.
    unless_last : str, optional
        Append nothing where the last entry is such an event.

    Returns
    -------
    bool
        Whether something was appended.

    Raises
    ------
    OSError
        If it cannot be: FileNotFoundError where there is none and it is not to be made.
    """
    with _opened(folder / JOURNAL_NAME, create=create) as descriptor:
        last, fragment, ended = _end(descriptor)
        if unless_last is not None and last is not None and last["event"] == unless_last:
            return False
        found = [*_repair(fragment), *events]
        data = (b"" if ended else b"\n") + b"".join(_lines(found, last))
        while data:
            data = data[os.write(descriptor, data) :]
        if sync:
            os.fsync(descriptor)
        return True


@contextmanager
def _opened(path: Path, *, create: bool) -> Iterator[int]:
    """The journal's file, locked; closing it unlocks it."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, flags | (os.O_CREAT if create else 0), 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not an ordinary file", str(path))
        _lock(descriptor, path)
        if os.fstat(descriptor).st_size > MAX_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MAX_BYTES} bytes", str(path))
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    """Take the file's lock, unless its file system has none."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR):
                raise
            if time.monotonic() > deadline:
                raise OSError(errno.EAGAIN, "another process holds it", str(path)) from None
            time.sleep(0.001)
        else:
            return


def _end(descriptor: int) -> tuple[dict[str, Any] | None, bytes, bool]:
    """The last whole line, the bytes of a torn one behind all lines, whether the file is ended."""
    size = os.fstat(descriptor).st_size
    for length in (_TAIL, MAX_LINE, size):
        start = max(0, size - length)
        *lines, fragment = os.pread(descriptor, size - start, start).split(b"\n")
        whole = parse_line(fragment)
        if whole is not None:  # only its line feed was lost
            return whole, b"", False
        for line in reversed(lines):
            content = parse_line(line)
            if content is not None:
                return content, fragment, not fragment
        if start == 0:
            break
    return None, fragment, not fragment


def _repair(fragment: bytes) -> list[dict[str, Any]]:
    """The entry that names a torn line."""
    if not fragment:
        return []
    digest = hashlib.sha256(fragment).hexdigest()
    return [{"event": "repaired", "bytes": len(fragment), "sha256": digest}]


def _lines(events: Sequence[Mapping[str, Any]], last: Mapping[str, Any] | None) -> Iterator[bytes]:
    """The lines of entries that follow one another."""
    number, prev = (last["number"], last["checksum"]) if last else (0, START)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    head = {} if last else {"format": FORMAT, "schema": SCHEMA}
    for event in events:
        number += 1
        line = seal({**head, **event, "number": number, "at": at, "prev": prev}).encode()
        prev, head = str(sealed_checksum(line[:HEAD_BYTES])), {}
        yield line
