"""A real SLURM of two nodes: the bits of one machine, whatever happens to jobs and nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engines.conftest import Bench, MiniSlurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

SLURM = ("--engine", "slurm", "--slurm", "partition=low,time=10")
CELL = ("--only", "width=0.05", "--only", "batch_size=32")


def submissions(bench: Bench, study: str) -> list[Path]:
    """Folders of what has been submitted."""
    return sorted((bench.folder / study / "slurm").iterdir())


def in_slurm(bench: Bench, study: str) -> dict[str, int]:
    """Runs by their state in SLURM, as `vggstudy status` tells."""
    output, _ = bench.call("status", study, "--json")
    found: dict[str, int] = json.loads(output).get("slurm", {})
    return found


def test_records_and_claims_are_those_of_the_local_engine(slurm: MiniSlurm, short: Bench) -> None:
    short.call("run", "small.toml", "--study", "on-slurm", *SLURM, "--pack", "4")
    assert short.results("on-slurm") == short.results("local")
    assert len(short.results("on-slurm")) == 8
    assert short.claims("on-slurm") == short.claims("local")
    assert not list((short.folder / "on-slurm").rglob("checkpoint.pt"))
    _, messages = short.call("run", "small.toml", "--study", "on-slurm", *SLURM)
    assert "nothing to run" in messages
    assert len(submissions(short, "on-slurm")) == 1


def test_a_command_trains_in_jobs_as_it_does_here(slurm: MiniSlurm, commanded: Bench) -> None:
    command = ("run", "small.toml", "--study", "on-slurm", *SLURM, "--pack", "4")
    _, messages = commanded.call(*command, code=2)
    assert "allow it with --allow-command" in messages
    assert not (commanded.folder / "on-slurm").exists()
    commanded.call(*command, *commanded.allowed)
    assert len(commanded.results("on-slurm")) == 12
    assert commanded.results("on-slurm") == commanded.results("local")
    assert commanded.claims("on-slurm") == commanded.claims("local")
    assert not list((commanded.folder / "on-slurm").glob("runs/*/files"))


def test_jobs_outlive_their_driver_and_are_found_again(slurm: MiniSlurm, long: Bench) -> None:
    command = ("run", "small.toml", "--study", "left", *CELL, *SLURM, "--pack", "1")
    slurm.ask("scontrol", "update", "nodename=n1,n2", "state=drain", "reason=test")
    try:
        driver = long.start(*command)
        try:
            slurm.wait(lambda: slurm.ask("squeue", "-h", "-r").count("\n") == 2)
        finally:
            driver.kill()
            driver.communicate()
        assert in_slurm(long, "left") == {"queued": 2, "running": 0}
        _, messages = long.call("run", "small.toml", "--study", "left", *CELL, code=5)
        assert "2 of the study's runs are in SLURM's queue" in messages
    finally:
        slurm.ask("scontrol", "update", "nodename=n1,n2", "state=resume")
    slurm.wait(lambda: long.training("left"))
    assert in_slurm(long, "left")["running"] > 0
    _, messages = long.call(*command)
    assert "2 of 2 runs are in SLURM's queue already" in messages
    assert len(submissions(long, "left")) == 1
    assert long.results("left") == long.results("local")
    assert in_slurm(long, "left") == {}


def test_preempted_and_requeued_jobs_resume_from_their_checkpoints(
    slurm: MiniSlurm, long: Bench
) -> None:
    command = ("run", "small.toml", "--study", "moved", *CELL, *SLURM, "--pack", "1")
    long.call(*command, "--detach")
    slurm.wait(lambda: long.training("moved") == 2)
    jobs = slurm.ask("squeue", "-r", "-h", "-o", "%A %N").split()
    warned, preempted, node = jobs[0], jobs[2], jobs[3]
    # One job is warned of its time limit, as SLURM does it; the other has to give way.
    slurm.ask("scancel", "--signal=USR1", warned)
    other = ("-w", node, "--exclusive", "-o", "/dev/null", "--wrap", "true")
    slurm.ask("sbatch", "-p", "high", *other)
    for job in (warned, preempted):
        slurm.restart(job)
    long.call(*command)
    assert len(submissions(long, "moved")) == 1
    assert long.results("moved") == long.results("local")
    assert long.attempts("moved") == [1, 1]
    assert all(long.resumed("moved"))


def test_runs_of_a_node_that_dies_are_executed_on_another(slurm: MiniSlurm, long: Bench) -> None:
    command = ("run", "small.toml", "--study", "dead", *CELL, *SLURM, "--pack", "1")
    long.call(*command, "--detach")
    slurm.wait(lambda: long.training("dead") == 2)
    job = slurm.ask("squeue", "-w", "n1", "-r", "-h", "-o", "%A").strip()
    slurm.kill_node("n1")
    try:
        slurm.restart(job)
        long.call(*command)
    finally:
        slurm.start_node("n1")
    assert long.results("dead") == long.results("local")


def test_options_that_sbatch_refuses_are_told_in_one_sentence(
    slurm: MiniSlurm, short: Bench
) -> None:
    command = ("run", "small.toml", "--study", "none", "--engine", "slurm")
    _, messages = short.call(*command, "--slurm", "partition=nowhere", code=4)
    assert "invalid partition specified: nowhere" in messages
    assert "Traceback" not in messages
    assert submissions(short, "none") == []
