"""A stranger's file, a damaged one and one of another layout get one sentence, and nothing more."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.imports.registry import read_source
from vggstudy.imports.runs import unfolded
from vggstudy.imports.sources import Place
from vggstudy.imports.wandb_table import _opened
from vggstudy.imports.wire import fields

MadeBy = Callable[[str], Path]


def refusal(path: Path, name: str | None = None) -> str:
    """The message for a source that is refused: one line."""
    with pytest.raises(AnalysisError) as error:
        read_source(path, name)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_table_that_needs_no_import_is_said_to(tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("lr,seed,test_accuracy\n0.1,0,0.5\n")
    said = refusal(file)
    assert "its columns are lr, seed, test_accuracy" in said
    assert "needs no import (vggstudy analyze)" in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "is empty"),
        ("zeros.db", bytes(999), "no layout that is known"),
        ("text.db", b"SQLite format 3\0" + bytes(99), "cannot be read"),
        ("list.json", b"[1, 2]", "no layout that is known"),
        ("runs.parquet", b"PAR1" + bytes(99), "not a Parquet table"),
    ],
)
def test_what_is_no_export_is_refused(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path / name)


def test_what_is_not_there_is_refused_by_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _invoke(["import", str(tmp_path / "none")]) == 3
    assert "no such file or folder" in capfd.readouterr().err
    assert _invoke(["import", str(tmp_path), "--format", "nope"]) == 2
    assert "is none of wandb-table" in capfd.readouterr().err
    assert _invoke(["import", str(tmp_path)]) == 3
    assert "the folder holds no files" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "format_", "said"),
    [
        ("mlflow-table", "number,state,value\n", "it lacks run_id, status"),
        ("optuna-table", "run_id,status\n", "it lacks number, state"),
        ("benchopt", "run_id,status\n1,2\n", "it lacks solver_name"),
        ("wandb-table", "a,b\n1,2\n", "it has no config, summary or State"),
    ],
)
def test_another_layout_under_a_format_that_was_named_says_what_it_lacks(
    name: str, format_: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(format_)
    assert said in refusal(tmp_path / "x.csv", name)


@pytest.mark.parametrize("packed", ["mlflow.db.xz", "optuna.db.xz"])
def test_a_store_of_another_version_says_what_it_lacks(packed: str, made_by: MadeBy) -> None:
    file = made_by(packed)
    table, column = ("runs", "lifecycle_stage") if "mlflow" in packed else ("trials", "number")
    with closing(sqlite3.connect(file)) as base:
        base.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
        base.commit()
    assert f"that is known: it has no column {table}.{column}" in refusal(file)


def test_a_view_in_place_of_a_table_is_not_run(made_by: MadeBy) -> None:
    file = made_by("optuna.db.xz")
    with closing(sqlite3.connect(file)) as base:
        base.executescript(
            "ALTER TABLE trial_values RENAME TO v; CREATE VIEW trial_values AS SELECT * FROM v;"
        )
    assert "it has no table trial_values" in refusal(file)


def test_a_store_is_neither_written_nor_locked(made_by: MadeBy) -> None:
    file = made_by("optuna.db.xz")
    with closing(sqlite3.connect(file)) as base:
        base.execute("PRAGMA journal_mode = WAL")
    before = file.read_bytes()
    file.chmod(0o400)
    read_source(file)
    assert file.read_bytes() == before
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_store_whose_last_lines_stand_beside_it_is_not_read_in_part(made_by: MadeBy) -> None:
    file = made_by("optuna.db.xz")
    with closing(sqlite3.connect(file)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("UPDATE trials SET state = 'FAIL'")
        base.commit()
        assert "optuna.db-wal still" in refusal(file)


def test_two_formats_in_one_folder_are_not_chosen_from(
    made_by: MadeBy, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = made_by("lightning_logs.tar.xz")
    made_by("tensorboard.tar.xz").rename(folder / "events")
    assert _invoke(["import", str(folder)]) == 2
    assert "looks like 2 formats (tensorboard, lightning): say --format" in capfd.readouterr().err
    assert len(read_source(folder, "lightning")[1].runs) == 8


def test_links_and_pipes_inside_a_folder_are_not_followed(made_by: MadeBy, tmp_path: Path) -> None:
    folder = made_by("lightning_logs.tar.xz")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "metrics.csv").write_text("step,password\n1,2\n")
    (secret / "hparams.yaml").write_text("{}")
    (folder / "link").symlink_to(secret)
    _, found = read_source(folder)
    assert len(found.runs) == 8
    assert found.dropped["links, which are not followed"] == 1
    first = folder / "version_0" / "metrics.csv"
    first.unlink()
    first.symlink_to(secret / "metrics.csv")
    assert "is a link" in refusal(folder)
    first.unlink()
    os.mkfifo(first)
    assert "not a regular file" in refusal(folder)


def test_a_file_beyond_the_bound_is_not_read(
    made_by: MadeBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = made_by("optuna-trials.csv")
    monkeypatch.setattr("vggstudy.imports.sources.MAX_FILES", 3)
    assert "more than 3 files" in refusal(made_by("mlruns.tar.xz"))
    with file.open("ab") as stream:
        stream.truncate(513 * 2**20)
    with pytest.raises(AnalysisError, match="larger than 512 MiB"):
        Place(file).text_of()


@pytest.mark.parametrize(
    ("tag", "kept"),
    [
        ("!!python/object/apply:os.system ['touch gone']", ["touch gone"]),
        ("!!python/name:os.system", ""),
    ],
)
def test_a_tag_of_yaml_calls_nothing(
    tag: str, kept: object, made_by: MadeBy, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made_by("lightning_logs.tar.xz")
    monkeypatch.chdir(folder)
    (folder / "version_0" / "hparams.yaml").write_text(f"lr: {tag}\nseed: 0\n")
    assert Place(folder).yaml_of(Place(folder).files[0])["lr"] == kept
    read_source(folder)
    assert not (folder / "gone").exists()


def test_aliases_of_yaml_do_not_grow_beyond_bounds(made_by: MadeBy) -> None:
    folder = made_by("lightning_logs.tar.xz")
    lines = ["a0: &a0 {x: 1, y: 2, z: 3}"]
    lines += [f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}, z: *a{i - 1}}}" for i in range(1, 18)]
    (folder / "version_0" / "hparams.yaml").write_text("\n".join(lines))
    assert "has more parts than settings have" in refusal(folder)


def test_settings_inside_settings_have_a_bottom() -> None:
    deep: dict[str, object] = {}
    for _ in range(30):
        deep = {"a": deep or 1}
    with pytest.raises(AnalysisError, match="nested deeper"):
        unfolded(deep, "config")


@pytest.mark.parametrize(
    "text",
    ["{" * 5000, "{'a': __import__('os')}", "{'a': [] * 9}", "{**{}}", "{'a': 1 if 1 else 2}"],
)
def test_a_cell_that_is_no_dictionary_stays_a_text(text: str) -> None:
    assert _opened(text) == text


def test_a_cell_as_python_writes_it_is_read() -> None:
    assert _opened("{'a': -1, 'b': {'c': (1, True)}, 'd': None}") == {
        "a": -1,
        "b": {"c": [1, True]},
        "d": None,
    }


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\xff" * 12, b"\x0f\x01", b"\x0d\x01"])
def test_a_message_that_ends_within_a_field_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="ends within a field"):
        list(fields(data))


def test_a_csv_with_a_field_too_many_is_named_by_its_line(made_by: MadeBy) -> None:
    file = made_by("optuna-trials.csv")
    file.write_text(file.read_text() + "1," * 40 + "\n")
    assert "line 10 has more fields than the header" in refusal(file)


def test_a_metric_of_mlflow_that_is_none_is_named_by_its_line(made_by: MadeBy) -> None:
    folder = made_by("mlruns.tar.xz")
    metric = next(folder.rglob("test_accuracy"))
    metric.write_text("1 0.5 0\nnothing\n")
    assert "line 2 is no entry of a metric" in refusal(folder)


def test_jobs_without_metrics_say_what_is_looked_for(made_by: MadeBy) -> None:
    folder = made_by("multirun.tar.xz")
    for file in folder.rglob("metrics.json"):
        file.unlink()
    assert "none of 8 jobs has a file of metrics; looked for are metrics.json" in refusal(folder)
