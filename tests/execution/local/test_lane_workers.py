"""Workers with lanes: several runs a process, to the bits of one run a process."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from vggstudy.errors import DataError
from vggstudy.execution import ExecutionOptions
from vggstudy.execution.local.lane_worker import LaneWorker, settle_memory
from vggstudy.execution.local.process import WorkerProcess
from vggstudy.execution.local.stalls import FIRST_S, LEAST_S, StallLimit
from vggstudy.execution.local.worker import Worker, worker_kind
from vggstudy.ledger import StudyStore

PROTOCOL = """\
schema = 1
name = "lanes"

[design]
replicates = 2
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


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGGSTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def command(folder: Path, *options: str) -> list[str]:
    path = folder / "lanes.toml"
    path.write_text(PROTOCOL)
    return [sys.executable, "-m", "vggstudy", "run", str(path), "--study", "study", *options]


def run(folder: Path, *options: str) -> None:
    done = subprocess.run(
        command(folder, *options, "-q"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def results(folder: Path) -> dict[str, Any]:
    records = StudyStore.open(folder / "study", readonly=True).records()
    return {each.run_id: dict(each.result) for each in records if each.result}


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Results of four runs that were executed one after another, in one process each time."""
    folder = tmp_path_factory.mktemp("plain")
    run(folder, "-j", "1", "--threads", "1")
    return results(folder)


def test_a_device_that_cannot_be_used_is_told_of_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        command(tmp_path, "--devices", "cuda:31"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 4
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert line.startswith("vggstudy: error: device 'cuda:31' ")
    run(tmp_path, "--lanes", "2", "--threads", "1", "-j", "1")  # the study can go on


def test_lanes_of_two_processes_compute_what_one_run_after_another_does(
    one_by_one: dict[str, Any], tmp_path: Path
) -> None:
    run(tmp_path, "--devices", "cpu,cpu", "--lanes", "2", "--threads", "1")
    assert results(tmp_path) == one_by_one
    assert len(one_by_one) == 4
    for record in StudyStore.open(tmp_path / "study", readonly=True).records():
        assert record.environment["execution"] == {
            "lanes": 2,
            "lanes_reason": None,
            "steps": "single",
            "steps_reason": None,
        }


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_lanes_that_are_cut_short_go_on_to_the_same_bits(
    blow: signal.Signals, one_by_one: dict[str, Any], tmp_path: Path
) -> None:
    lanes = ("-j", "1", "--lanes", "3", "--threads", "1")
    driver = subprocess.Popen(
        command(tmp_path, *lanes, "-v"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert driver.stderr is not None
    for line in driver.stderr:
        if "epoch 2" in line:
            break
    if blow == signal.SIGKILL:
        (worker,) = psutil.Process(driver.pid).children()
        worker.kill()
    else:
        os.kill(driver.pid, blow)
    _, rest = driver.communicate(timeout=600)
    if blow == signal.SIGINT:
        assert driver.returncode == 130, rest
        assert len(list(tmp_path.rglob("checkpoint.pt"))) == 3
        run(tmp_path, "-j", "1", "--threads", "1")  # and without lanes
    else:
        assert driver.returncode == 0, rest
        attempts = [
            len(each.attempts)
            for each in StudyStore.open(tmp_path / "study", readonly=True).records()
        ]
        assert sorted(attempts) == [1, 2, 2, 2]
    assert results(tmp_path) == one_by_one


@pytest.mark.parametrize(
    ("device", "lanes", "kind"),
    [("cpu", None, Worker), ("cpu", 1, Worker), ("cpu", 2, LaneWorker), ("cuda:0", 1, LaneWorker)],
)
def test_a_worker_has_lanes_on_a_gpu_and_where_they_were_asked_for(
    device: str, lanes: int | None, kind: type[Worker]
) -> None:
    assert worker_kind(ExecutionOptions(jobs=1, lanes=lanes), device) is kind


class Wire:
    """Notes what a worker sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []

    def send(self, message: tuple[Any, ...]) -> None:
        self.sent.append(message)


class Broken:
    """Lanes on a device that does nothing any more."""

    def device_works(self) -> bool:
        return False


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> LaneWorker:
    made = LaneWorker(Wire(), None, ExecutionOptions(jobs=1), "cuda:0")  # type: ignore[arg-type]
    monkeypatch.setattr(
        "vggstudy.execution.local.lane_worker.record_failure", lambda *a, **k: "record"
    )
    made.lanes = Broken()  # type: ignore[assignment]
    return made


def test_a_worker_whose_device_has_broken_ends_once_the_failure_is_recorded(
    worker: LaneWorker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vggstudy.training.lanes.active import LaneEvent

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)
    worker.runs = {"abc": (object(), object())}  # type: ignore[dict-item]
    with pytest.raises(SystemExit):
        worker.record(Run("abc"), None, LaneEvent("abc", error=RuntimeError("x")))  # type: ignore[arg-type]
    assert capsys.readouterr().err == "cuda:0 refuses all work since run abc failed\n"
    # It wants no more runs before it hands this one back.
    assert worker.connection.sent == [("lanes", 0), ("done", "record")]  # type: ignore[attr-defined]


class Run:
    def __init__(self, run_id: str) -> None:
        self.run_id = self.cell_id = run_id


def test_what_no_run_can_overcome_is_told_with_its_run(worker: LaneWorker) -> None:
    from vggstudy.training.lanes.active import LaneEvent

    worker.runs = {"abc": (object(), object())}  # type: ignore[dict-item]
    worker.report(LaneEvent("abc", error=DataError("no images")))
    assert worker.connection.sent == [("refused", "DataError", "no images", "abc")]  # type: ignore[attr-defined]
    assert not worker.runs


@pytest.fixture
def process() -> WorkerProcess:
    """A worker's driver side without the process."""
    made = WorkerProcess.__new__(WorkerProcess)
    made.runs, made._started, made._signs = {}, {}, {}
    made.capacity, made.ready, made.last_sign = 2, True, time.monotonic()
    made.send = lambda message: None  # type: ignore[method-assign]
    return made


def test_a_worker_takes_as_many_runs_as_it_has_lanes(process: WorkerProcess) -> None:
    rooms = []
    for name in ("a", "b"):
        process.assign(Run(name))  # type: ignore[arg-type]
        rooms.append(process.has_room)
    released = [process.release("a"), process.release("a")]
    assert [each is not None for each in released] == [True, False]
    assert [*rooms, process.has_room] == [True, False, True]


def test_only_the_silent_lane_counts_as_hung_where_the_worker_speaks(
    process: WorkerProcess,
) -> None:
    for name in ("silent", "lively", "waiting"):
        process.assign(Run(name))  # type: ignore[arg-type]
    for name in ("silent", "lively"):
        process.saw_sign(name)
    limits = StallLimit(60.0, measured=False)
    process._signs["silent"] -= 61
    assert [run.run_id for run in process.hung_runs(limits)] == ["silent"]
    process.last_sign -= 61
    assert len(process.hung_runs(limits)) == 3


def test_a_run_is_judged_by_the_epochs_of_its_own_cell(process: WorkerProcess) -> None:
    for name in ("quick", "slow", "first"):
        process.assign(Run(name))  # type: ignore[arg-type]
        process.saw_sign(name)
        process._signs[name] -= 1000
    limits = StallLimit(None, measured=True)
    limits.saw_epoch("quick", 2.0)
    limits.saw_epoch("slow", 60.0)
    limits.saw_epoch("slow", 30.0)
    assert [limits.of(name) for name in ("quick", "slow", "first")] == [LEAST_S, 1200.0, FIRST_S]
    assert [run.run_id for run in process.hung_runs(limits)] == ["quick"]
    assert process.saw_sign("slow") == pytest.approx(1000, abs=5)
    assert StallLimit(7.0, measured=True).of("quick") == 7.0
    assert StallLimit(None, measured=False).of("quick") is None
    assert not process.hung_runs(StallLimit(None, measured=False))


@pytest.mark.parametrize("graphs", [True, False])
def test_lanes_record_steps_unless_the_user_said_otherwise(
    worker: LaneWorker, graphs: bool
) -> None:
    worker.device, worker.options = "cpu", ExecutionOptions(jobs=1, lanes=2, graphs=graphs)
    assert worker.new_lanes().graphs is graphs


def test_a_worker_keeps_what_it_has_imported_out_of_later_collections() -> None:
    before = gc.get_freeze_count()
    settle_memory()
    try:
        assert gc.get_freeze_count() > before + 10_000
    finally:
        gc.unfreeze()
