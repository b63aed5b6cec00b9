"""Runs that are trained again are those that a seed draws, and what differs is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import vggstudy.execution
from vggstudy.cli import _invoke
from vggstudy.execution import Tally
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.ledger.sealed import seal
from vggstudy.plan import PlannedRun
from vggstudy.protocol import parse_protocol
from vggstudy.study.rerun import _bounds, draw_runs
from vggstudy.study.study import Study

PROTOCOL = """\
schema = 1
name = "again"
[design]
replicates = 2
seed = 5
[design.factors]
batch_size = [16, 32]
[data]
name = "digits"
train = 48
test = 16
validation = 32
[model]
depth = 11
width = 0.05
batch_norm = true
[training]
epochs = 2
[analysis]
resamples = 99
"""
PAPER = "10 points, 95% CI [1, 3], n = 40\n"
SEED = "7"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs that were trained here."""
    folder = tmp_path_factory.mktemp("trained") / "again"
    Study(parse_protocol(PROTOCOL), folder, text=PROTOCOL).run(jobs=1)
    return folder


@pytest.fixture
def study(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "again"))


@pytest.fixture
def paper(study: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A paper whose numbers are the study's."""
    _invoke(["cite", str(study), "accuracy.mean", "--as", "apa", "-q"])
    said = capsys.readouterr().out
    if not said:
        _invoke(["cite", str(study), "converged.p", "--as", "apa", "-q"])
        said = capsys.readouterr().out
    path = study.parent / "paper.md"
    path.write_text(said)
    return path


Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(study: Path, paper: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Checks the paper with one run trained again; the exit code and the answer."""

    def call(*more: str) -> tuple[int, dict[str, Any]]:
        asked = ["cite", "verify", str(paper), "--against", str(study), "--json", *more]
        code = _invoke(asked)
        return code, json.loads(capsys.readouterr().out)["rerun"]

    return call


@pytest.fixture
def recalled(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training gives what it gave, at once: on this machine it is deterministic."""
    known = StudyStore.open(trained, readonly=True)

    def execute(runs: Sequence[PlannedRun], store: StudyStore, *_: Any) -> Tally:
        for run in runs:
            store.write_record(known.read_record(run.run_id))
        return Tally(len(runs), 0, 0, interrupted=False)

    monkeypatch.setattr(vggstudy.execution, "execute", execute)


def edit(study: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the record that the seed draws, and give it a right checksum."""
    (drawn,) = draw_runs(Study.open(study), 1, int(SEED))
    path = study / "runs" / drawn.run_id / "run.json"
    record = json.loads(path.read_bytes())
    del record["checksum"]
    change(record)
    path.write_text(seal(record))


def test_a_run_on_the_same_device_has_every_number_again(study: Path, verify: Verify) -> None:
    before = {path: path.read_bytes() for path in study.glob("runs/*/*")}
    code, found = verify("--rerun", "1", "--rerun-seed", SEED)
    (run,) = found["runs"]
    assert (code, run["verdict"], found["seed"]) == (0, "same", 7), found
    assert {path: path.read_bytes() for path in study.glob("runs/*/*")} == before


def other_hash(record: dict[str, Any]) -> None:
    record["result"]["parameters_sha256"] = "0" * 64


def other_loss(record: dict[str, Any]) -> None:
    record["result"]["metrics"]["test_loss"] += 0.5


@pytest.mark.usefixtures("recalled")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_hash, "on the same device and versions, parameters_sha256 is"),
        (other_loss, "with the same parameters, metrics.test_loss is"),
    ],
)
def test_a_record_of_other_numbers_is_found_out(
    study: Path, verify: Verify, change: Any, words: str
) -> None:
    edit(study, change)
    code, found = verify("--rerun", "1", "--rerun-seed", SEED)
    (run,) = found["runs"]
    assert (code, run["verdict"]) == (1, "different")
    assert words in run["words"]


@pytest.mark.usefixtures("recalled")
def test_another_device_is_told_and_outcomes_are_set_against_the_cell(
    study: Path, verify: Verify
) -> None:
    def elsewhere(record: dict[str, Any]) -> None:
        record["result"]["parameters_sha256"] = "0" * 64
        record["provenance"]["environment"]["numerics"]["device"] = "NVIDIA H200"

    edit(study, elsewhere)
    code, found = verify("--rerun", "1", "--rerun-seed", SEED)
    (run,) = found["runs"]
    assert (code, run["verdict"]) == (0, "alike"), run
    assert "(recorded: NVIDIA H200): test accuracy" in run["words"]


@pytest.mark.usefixtures("recalled")
def test_other_images_cannot_be_compared(study: Path, verify: Verify) -> None:
    for path in study.glob("runs/*/run.json"):
        record = json.loads(path.read_bytes())
        del record["checksum"]
        record["result"]["data"]["digest"] = "0" * 64
        path.write_text(seal(record))
    code, found = verify("--rerun", "1", "--rerun-seed", SEED)
    assert (code, found["runs"][0]["verdict"]) == (2, "unclear")


def test_runs_are_measured_again_as_their_records_are(
    study: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def execute(runs: Any, store: Any, options: Any, *_: Any) -> Tally:
        asked.append(options.train_measured)
        return Tally(0, 0, len(runs), interrupted=False)

    monkeypatch.setattr(vggstudy.execution, "execute", execute)
    verify("--rerun", "1", "--rerun-seed", SEED)

    def older(record: dict[str, Any]) -> None:
        record["result"]["metrics"] |= {"train_accuracy": 0.5, "train_loss": 1.0}
        del record["result"]["measured_on"]

    edit(study, older)
    verify("--rerun", "1", "--rerun-seed", SEED)
    assert asked == [False, True]


def test_a_seed_draws_the_same_runs_and_others_draw_others(study: Path) -> None:
    opened = Study.open(study)

    def drawn(count: int, seed: int) -> list[str]:
        return [record.run_id for record in draw_runs(opened, count, seed)]

    assert drawn(2, 1) == drawn(2, 1)
    assert len({tuple(drawn(1, seed)) for seed in range(40)}) == 4
    assert sorted(drawn(9, 3)) == sorted(path.name for path in (study / "runs").iterdir())


def test_runs_that_crashed_are_not_drawn(study: Path) -> None:
    store = StudyStore.open(study)
    record = next(store.records())
    fields = {name: getattr(record, name) for name in RunRecord.__slots__}
    failed = {**record.attempts[0], "failure": {"kind": "killed", "message": "gone"}}
    crashed = {**fields, "status": "crashed", "result": {}, "timings": {}, "attempts": [failed]}
    store.record_path(record.run_id).write_text(RunRecord(**crashed).to_json())
    assert record.run_id not in {one.run_id for one in draw_runs(Study.open(study), 9, 0)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--rerun-seed", "3"), "--rerun-seed goes with --rerun N"),
        (("--rerun", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_asked_is_said(
    study: Path, paper: Path, more: tuple[str, ...], words: str, capsys: Any
) -> None:
    assert _invoke(["cite", "verify", str(paper), "--against", str(study), *more]) == 2
    assert words in capsys.readouterr().err


def test_a_table_has_no_runs_to_train(paper: Path, tmp_path: Path, capsys: Any) -> None:
    table = tmp_path / "runs.csv"
    table.write_text(
        "lr,replicate,outcome,test_accuracy\n0.1,0,converged,0.5\n0.1,1,converged,0.6\n"
    )
    asked = ["cite", "verify", str(paper), "--against", str(table), "--factors", "lr"]
    assert _invoke([*asked, "--rerun", "1"]) == 2
    assert "is no study" in capsys.readouterr().err


def test_another_run_of_a_cell_lies_where_a_normal_sample_says() -> None:
    """Mean 0.5, s 0.01 of four, t(0.9995; 3) = 12.924 in tables: 0.5 +- 12.924 s sqrt(1.25)."""
    values = [0.5 - 0.015**0.5 / 10, 0.5, 0.5, 0.5 + 0.015**0.5 / 10]
    half = 12.924 * 0.01 * 1.25**0.5
    assert _bounds(values, None) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-4)
    assert _bounds([0.5], 100) is None
    # No spread: that of a hundred images, sqrt(0.9 x 0.1 / 100) = 0.03, t(0.9995; 29) = 3.659.
    low = 0.9 - 3.659 * 0.03 * (31 / 30) ** 0.5
    assert _bounds([0.9] * 30, 100) == pytest.approx((low, 1.0), rel=1e-3)
