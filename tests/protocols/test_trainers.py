"""The examples of trainers of one's own run from the root of the repository, and survive kills."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from vggstudy.cli import _invoke
from vggstudy.ledger import RunRecord
from vggstudy.study.study import Study

NEEDS = {
    "digits_mlp": "sklearn",
    "digits_torch": "torch",
    "digits_hydra": "hydra",
    "digits_lightning": "lightning",
    "digits_keras": "keras",
}
"""Examples, and what each cannot do without."""

FIRST = ("--limit", "1")
ONE_EACH = ("--only", "replicate=0", "--jobs", "2")

KILLS = 20
MOST_LIVES = 6
"""A study that has been killed so often is let finish."""

MARK = "TEST_OF_KILLS"
"""Environment variable by which all that a driver starts is found."""

DRIVER = """
import sys
sys.path.insert(0, "protocols/trainers")
from vggstudy.cli import _invoke
from vggstudy.protocol import load_protocol
protocol = load_protocol(sys.argv[1]).protocol
named = protocol.trainer.function
consent = ["--trainer", named] if named else ["--allow-command", protocol.command_digest()]
sys.exit(_invoke(["run", sys.argv[1], "--study", *sys.argv[2:], *consent, "--quiet"]))
"""


def needing(names: Sequence[str]) -> list[object]:
    """Examples as parameters, skipped with the reason where what they need is not installed."""
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                importlib.util.find_spec(NEEDS[name]) is None,
                reason=f"not installed: {NEEDS[name]}",
            ),
        )
        for name in names
    ]


@pytest.fixture(autouse=True)
def _from_the_root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


def start(name: str, folder: Path, selected: Sequence[str]) -> subprocess.Popen[bytes]:
    """A study of an example, which another process executes; its temporary files beside it."""
    folder.parent.mkdir(exist_ok=True)
    temporary = folder.with_name("temporary")
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, MARK: str(folder), "TMPDIR": str(temporary)}
    command = [sys.executable, "-c", DRIVER, f"protocols/trainers/{name}.toml", str(folder)]
    return subprocess.Popen([*command, *selected], env=environment)


def started(folder: Path) -> list[psutil.Process]:
    """What is left of all that drivers of a study have started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == str(folder):
                found.append(process)
    return found


def nothing_is_left(folder: Path) -> None:
    """No process, which may take a moment to end."""
    psutil.wait_procs(started(folder), timeout=60)
    assert started(folder) == []


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[float, list[RunRecord]]]:
    """Seconds and records of an example that nothing disturbs."""

    @functools.cache
    def run(name: str, selected: Sequence[str]) -> tuple[float, list[RunRecord]]:
        folder = tmp_path_factory.mktemp(name) / "study"
        begun = time.monotonic()
        assert start(name, folder, selected).wait() == 0
        return time.monotonic() - begun, list(Study.open(folder).store().records())

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", needing([*NEEDS]))
def test_an_example_runs_and_reports_what_its_analysis_asks_for(
    name: str, calm: Callable[..., tuple[float, list[RunRecord]]]
) -> None:
    _, (record,) = calm(name, FIRST)
    protocol = Study.from_file(f"protocols/trainers/{name}.toml").protocol
    assert record.status == "finished", record.attempts
    assert record.result["epochs"] == protocol.parameters["epochs"]
    assert 0.05 < record.result["metrics"]["test_accuracy"] < 1
    assert record.environment["trainer"]["code"]["files"] == (4 if name == "digits_hydra" else 1)


def strike(driver: subprocess.Popen[bytes], target: str) -> bool:
    """Kill a driver, one of its workers, or a worker's group, as -9 does; whether there was one."""
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        workers = psutil.Process(driver.pid).children()
        if target == "driver" and driver.poll() is None:
            driver.kill()
            return True
        if workers and target == "worker":
            workers[0].kill()
            return True
        if workers and target == "group" and os.getpgid(workers[0].pid) == workers[0].pid:
            os.killpg(workers[0].pid, signal.SIGKILL)
            return True
    return False


def killed_until_done(
    name: str, folder: Path, selected: Sequence[str], seconds: float, rng: random.Random
) -> int:
    """Execute an example, killing it at random times; how often that met something."""
    hits = 0
    for life in range(MOST_LIVES + 1):
        driver = start(name, folder, selected)
        if life < MOST_LIVES:
            with contextlib.suppress(subprocess.TimeoutExpired):
                driver.wait(rng.uniform(0, seconds))
            hits += strike(driver, rng.choice(("driver", "worker", "group")))
        code = driver.wait()
        nothing_is_left(folder)
        if code == 0:
            return hits
        assert code in (-signal.SIGKILL, 4), code  # 4: a run was killed as often as it is tried
    raise AssertionError("it did not come to its end")


def check(folder: Path, undisturbed: list[RunRecord]) -> None:
    """Records are those of an undisturbed study, a report is written, and nothing is left over."""
    study = Study.open(folder)
    found = {record.run_id: record.deterministic_json() for record in study.store().records()}
    assert found == {record.run_id: record.deterministic_json() for record in undisturbed}
    left = [*folder.glob("runs/*/files"), *folder.glob("runs/*/report.jsonl")]
    assert left == []
    temporary = folder.with_name("temporary").iterdir()  # PyTorch keeps a cache there
    assert [path for path in temporary if not path.name.startswith("torchinductor_")] == []
    assert _invoke(["report", str(folder), "--quiet"]) == 0
    assert (folder / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_an_example_that_is_killed_has_the_records_of_an_undisturbed_one(
    tmp_path: Path, calm: Callable[..., tuple[float, list[RunRecord]]]
) -> None:
    _, undisturbed = calm("digits_mlp", FIRST)
    folder = tmp_path / "study"
    driver = start("digits_mlp", folder, FIRST)
    deadline = time.monotonic() + 300
    while not [*folder.glob("runs/*/report.jsonl")] and time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            driver.wait(0.05)
    assert strike(driver, "driver")
    driver.wait()
    nothing_is_left(folder)
    assert start("digits_mlp", folder, FIRST).wait() == 0
    check(folder, undisturbed)


@pytest.mark.campaign
@pytest.mark.parametrize("name", needing([*NEEDS]))
def test_examples_lose_nothing_to_kills_at_random_times(
    name: str, tmp_path: Path, calm: Callable[..., tuple[float, list[RunRecord]]]
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    sys.stdout.write(f"{name}: SEED={seed}\n")
    rng, kills, studies = random.Random(seed), 0, 0
    seconds, undisturbed = calm(name, ONE_EACH)
    while kills < KILLS:
        studies += 1
        folder = tmp_path / f"round-{studies}" / "study"
        kills += killed_until_done(name, folder, ONE_EACH, seconds, rng)
        check(folder, undisturbed)
    sys.stdout.write(f"{name}: {kills} kills of {studies} studies, nothing lost\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", needing(["digits_torch", "digits_lightning", "digits_keras"]))
def test_a_run_that_is_killed_after_its_last_epoch_still_ends(name: str, tmp_path: Path) -> None:
    required = ("--lr=0.1", "--optimizer=sgd", "--seed=1") if name == "digits_torch" else ()
    program = [sys.executable, f"protocols/trainers/{name}.py"]
    command = [*program, "--epochs=1", f"--out={tmp_path}", *required]
    first, again = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        for _ in range(2)
    )
    assert first == again
