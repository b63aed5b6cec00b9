from __future__ import annotations

import errno
import json
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vggstudy import files as ledger_files
from vggstudy.errors import ExecutionError, LedgerError
from vggstudy.ledger import DamagedFileError, RunRecord, StudyStore
from vggstudy.ledger.sealed import seal


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_study_is_opened_as_it_was_created(store: StudyStore) -> None:
    again = StudyStore.open(store.path)
    assert (again.name, again.protocol_text, again.protocol_digest) == (
        "depth",
        "schema = 1\n",
        "d1",
    )
    assert again.amendments == ()
    assert again.created_at == store.created_at
    assert (store.path / "protocol.toml").read_text() == "schema = 1\n"
    assert list(again.records()) == []
    assert again.damaged() == []


def test_a_record_is_read_back_from_its_folder(store: StudyStore, make_record: Any) -> None:
    record = make_record(5)
    assert store.write_record(record) is True
    assert store.read_record(record.run_id) == record
    assert store.record_path(record.run_id) == store.path / "runs" / record.run_id / "run.json"
    assert [path.name for path in store.run_dir(record.run_id).iterdir()] == ["run.json"]


def test_records_come_in_the_order_of_their_ids(store: StudyStore, make_record: Any) -> None:
    for number in (3, 1, 2):
        store.write_record(make_record(number))
    assert [record.replicate for record in store.records()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: None, r"there is no study at .*study"),
        (lambda path: path.mkdir(), r"is not a study: it holds no study\.json"),
        (lambda path: path.write_text("a file"), r"is not a study: it holds no study\.json"),
        (
            lambda path: (path.mkdir(), (path / "study.json").write_text("")),
            r"study\.json: empty, the end of a torn write",
        ),
        (
            lambda path: (path.mkdir(), (path / "study.json").write_text('{"a": 1}')),
            r"study\.json: not a vggstudy-study file: its format is None",
        ),
        (
            lambda path: (path.mkdir(), (path / "study.json").mkdir()),
            r"study\.json could not be read: not an ordinary file",
        ),
    ],
)
def test_what_is_no_study_is_refused(tmp_path: Path, prepare: Any, message: str) -> None:
    path = tmp_path / "study"
    prepare(path)
    with pytest.raises(LedgerError, match=message):
        StudyStore.open(path)


@pytest.mark.parametrize("name", ["notes.txt", "runs", "protocol.toml"])
def test_a_study_is_not_made_among_other_things(tmp_path: Path, name: str) -> None:
    if name == "runs":
        (tmp_path / "runs" / "mine").mkdir(parents=True)
    else:
        (tmp_path / name).write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(LedgerError, match=rf"not a study and not empty \(it holds {name}\)"):
        StudyStore.create(tmp_path, "schema = 1\n", "d1", "depth")
    assert snapshot(tmp_path) == before


def test_a_torn_creation_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "protocol.toml").write_text("schema = 1\n")
    (tmp_path / ".study.json.0123.tmp").write_text('{"chec')
    assert StudyStore.create(tmp_path, "schema = 1\n", "d1", "depth").name == "depth"


def test_a_study_is_created_once(store: StudyStore) -> None:
    with pytest.raises(LedgerError, match="is a study already"):
        StudyStore.create(store.path, "other", "d2", "other")
    assert StudyStore.open(store.path).protocol_text == "schema = 1\n"


def test_an_amendment_is_kept_with_its_date_and_diff(store: StudyStore) -> None:
    store.amend("schema = 1\nname = 'b'\n", "d2", "2026-02-03")
    again = StudyStore.open(store.path)
    (amendment,) = again.amendments
    assert (amendment.date, amendment.old_digest, amendment.new_digest) == (
        "2026-02-03",
        "d1",
        "d2",
    )
    assert "+name = 'b'" in amendment.diff.splitlines()
    assert again.protocol_digest == "d2"
    assert (store.path / "protocol.toml").read_text() == again.protocol_text


