"""What happens to a trainer of one's own on a node: in a Ray task, and in a SLURM job."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.execution.trainers.conftest import COMMAND
from vggstudy._version import __version__
from vggstudy.execution.options import ExecutionOptions, TrainerSite
from vggstudy.execution.ray.task import run_pack
from vggstudy.execution.slurm.job import PackJob
from vggstudy.execution.slurm.state import Submission
from vggstudy.ledger import RunRecord
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

PRINTS = """print('{{"val_loss": {lr}}}')"""

TEXT = COMMAND.format(
    replicates=1,
    factors="lr = [0.5, 0.25]",
    command=json.dumps(["{python}", "-c", PRINTS, "{seed}"]),
)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = Study(parse_protocol(TEXT), tmp_path / "study", text=TEXT)
    with study.held():
        pass  # makes its folder
    return study


@pytest.fixture
def options(tmp_path: Path) -> ExecutionOptions:
    site = TrainerSite(folder=tmp_path, quantities=("val_loss",))
    return ExecutionOptions(jobs=1, retries=0, trainer=site)


def test_a_ray_task_sends_the_records_of_a_command_back(
    study: Study, options: ExecutionOptions
) -> None:
    messages = list(run_pack(study.plan.runs, options, __version__))
    records = [RunRecord.from_json(content) for kind, content in messages if kind == "record"]
    assert {record.result["metrics"]["val_loss"] for record in records} == {0.5, 0.25}


def test_a_slurm_job_records_the_runs_of_a_command_in_the_study(
    study: Study, options: ExecutionOptions, tmp_path: Path
) -> None:
    submission = Submission(tmp_path, (tuple(run.run_id for run in study.plan.runs),))
    done = PackJob(study.path, submission, options)(0, study.plan.runs)
    assert done == {"finished": 2, "crashed": 0, "left": 0}
    assert not study.progress().lacking


def test_a_node_without_the_working_folder_says_so(study: Study, tmp_path: Path) -> None:
    site = TrainerSite(folder=tmp_path / "elsewhere", quantities=("val_loss",))
    options = ExecutionOptions(jobs=1, retries=0, trainer=site)
    kind, content = next(iter(run_pack(study.plan.runs[:1], options, __version__)))
    (attempt,) = RunRecord.from_json(content).attempts
    assert kind == "record"
    assert attempt["failure"] is not None
    assert "its working folder" in attempt["failure"]["message"]


def test_a_node_executes_nothing_that_nobody_allowed(study: Study) -> None:
    messages = dict(run_pack(study.plan.runs, ExecutionOptions(jobs=1), __version__))
    assert b"only with consent" in messages["refused"]
