"""A command trains: what it reports is recorded, and whatever it does, nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.execution.trainers.conftest import Make, processes, records, run, study_in
from vggstudy.execution import resolve_options
from vggstudy.files import MAX_FILE_BYTES
from vggstudy.study.basis import basis_of
from vggstudy.study.study import Study

HEAD = """
import argparse, json, os, signal, subprocess, sys, time
from pathlib import Path
from vggstudy.report_run import finish, log
parser = argparse.ArgumentParser()
for name in ("--how", "--lr", "--seed", "--out"):
    parser.add_argument(name)
given = parser.parse_args()
out = Path(given.out)
"""

LIAR = (
    HEAD
    + """
how = given.how
if how == "exit":
    print("before", file=sys.stdout); print("no such layer", file=sys.stderr); sys.exit(3)
if how == "silent":
    sys.exit(0)
if how == "half":
    log(val_loss=1.0); sys.exit(0)
if how == "garbage":
    Path(os.environ["VGGSTUDY_REPORT"]).write_text("loss: 3\\n"); time.sleep(600)
if how == "hang":
    time.sleep(600)
if how == "segfault":
    os.kill(os.getpid(), signal.SIGSEGV)
if how == "memory":
    raise MemoryError("no more")
if how == "other":
    finish(train_loss=1.0)
if how == "percent":
    finish(val_loss=1.0, val_accuracy=93.2)
if how == "nan":
    log(val_loss=1.0); log(val_loss=float("nan")); finish(val_loss=float("inf"))
if how == "twice":
    finish(val_loss=1.0); finish(val_loss=2.0)
if how == "stays":
    child = "import os, time; os.setsid() if os.fork() == 0 else os._exit(0); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", child], stdout=sys.stdout)
    subprocess.Popen(["sleep", "600"])
    time.sleep(0.3)
    finish(val_loss=1.0)
if how == "flood":
    for _ in range(300):
        print("x" * 100_000)
    finish(val_loss=1.0)
if how == "stdout":
    print(json.dumps({"val_loss": 0.5, "status": "finished"}))
if how == "well":
    for epoch in (1, 2, 3):
        log(val_loss=1 / epoch, train_loss=2.0)
    finish(val_loss=0.25, best="model.pt")
"""
)

WAYS = ["exit", "silent", "half", "garbage", "hang", "segfault", "memory", "other", "percent",
        "nan", "twice", "stays", "flood", "stdout", "well"]  # fmt: skip


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Records of a trainer that does everything wrong, one way a run."""
    folder = tmp_path_factory.mktemp("lied")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield _lied(folder)


def _lied(tmp_path: Path) -> dict[str, Any]:
    made = study_in(tmp_path, LIAR, {"how": WAYS})
    before = len([*Path("/proc/self/fd").iterdir()])
    tally = run(made, timeout_s=2.0)
    assert tally.finished + tally.crashed == len(WAYS)
    assert processes(tmp_path) == []
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    return records(made)


def test_every_way_to_fail_is_recorded_with_its_reason(lied: dict[str, Any]) -> None:
    failures = {
        how: (record.attempts[-1]["failure"]["kind"], record.attempts[-1]["failure"]["message"])
        for how, record in lied.items()
        if record.status == "crashed"
    }
    assert failures.keys() == {
        "exit", "silent", "half", "garbage", "hang", "segfault", "memory", "other", "percent",
        "twice",
    }  # fmt: skip
    assert failures["exit"] == ("exception", "the command ended with exit code 3: no such layer")
    assert "it ended well and reported nothing" in failures["silent"][1]
    assert "it ended well and reported 1 epochs and no end" in failures["half"][1]
    assert failures["garbage"] == ("exception", "line 1 of the report is no JSON: 'loss: 3'")
    assert failures["hang"] == ("timeout", "no report within 2 s; the command was killed")
    assert failures["segfault"] == ("killed", "the command ended with signal SIGSEGV")
    assert failures["memory"][0] == "out_of_memory"
    assert failures["other"][1].startswith("it did not report val_loss at its end; reported: train")
    assert "val_accuracy is 93.2, and an accuracy is a fraction" in failures["percent"][1]
    assert failures["twice"][1] == "it reports its end twice: one process must report"
    assert lied["nan"].status == "diverged"
    assert lied["exit"].attempts[0]["output"]["exit_code"] == 3
    assert lied["exit"].attempts[0]["output"]["stdout"] == "before\n"