def test_the_same_protocol_is_no_amendment(store: StudyStore) -> None:
    store.amend("schema = 1\n", "d1", "2026-02-03")
    assert StudyStore.open(store.path).amendments == ()


def test_an_edited_protocol_file_is_noticed_and_its_former_text_is_not_lost(
    store: StudyStore,
) -> None:
    assert not store.protocol_edited()
    (store.path / "protocol.toml").write_text("schema = 1\n# mine\n")
    assert store.protocol_edited()
    store.amend("schema = 1\n# mine\n", "d1", "2026-02-03")
    assert not store.protocol_edited()
    assert "+# mine" in store.amendments[0].diff
    (store.path / "protocol.toml").unlink()
    assert store.protocol_edited()


def test_a_completed_record_stands(
    store: StudyStore, make_record: Any, make_crash: Any, caplog: pytest.LogCaptureFixture
) -> None:
    first = make_record(1)
    assert store.write_record(make_crash(1))
    assert store.write_record(first)
    assert not store.write_record(make_crash(1))
    assert not store.write_record(make_record(1, timings={"total_s": 2}))
    assert store.read_record(first.run_id) == first
    caplog.clear()
    assert not store.write_record(make_record(1, study_seed=1))
    assert "another execution of the run gave another result" in caplog.text


