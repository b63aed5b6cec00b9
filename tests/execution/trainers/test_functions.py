"""A function trains: handed over, called in persistent workers, resumed by its own files."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.execution.trainers.conftest import processes, records, run
from vggstudy.errors import ExecutionError
from vggstudy.execution import resolve_options
from vggstudy.execution.options import TrainerSite
from vggstudy.execution.trainers.function_worker import FunctionReport, FunctionWorker
from vggstudy.execution.trainers.functions import place_of
from vggstudy.execution.trainers.recording import TrainerAttempt
from vggstudy.execution.trainers.worker import DriverGone, tell
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study
from vggstudy.study.trainers import ConsentError

TEXT = """\
schema = 1
name = "own"
[design]
replicates = 1
seed = 1
[design.factors]
how = HOW
[parameters]
size = 3
[trainer]
function = "mine:train"
[analysis]
outcome = "val_loss"
resamples = 99
"""

MINE = """
import json, multiprocessing, os, random, signal, subprocess, sys, time

def train(params, seeds, report, run_dir):
    how = params["how"]
    assert params["size"] == 3 and 0 <= seeds.seed < 2**31
    print("hello from", how)
    if how == "raises":
        raise ValueError("no such layer")
    if how == "exits":
        sys.exit("gone")
    if how == "dies":
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        os._exit(3)
    if how == "nothing":
        return None
    if how == "hangs":
        time.sleep(600)
    if how == "forks":
        if os.fork() == 0:
            time.sleep(600)
    if how == "leaves":  # a daemon: its parent is gone, and its session is its own
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    if how == "ends":
        child = subprocess.Popen(["sleep", "600"])
        forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
        forked.start()
        for one in (child, forked):
            one.terminate()
        assert child.wait(30) == -signal.SIGTERM
        forked.join(30)
        assert forked.exitcode == -signal.SIGTERM
    if how == "no epoch":
        try:
            report.epoch(0, val_loss=1.0)
        except Exception:
            pass
    if how == "slow":
        subprocess.Popen(["sleep", "600"])
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        state = run_dir / "state.json"
        done, loss = json.loads(state.read_text()) if state.exists() else (0, 1.0)
        for epoch in range(done + 1, 21):
            loss *= 0.5 + random.Random(f"{seeds.seed} {epoch}").random() / 2
            time.sleep(0.05)
            report.epoch(epoch, val_loss=loss)
            whole = run_dir / "state.new"
            whole.write_text(json.dumps([epoch, loss]))
            whole.replace(state)
        return {"val_loss": loss}
    report.epoch(val_loss=2.0)
    report.epoch(val_loss=1.0)
    report.finish(val_loss=0.5, pid=os.getpid())
"""


def made(folder: Path, *how: str) -> Study:
    (folder / "mine.py").write_text(MINE)
    text = TEXT.replace("HOW", repr([*how]).replace("'", '"'))
    return Study(parse_protocol(text), folder / "study", text=text)


def execute(study: Study, **options: Any) -> Any:
    return study.run(options=resolve_options(retries=0, **options), trainer="mine:train")


def test_every_end_of_a_function_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made(
        tmp_path,
        *(
            "raises",
            "exits",
            "dies",
            "nothing",
            "hangs",
            "forks",
            "leaves",
            "ends",
            "no epoch",
            "well",
            "1",
        ),
    )
    tally = execute(study, jobs=1, timeout_s=3.0)
    assert (tally.finished, tally.crashed) == (5, 6)
    assert processes(tmp_path) == []
    found = records(study)
    said = {
        how: record.attempts[0]["failure"]["message"]
        for how, record in found.items()
        if record.attempts[0]["failure"] is not None
    }
    assert said["raises"] == "ValueError: no such layer"
    assert said["exits"] == "SystemExit: gone"
    assert said["dies"].startswith("the worker ended with exit code 3")
    assert said["nothing"].startswith("it ended well and reported nothing")
    assert said["hangs"].startswith("no epoch finished within 3 s")
    assert said["no epoch"].startswith("epoch must be a number from 1 to")
    assert found["well"].result["curves"] == {"val_loss": [2.0, 1.0]}
    assert found["well"].result["metrics"]["pid"] == found["1"].result["metrics"]["pid"]
    assert found["raises"].attempts[0]["output"] == {"stdout": "hello from raises\n"}
    assert found["well"].environment["trainer"] == {"code": None, "function": "mine:train"}


DRIVER = """
import sys
from vggstudy.execution import resolve_options
from vggstudy.study.study import Study
Study.open(sys.argv[1]).run(options=resolve_options(jobs=1), trainer="mine:train")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.campaign)]
)
def test_a_function_that_is_killed_goes_on_from_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made(tmp_path, "slow")
    with study.held():
        pass  # makes the study's folder
    command = [sys.executable, "-c", DRIVER, str(study.path)]
    driver = subprocess.Popen(command)
    state = study.path / "runs" / study.plan.runs[0].run_id / "files" / "state.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not state.exists():
        pass
    os.kill(driver.pid, number)
    driver.wait()
    while time.monotonic() < deadline and processes(tmp_path):
        pass
    assert processes(tmp_path) == []
    assert state.exists()
    subprocess.run(command, check=True)
    (record,) = study.store().records()
    calm = Study(study.protocol, tmp_path / "calm", text=study.text)
    execute(calm, jobs=1)
    assert [one.deterministic_json() for one in calm.store().records()] == [
        record.deterministic_json()
    ]
    assert not state.parent.exists()


