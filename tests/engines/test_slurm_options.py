"""What reaches a batch script is checked, and what a user asked for arrives in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vggstudy.errors import ExecutionError
from vggstudy.execution.options import ExecutionOptions
from vggstudy.execution.slurm.job import PackJob
from vggstudy.execution.slurm.options import SlurmSettings, minutes, parse_options
from vggstudy.execution.slurm.state import Submission
from vggstudy.execution.slurm.submit import parameters


def test_options_are_read_from_several_texts_and_commas_may_stand_in_values() -> None:
    texts = ("partition=gpu,nodelist=n1,n2,time=1:00:00", "gpus_per_node=2")
    assert parse_options(texts) == {
        "partition": "gpu",
        "nodelist": "n1,n2",
        "time": "1:00:00",
        "gpus-per-node": "2",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partion=gpu", "'partion' is not an option that is passed on to sbatch; did you mean"),
        ("wrap=true", "'wrap' is not an option"),
        ("output=/etc/passwd", "'output' is not an option"),
        ("signal=KILL", "'signal' is not an option"),
        ("array=0-9", "'array' is not an option"),
        ("partition", "write it as partition=VALUE"),
        ("partition=", "write it as partition=VALUE"),
        ("partition=a\n#SBATCH --wrap=true", "write it as partition=VALUE"),
        ("partition=$(id)", "write it as partition=VALUE"),
        ("partition=`id`", "write it as partition=VALUE"),
        ("comment=a b", "write it as comment=VALUE"),
        ("comment='a'", "write it as comment=VALUE"),
        ("mem=" + "9" * 500, "write it as mem=VALUE"),
        ("mem=1G,mem=2G", "gives mem twice: 1G and 2G"),
        ("cpus-per-task=two", "cpus-per-task must be a whole number of at least 1, got two"),
        ("array-parallelism=0", "array-parallelism must be a whole number of at least 1, got 0"),
        ("time=soon", "write MINUTES, HH:MM:SS or D-HH:MM:SS, got soon"),
        ("time=0", "write MINUTES, HH:MM:SS or D-HH:MM:SS, got 0"),
    ],
)
def test_a_wrong_option_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        parse_options([text])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    # As sbatch's manual lists its formats.
    [
        ("90", 90),
        ("10:00", 10),
        ("10:01", 11),
        ("2:00:00", 120),
        ("1-12", 36 * 60),
        ("1-12:30", 36 * 60 + 30),
        ("1-00:00:01", 24 * 60 + 1),
    ],
)
def test_time_limits_are_read_as_sbatch_reads_them(text: str, expected: int) -> None:
    assert minutes(text) == expected


def job(jobs: int = 1, threads: int = 1, devices: tuple[str, ...] = ("cpu",)) -> PackJob:
    """A job of a submission that is never made."""
    options = ExecutionOptions(jobs=jobs, threads=threads, devices=devices)
    return PackJob(Path("study"), Submission(Path("study/slurm/a-0"), ()), options, warning_s=60)


def test_a_job_asks_for_the_cores_of_its_workers_and_srun_takes_them_over() -> None:
    asked = parameters(job(jobs=3, threads=2), SlurmSettings())
    assert asked["cpus_per_task"] == 6
    assert asked["srun_args"] == ["--cpus-per-task=6"]


def test_fewer_cores_than_the_workers_need_are_refused() -> None:
    settings = SlurmSettings(options={"cpus-per-task": "2"})
    with pytest.raises(ExecutionError, match="cpus-per-task=2 is less than 2 workers of 2 threads"):
        parameters(job(jobs=2, threads=2), settings)


def test_named_devices_ask_for_gpus_unless_the_user_has() -> None:
    devices = ("cuda:0", "cuda:1")
    asked = parameters(job(devices=devices), SlurmSettings())
    assert asked["additional_parameters"]["gpus-per-node"] == "2"
    own = SlurmSettings(options={"gres": "gpu:h100:2"})
    assert "gpus-per-node" not in parameters(job(devices=devices), own)["additional_parameters"]


def test_a_job_is_warned_and_requeued_whatever_the_options() -> None:
    settings = SlurmSettings(options={"partition": "gpu", "time": "30", "array-parallelism": "7"})
    asked = parameters(job(), settings)
    assert asked["time"] == 30
    assert asked["array_parallelism"] == 7
    assert asked["additional_parameters"] == {
        "partition": "gpu",
        "signal": "USR1@60",
        "requeue": True,
    }
