"""The examples of trainers of one's own run from the root of the repository."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vggstudy.execution import resolve_options
from vggstudy.study.study import Study

EXAMPLES = ("digits_mlp", "digits_torch")

DRIVER = """
import sys
sys.path.insert(0, "protocols/trainers")
from vggstudy.execution import resolve_options
from vggstudy.protocol import load_protocol
from vggstudy.study.study import Study
loaded = load_protocol(sys.argv[1])
study = Study.load(loaded, sys.argv[2])
named = loaded.protocol.trainer.function
study.run(
    options=resolve_options(jobs=1),
    only=["replicate=0"],
    trainer=named,
    allow_command=None if named else loaded.protocol.command_digest(),
)
"""


@pytest.fixture(autouse=True)
def _from_the_root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    monkeypatch.syspath_prepend(str(repository / "protocols" / "trainers"))


def _study(name: str, folder: Path) -> Study:
    return Study.from_file(f"protocols/trainers/{name}.toml", folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_reports_what_its_analysis_asks_for(name: str, tmp_path: Path) -> None:
    study = _study(name, tmp_path / name)
    trainer = study.protocol.trainer
    assert trainer is not None
    tally = study.run(
        options=resolve_options(jobs=1, retries=0),
        limit=1,
        trainer=trainer.function,
        allow_command=study.protocol.command_digest(),
    )
    (record,) = study.store().records()
    assert tally.finished == 1, record.attempts
    assert record.result["epochs"] == study.protocol.parameters["epochs"]
    assert 0.05 < record.result["metrics"]["test_accuracy"] < 1
    assert record.environment["trainer"]["code"]["files"] == 1


@pytest.mark.campaign
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_that_is_killed_has_the_records_of_an_undisturbed_one(
    name: str, tmp_path: Path
) -> None:
    protocol, texts = f"protocols/trainers/{name}.toml", []
    for folder, kill in ((tmp_path / "killed", True), (tmp_path / "calm", False)):
        command = [sys.executable, "-c", DRIVER, protocol, str(folder)]
        if kill:
            driver = subprocess.Popen(command)
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline and driver.poll() is None:
                reports = [path.read_bytes() for path in folder.glob("runs/*/report.jsonl")]
                if any(text.count(b"\n") > 3 for text in reports):
                    break
            driver.send_signal(signal.SIGKILL)
            driver.wait()
        subprocess.run(command, check=True)
        made = Study.open(folder)
        texts.append(sorted(one.deterministic_json() for one in made.store().records()))
        assert len(texts[-1]) == made.plan.n_cells
    assert json.loads(texts[0][0])["status"] == "finished"
    assert texts[0] == texts[1]