def test_a_function_is_called_only_where_it_is_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made(tmp_path, "well")
    with pytest.raises(ConsentError, match="only where it is handed over: --trainer mine:train"):
        study.run()
    with pytest.raises(ConsentError, match="is the function mine:train, not other:train"):
        study.run(trainer="other:train")
    with pytest.raises(ExecutionError, match="cannot be found by other processes"):
        study.run(trainer=lambda *_: None)
    (tmp_path / "mine.py").write_text("raise RuntimeError('broken')")
    with pytest.raises(ExecutionError, match="cannot be imported: RuntimeError: broken"):
        execute(study, jobs=1)
    text = study.text.replace('function = "mine:train"', 'command = ["x{how}{size}{seed}"]')
    other = Study(parse_protocol(text), tmp_path / "other")
    with pytest.raises(ConsentError, match="protocol's trainer is a command"):
        other.run(trainer="mine:train")


SCRIPT = """
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

def train(params, seeds, report, run_dir):
    return {"val_loss": float(len(params["how"]))}

if __name__ == "__main__":
    text = open("own.toml").read()
    tally = Study(parse_protocol(text), "study", text=text).run(jobs=1, trainer=train)
    assert tally.finished == 1, tally
"""


def test_a_function_of_the_script_that_runs_the_study_is_found(tmp_path: Path) -> None:
    text = TEXT.replace("HOW", '["well"]').replace("mine:train", "script:train")
    (tmp_path / "own.toml").write_text(text)
    (tmp_path / "script.py").write_text(SCRIPT)
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
    (record,) = Study.open(tmp_path / "study").store().records()
    assert record.result["metrics"] == {"val_loss": 4.0}


def test_a_function_s_place_is_its_module_s() -> None:
    place = place_of(run)
    assert (place.name, place.script) == ("run", None)


def test_a_run_whose_driver_hangs_up_is_not_blamed(tmp_path: Path) -> None:
    """What cannot be told to a driver that is gone is no crash, and nothing is recorded."""
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    worker = object.__new__(FunctionWorker)  # without its signal handlers
    worker.connection = theirs

    def train(_: Any, __: Any, report: FunctionReport, ___: Path) -> None:
        with contextlib.suppress(Exception):  # as a function's own handler may
            report.epoch(val_loss=1.0)
        raise AssertionError("it went on")

    worker.function = train
    study = made(tmp_path, "well")
    options = replace(resolve_options(jobs=1), trainer=TrainerSite(tmp_path))
    (run,) = study.plan.runs
    with study.held() as store:
        attempt = TrainerAttempt(
            run, store, options, "cpu", lambda epoch: tell(theirs, "epoch", run.run_id, epoch)
        )
        with pytest.raises(DriverGone):
            worker.execute(attempt)
    assert not list(study.path.glob("runs/*/run.json"))