def test_what_is_reported_is_recorded(lied: dict[str, Any]) -> None:
    result = lied["well"].result
    assert result["curves"] == {"val_loss": [1, 0.5, pytest.approx(1 / 3)], "train_loss": [2.0] * 3}
    assert (result["metrics"], result["other"]) == ({"val_loss": 0.25}, {"best": "model.pt"})
    assert (result["status"], result["epochs"]) == ("finished", 3)
    assert lied["stdout"].result["metrics"] == {"val_loss": 0.5}
    assert lied["stays"].attempts[0]["output"]["killed"] == 2
    assert len(lied["flood"].to_json()) < 20_000
    assert lied["flood"].attempts[0]["output"]["stdout"].startswith("...xxx")


SMALL = """
import functools, sys
if "vggstudy.execution.local.worker" in sys.orig_argv:
    from vggstudy.execution.trainers import command_worker, process
    command_worker.Limits = functools.partial(
        process.Limits, output_bytes=100_000, report_bytes=10_000
    )
"""

ENDLESS = (
    HEAD
    + """
if (out / "before").exists():
    finish(val_loss=1.0); sys.exit(0)
(out / "before").touch()
while given.how == "stdout":
    print("x" * 1000)
while given.how == "report":
    log(val_loss=1.0)
with open(os.environ["VGGSTUDY_REPORT"], "a") as report:  # all of it at once, and then its end
    report.write('{"val_loss": 1.0}\\n' * 1000 + '{"status": "finished", "val_loss": 1.0}\\n')
"""
)


def test_output_and_report_are_bounded(
    study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SMALL)  # smaller limits in the workers
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    made = study(ENDLESS, {"how": ["stdout", "report", "burst"]})
    run(made, retries=1)
    found = {how: [each["failure"] for each in one.attempts] for how, one in records(made).items()}
    output = "it wrote more than 100,000 bytes to stdout and stderr"
    assert found["stdout"] == [{"kind": "exception", "message": output}, None]
    report = {"kind": "exception", "message": "it wrote more than 10,000 bytes to its report"}
    assert found["report"] == found["burst"] == [report] * 2  # the second began anew


def test_a_report_that_is_too_long_to_be_read_is_begun_anew(study: Make) -> None:
    made = study(HEAD + "\nfinish(val_loss=1.0)\n", {"lr": [0.1]})
    with made.held() as store:
        _, report = store.trainer_paths(made.plan.runs[0].run_id)
    with report.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert run(made).finished == 1


RESUMES = (
    HEAD
    + """
import random
state = out / "state.json"
done, loss = json.loads(state.read_text()) if state.exists() else (0, 1.0)
for epoch in range(done + 1, 21):
    loss *= 0.5 + random.Random(f"{given.seed} {epoch}").random() / 2
    time.sleep(0.02)
    log(epoch=epoch, val_loss=loss)
    state.with_suffix(".new").write_text(json.dumps([epoch, loss]))
    state.with_suffix(".new").replace(state)
finish(val_loss=loss)
"""
)

DRIVER = """
import sys
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study
text = open("protocol.toml").read()
study = Study(parse_protocol(text), sys.argv[1], text=text)
study.run(jobs=2, allow_command=study.protocol.command_digest())
"""


