"""The map of columns: what is proposed, edited, and refused; what the table says."""

from __future__ import annotations

import csv
import io
import json
import math
import tomllib
from pathlib import Path

import pytest

from vggstudy.cli import _invoke
from vggstudy.errors import AnalysisError
from vggstudy.imports.columns import proposed, read_map, written
from vggstudy.imports.paths import settings_of_folders
from vggstudy.imports.runs import ImportedRun
from vggstudy.imports.table import table_of

RUNS = (
    ImportedRun(
        "a",
        "finished",
        {"config.lr": 0.1, "config.opt.name": "sgd", "config.seed": 0, "config.model/size": 3},
        {"summary.val/acc": 0.5, "summary._step": 9, "summary.loss": math.inf, "summary.none": ""},
        {"user": "=HYPERLINK(1)"},
    ),
    ImportedRun(
        "b",
        "killed",
        {"config.lr": 0.2, "config.opt.name": "sgd", "config.seed": 0},
        {"summary.val/acc": 0.6},
        {"user": "x"},
    ),
)


def names(runs: tuple[ImportedRun, ...] = RUNS) -> dict[str, str]:
    """The proposed map."""
    return {column.source: column.name for column in proposed(runs)}


def test_what_is_proposed_has_short_names_that_can_be_an_outcome() -> None:
    assert names() == {
        "config.lr": "lr",
        "config.opt.name": "",  # the same in all runs
        "config.seed": "seed",  # a seed is kept even so
        "config.model/size": "model_size",  # not given by every run
        "summary.val/acc": "val_acc",
        "summary._step": "",
        "summary.loss": "loss",
        "summary.none": "",
        "user": "",
    }


def test_names_that_two_columns_would_have_are_told_apart() -> None:
    run = ImportedRun(
        "a", "finished", {"config.loss": "mse", "config.label": 3}, {"summary.loss": 1.0}
    )
    assert names((run,)) == {
        "config.loss": "config_loss",
        "summary.loss": "summary_loss",
        "config.label": "config_label",
    }


@pytest.mark.parametrize("name", ["seed", "trainer.random_seed", "SEED", "model.init_seed"])
def test_one_seed_is_the_seed(name: str) -> None:
    assert names((ImportedRun("a", "finished", {f"config.{name}": 3}),)) == {
        f"config.{name}": "seed"
    }


def test_several_seeds_keep_their_names() -> None:
    settings = {"params.init_seed": 1, "params.data_seed": 2}
    assert names((ImportedRun("a", "finished", settings),)) == {
        "params.init_seed": "init_seed",
        "params.data_seed": "data_seed",
    }


def test_a_map_is_read_as_it_was_written_and_as_it_was_edited(tmp_path: Path) -> None:
    columns = proposed(RUNS)
    file = tmp_path / "map.toml"
    file.write_text(written(columns))
    assert {*read_map(file, columns)} == {*columns}
    document = tomllib.loads(written(columns))
    assert document["measured"]["summary.val/acc"] == "val_acc"
    file.write_text('[setting]\n"config.lr" = "rate"\n[measured]\n"summary.loss" = "loss"\n')
    table = table_of(RUNS, read_map(file, columns))
    assert table.header == ("rate", "loss", "replicate", "status", "label", "run")
    assert [row[:3] for row in table.rows] == [[0.1, None, 0], [0.2, None, 1]]


WRONG = [
    ('[measured]\n"summary.los" = "x"', "the source has no 'summary.los' (did you mean 'summary.l"),
    ('[measured]\n"summary.loss" = 3', "'summary.loss' must be a text"),
    (
        '[measured]\n"summary.loss" = "lr"\n[setting]\n"config.lr" = "lr"',
        "2 columns are called 'lr'",
    ),
    ('[measured]\n"summary.loss" = "status"', "'status' is the name of a column that is added"),
    ("[measures]", "[measures] is not [setting], [measured] or [about]"),
    ("loss", "not a map of columns"),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said for _, said in WRONG])
def test_a_wrong_map_is_refused_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(AnalysisError) as error:
        read_map(tmp_path / "map.toml", proposed(RUNS))
    assert said in str(error.value)


