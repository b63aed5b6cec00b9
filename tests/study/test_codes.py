"""Whether the code here is that of a study's runs is told from files and a commit alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.execution.trainers.code import code_state
from vggstudy.ledger import StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.study.codes import code_here, code_words
from vggstudy.study.study import Study

TEXT = """
schema = 1
name = "own"
[design]
replicates = 2
seed = 1
[trainer]
command = ["true", "{seed}"]
CODE
[analysis]
outcome = "val_loss"
"""

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print(1)\n")


def study_of(*environments: dict[str, Any], code: str = "") -> Study:
    """A study with a run of each environment."""
    text = TEXT.replace("CODE", code)
    study = Study(parse_protocol(text), text=text)
    store = StudyStore.create(study.path, text, study.protocol.digest(), study.protocol.name)
    for run, environment in zip(study.plan.runs, environments, strict=False):
        result = {"status": "finished", "epochs": 0, "curves": {}, "metrics": {"val_loss": 1.0}}
        record = make_record(
            run,
            status="finished",
            attempts=[attempt_entry("2026-01-01T00:00:00+00:00", 1.0, None)],
            result=result,
            timings={"total_s": 1.0},
            environment=environment,
        )
        store.write_record(record)
    return study


def test_changed_files_are_told_and_the_same_ones_are_not() -> None:
    code = code_state(Path.cwd(), ["*.py"])
    study = study_of({"trainer": {"code": code}}, code='code = ["*.py"]')
    assert code_here(study) is None
    Path("train.py").write_text("print(2)\n")
    told = code_here(study)
    assert told is not None
    assert f"this study has 1 run of code {code['sha256'][:12]}; here is code " in told  # type: ignore[index]
    Path("train.py").unlink()
    assert code_here(study) is None  # a study may be read where its code is not


@pytest.mark.skipif(shutil.which("git") is None, reason="not installed: git")
def test_a_commit_is_compared_and_no_program_of_the_repository_runs() -> None:
    for made in (["init", "-q"], ["add", "train.py"], ["commit", "-q", "-m", "a"]):
        subprocess.run([*GIT, *made], check=True)
    for name in ("filter.x.clean", "filter.x.smudge", "core.fsmonitor"):
        subprocess.run(["git", "config", name, "touch marker; cat"], check=True)
    Path(".gitattributes").write_text("* filter=x\n")
    Path("train.py").write_text("print(2)\n")  # git would filter it to tell whether it differs
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    same = study_of({"trainer": {"code": None}, "git": {"commit": commit, "dirty": True}})
    assert code_here(same) is None
    shutil.rmtree(same.path)
    other = study_of({"trainer": {"code": None}, "git": {"commit": "f" * 40, "dirty": False}})
    told = code_here(other)
    assert told is not None
    assert told.endswith(f"1 run of commit {'f' * 12}; here is commit {commit[:12]}")
    assert not Path("marker").exists()


@pytest.mark.parametrize("trainer", [None, 5, [], {"code": 3}, {"code": {"sha256": 7}}])
def test_an_odd_environment_tells_no_code(trainer: object) -> None:
    study = study_of({"trainer": trainer, "git": {"commit": 4}}, code='code = ["*.py"]')
    assert code_words({"trainer": trainer, "git": 5}) == "code not known"
    assert code_here(study) is None
