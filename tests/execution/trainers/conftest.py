"""Studies whose trainer is a script beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from vggstudy.execution import resolve_options
from vggstudy.execution.options import ExecutionOptions
from vggstudy.ledger import RunRecord
from vggstudy.plan import PlannedRun
from vggstudy.protocol import parse_protocol
from vggstudy.study.study import Study

COMMAND = """\
schema = 1
name = "own"
[design]
replicates = {replicates}
seed = 1
[design.factors]
{factors}
[trainer]
command = {command}
[analysis]
outcome = "val_loss"
resamples = 199
"""

Make = Callable[..., Study]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a study in an empty working folder, of a script's text and its factors."""
    monkeypatch.chdir(tmp_path)
    return partial(study_in, tmp_path)


def study_in(
    folder: Path,
    script: str,
    factors: Mapping[str, Any],
    *,
    replicates: int = 1,
    change: tuple[str, str] = ("", ""),
) -> Study:
    """A study whose command is a script in a folder; of its protocol's text a part is changed."""
    (folder / "train.py").write_text(script)
    named = [f"--{name}={{{name}}}" for name in factors]
    command = ["{python}", "train.py", *named, "--seed={seed}", "--out={run_dir}"]
    levels = "\n".join(f"{name} = {json.dumps(own)}" for name, own in factors.items())
    text = COMMAND.format(replicates=replicates, factors=levels, command=json.dumps(command))
    text = text.replace(*change) if change[0] else text
    return Study(parse_protocol(text), folder / "study", text=text)


def run(study: Study, *, timeout_s: float | None = None, retries: int = 0, jobs: int = 2) -> Any:
    """Execute a study with consent."""
    options: ExecutionOptions = resolve_options(jobs=jobs, timeout_s=timeout_s, retries=retries)
    return study.run(options=options, allow_command=study.protocol.command_digest())


def records(study: Study) -> dict[str, RunRecord]:
    """Records by the text of their levels."""
    found = {}
    store = study.store()
    for planned in study.plan.runs:
        found[_name(planned)] = store.read_record(planned.run_id)
    return found


def _name(planned: PlannedRun) -> str:
    return ",".join(map(str, planned.levels.values()))


def processes(folder: Path) -> list[str]:
    """Command lines of the processes that work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())  # empty for one that is dead and not yet buried
            if line and process.cwd().startswith(str(folder)) and process.pid != os.getpid():
                found.append(line)
        except (psutil.Error, OSError):
            continue
    return found
