"""A record must be that of its planned run, and all runs must have seen the same images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vggstudy.cli import _invoke
from vggstudy.ledger.publish import unpack_study
from vggstudy.ledger.sealed import seal

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def sound(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published study, whose records were computed, a file each."""
    folder = tmp_path_factory.mktemp("sound") / "study"
    unpack_study(repository / "report/reference/depth-batch-norm-cpu", folder)
    return folder


@pytest.fixture
def study(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "study"))


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    path = tmp_path / "paper.md"
    path.write_text("2 points, 95% CI [1, 3], n = 40\n")
    return path


def edit(study: Path, change: Edit) -> Path:
    """Change one record and give it a right checksum; its path."""
    path = min(study.glob("runs/*/run.json"))
    record = json.loads(path.read_bytes())
    del record["checksum"]
    change(record)
    path.write_text(seal(record))
    return path


def raise_accuracy(record: dict[str, Any]) -> None:
    record["result"]["metrics"]["test_accuracy"] = 0.999


def other_replicate(record: dict[str, Any]) -> None:
    record["replicate"] += 1


def other_level(record: dict[str, Any]) -> None:
    record["levels"]["depth"] = 11 if record["levels"]["depth"] != 11 else 13


def other_recipe(record: dict[str, Any]) -> None:
    record["recipe"]["training"]["lr"] = 0.1


def other_cell(record: dict[str, Any]) -> None:
    record["cell_id"] = "0" * 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (raise_accuracy, "metrics.test_accuracy is 0.999, but by test_recall"),
        (other_replicate, "replicate is"),
        (other_level, "levels is"),
        (other_recipe, "recipe.training.lr is 0.1, but this run's is 0.002"),
        (other_cell, "cell_id is '0000000000000000'"),
    ],
    ids=["accuracy", "replicate", "level", "recipe", "cell"],
)
def test_a_record_that_cannot_be_its_run_s_is_damage_to_verify_and_to_the_doctor(
    study: Path, paper: Path, change: Edit, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edit(study, change)
    assert _invoke(["cite", "verify", str(paper), "--against", str(study)]) == 3
    said = capsys.readouterr().err
    assert words in said
    assert str(path) in said
    assert _invoke(["doctor", str(study)]) == 5
    found = capsys.readouterr().out
    assert f"damaged: {path}: " in found
    assert words in found


def other_images(record: dict[str, Any]) -> None:
    record["result"]["data"]["digest"] = "0" * 64


def test_runs_that_saw_other_images_are_told_of_everywhere(
    study: Path, paper: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(study, other_images)
    words = "did not all see the same images of imagefolder: data.digest of 199 runs 5b406744b219"
    assert _invoke(["cite", "verify", str(paper), "--against", str(study)]) == 3
    assert words in capsys.readouterr().err
    assert _invoke(["doctor", str(study)]) == 0
    assert words in capsys.readouterr().out
    assert _invoke(["doctor", str(study), "--json"]) == 0
    (sentence,) = json.loads(capsys.readouterr().out)["different_images"]
    assert words in sentence
    assert _invoke(["run", str(study / "protocol.toml"), "--study", str(study)]) == 0
    assert words in capsys.readouterr().err
    assert _invoke(["export", str(study)]) == 0
    assert words in capsys.readouterr().err


def newer(record: dict[str, Any]) -> None:
    record["provenance"]["environment"]["packages"]["torch"] = "2.15.0"
    record["provenance"]["environment"]["git"] = {"commit": "0123456789abcdef", "dirty": True}


def test_runs_made_by_other_versions_of_the_code_are_told_of(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = ["verify", str(study)]
    assert _invoke([*verify, "--strict"]) == 0
    edit(study, newer)
    capsys.readouterr()
    words = (
        "not all made by the same code, but by 2 versions: commit=unknown, torch=2.14.1, runs=199; "
        "commit=0123456789ab+, torch=2.15.0, runs=1"
    )
    assert _invoke(["doctor", str(study)]) == 0
    assert words in capsys.readouterr().out
    assert _invoke(verify) == 0
    assert _invoke([*verify, "--strict"]) != 0


def test_a_recipe_without_a_setting_that_came_later_is_its_cell_s(study: Path) -> None:
    def older(record: dict[str, Any]) -> None:
        del record["recipe"]["training"]["lr_scaling"]

    edit(study, older)
    assert _invoke(["export", str(study)]) == 0