def test_a_damaged_record_is_named_and_can_be_replaced(
    store: StudyStore, make_record: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = make_record(1), make_record(2)
    store.write_record(good)
    store.write_record(bad)
    path = store.record_path(bad.run_id)
    path.write_bytes(path.read_bytes()[:-10])
    assert [(found, reason[:9]) for found, reason in store.damaged()] == [(path, "cut short")]
    with pytest.raises(DamagedFileError, match=r"run\.json: cut short after \d+ bytes"):
        store.read_record(bad.run_id)
    with caplog.at_level(logging.WARNING):
        assert list(store.records()) == [good]
    assert str(path) in caplog.text
    assert store.write_record(bad)
    assert store.damaged() == []


def newer(record: RunRecord) -> str:
    """The record as a version that is to come may write it."""
    payload = json.loads(record.to_json())
    del payload["checksum"]
    return seal({**payload, "schema": 99})


def test_a_record_of_a_newer_version_is_never_replaced(
    store: StudyStore, make_record: Any, make_crash: Any
) -> None:
    path = store.record_path(make_record(1).run_id)
    path.parent.mkdir()
    path.write_text(newer(make_record(1)))
    for change in (
        lambda: store.write_record(make_record(1)),
        lambda: store.write_record(make_crash(1)),
        lambda: store.refuse_unreadable([make_record(0).run_id, make_record(1).run_id]),
    ):
        with pytest.raises(DamagedFileError, match=r"run\.json: written by a newer vggstudy"):
            change()
    assert path.read_text() == newer(make_record(1))


def test_a_link_to_a_missing_record_is_never_replaced(store: StudyStore, make_record: Any) -> None:
    path = store.record_path(make_record(1).run_id)
    path.parent.mkdir()
    path.symlink_to("annex/record")
    with pytest.raises(DamagedFileError, match="links to a missing file, annex/record"):
        store.write_record(make_record(1))
    assert path.is_symlink()


@pytest.mark.parametrize("run_id", ["../../etc", "", "0" * 15, "0" * 17, "A" * 16, "/" + "0" * 15])
def test_no_name_leads_out_of_the_study(store: StudyStore, make_record: Any, run_id: str) -> None:
    for use in (store.run_dir, store.checkpoint_path, store.read_record):
        with pytest.raises(LedgerError, match="16 hexadecimal digits"):
            use(run_id)
    with pytest.raises(LedgerError, match="16 hexadecimal digits"):
        store.write_record(make_record(run_id=run_id))


def test_a_run_without_a_record_is_said_to_have_none(store: StudyStore) -> None:
    store.checkpoint_path("0" * 16).write_bytes(b"weights")
    assert store.damaged() == []
    with pytest.raises(LedgerError, match=r"run 0{16} has no record"):
        store.read_record("0" * 16)


def test_what_is_not_a_record_is_named(store: StudyStore, make_record: Any, tmp_path: Path) -> None:
    runs = store.path / "runs"
    linked, piped, nested = (runs / (letter * 16) / "run.json" for letter in "abc")
    for path in (linked, piped, nested):
        path.parent.mkdir()
    linked.symlink_to(tmp_path / "gone")
    os.mkfifo(piped)
    nested.mkdir()
    (runs / "copy of a run").mkdir()
    (runs / ".hidden").write_text("")
    (runs / "file").write_text("")
    with (runs / ("d" * 16)).open("w"):
        pass  # a file where a folder should be
    found = {path.relative_to(runs).parts[0]: reason for path, reason in store.damaged()}
    assert set(found) == {"a" * 16, "b" * 16, "c" * 16, "d" * 16, "copy of a run", "file"}
    assert "links to a missing file" in found["a" * 16]
    assert "not an ordinary file" in found["b" * 16]


def test_a_folder_that_is_a_link_is_not_written_through(
    store: StudyStore, make_record: Any, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (store.path / "runs" / f"{3:016x}").symlink_to(outside)
    with pytest.raises(ExecutionError, match="it is a link"):
        store.write_record(make_record(3))
    assert list(outside.iterdir()) == []


def test_a_study_that_is_moved_is_whole(
    store: StudyStore, make_record: Any, tmp_path: Path
) -> None:
    store.write_record(make_record(1))
    moved = store.path.rename(tmp_path / "elsewhere")
    again = StudyStore.open(moved)
    assert list(again.records()) == [make_record(1)]
    assert again.damaged() == []


def test_a_read_only_store_writes_nothing(store: StudyStore, make_record: Any) -> None:
    before = snapshot(store.path)
    again = StudyStore.open(store.path, readonly=True)
    for write in (
        lambda: again.write_record(make_record()),
        lambda: again.amend("", "", ""),
        again.tidy,
        again.lock,
    ):
        with pytest.raises(LedgerError, match="was opened read-only"):
            write()
    assert again.checkpoint_path("0" * 16).name == "checkpoint.pt"
    assert snapshot(store.path) == before


def test_leftovers_are_ignored_and_tidied_once_they_are_old(
    store: StudyStore, make_record: Any
) -> None:
    store.write_record(make_record(1))
    leftover = store.run_dir(make_record(1).run_id) / ".run.json.0123456789abcdef.tmp"
    leftover.write_text('{"chec')
    (store.path / ".study.json.0123456789abcdef.tmp").write_text("")
    assert len(list(store.records())) == 1
    assert store.damaged() == []
    assert store.tidy() == []  # a worker may be writing them now
    os.utime(leftover, (0, 0))
    assert store.tidy() == [leftover]
    assert store.tidy(older_than_s=0) == [store.path / ".study.json.0123456789abcdef.tmp"]
    assert StudyStore.open(store.path).read_record(make_record(1).run_id) == make_record(1)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "No space left on device; free some space there and run again"),
        (errno.EROFS, "Read-only file system; its file system is read-only"),
        (errno.EACCES, "Permission denied; change the permissions or use another folder"),
        (errno.EIO, "Input/output error; the disk reported a fault"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "rename", "open"])
def test_a_failed_write_leaves_the_former_record_and_nothing_else(
    store: StudyStore,
    make_record: Any,
    make_crash: Any,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    advice: str,
    step: str,
) -> None:
    store.write_record(make_crash(1))
    before = snapshot(store.path)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(ledger_files, "sync_folder", lambda folder: None)
            patch.setattr(os, "fsync", fail)
            patch.setattr("vggstudy.ledger.run_store.sync_folder", lambda folder: None)
        elif step == "rename":
            patch.setattr(Path, "replace", fail)
        else:
            patch.setattr(ledger_files, "_write_new", fail)
        with pytest.raises(ExecutionError, match=rf"run\.json could not be written: {advice}"):
            store.write_record(make_record(1))
    assert snapshot(store.path) == before
    assert store.write_record(make_record(1))


