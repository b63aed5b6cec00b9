"""What MLflow, Optuna, W&B, TensorBoard, Hydra, Lightning and benchopt write becomes claims.

Every file is one that the tool itself wrote (`make_fixtures.py`): two learning rates by four seeds,
of which one run fails and one diverges.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pytest

import vggstudy as vs
from vggstudy.cli import _invoke
from vggstudy.imports.events import Events, read_events
from vggstudy.imports.registry import NAMES, read_source
from vggstudy.imports.sources import Place

MadeBy = Callable[[str], Path]

NOISE = (0.013, -0.004, 0.008, 0.0, -0.011, 0.006, 0.002, -0.003)
ACCURACY = {
    (lr, seed): 0.9 - lr + NOISE[4 * i + seed]
    for i, lr in enumerate((0.1, 0.01))
    for seed in range(4)
}
FAILED, DIVERGED = (0.1, 3), (0.01, 3)


@dataclass(frozen=True)
class Written:
    """A source, and how its tool names what was recorded."""

    file: str
    format: str
    lr: str = "lr"
    accuracy: str = "test_accuracy"
    failed: str = "crashed"
    """What the run that failed is labelled."""
    diverged: str = "diverged"
    inside: str = ""

    @property
    def name(self) -> str:
        return f"{self.file}/{self.inside}"


SOURCES = (
    Written("mlflow-runs.csv", "mlflow-table"),
    Written("mlruns.tar.xz", "mlflow-folder"),
    Written("mlflow.db.xz", "mlflow-database"),
    Written("optuna-trials.csv", "optuna-table", accuracy="value"),
    Written("optuna.db.xz", "optuna-database", accuracy="value"),
    Written("wandb-project.csv", "wandb-table", lr="optimizer_lr"),
    # pandas writes infinity as null into JSON, so nothing tells there that the run diverged
    Written("wandb-project.json", "wandb-table", lr="optimizer_lr", diverged=""),
    Written("wandb.tar.xz", "wandb-folder", lr="optimizer_lr"),
    # CSVLogger and event files do not note that a run failed: it has what it had measured by then
    Written("tensorboard.tar.xz", "tensorboard", failed="", inside="tensorboardx"),
    Written("lightning_logs.tar.xz", "lightning", lr="optimizer_lr", failed=""),
    Written("multirun.tar.xz", "hydra", lr="optimizer_lr", failed="missing"),
)


def imported(source: Path, target: Path, *more: str) -> list[dict[str, str]]:
    """The rows that the command writes."""
    assert _invoke(["import", str(source), "-o", str(target), *more]) == 0
    with target.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("written", SOURCES, ids=[one.name for one in SOURCES])
def test_every_run_of_a_tool_is_a_row(
    written: Written, made_by: MadeBy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = imported(made_by(written.file) / written.inside, tmp_path / "runs.csv")
    assert f"(--format {written.format})" in capfd.readouterr().err
    found = {(float(row[written.lr]), int(row["seed"])): row for row in rows}
    assert len(rows) == len(found) == len(ACCURACY)
    for run, row in found.items():
        label = {FAILED: written.failed, DIVERGED: written.diverged}.get(run, "")
        assert row.get("label", "") == label
        if run == FAILED or (run == DIVERGED and not row[written.accuracy]):
            continue
        # event files hold 32 bits, and the JSON of pandas ten digits
        assert float(row[written.accuracy]) == pytest.approx(ACCURACY[run], abs=5e-8)


@pytest.mark.parametrize("written", SOURCES, ids=[one.name for one in SOURCES])
def test_the_table_gives_the_claims_of_the_runs(
    written: Written, made_by: MadeBy, tmp_path: Path
) -> None:
    imported(made_by(written.file) / written.inside, tmp_path / "runs.csv", "-q")
    result = vs.analyze(
        tmp_path / "runs.csv",
        factors=[written.lr],
        outcomes=[written.accuracy],
        seeding="independent",
        where="seed < 3",
    )
    name = "accuracy" if written.accuracy == "test_accuracy" else written.accuracy
    claim = result.claims[f"{name}.diff.{written.lr}"]
    means = [np.mean([ACCURACY[lr, seed] for seed in range(3)]) for lr in (0.01, 0.1)]
    assert claim.estimate == pytest.approx(means[1] - means[0], abs=5e-8)
    assert claim.n == 6
    assert claim.low is not None
    assert claim.high is not None
    assert claim.low < means[1] - means[0] < claim.high


def test_a_run_that_failed_is_a_row_and_no_data(made_by: MadeBy, tmp_path: Path) -> None:
    imported(made_by("mlflow-runs.csv"), tmp_path / "runs.csv", "-q")
    result = vs.analyze(tmp_path / "runs.csv", factors=["lr"], outcomes=["val_loss"])
    assert result.flow.planned == 8
    assert result.flow.outcomes["crashed"] == 1
    assert result.flow.outcomes["diverged"] == 1
    assert result.claims["converged.p@lr=0.01"].estimate == 0.75


def test_a_parent_and_a_deleted_run_are_left_out_and_counted(
    made_by: MadeBy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, deleted in {"mlruns.tar.xz": True, "mlflow.db.xz": True}.items():
        imported(made_by(name), tmp_path / "runs.csv")
        said = capfd.readouterr().err
        assert "left out: 1 parents of nested runs" in said
        assert ("left out: 1 deleted runs" in said) == deleted


def test_the_last_point_of_a_curve_counts_in_benchopt(made_by: MadeBy, tmp_path: Path) -> None:
    rows = imported(made_by("benchopt.parquet"), tmp_path / "runs.csv", "-q")
    assert len(rows) == 2 * 2 * 3
    assert {(row["lr"], row["noise"]) for row in rows} == {
        (lr, noise) for lr in ("0.1", "0.01") for noise in ("0.0", "0.1")
    }
    for row in rows:
        if row["noise"] == "0.0":
            last = 0.9 - float(row["lr"]) - 0.1 / (1 + 3)  # three iterations, the last one
            assert float(row["objective_test_accuracy"]) == pytest.approx(last, abs=1e-12)
    claims = vs.analyze(
        tmp_path / "runs.csv", factors=["lr", "noise"], outcomes=["objective_value"]
    ).claims
    assert claims["objective_value.diff.lr"].estimate == pytest.approx(0.09, abs=0.05)


def test_event_files_say_what_tensorboard_reads_in_them(made_by: MadeBy) -> None:
    folder = made_by("tensorboard.tar.xz")
    read = json.loads((Path(__file__).with_name("data") / "tensorboard-read.json").read_text())
    assert {PurePosixPath(name).parts[0] for name in read} == {"tensorboardx", "torch", "tensors"}
    for name, values in read.items():
        events = Events()
        for file in sorted((folder / name).glob("*tfevents*")):
            assert read_events(file.read_bytes(), events)
        assert {tag: value for tag, (_, value) in events.scalars.items()} == values


def test_hyperparameters_of_event_files_are_settings(made_by: MadeBy) -> None:
    _, found = read_source(made_by("tensorboard.tar.xz") / "torch")
    settings = {run.name: dict(run.settings) for run in found.runs}
    assert settings["run5"] == {"hparams.lr": 0.01, "hparams.seed": 1, "hparams.nesterov": True}
    assert {run.status for run in found.runs} == {"finished"}
    assert all(
        {*run.measured} == {"scalars.hp/accuracy", "scalars.test/accuracy"} for run in found.runs
    )


def test_folders_of_event_files_are_levels(made_by: MadeBy, tmp_path: Path) -> None:
    rows = imported(made_by("tensorboard.tar.xz") / "tensors", tmp_path / "runs.csv", "-q")
    assert {(row["folder_1"], row["seed"]) for row in rows} == {
        ("lr_0.1", "0"), ("lr_0.1", "1"), ("lr_0.01", "0"), ("lr_0.01", "1")
    }  # fmt: skip


def test_an_event_file_that_was_cut_says_what_came_before(made_by: MadeBy) -> None:
    folder = made_by("tensorboard.tar.xz") / "tensorboardx"
    file = next((folder / "lr=0.01,seed=0").iterdir())
    data = file.read_bytes()
    file.write_bytes(data[:-5])
    _, found = read_source(folder)
    assert "1 event files end within a record" in found.notes[1]
    whole, cut = Events(), Events()
    read_events(data, whole)
    assert not read_events(data[:-5], cut)
    assert {*cut.scalars} == {*whole.scalars}


def test_a_log_of_wandb_that_was_cut_is_a_run_without_an_end(made_by: MadeBy) -> None:
    folder = made_by("wandb.tar.xz")
    file = next(folder.rglob("*.wandb"))
    file.write_bytes(file.read_bytes()[:-20])
    _, found = read_source(folder)
    statuses = {run.name: run.status for run in found.runs}
    assert statuses[file.stem] == "unfinished"
    assert "1 of 8 logs end within a record" in found.notes[0]


def test_a_log_of_wandb_longer_than_a_block_is_read(made_by: MadeBy) -> None:
    from vggstudy.imports.wandb_folder import BLOCK, FIRST, FULL, LAST, MARK_BYTES, _records

    first, second = b"a" * 100, bytes(range(256)) * 300
    data = (
        b":W&B\xe1\xbe\0" + len(first).to_bytes(2, "little").rjust(6, b"\0") + bytes([FULL]) + first
    )
    left, kind = second, FIRST
    while left:
        room = BLOCK - len(data) % BLOCK - 7
        piece, left = left[:room], left[room:]
        kind = LAST if not left else kind
        data += b"\0" * 4 + len(piece).to_bytes(2, "little") + bytes([kind]) + piece
        kind = 3
    assert len(data) > 2 * BLOCK > MARK_BYTES
    place = Place(made_by("optuna-trials.csv"))
    assert list(_records(data, place, PurePosixPath("x"))) == [first, second]


def test_a_category_of_optuna_is_its_value_and_infinity_is_kept(made_by: MadeBy) -> None:
    _, found = read_source(made_by("optuna.db.xz"))
    assert {run.settings["params_optimizer"] for run in found.runs} == {"sgd"}
    (diverged,) = (run for run in found.runs if run.measured.get("value") == math.inf)
    assert diverged.settings["params_lr"] == 0.01


def test_every_format_has_a_file_of_its_tool() -> None:
    assert {one.format for one in SOURCES} | {"benchopt"} == {*NAMES}