def _killed_and_resumed(made: Study, folder: Path, number: signal.Signals) -> set[str]:
    (folder / "protocol.toml").write_text(made.text)
    command = [sys.executable, "-c", DRIVER, str(made.path)]
    driver = subprocess.Popen(command)
    reports = made.path / "runs"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:  # until a run is well under way
        found = [path.read_bytes() for path in reports.glob("*/report.jsonl")]
        if any(text.count(b"\n") > 4 for text in found):
            break
    driver.send_signal(number)
    driver.wait()
    while time.monotonic() < deadline and processes(folder):
        pass
    assert processes(folder) == []
    assert not list(made.path.glob("runs/*/run.json")) or made.progress().lacking
    subprocess.run(command, check=True)
    assert not list(made.path.glob("runs/*/files"))
    return {record.deterministic_json() for record in made.store().records()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.campaign)]
)
def test_a_study_that_is_killed_and_resumed_has_the_records_of_an_undisturbed_one(
    study: Make, tmp_path: Path, number: signal.Signals
) -> None:
    made = study(RESUMES, {"lr": [0.1, 0.2]}, replicates=2)
    found = _killed_and_resumed(made, tmp_path, number)
    calm = Study(made.protocol, tmp_path / "calm", text=made.text)
    run(calm)
    assert found == {record.deterministic_json() for record in calm.store().records()}
    assert all(len(record.result["curves"]["val_loss"]) == 20 for record in calm.store().records())


def test_a_worker_that_is_killed_takes_its_command_along(study: Make, tmp_path: Path) -> None:
    script = (
        HEAD
        + """
if given.lr == "0.1":
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)
finish(val_loss=1.0)
"""
    )
    made = study(script, {"lr": [0.1, 0.2]}, change=("[trainer]", '[trainer]\ncode = ["*.py"]'))
    assert run(made).crashed == 1
    failure = records(made)["0.1"].attempts[0]["failure"]
    assert failure is not None
    assert failure["kind"] == "killed"
    assert processes(tmp_path) == []
    assert not [note for note in basis_of(made).odd if note.name == "versions_differ"]


def test_a_program_that_is_not_there_is_one_sentence(study: Make) -> None:
    made = study("", {"lr": [0.1]}, change=('"{python}"', '"no-such-program"'))
    assert run(made).crashed == 1
    (record,) = records(made).values()
    failure = record.attempts[0]["failure"]
    assert failure is not None
    assert failure["message"] == "there is no program 'no-such-program'"


def test_more_levels_execute_only_new_runs(study: Make, tmp_path: Path) -> None:
    script = HEAD + "\nopen('count', 'a').write('x'); finish(val_loss=float(given.lr))\n"
    run(study(script, {"lr": [0.1, 0.2]}, replicates=2))
    run(study(script, {"lr": [0.1, 0.2, 0.4]}, replicates=3))
    assert (tmp_path / "count").read_text() == "x" * 9


def test_a_changed_code_is_said(study: Make, tmp_path: Path) -> None:
    script = HEAD + "\nfinish(val_loss=float(given.lr))\n"
    made = study(script, {"lr": [0.1, 0.2]}, change=("[trainer]", '[trainer]\ncode = ["*.py"]'))
    made.run(limit=1, allow_command=made.protocol.command_digest())
    assert not [note for note in basis_of(made).odd if note.name == "versions_differ"]
    (tmp_path / "train.py").write_text(script + "# changed\n")
    told: list[str] = []

    class Listening:
        def __getattr__(self, name: str) -> Any:
            return told.append if name == "note" else lambda *_, **__: None

    made.run(
        allow_command=made.protocol.command_digest(),
        listener=lambda *_: contextlib.nullcontext(Listening()),
    )
    assert any("the trainer's code has changed" in text for text in told)
    assert [note.name for note in basis_of(made).odd] == ["versions_differ"]


def test_every_worker_sees_its_device(study: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    script = HEAD + "\nfinish(val_loss=1.0, seen=os.environ['CUDA_VISIBLE_DEVICES'])\n"
    made = study(script, {"lr": [0.1, 0.2]}, replicates=4)
    options = resolve_options(jobs=2, devices=("cuda:0", "cuda:1"))
    made.run(options=options, allow_command=made.protocol.command_digest())
    seen = {record.result["other"]["seen"] for record in made.store().records()}
    assert seen == {"4", "7"}