def test_a_file_size_limit_is_one_sentence(store: StudyStore, make_record: Any) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(
            ExecutionError, match=r"could not be written: File too large; .*ulimit -f"
        ):
            store.write_record(make_record(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(store.run_dir(make_record(1).run_id).iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing_that_was_written(small_disk: Path, make_record: Any) -> None:
    store = StudyStore.create(small_disk / "study", "schema = 1\n", "d1", "depth")
    records = (make_record(number, environment={"log": "x" * 4000}) for number in range(100))
    with pytest.raises(ExecutionError, match=r"No space left on device; free some space") as caught:
        list(map(store.write_record, records))
    assert "\n" not in str(caught.value)
    written = len(list((store.path / "runs").glob("*/run.json")))
    assert 0 < written < 100
    assert len(list(store.records())) == written
    assert store.damaged() == []
    assert list(small_disk.rglob("*.tmp")) == []
    # Everything still reads, the index falls back to memory, and freed space is enough to go on.
    with store.index() as index:
        assert len(index) == written
    for path in small_disk.rglob("index.sqlite*"):
        path.unlink()
    fill(small_disk / "filler")
    with pytest.raises(LedgerError, match="No space left"):
        StudyStore.create(small_disk / "other", "x" * 5000, "d", "other")
    (small_disk / "filler").unlink()
    store.record_path(make_record(0).run_id).unlink()
    assert store.write_record(make_record(0))


def fill(path: Path) -> None:
    """Write until the disk is full."""
    try:
        with path.open("wb", buffering=0) as stream:
            while True:
                stream.write(b"x" * 1024)
    except OSError:
        return


def test_a_read_only_disk_is_read_and_not_opened_for_writing(
    small_disk: Path, make_record: Any
) -> None:
    store = StudyStore.create(small_disk / "study", "schema = 1\n", "d1", "depth")
    store.write_record(make_record(1))
    with store.index() as index:
        assert len(index) == 1
    remount = ["mount", "-o", "remount,{}", str(small_disk)]
    subprocess.run([word.format("ro") for word in remount], check=True)
    try:
        with pytest.raises(LedgerError, match="could not be opened for writing: it is read-only"):
            StudyStore.open(store.path)
        again = StudyStore.open(store.path, readonly=True)
        assert list(again.records()) == [make_record(1)]
        with again.index() as index:
            assert [row.run_id for row in index.rows()] == [make_record(1).run_id]
        with pytest.raises(ExecutionError, match="Read-only file system"):
            store.write_record(make_record(2))
        with pytest.raises(LedgerError, match="Read-only file system"), store.lock():
            pass
        with pytest.raises(LedgerError, match="Read-only file system"):
            StudyStore.create(small_disk / "other", "", "d", "other")
    finally:
        subprocess.run([word.format("rw") for word in remount], check=True)


WRITER = """
import sys
from pathlib import Path
from vggstudy.ledger import RunRecord, StudyStore
store = StudyStore.open(Path(sys.argv[1]))
template = RunRecord.from_json(Path(sys.argv[2]).read_bytes())
from dataclasses import replace
for number in range(int(sys.argv[3]), 60, 2):
    store.write_record(replace(template, run_id=f"{number:016x}", replicate=number))
    store.write_record(replace(template, run_id="f" * 16))
"""


def test_workers_write_different_runs_at_once(
    store: StudyStore, fixtures: Path, repository: Path
) -> None:
    record = str(fixtures / "run-schema-1.json")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.path), record, str(offset)], cwd=repository
        )
        for offset in (0, 1)
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    assert sorted(record.replicate for record in store.records()) == sorted([7, *range(60)])
    assert store.damaged() == []
    assert list(store.path.rglob("*.tmp")) == []


def test_the_package_is_loaded_without_any_numerical_library(repository: Path) -> None:
    program = (
        "import sys, vggstudy.ledger, vggstudy.study.labels, vggstudy.environment;"
        "heavy = {'torch', 'numpy', 'scipy', 'pandas', 'sqlite3'} & set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
