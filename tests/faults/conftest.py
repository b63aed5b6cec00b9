"""What the attacks share: a count of them, small studies, a process that is made to be killed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vggstudy.cli import _invoke
from vggstudy.execution.attempt import attempt_entry, make_record
from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

PROPERTY = "faults"
_tried: Counter[str] = Counter()
_failed: list[str] = []

SMALL = """\
schema = 1
name = "small"
[design]
replicates = 3
seed = 1
[design.factors]
depth = [11, 19]
batch_norm = [false, true]
[data]
name = "digits"
[training]
epochs = 20
[analysis]
resamples = 199
"""

TINY = """\
schema = 1
name = "tiny"
[design]
replicates = 1
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
dropout = 0.2
[training]
epochs = 2
optimizer = "adam"
"""


# -- The count ------------------------------------------------------------------------------------


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """How many attacks of each kind a test made; the summary adds them up."""
    counts: Counter[str] = Counter()
    yield counts
    request.node.user_properties.append((PROPERTY, dict(counts)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what the tests have tried, in whichever process they ran."""
    if report.failed:
        _failed.append(report.nodeid)
    if report.when == "teardown":
        for name, counts in report.user_properties:
            if name == PROPERTY:
                _tried.update(dict(counts))  # type: ignore[call-overload]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the count, and whether anything was lost."""
    if _tried:
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(_tried.items()))
        verdict = "nothing lost" if not _failed else f"{len(_failed)} FAILED"
        terminalreporter.write_line(f"faults tried: {counts}; {verdict}")


# -- The command line -----------------------------------------------------------------------------


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """The command line in this process; no traceback and no escape ever comes out of it."""

    def run(*arguments: str | Path) -> Done:
        code = _invoke([str(argument) for argument in arguments])
        done = Done(code, *capfd.readouterr())
        assert "Traceback" not in done.err, done.err
        assert "internal error" not in done.err, done.err
        assert "\x1b" not in done.out + done.err
        return done

    return run


# -- Studies --------------------------------------------------------------------------------------


def finished(run: Any, **changes: Any) -> RunRecord:
    """A finished run: everything learns but depth 19 without batch normalisation."""
    learns = run.levels.get("depth", 11) == 11 or run.levels.get("batch_norm", True)
    accuracy = 0.9 + 0.01 * run.replicate if learns else 0.1
    metrics = {
        **dict.fromkeys(("test_accuracy", "test_balanced_accuracy", "val_accuracy"), accuracy),
        **dict.fromkeys(("test_loss", "val_loss", "train_loss"), 1.0),
        "train_accuracy": min(1.0, accuracy + 0.05),
    }
    result = {
        "status": "finished",
        "stop_reason": "epoch_cap",
        "epochs": 20,
        "selected_epoch": 1,
        "steps": 100,
        "curves": {
            "train_loss": [2.0 - 0.05 * epoch for epoch in range(20)],
            "val_loss": [1.0] * 20,
            "val_accuracy": [accuracy] * 20,
        },
        "metrics": metrics,
        "final": {"val_loss": 1.0, "val_accuracy": accuracy},
        "parameters_sha256": "0" * 64,
        "parameters": {"count": 10, "trainable": 10},
        "parameters_and_statistics": 12,
        "data": {"majority_rate": 0.1, "n_validation": 200},
    }
    given: dict[str, Any] = {
        "status": "finished",
        "attempts": [attempt_entry("2026-01-01T00:00:00+00:00", 2.0, None)],
        "result": result,
        "timings": {"total_s": 2.0, "epoch_s": [0.1] * 20, "peak_memory_bytes": 5},
        "environment": {"host": "here", "packages": {"torch": "2.14.1"}},
    }
    return make_record(run, **{**given, **changes})


def make_study(folder: Path, text: str = SMALL, *, records: bool = True) -> Study:
    """A study in a folder, with every record that its protocol plans."""
    protocol = parse_protocol(text)
    study = Study(protocol, folder, text=text)
    store = StudyStore.create(folder, text, protocol.digest(), protocol.name)
    for run in study.plan.runs if records else ():
        store.write_record(finished(run))
    return study


@pytest.fixture
def make() -> Callable[..., Study]:
    """Makes a study with invented results."""
    return make_study


@pytest.fixture
def result_record() -> Callable[..., RunRecord]:
    """Makes the record of a planned run."""
    return finished


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Twelve recorded runs in the folder ``small`` below the working folder."""
    monkeypatch.chdir(tmp_path)
    return make_study(Path("small"))


@pytest.fixture
def tree_digest() -> Callable[[Path], dict[str, str]]:
    """SHA-256 of every file below a folder, by its path."""

    def digests(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return digests


# -- Processes that are killed --------------------------------------------------------------------


class Forks:
    """The client of forks.py."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "VGGSTUDY_CACHE": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forks.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._answer() == "ready\n"

    def __call__(self, *argv: str | Path, cwd: Path, **disturbance: Any) -> dict[str, Any]:
        """Run a command line, disturbed as told; see forks.py."""
        request = {"argv": [*map(str, argv)], "cwd": str(cwd), **disturbance}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._answer())
        assert "Traceback" not in answer["stderr"], answer["stderr"]
        return answer

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def close(self) -> None:
        """Let the process end."""
        self.process.communicate()


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """A process whose forks are command lines and workers, made to be killed."""
    if not Path("/proc/self/task").is_dir() or not hasattr(os, "pidfd_open"):
        pytest.skip("killing workers by their parents needs Linux")
    forks = Forks(tmp_path_factory.mktemp("cache"))
    yield forks
    forks.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The protocol of two runs that train for real, within a second."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


def result_bits(folder: Path) -> dict[str, str]:
    """Run id to the deterministic part of its record, of runs with a result."""
    if not (folder / "study.json").exists():
        return {}
    records = StudyStore.open(folder, readonly=True).records()
    return {r.run_id: r.deterministic_json() for r in records if r.status != "crashed"}


@pytest.fixture
def bits() -> Callable[[Path], dict[str, str]]:
    """Reads the results of a study."""
    return result_bits


class Calm(NamedTuple):
    """The undisturbed study: its bits, how long it takes, how often it touches the disk."""

    bits: dict[str, str]
    seconds: float
    events: dict[str, int]


@pytest.fixture(scope="session")
def calm(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """The tiny study, run without a disturbance."""
    folder = tmp_path_factory.mktemp("calm")
    (folder / "tiny.toml").write_text(TINY)
    for name in ("warm", "calm"):  # the first one decodes the images
        done = forks("run", "tiny.toml", "--study", name, "-q", "-j", "1", cwd=folder)
        assert done["code"] == 0, done
    found = result_bits(folder / "calm")
    assert len(found) == 2
    return Calm(found, done["seconds"], done["events"])
