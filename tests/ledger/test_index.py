from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.errors import LedgerError
from vggstudy.ledger import StudyStore
from vggstudy.ledger import index as index_module
from vggstudy.ledger import records as records_module
from vggstudy.ledger.database import INDEX_NAME, SCHEMA
from vggstudy.ledger.index import StudyIndex
from vggstudy.ledger.record import read_record_file


@pytest.fixture
def filled(
    store: StudyStore, make_record: Any, make_crash: Any, monkeypatch: pytest.MonkeyPatch
) -> StudyStore:
    """Four finished runs and a crashed one, which the index takes for settled at once."""
    monkeypatch.setattr(index_module, "_UNSETTLED_NS", 0)
    for number in range(4):
        store.write_record(make_record(number))
    store.write_record(make_crash(4))
    return store


@pytest.fixture
def read_paths(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The run ids of the records that the index opens, in order."""
    found: list[str] = []
    original = read_record_file

    def spy(path: Path, *, run_id: str) -> Any:
        found.append(run_id)
        return original(path, run_id=run_id)

    monkeypatch.setattr(records_module, "read_record_file", spy)
    return found


def ids(index: StudyIndex) -> list[str]:
    return [row.run_id for row in index.rows()]


def test_a_row_holds_what_outcomes_need(filled: StudyStore, make_record: Any) -> None:
    record = make_record(2)
    with filled.index() as index:
        rows = {row.run_id: row for row in index.rows()}
    row = rows[record.run_id]
    assert (row.cell_id, row.status, row.reason) == (record.cell_id, "finished", None)
    assert row.result == record.result
    assert row.curves == record.result["curves"]
    assert row.summary["levels"] == record.levels
    assert row.summary["replicate"] == 2
    assert row.summary["attempts"] == list(record.attempts)
    assert row.summary["timings"] == {"total_s": 1.25}
    crashed = rows[f"{4:016x}"]
    assert (crashed.status, crashed.result) == ("crashed", {})
    assert crashed.summary["attempts"][0]["failure"]["kind"] == "killed"


def test_rows_without_curves_are_the_same_otherwise(filled: StudyStore) -> None:
    with filled.index() as index:
        full, light = list(index.rows()), list(index.rows(curves=False))
    assert [row.summary for row in light] == [row.summary for row in full]
    assert all(row.curves == {} for row in light)


def test_rows_come_in_pages_and_in_the_order_of_their_ids(
    filled: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_PAGE", 2)
    monkeypatch.setattr(index_module, "_BATCH", 2)
    with filled.index() as index:
        assert ids(index) == [f"{number:016x}" for number in range(5)]
        assert len(index) == 5


def test_environments_are_kept_once(filled: StudyStore, make_record: Any) -> None:
    filled.write_record(make_record(9, environment={"host": "other \udcff"}))
    with filled.index() as index:
        assert index.environments() == [
            ({"host": "machine", "packages": {"torch": "2.14.1"}}, 5),
            ({"host": "other \udcff"}, 1),
        ]


def test_only_what_changed_is_read_again(
    filled: StudyStore, make_record: Any, read_paths: list[str]
) -> None:
    filled.index().close()
    assert len(read_paths) == 5
    read_paths.clear()
    filled.write_record(make_record(7))
    filled.record_path(f"{3:016x}").unlink()
    with filled.index() as index:
        assert read_paths == [f"{7:016x}"]
        assert ids(index) == [f"{number:016x}" for number in (0, 1, 2, 4, 7)]
        read_paths.clear()
        index.refresh()
        assert read_paths == []
        index.rebuild()
        assert len(read_paths) == 5


def test_a_record_edited_within_one_tick_of_the_clock_is_read_again(
    store: StudyStore, make_record: Any
) -> None:
    store.write_record(make_record(1))
    path = store.record_path(make_record(1).run_id)
    with store.index() as index:
        assert index.damaged() == []
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))  # same size, and perhaps the same time
        index.refresh()
        assert [found for found, _ in index.damaged()] == [path]


def test_an_edit_that_restores_the_time_of_modification_is_noticed(
    filled: StudyStore, read_paths: list[str]
) -> None:
    filled.index().close()
    path = filled.record_path(f"{1:016x}")
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.85"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    with filled.index() as index:
        assert [found for found, _ in index.damaged()] == [path]


def test_damaged_records_are_rows_with_a_reason(filled: StudyStore, make_record: Any) -> None:
    torn, foreign = filled.record_path(f"{0:016x}"), filled.record_path(f"{1:016x}")
    torn.write_bytes(torn.read_bytes()[:50])
    foreign.write_text("{}")
    link = filled.run_dir("e" * 16)
    link.mkdir()
    (link / "run.json").symlink_to("gone \udcff")
    with filled.index() as index:
        rows = {row.run_id: row for row in index.rows()}
        damaged = dict(index.damaged())
    assert len(rows) == 6
    assert [rows[f"{n:016x}"].kind for n in (0, 1, 2)] == ["torn", "foreign", None]
    assert rows["e" * 16].kind == "unreadable"
    assert rows[f"{0:016x}"].result == {}
    assert damaged[torn].startswith("cut short after 50 bytes")
    assert dict(filled.damaged()).keys() == damaged.keys()


def test_a_mended_record_loses_its_reason(filled: StudyStore, make_record: Any) -> None:
    path = filled.record_path(f"{0:016x}")
    path.write_text("")
    with filled.index() as index:
        assert len(index.damaged()) == 1
        filled.write_record(make_record(0))
        index.refresh()
        assert index.damaged() == []
        assert len(index) == 5


def corrupt_row(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE runs SET summary = replace(summary, '0.7', '0.9')")
    connection.close()


def corrupt_curves(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE runs SET curves = replace(curves, '0.75', '0.85')")
    connection.close()


def other_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.execute("DROP TABLE environments")
    connection.commit()
    connection.close()


def other_columns(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE runs; CREATE TABLE runs (run_id)")
    connection.close()


def as_link(path: Path) -> None:
    target = path.with_name("target.sqlite")
    path.rename(target)
    path.symlink_to(target)


SPOIL: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "header only": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "text": lambda path: path.write_text("not a database " * 100),
    "zeros inside": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + bytes(path.stat().st_size - 4096)
    ),
    "other schema": other_schema,
    "other columns": other_columns,
    "flipped row": corrupt_row,
    "flipped curves": corrupt_curves,
    "link": as_link,
}


@pytest.mark.parametrize("name", SPOIL)
def test_a_spoilt_index_is_made_anew(
    filled: StudyStore, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with filled.index() as index:
        expected = list(index.rows())
    path = filled.path / INDEX_NAME
    assert [item.name for item in filled.path.glob(f"{INDEX_NAME}*")] == [INDEX_NAME]
    SPOIL[name](path)
    with caplog.at_level(logging.WARNING), filled.index() as index:
        assert list(index.rows()) == expected
        assert len(index.environments()) == 1
        assert not index.in_memory
    if name not in {"deleted", "empty"}:
        assert "making the index of" in caplog.text
    caplog.clear()
    with filled.index() as index:
        assert list(index.rows()) == expected
    assert caplog.text == ""


def test_no_flipped_byte_of_the_index_changes_what_it_says(filled: StudyStore) -> None:
    with filled.index() as index:
        expected = list(index.rows())
    path = filled.path / INDEX_NAME
    data = path.read_bytes()
    used = [position for position, byte in enumerate(data) if byte]
    for position in used[:: max(1, len(used) // 150)]:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(f"{INDEX_NAME}{suffix}").unlink(missing_ok=True)
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        with filled.index() as index:
            assert list(index.rows()) == expected, position
            assert len(index.environments()) == 1, position


def test_damage_met_while_rows_are_read_is_mended_on_the_way(
    filled: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "_PAGE", 2)
    with filled.index() as index:
        rows = index.rows()
        first = [next(rows), next(rows)]
        corrupt_row(filled.path / INDEX_NAME)
        assert [row.run_id for row in [*first, *rows]] == [f"{n:016x}" for n in range(5)]
        assert next(index.rows()).result["metrics"]["test_accuracy"] == 0.7


def test_an_index_that_cannot_be_kept_is_made_in_memory(filled: StudyStore) -> None:
    (filled.path / INDEX_NAME).mkdir()
    with filled.index() as index:
        assert index.in_memory
        assert len(index) == 5
        index.rebuild()
        assert len(index) == 5


def test_an_index_opened_read_only_touches_nothing(filled: StudyStore) -> None:
    with StudyIndex.open(filled.path, readonly=True) as index:
        assert len(index) == 5
    assert not (filled.path / INDEX_NAME).exists()


def test_an_index_in_use_is_waited_for_or_done_without(
    filled: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vggstudy.ledger.database._BUSY_S", 0.05)
    filled.index().close()
    filled.record_path(f"{1:016x}").unlink()
    other = sqlite3.connect(filled.path / INDEX_NAME)
    other.execute("BEGIN IMMEDIATE")
    with filled.index() as index:
        assert index.in_memory
        assert len(index) == 4
    other.rollback()
    other.close()
    with filled.index() as index:
        assert not index.in_memory
        assert len(index) == 4


def test_a_copied_study_is_read_afresh(
    filled: StudyStore, tmp_path: Path, read_paths: list[str]
) -> None:
    filled.index().close()
    read_paths.clear()
    copied = Path(shutil.copytree(filled.path, tmp_path / "copy"))
    with StudyStore.open(copied).index() as index:
        assert len(index) == 5
    assert len(read_paths) == 5


def test_a_study_without_its_runs_folder_has_no_rows(filled: StudyStore) -> None:
    filled.index().close()
    shutil.rmtree(filled.path / "runs")
    with filled.index() as index:
        assert list(index.rows()) == []
    (filled.path / "runs").write_text("a file")
    with pytest.raises(LedgerError, match="runs could not be read: Not a directory"):
        filled.index()


READER = """
import sys
from pathlib import Path
from vggstudy.ledger import StudyStore
for _ in range(5):
    with StudyStore.open(Path(sys.argv[1])).index() as index:
        index.rebuild() if sys.argv[2] == "rebuild" else index.refresh()
        found = [row.reason for row in index.rows()]
    if found != [None] * 5:
        sys.exit(repr(found))
"""


def test_processes_may_refresh_and_rebuild_at_once(filled: StudyStore, repository: Path) -> None:
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(filled.path), how], cwd=repository)
        for how in ("refresh", "rebuild", "refresh")
    ]
    assert [reader.wait(timeout=120) for reader in readers] == [0, 0, 0]
