"""A study survives what happens to its processes, and its bits do not depend on it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vggstudy.execution import ExecutionOptions, Silent, resolve_options
from vggstudy.execution.local import pool
from vggstudy.execution.local.pool import ONE_REQUEST_S
from vggstudy.ledger import StudyStore
from vggstudy.plan import make_plan
from vggstudy.protocol import parse_protocol

TINY = """\
schema = 1
name = "tiny"

[design]
replicates = {replicates}
seed = 5

[design.factors]
batch_size = [16, 32]

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
epochs = {epochs}
optimizer = "adam"
"""


Write = Callable[..., Path]


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One cache of decoded images for the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VGGSTUDY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def tiny(tmp_path: Path) -> Write:
    """Writes a study of two cells that trains in seconds; returns its protocol's path."""
    return functools.partial(write_tiny, tmp_path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Results of the tiny study with 4 epochs and one worker, run without a disturbance."""
    folder = tmp_path_factory.mktemp("straight")
    done = run_cli("run", write_tiny(folder, epochs=4), "-j", "1", "-q", cwd=folder)
    assert done.returncode == 0, done.stderr
    return results(folder / "studies" / "tiny")


def write_tiny(folder: Path, *, replicates: int = 1, epochs: int = 2) -> Path:
    """The protocol of the tiny study."""
    path = folder / "tiny.toml"
    path.write_text(TINY.format(replicates=replicates, epochs=epochs))
    return path


def start_cli(*arguments: str | Path, cwd: Path) -> subprocess.Popen[str]:
    """The command line as a process; its messages can be read line by line."""
    return subprocess.Popen(
        [sys.executable, "-m", "vggstudy", *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def run_cli(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command line, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "vggstudy", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read the process's messages up to the line that holds the text."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return line
    message = f"the process ended without {text!r}:\n{''.join(seen)}"
    raise AssertionError(message)


def results(folder: Path) -> dict[str, str]:
    """Run id to the deterministic part of its record, as text."""
    records = StudyStore.open(folder, readonly=True).records()
    return {record.run_id: record.deterministic_json() for record in records}


def test_run_completes_and_running_again_executes_nothing(
    tiny: Write,
    tmp_path: Path,
) -> None:
    protocol = tiny()
    first = run_cli("run", protocol, "-j", "1", "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["executed"] == 2
    before = results(tmp_path / "studies" / "tiny")
    again = run_cli("run", protocol, "--json", cwd=tmp_path)
    assert (again.returncode, json.loads(again.stdout)["executed"]) == (0, 0)
    assert results(tmp_path / "studies" / "tiny") == before
    assert not list((tmp_path / "studies" / "tiny").rglob("checkpoint.pt"))


def test_extending_a_study_executes_only_what_is_new(
    tiny: Write,
    tmp_path: Path,
) -> None:
    run_cli("run", tiny(), "-q", cwd=tmp_path)
    before = results(tmp_path / "studies" / "tiny")
    extended = run_cli("run", tiny(replicates=2), "--json", cwd=tmp_path)
    assert json.loads(extended.stdout)["executed"] == 2
    after = results(tmp_path / "studies" / "tiny")
    assert len(after) == 4
    assert before.items() <= after.items()
    amendments = StudyStore.open(tmp_path / "studies" / "tiny", readonly=True).amendments
    assert len(amendments) == 1
    assert "+replicates = 2" in amendments[0].diff


def test_bits_do_not_depend_on_the_number_of_workers(
    tiny: Write, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    done = run_cli("run", tiny(epochs=4), "--study", "two", "-j", "2", "-q", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "two") == undisturbed


def test_killed_worker_costs_an_attempt_and_no_bits(
    tiny: Write, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    driver = start_cli("run", tiny(epochs=4), "--study", "hit", "-j", "1", "-v", cwd=tmp_path)
    wait_for(driver, "epoch 2")
    os.kill(_worker_of(driver.pid), signal.SIGKILL)
    wait_for(driver, "crashed (the worker ended with signal SIGKILL")
    _, rest = driver.communicate(timeout=300)
    assert driver.returncode == 0, rest
    assert results(tmp_path / "hit") == undisturbed
    attempts = sorted(
        len(record.attempts)
        for record in StudyStore.open(tmp_path / "hit", readonly=True).records()
    )
    assert attempts == [1, 2]


def test_killed_driver_takes_its_workers_along_and_its_study_resumes_bit_for_bit(
    tiny: Write, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    driver = start_cli("run", tiny(epochs=4), "--study", "cut", "-j", "1", "-v", cwd=tmp_path)
    wait_for(driver, "epoch 2")
    worker = psutil.Process(_worker_of(driver.pid))
    driver.kill()
    driver.communicate()
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.wait(timeout=30)
    resumed = run_cli("run", tiny(epochs=4), "--study", "cut", "-j", "1", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert results(tmp_path / "cut") == undisturbed


def test_interrupt_writes_checkpoints_exits_130_and_resumes(
    tiny: Write, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    driver = start_cli("run", tiny(epochs=4), "--study", "paused", "-j", "1", "-v", cwd=tmp_path)
    wait_for(driver, "epoch 1")
    driver.send_signal(signal.SIGINT)
    _, rest = driver.communicate(timeout=300)
    assert driver.returncode == 130, rest
    assert "goes on from here" in rest
    assert not results(tmp_path / "paused")
    assert len(list((tmp_path / "paused").rglob("checkpoint.pt"))) == 1
    resumed = run_cli("run", tiny(epochs=4), "--study", "paused", "-j", "1", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert results(tmp_path / "paused") == undisturbed


def test_hung_worker_is_killed_after_the_timeout_and_its_run_repeated(
    tiny: Write, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    command = ("run", tiny(epochs=4), "--study", "hung", "-j", "1", "--timeout", "20", "-v")
    driver = start_cli(*command, cwd=tmp_path)
    wait_for(driver, "epoch 2")
    os.kill(_worker_of(driver.pid), signal.SIGSTOP)
    wait_for(driver, "no epoch finished within 20 s")
    _, rest = driver.communicate(timeout=300)
    assert driver.returncode == 0, rest
    assert results(tmp_path / "hung") == undisturbed


def test_second_driver_is_refused_and_told_who_holds_the_study(
    tiny: Write,
    tmp_path: Path,
) -> None:
    protocol = tiny(epochs=50)
    driver = start_cli("run", protocol, "-j", "1", "-v", cwd=tmp_path)
    wait_for(driver, "epoch 1")
    second = run_cli("run", protocol, cwd=tmp_path)
    driver.kill()
    driver.communicate()
    assert second.returncode == 5
    assert str(driver.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_missing_data_stop_the_study_with_one_sentence(
    tiny: Write,
    tmp_path: Path,
) -> None:
    protocol = tiny()
    text = protocol.read_text().replace(
        'name = "synthetic"\nclasses = 3', 'name = "imagefolder"\nroot = "nowhere.tar.xz"'
    )
    protocol.write_text(text)
    done = run_cli("run", protocol, cwd=tmp_path)
    assert done.returncode == 3
    assert "nowhere.tar.xz" in done.stderr
    assert "Traceback" not in done.stderr
    assert not results(tmp_path / "studies" / "tiny")


@pytest.mark.parametrize("lanes", [(), ("--lanes", "2", "-j", "1", "--threads", "1")])
def test_a_cell_that_cannot_train_does_not_keep_the_others_from_it(
    tiny: Write, tmp_path: Path, lanes: tuple[str, ...]
) -> None:
    """AlexNet's pooling leaves nothing of an image of 32 pixels."""
    protocol = tiny(replicates=1, epochs=1)
    text = protocol.read_text().replace(
        "batch_size = [16, 32]",
        '"model.name" = ["torchvision:alexnet", "torchvision:squeezenet1_1"]',
    )
    protocol.write_text(text[: text.index("[model]")] + text[text.index("[training]") :])
    done = run_cli("run", protocol, *lanes, "--retries", "0", cwd=tmp_path)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    store = StudyStore.open(tmp_path / "studies" / "tiny")
    said = {record.levels["model.name"]: record for record in store.records()}
    assert said["torchvision:squeezenet1_1"].status != "crashed"
    failure = said["torchvision:alexnet"].attempts[-1]["failure"]
    assert failure is not None
    assert "cannot train on batches of 64 images of 32 x 32 pixels" in failure["message"]


def test_a_data_set_that_torchvision_lacks_is_a_mistake_in_the_protocol(
    tiny: Write, tmp_path: Path
) -> None:
    protocol = tiny()
    text = protocol.read_text().replace(
        'name = "synthetic"\nclasses = 3', 'name = "torchvision:Cifar11"'
    )
    protocol.write_text(text)
    done = run_cli("run", protocol, cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith(
        "vggstudy: error: protocol: data.name: torchvision has no data set 'Cifar11'"
    )


def _worker_of(driver: int) -> int:
    """Process id of the only worker of a driver."""
    (worker,) = psutil.Process(driver).children()
    return int(worker.pid)


def test_a_signal_that_is_sent_twice_at_once_is_one_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    store = StudyStore.create(tmp_path / "study", "", "0" * 64, "one")
    made = pool._Pool([], store, ExecutionOptions(jobs=1), Silent())
    counts = []
    for later in (0.0, 0.01, ONE_REQUEST_S, 5.0):
        clock[0] += later
        made.count_signal(signal.SIGINT, None)
        counts.append(made.signals)
    assert counts == [1, 1, 2, 3]
    os.close(made.wakeup_read)
    os.close(made.wakeup_write)


def test_the_last_runs_are_handed_out_longest_first(tmp_path: Path) -> None:
    protocol = parse_protocol(TINY.format(replicates=6, epochs=1), filename="tiny.toml")
    runs = make_plan(protocol).runs
    store = StudyStore.create(tmp_path / "tiny", "text", "0" * 64, "tiny")
    options = resolve_options(jobs=2, threads=1)
    state = pool._Pool(runs, store, options, Silent())
    with (
        contextlib.closing(os.fdopen(state.wakeup_read)),
        contextlib.closing(os.fdopen(state.wakeup_write)),
    ):
        assert [state.next_run() for _ in range(4)] == list(runs[:4])
        cells = list(dict.fromkeys(run.cell_id for run in runs))
        state.seconds[cells[1]] = 3.0
        assert state.next_run() == runs[4]  # nothing is known of its cell: it comes first
        state.seconds[cells[0]] = 2.0
        left = [state.next_run() for _ in range(7)]
    assert left == [run for cell in (cells[1], cells[0]) for run in runs[5:] if run.cell_id == cell]
    assert not state.pending
