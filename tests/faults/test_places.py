"""Two drivers, dead hosts, copies, other names and clocks that jump: the study stays one study."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import StudyStore
from vggstudy.ledger.lock import Holder

COMMAND = ("-q", "-j", "1")


def test_a_lock_of_a_dead_host_is_named_with_what_to_do(cli: Any, small: Any) -> None:
    Path("small.toml").write_text(small.text.replace("replicates = 3", "replicates = 4"))
    holder = replace(Holder.this_process(), host="gone", machine="another")
    (small.path / "study.lock").write_text(json.dumps(asdict(holder)))
    refused = cli("run", "small.toml", "--study", "small")
    assert refused.code == 5
    assert "locked by process" in refused.err
    assert "on gone" in refused.err
    assert "if that process has ended, delete small/study.lock" in refused.err
    for command in ("status", "analyze"):  # reading needs no lock
        assert cli(command, "small").code == 0


def test_a_lock_that_was_copied_with_a_running_study_does_not_hold_the_copy_after_its_end(
    forks: Any, tiny: Path, calm: Any, bits: Any
) -> None:
    kill = {"after_s": calm.seconds / 2, "target": "driver", "signal": signal.SIGKILL}
    forks("run", tiny, "--study", "first", *COMMAND, cwd=tiny.parent, kills=[kill])
    first, copy = tiny.parent / "first", tiny.parent / "elsewhere" / "another-name"
    shutil.copytree(first, copy)
    first.rename(tiny.parent / "moved")
    for study in (tiny.parent / "moved", copy):
        done = forks("run", tiny, "--study", study, *COMMAND, cwd=tiny.parent)
        assert done["code"] == 0, done
        assert bits(study) == calm.bits


def test_drivers_that_start_at_once_do_each_run_once(
    tiny: Path, calm: Any, bits: Any, tried: Counter[str]
) -> None:
    command = [sys.executable, "-m", "vggstudy", "run", str(tiny), "--study", "shared", *COMMAND]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    drivers = [
        subprocess.Popen(
            command, cwd=tiny.parent, env=environment, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    said = [driver.communicate()[1] for driver in drivers]
    codes = sorted(driver.returncode for driver in drivers)
    assert codes[0] == 0, said
    assert set(codes) <= {0, 5}, said
    assert bits(tiny.parent / "shared") == calm.bits
    for record in StudyStore.open(tiny.parent / "shared", readonly=True).records():
        assert len(record.attempts) == 1
    tried["second drivers"] += len(drivers) - 1


def test_a_clock_that_jumps_confuses_neither_lock_nor_index_nor_tidying(
    cli: Any, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = cli("analyze", "small", "--json").out
    now = time.time()
    for shift in (-20 * 365 * 86400, -3600, 3600, 20 * 365 * 86400):
        monkeypatch.setattr(time, "time", lambda shift=shift: now + shift)
        monkeypatch.setattr(time, "time_ns", lambda shift=shift: int((now + shift) * 1e9))
        for path in small.path.rglob("run.json"):
            os.utime(path, (now - shift, now - shift))
        with StudyStore.open(small.path).lock():
            assert cli("analyze", "small", "--json").out == claims
        assert cli("doctor", "small").code == 0
        record = next(small.path.rglob("run.json"))
        sound = record.read_bytes()
        record.write_bytes(sound.replace(b"0.9", b"0.8"))
        assert cli("status", "small").code == 5  # an edit is noticed whatever the clock says
        record.write_bytes(sound)


def test_a_study_by_another_name_is_not_taken_for_this_one(cli: Any, small: Any) -> None:
    Path("other.toml").write_text(small.text.replace('"small"', '"other"'))
    refused = cli("run", "other.toml", "--study", "small")
    assert refused.code == 5
    assert "holds the study 'small', not 'other'" in refused.err