def test_a_table_without_anything_measured_is_none(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text('[setting]\n"config.lr" = "lr"\n')
    with pytest.raises(AnalysisError, match="nothing that was measured is kept"):
        table_of(RUNS, read_map(tmp_path / "map.toml", proposed(RUNS)))


def test_infinite_is_diverged_and_killed_is_crashed_and_nothing_is_a_formula(
    tmp_path: Path,
) -> None:
    columns = proposed(RUNS)
    file = tmp_path / "map.toml"
    file.write_text(written(columns).replace('user = ""', 'user = "user"'))
    table = table_of(RUNS, read_map(file, columns))
    first, second = csv.DictReader(io.StringIO(table.text()))
    assert (first["status"], first["label"], first["loss"]) == ("finished", "diverged", "")
    assert (second["status"], second["label"], second["val_acc"]) == ("killed", "crashed", "0.6")
    assert first["user"] == "'=HYPERLINK(1)"
    assert table.infinite == ("loss",)


def test_runs_of_which_nothing_speaks_against_one_have_no_label() -> None:
    run = ImportedRun("a", "finished", {}, {"acc": -0.5})
    assert table_of((run,), proposed((run,))).text() == (
        "acc,replicate,status,run\n-0.5,0,finished,a\n"
    )


def test_folders_are_settings_where_they_say_so() -> None:
    from pathlib import PurePosixPath as Folder

    paired = settings_of_folders([Folder("lr=0.1,opt=sgd/seed_3"), Folder("lr=0.2,opt=sgd/seed_4")])
    assert paired[0] == {"path.lr": "0.1", "path.opt": "sgd", "path.seed": "3"}
    plain = settings_of_folders([Folder("ppo/seed-1"), Folder("ppo/seed-2"), Folder("dqn/seed-1")])
    assert plain[2] == {"path.folder_1": "dqn", "path.seed": "1"}
    assert settings_of_folders([Folder("run1"), Folder("run2")]) == [{}, {}]
    assert settings_of_folders([Folder("a"), Folder("a/b")]) == [{}, {}]


def test_json_says_the_same(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = Path(__file__).with_name("data") / "optuna-trials.csv"
    target = tmp_path / "runs.csv"
    assert _invoke(["import", str(source), "-o", str(target), "--json", "-q"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["format"] == "vggstudy-import"
    assert document["source_format"] == "optuna-table"
    assert document["labels"] == {"crashed": 1, "diverged": 1}
    assert {"source": "params_lr", "role": "setting", "name": "lr"} in document["columns"]
    assert document["output"] == str(target)


def test_nothing_is_written_without_being_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path(__file__).with_name("data") / "optuna-trials.csv"
    assert _invoke(["import", str(source)]) == 0
    said = capfd.readouterr()
    assert tomllib.loads(said.out)["setting"]["params_lr"] == "lr"
    assert "nothing is written without -o" in said.err
    assert list(tmp_path.iterdir()) == []


BROWSERS = {
    # The headers are those of the tools' browser pages, which only a server shows.
    "mlflow-table": (
        "Start Time,Duration,Run ID,Name,Source Type,Source Name,User,Status,lr,seed,acc\n"
        "2026-11-28,1s,a1,run,LOCAL,x.py,me,FINISHED,0.1,0,0.5\n"
        "2026-11-28,1s,a2,run,LOCAL,x.py,me,FAILED,0.1,1,\n"
    ),
    "wandb-table": (
        '"Name","State","Notes","User","Tags","Created","Runtime","Sweep","lr","seed","acc"\n'
        '"a1","finished","","me","","2026-11-28","9","","0.1","0","0.5"\n'
        '"a2","crashed","","me","","2026-11-28","9","","0.1","1",""\n'
    ),
}


@pytest.mark.parametrize("name", BROWSERS)
def test_the_tables_of_browsers_keep_every_column_that_may_be_either(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "export.csv").write_text(BROWSERS[name])
    target = tmp_path / "runs.csv"
    assert _invoke(["import", str(tmp_path / "export.csv"), "-o", str(target)]) == 0
    assert f"(--format {name})" in capfd.readouterr().err
    first, second = csv.DictReader(io.StringIO(target.read_text()))
    assert (first["lr"], first["seed"], first["acc"], first["label"]) == ("0.1", "0", "0.5", "")
    assert (second["status"], second["label"], second["run"]) == ("failed", "crashed", "a2")
