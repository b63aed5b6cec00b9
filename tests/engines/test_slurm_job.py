"""A job on its node does what SLURM's signals ask for, here with a stand-in for scontrol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vggstudy.ledger import StudyStore
from vggstudy.protocol import load_protocol
from vggstudy.study.study import Study

pytestmark = pytest.mark.slow

# What submitit calls, without SLURM around it.
JOB = """
import sys
from pathlib import Path
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.slurm.job import PackJob
from vggstudy.execution.slurm.state import Submission
from vggstudy.study.study import Study

study = Study.open("study")
runs = study.plan.runs[:1]
submission = Submission(Path("submission"), ((runs[0].run_id,),))
job = PackJob(Path("study"), submission, ExecutionOptions(jobs=1), warning_s=60)
print(job(0, tuple(runs)))
"""

PROTOCOL = """\
schema = 1
name = "job"
[design]
replicates = 1
seed = 1
[design.factors]
batch_size = [16, 32]
[data]
name = "{data}"
train = 64
test = 32
validation = 32
[model]
depth = 11
width = 0.05
[training]
epochs = 2000
"""


class Job:
    """A job under way in a folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        tools = folder / "bin"
        tools.mkdir(exist_ok=True)
        self.asked = folder / "asked"
        (tools / "scontrol").write_text(f"#!/bin/sh\necho $@ >> {self.asked}\n")
        (tools / "scontrol").chmod(0o755)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        cache = str(folder / "cache")
        given = {"PATH": path, "SLURM_JOB_ID": "77", "VGGSTUDY_CACHE": cache, **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB],
            cwd=folder,
            env={**os.environ, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, text: str) -> None:
        """Read its log up to some words."""
        assert self.process.stderr is not None
        assert any(text in line for line in self.process.stderr), f"no {text!r} in the log"

    def end(self) -> tuple[str, str]:
        """What it prints until its end."""
        try:
            return self.process.communicate(timeout=600)
        finally:
            self.process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a study whose runs last for minutes."""
    make_study(tmp_path, "digits")
    return tmp_path


def make_study(folder: Path, data: str) -> None:
    """Write the study that a job works on."""
    path = folder / "job.toml"
    path.write_text(PROTOCOL.format(data=data))
    loaded = load_protocol(path)
    study = Study.load(loaded, folder / "study")
    StudyStore.create(study.path, study.text, study.protocol.digest(), "job")
    (folder / "submission").mkdir()


def test_the_warning_of_a_time_limit_makes_a_checkpoint_and_asks_for_a_requeue(
    folder: Path,
) -> None:
    job = Job(folder)
    job.wait_for("first epoch done")
    job.process.send_signal(signal.SIGUSR1)
    printed, log = job.end()
    assert job.process.returncode == 0, log
    assert job.asked.read_text() == "requeue 77\n"
    assert len(list(folder.rglob("checkpoint.pt"))) == 1
    assert "'finished': 0, 'crashed': 0, 'left': 1" in printed
    assert not list(folder.rglob("run.json"))


def test_preemption_makes_a_checkpoint_and_asks_for_nothing_however_often_it_is_told(
    folder: Path,
) -> None:
    job = Job(folder)
    job.wait_for("first epoch done")
    for _ in range(3):
        job.process.send_signal(signal.SIGTERM)
    _, log = job.end()
    assert job.process.returncode == 0, log
    assert not job.asked.exists()
    assert len(list(folder.rglob("checkpoint.pt"))) == 1


def test_a_study_that_cannot_go_on_is_told_to_the_driver(tmp_path: Path) -> None:
    make_study(tmp_path, "torchvision:Cifar11")
    job = Job(tmp_path)
    _, log = job.end()
    assert job.process.returncode == 1, log
    name, message = (tmp_path / "submission" / "0.refused").read_text().split("\n", 1)
    assert name == "ProtocolError"
    assert "Cifar11" in message
