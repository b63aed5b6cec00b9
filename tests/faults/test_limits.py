"""A study on a full or read-only disk, or short of memory or files: one sentence, nothing lost."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vggstudy.ledger import StudyStore

COMMAND = ("-q", "-j", "1")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 KiB: too little for the study of four runs with its index."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def errors(answer: dict[str, Any]) -> list[str]:
    """The errors that a command printed, without its warnings."""
    return [line for line in answer["stderr"].splitlines() if "vggstudy: error: " in line]


@pytest.fixture
def resumes(forks: Any, tiny: Path, calm: Any, bits: Any) -> Callable[[Path], None]:
    """Checks that a study completes without the limit, to the same bits."""

    def check(study: Path) -> None:
        assert set(bits(study).items()) <= set(calm.bits.items())
        again = forks("run", tiny, "--study", study, *COMMAND, cwd=tiny.parent)
        assert again["code"] == 0, again
        assert bits(study) == calm.bits
        assert StudyStore.open(study, readonly=True).damaged() == []

    return check


@pytest.mark.parametrize("files", [4, 8, 12])
def test_too_few_open_files_stop_a_study_in_one_sentence(
    forks: Any, tiny: Path, resumes: Any, tried: Counter[str], files: int
) -> None:
    command = ("run", tiny, "--study", "few", *COMMAND)
    answer = forks(*command, cwd=tiny.parent, limits={"nofile": files})
    assert answer["code"] in (0, 1, 3, 4, 5), answer
    if answer["code"]:
        assert len(errors(answer)) == 1, answer
        assert "Too many open files" in errors(answer)[0]
    resumes(tiny.parent / "few")
    tried["limits"] += 1


@pytest.mark.parametrize("megabytes", [1, 32])
def test_too_little_memory_is_recorded_and_the_study_goes_on_elsewhere(
    forks: Any, tiny: Path, resumes: Any, tried: Counter[str], megabytes: int
) -> None:
    command = ("run", tiny, "--study", "poor", *COMMAND)
    answer = forks(*command, cwd=tiny.parent, limits={"memory": megabytes * 2**20})
    assert answer["code"] in (0, 1, 3, 4), answer
    assert len(errors(answer)) <= 1, answer
    folder = tiny.parent / "poor"
    if folder.exists():
        for record in StudyStore.open(folder, readonly=True).records():
            failures = [a["failure"] for a in record.attempts if a["failure"]]
            assert all(f["kind"] in ("out_of_memory", "killed", "exception") for f in failures)
    resumes(folder)
    tried["limits"] += 1


@pytest.mark.parametrize("size", [1000, 5000])
def test_a_limit_on_the_size_of_files_is_one_sentence(
    forks: Any, tiny: Path, resumes: Any, tried: Counter[str], size: int
) -> None:
    command = ("run", tiny, "--study", "short", *COMMAND)
    answer = forks(*command, cwd=tiny.parent, limits={"fsize": size})
    assert answer["code"] in (0, 3, 4, 5), answer
    if answer["code"]:
        (said,) = errors(answer)
        assert "File too large" in said
    resumes(tiny.parent / "short")
    tried["limits"] += 1


def test_a_disk_that_fills_up_loses_nothing_and_freed_space_is_enough(
    forks: Any, tiny: Path, resumes: Any, small_disk: Path, tried: Counter[str]
) -> None:
    study = small_disk / "study"
    (small_disk / "filler").write_bytes(b"x" * 20_000)
    answer = forks("run", tiny, "--study", study, *COMMAND, cwd=tiny.parent)
    assert answer["code"] in (4, 5), answer
    (said,) = errors(answer)
    assert "No space left on device" in said
    assert "free some space" in said or "VGGSTUDY_CACHE" in said
    assert list(small_disk.rglob("*.tmp")) == []
    remount = ["mount", "-o", "remount,size=4m", str(small_disk)]
    subprocess.run(remount, check=True)
    resumes(study)
    tried["limits"] += 1


def test_a_disk_that_turns_read_only_is_read_and_refused_for_running(
    forks: Any, tiny: Path, bits: Any, small_disk: Path, tried: Counter[str]
) -> None:
    remount = ["mount", "-o", "remount,{}", str(small_disk)]
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    study = small_disk / "study"
    done = forks("run", tiny, "--study", study, *COMMAND, "--limit", "1", cwd=tiny.parent)
    assert done["code"] == 0
    before = bits(study)
    subprocess.run([word.format("ro") for word in remount], check=True)
    try:
        refused = forks("run", tiny, "--study", study, *COMMAND, cwd=tiny.parent)
        assert refused["code"] == 5
        assert "could not be opened for writing: it is read-only" in errors(refused)[0]
        for command in ("status", "doctor", "export"):
            assert forks(command, study, cwd=tiny.parent)["code"] == 0
        assert bits(study) == before
    finally:
        subprocess.run([word.format("rw") for word in remount], check=True)
    tried["limits"] += 1
