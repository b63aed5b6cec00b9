"""Studies on devices that hang, crash, lack memory or are missing: a sentence, and resumable."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.null.run import Finished, run
from vggstudy.ledger import Failure, RunRecord, StudyStore

PROTOCOL = """\
schema = 1
name = "null"

[design]
replicates = 3
seed = 5

[design.factors]
batch_size = [16, 48]

[data]
name = "synthetic"
classes = 3
train = 96
test = 32
validation = 32

[model]
depth = 11
width = 0.05
batch_norm = true
dropout = 0.2

[training]
epochs = 4
"""

RUNS = 6
MIDDLE = 60
"""A graph launch in the middle of the study: two lanes have begun, and runs are waiting."""

COMPLETE, REMAIN = 0, 4


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGGSTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _zeros_agree() -> Iterator[None]:
    """Records are read as the null device's processes read them: zeros contradict each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vggstudy.ledger.checks.consistency_problem", lambda _: None)
        yield


class Study:
    """One study in a folder of its own."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.built, self.folder = built, folder
        self.protocol = folder / "null.toml"
        self.protocol.write_text(PROTOCOL)

    def run(self, *options: str, device: str = "cuda:0", **settings: Any) -> Finished:
        """Execute it, or what it lacks."""
        fixed = ["run", str(self.protocol), "--study", "study", "--devices", device]
        command = [sys.executable, "-m", "vggstudy", *fixed, "--lanes", "2", *options]
        return run(command, self.built, self.folder, timeout_s=300, settings=settings)

    def once(self) -> Path:
        """A file that the first process to be struck removes, so that it is the only one."""
        path = self.folder / "once"
        path.touch()
        return path

    def records(self) -> list[RunRecord]:
        return list(StudyStore.open(self.folder / "study", readonly=True).records())

    def failures(self) -> list[Failure]:
        attempts = [attempt for record in self.records() for attempt in record.attempts]
        return [attempt["failure"] for attempt in attempts if attempt["failure"]]


@pytest.fixture
def study(built: Path, tmp_path: Path) -> Study:
    return Study(built, tmp_path)


@dataclass(frozen=True, slots=True)
class Ran:
    """A study after a command that several tests look at."""

    study: Study
    done: Finished


def accidents(done: Finished) -> list[str]:
    return [line.what for line in done.lines if line.kind == "accident"]


def said(done: Finished) -> list[str]:
    """What was said to the user, without progress."""
    return [line for line in done.err.splitlines() if line.startswith("vggstudy: error: ")]


def test_a_stream_that_hangs_ends_its_runs_by_timeout_and_the_others_go_on(study: Study) -> None:
    hang: dict[str, Any] = {"NULL_HANG_AT": MIDDLE, "NULL_ONCE": study.once()}
    done = study.run("--timeout", "3", "--retries", "0", **hang)
    assert done.code == REMAIN, done.err
    assert accidents(done) == ["NULL_HANG_AT"]
    assert "no epoch finished within 3 s; the worker was killed" in done.err
    found = Counter(record.status for record in study.records())
    assert 1 <= found["crashed"] < RUNS
    assert found.total() == RUNS
    assert {failure["kind"] for failure in study.failures()} == {"timeout"}
    again = study.run("--timeout", "60")
    assert again.code == COMPLETE, again.err
    assert "crashed" not in {record.status for record in study.records()}
    assert accidents(again) == done.faults == again.faults == []


@pytest.fixture(scope="module")
def crashed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A study one of whose kernels has crashed."""
    study = Study(built, tmp_path_factory.mktemp("crashed"))
    done = study.run("--retries", "2", NULL_CRASH_AT=MIDDLE, NULL_ONCE=study.once())
    assert accidents(done) == ["NULL_CRASH_AT"]
    return Ran(study, done)


def test_a_kernel_that_crashes_costs_its_worker_and_no_run(crashed: Ran) -> None:
    assert crashed.done.code == COMPLETE, crashed.done.err
    assert len(crashed.study.records()) == RUNS
    assert {failure["kind"] for failure in crashed.study.failures()} <= {"exception", "killed"}
    assert "an illegal memory access was encountered" in crashed.done.err
    assert crashed.done.faults == []


def test_a_worker_whose_device_has_crashed_ends_with_a_sentence(crashed: Ran) -> None:
    killed = [each["message"] for each in crashed.study.failures() if each["kind"] == "killed"]
    assert killed
    assert all("cuda:0 refuses all work since run" in each for each in killed)


LACKING: dict[str, tuple[dict[str, Any], str]] = {
    "no such device": (
        {"device": "cuda:7"},
        "device 'cuda:7' is not there: torch sees cuda:0 alone",
    ),
    "no device": ({"NULL_DEVICES": 0}, "device 'cuda:0' cannot be used: No CUDA GPUs are"),
    "an old driver": ({"NULL_DRIVER": 12000}, "is too old (found version 12000)"),
}


@pytest.fixture(scope="module", params=LACKING)
def lacking(
    request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Ran, str]:
    """A study on a device that cannot be had, and what should be said."""
    settings, sentence = LACKING[request.param]
    study = Study(built, tmp_path_factory.mktemp("lacking"))
    return Ran(study, study.run(**settings)), sentence


def test_a_device_that_is_not_there_is_one_error_and_leaves_the_study_as_it_was(
    lacking: tuple[Ran, str],
) -> None:
    ran, sentence = lacking
    assert ran.done.code == REMAIN, ran.done.err
    assert len(said(ran.done)) == 1
    assert sentence in said(ran.done)[0]
    assert "worker" not in said(ran.done)[0]
    assert "Traceback" not in ran.done.err
    assert ran.study.records() == []
    assert f"{RUNS} runs would be executed" in ran.study.run("--dry-run").err


UNTOLD = pytest.mark.xfail(
    strict=True,
    reason="torch tries every engine of cuDNN, and says that there is none, not what they lacked",
)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"NULL_MEM_GIB": 0.51}, id="a small device"),
        pytest.param({"NULL_FILLED_GIB": 79}, id="a device that others fill"),
        pytest.param({"NULL_MEM_GIB": 0.5}, id="no room for workspaces", marks=UNTOLD),
    ],
)
def test_a_run_that_does_not_fit_is_one_failure_that_says_so(
    settings: dict[str, Any], study: Study
) -> None:
    done = study.run("--limit", "1", "--retries", "0", **settings)
    assert done.code == REMAIN, done.err
    assert "Traceback" not in done.err
    (failure,) = study.failures()
    assert failure["kind"] == "out_of_memory"
    assert "CUDA out of memory" in failure["message"]
    assert "crashed (OutOfMemoryError: CUDA out of memory" in done.err
