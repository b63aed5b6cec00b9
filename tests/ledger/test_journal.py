"""The journal holds every entry in its order, whoever writes and whatever happens to its end."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from vggstudy.errors import LedgerError
from vggstudy.ledger import journal as module
from vggstudy.ledger.journal import (
    JOURNAL_NAME,
    MAX_LINE,
    Fault,
    Journal,
    append,
    parse_line,
    read_journal,
)

RUN, RECORD = "0123456789abcdef", "a" * 64


def write(folder: Path, count: int = 5) -> Path:
    """A journal of so many entries."""
    for number in range(count):
        append(
            folder, [{"event": "recorded", "run": f"{number:016x}", "record": RECORD}], create=True
        )
    return folder / JOURNAL_NAME


def read(folder: Path) -> Journal:
    found = read_journal(folder)
    assert found is not None
    return found


def test_entries_come_back_in_their_order(tmp_path: Path) -> None:
    append(tmp_path, [{"event": "created", "protocol": "d"}, {"event": "looked"}], create=True)
    append(tmp_path, [{"event": "recorded", "run": RUN, "record": RECORD}])
    found = read(tmp_path)
    assert [entry.event for entry in found.entries] == ["created", "looked", "recorded"]
    assert [entry.number for entry in found.entries] == [1, 2, 3]
    assert (found.entries[2].run, found.entries[2].record) == (RUN, RECORD)
    assert found.entries[0].values == {"protocol": "d"}
    assert found.faults == ()
    first = json.loads((tmp_path / JOURNAL_NAME).read_text().splitlines()[0])
    assert (first["format"], first["schema"]) == ("vggstudy-journal", 1)


def test_there_is_none_until_it_is_made(tmp_path: Path) -> None:
    assert read_journal(tmp_path) is None
    with pytest.raises(FileNotFoundError):
        append(tmp_path, [{"event": "looked"}])
    assert list(tmp_path.iterdir()) == []


def test_a_look_after_a_look_is_one(tmp_path: Path) -> None:
    write(tmp_path, 1)
    assert append(tmp_path, [{"event": "looked"}], unless_last="looked")
    assert not append(tmp_path, [{"event": "looked"}], unless_last="looked")
    assert [entry.event for entry in read(tmp_path).entries] == ["recorded", "looked"]


# -- What somebody does to it ------------------------------------------------------------------


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path, 3)
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = read(tmp_path)
        assert found.faults, at
        assert len(found.entries) < 3


@pytest.mark.parametrize("gone", [0, 1, 3])
def test_a_deleted_line_leaves_a_gap(tmp_path: Path, gone: int) -> None:
    path = write(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    assert read(tmp_path).faults == (Fault(gone + 1, "gap"),)


def test_a_line_that_was_put_in_later_is_a_fork(tmp_path: Path) -> None:
    path = write(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    append(tmp_path, [{"event": "amended", "date": "2001-01-01", "new": "d"}])
    path.write_bytes(path.read_bytes() + b"".join(lines[2:]))
    assert read(tmp_path).faults == (Fault(4, "fork"),)


def test_swapped_and_doubled_lines_are_noticed(tmp_path: Path) -> None:
    path = write(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    for other in ([1, 0, 2, 3, 4], [0, 1, 1, 2, 3, 4], [0, 2, 1, 3, 4]):
        path.write_bytes(b"".join(lines[at] for at in other))
        assert read(tmp_path).faults


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"checksum":"' + b"0" * 64 + b'","a":1}',
        b"[" * 100_000, b'{"checksum":"' + b"0" * 64 + b'",' + b"x" * MAX_LINE,
    ],
)  # fmt: skip
def test_what_nobody_wrote_is_no_entry(line: bytes, tmp_path: Path) -> None:
    assert parse_line(line) is None
    path = write(tmp_path, 2)
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert read(tmp_path).faults == (Fault(3, "edited"),)
    append(tmp_path, [{"event": "looked"}])
    assert [entry.number for entry in read(tmp_path).entries] == [1, 2, 3]


def test_an_entry_of_wrong_types_is_none(tmp_path: Path) -> None:
    from vggstudy.ledger.sealed import seal

    good: dict[str, Any] = {"number": 1, "at": "t", "event": "looked", "prev": "0" * 64}
    assert parse_line(seal(good).encode().rstrip()) is not None
    for name, value in (
        ("number", "1"),
        ("number", True),
        ("event", None),
        ("run", 3),
        ("prev", 1),
    ):
        assert parse_line(seal({**good, name: value}).encode().rstrip()) is None


# -- What happens to its end -------------------------------------------------------------------


def test_whatever_is_torn_off_the_end_is_named_and_nothing_before_it_is_lost(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, 3)
    whole = path.read_bytes()
    second = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for size in range(second, len(whole)):
        path.write_bytes(whole[:size])
        torn = read(tmp_path)
        lost = size < len(whole) - 1  # of the line itself, and not of its line feed alone
        assert len(torn.entries) == (2 if lost else 3)
        assert torn.torn == (size - second if lost else 0)
        append(tmp_path, [{"event": "looked"}])
        found = read(tmp_path)
        assert found.faults == ()
        assert found.torn == 0
        assert found.repaired == (1 if lost and size > second else 0)
        assert [e.event for e in found.entries][-1] == "looked"
        assert path.read_bytes().startswith(whole[:size])  # nothing is ever taken away


@pytest.mark.parametrize("rest", [b"\0" * 9000, b"\0" * 200_000, b"x"])
def test_blocks_that_were_never_written_are_named(tmp_path: Path, rest: bytes) -> None:
    path = write(tmp_path, 2)
    path.write_bytes(path.read_bytes() + rest)
    assert read(tmp_path).torn == len(rest)
    append(tmp_path, [{"event": "looked"}])
    found = read(tmp_path)
    assert (found.faults, found.repaired, len(found.entries)) == ((), 1, 4)


def test_a_disk_that_is_full_in_the_middle_of_an_entry_tears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 2)
    true = os.write
    calls = []

    def half(descriptor: int, data: bytes) -> int:
        calls.append(data)
        if len(calls) == 1:
            return true(descriptor, data[:40])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="full"):
        append(tmp_path, [{"event": "looked"}])
    monkeypatch.setattr(os, "write", true)
    assert read(tmp_path).torn == 40
    append(tmp_path, [{"event": "looked"}])
    assert (read(tmp_path).faults, read(tmp_path).repaired) == ((), 1)


# -- Who writes --------------------------------------------------------------------------------


def _many(folder: Path, number: int) -> None:
    for _ in range(50):
        append(folder, [{"event": "looked", "who": number}])


def test_many_processes_write_one_chain(tmp_path: Path) -> None:
    write(tmp_path, 1)
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=_many, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = read(tmp_path)
    assert found.faults == ()
    assert [entry.number for entry in found.entries] == list(range(1, 202))


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_written_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def none(descriptor: int, operation: int) -> None:
        raise OSError(code, "no locks here")

    monkeypatch.setattr(fcntl, "flock", none)
    write(tmp_path, 3)
    assert len(read(tmp_path).entries) == 3


def test_a_lock_that_is_never_given_back_is_an_error_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, 1)
    monkeypatch.setattr(module, "_WAIT_S", 0.0)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process"):
            append(tmp_path, [{"event": "looked"}])


def test_two_that_follow_the_same_line_are_told_and_both_count(tmp_path: Path) -> None:
    path = write(tmp_path, 1)
    base = path.read_bytes()
    append(tmp_path, [{"event": "looked", "who": 1}])
    one = path.read_bytes()[len(base) :]
    path.write_bytes(base)
    append(tmp_path, [{"event": "looked", "who": 2}])
    path.write_bytes(path.read_bytes() + one)
    found = read(tmp_path)
    assert found.faults == (Fault(3, "fork"),)
    assert [entry.values.get("who") for entry in found.entries] == [None, 2, 1]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_neither_read_nor_written(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / JOURNAL_NAME, tmp_path / "target"
    target.write_bytes(b"")
    if kind == "link":
        path.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(LedgerError):
        read_journal(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011 - the system's words differ
        append(tmp_path, [{"event": "looked"}], create=True)
    assert target.read_bytes() == b""
