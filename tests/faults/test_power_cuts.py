"""Bytes that a power cut took: what is left is named or ignored, and the study comes out the same.

The ledger synchronises what it writes, so only a disk that lies loses more than test_kills.py
takes (bytes that were not synchronised). Here any file loses its end, or everything.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import StudyStore

QUICK_CUTS = 8
CAMPAIGN_CUTS = 300
SHARES = (0.0, 0.5, 0.999)
"""Of a file's bytes that are left, in the exhaustive part."""

NAMED = ("run.json", "protocol.toml", "study.json")
"""Files whose damage must be named; the others can be made anew without a word."""


def files_of(folder: Path) -> list[Path]:
    """Every file of a study that holds something."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def cut(path: Path, share: float) -> None:
    """Drop the end of a file; at least its last byte."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(min(size - 1, int(size * share)))


def test_whatever_file_loses_its_end_the_doctor_and_the_next_run_know(
    cli: Any, small: Any, bits: Any, tmp_path: Path, result_record: Any, tried: Counter[str]
) -> None:
    calm = bits(small.path)
    claims = cli("analyze", "small", "--json").out
    found = [path.relative_to(small.path) for path in files_of(small.path)]
    records = [name for name in found if name.name == "run.json"]
    names = [name for name in found if name not in records[2:]]
    assert {"index.sqlite", "study.json", "protocol.toml", "claims.json"} <= {*map(str, names)}
    for name in names:
        for share in SHARES:
            shutil.copytree(small.path, tmp_path / "torn" / "small")
            torn = type(small).open(tmp_path / "torn" / "small")
            cut(torn.path / name, share)
            examined = cli("doctor", torn.path)
            assert examined.code == (5 if name.name == "run.json" else 0), examined
            assert (str(torn.path / name) in examined.out) == (name.name in NAMED)
            lacking = torn.progress().lacking
            assert len(lacking) == (name.name == "run.json")
            for run in lacking:  # as `vggstudy run` would
                torn.store()
                assert StudyStore.open(torn.path).write_record(result_record(run))
            assert bits(torn.path) == calm
            assert cli("analyze", torn.path, "--json").out == claims
            shutil.rmtree(tmp_path / "torn")
            tried["truncations"] += 1


def resume(forks: Any, command: tuple[Any, ...], folder: Path, protocol: Path) -> None:
    """Go on until everything is done, doing what the messages say must be done."""
    said = forks(*command, cwd=protocol.parent)
    for _ in range(4):  # the lock, the marker and the protocol may all be torn
        if said["code"] == 0:
            return
        assert said["code"] == 5, said
        if "name the study's --threads" in said["stderr"]:
            (folder / "execution.json").unlink()
            command = (*command, "--threads", "1")
        else:
            remedy(forks, said["stderr"], folder, protocol)
        said = forks(*command, cwd=protocol.parent)
    assert said["code"] == 0, said


def remedy(forks: Any, message: str, folder: Path, protocol: Path) -> None:
    """Do what a message says."""
    if "study.lock is damaged" in message and "delete that file" in message:
        (folder / "study.lock").unlink()
    elif "put the study's protocol there" in message:
        shutil.copy(protocol, folder / "protocol.toml")
    elif f"'vggstudy doctor {folder.name}'" in message:
        examined = forks("doctor", folder, cwd=protocol.parent)
        if "vggstudy: error" in examined["stderr"]:
            remedy(forks, examined["stderr"], folder, protocol)
    else:
        assert "use another folder" in message
        assert list(folder.glob("runs/*")) == []  # it was being created
        shutil.rmtree(folder)


def outage(forks: Any, protocol: Path, rng: random.Random, name: str, seconds: float) -> int:
    """Kill a running study, cut some of its files, resume it; the number of files cut."""
    folder, cwd = protocol.parent / name, protocol.parent
    command = ("run", protocol, "--study", name, "-q", "-j", "2")
    kill = {"after_s": rng.uniform(0.1, 1.0) * seconds, "target": "driver", "signal": 9}
    forks(*command, cwd=cwd, kills=[kill])
    files = files_of(folder)
    chosen = rng.sample(files, min(len(files), rng.randint(1, 3)))
    for path in chosen:
        cut(path, rng.choice((0.0, rng.random(), 1.0)))
    resume(forks, command, folder, protocol)
    return len(chosen)


class Hunt:
    """Cuts files of killed studies, and compares what comes of them."""

    def __init__(self, forks: Any, protocol: Path, calm: Any, bits: Any) -> None:
        self.forks, self.protocol, self.calm, self.bits = forks, protocol, calm, bits

    def __call__(self, tried: Counter[str], *, cuts: int, seed: int) -> None:
        rng = random.Random(seed)
        number = done = 0
        while done < cuts:
            number += 1
            name = f"study-{number}"
            done += outage(self.forks, self.protocol, rng, name, self.calm.seconds)
            assert self.bits(self.protocol.parent / name) == self.calm.bits
            tried["kills"] += 1
        tried["truncations"] += done


@pytest.fixture
def hunt(forks: Any, tiny: Path, calm: Any, bits: Any) -> Hunt:
    """Cuts files of killed studies."""
    return Hunt(forks, tiny, calm, bits)


def test_a_study_whose_files_lost_their_ends_resumes_to_the_same_bits(
    hunt: Hunt, tried: Counter[str]
) -> None:
    hunt(tried, cuts=QUICK_CUTS, seed=3)


@pytest.mark.campaign
def test_hundreds_of_cut_files_lose_nothing(hunt: Hunt, tried: Counter[str]) -> None:
    hunt(tried, cuts=CAMPAIGN_CUTS, seed=2027)
