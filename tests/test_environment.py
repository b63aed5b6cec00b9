from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from vggstudy import environment
from vggstudy.identity import canonical_json


@pytest.fixture(autouse=True)
def _found_anew() -> Iterator[None]:
    environment._capture.cache_clear()
    yield
    environment._capture.cache_clear()


def git(*words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_environment_is_plain_json_and_names_versions() -> None:
    found = environment.capture()
    assert canonical_json(found)
    assert set(found) == {
        "host",
        "platform",
        "cpu",
        "memory_bytes",
        "gpu",
        "python",
        "vggstudy",
        "packages",
        "git",
    }
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert found["cpu"]["usable_cores"] >= 1
    assert found["memory_bytes"] > 2**20


def test_it_is_found_once_and_cannot_be_changed_by_its_users() -> None:
    first = environment.capture()
    first["packages"]["numpy"] = "changed"
    assert environment.capture()["packages"]["numpy"] != "changed"
    assert environment._capture.cache_info().misses == 1


def test_a_missing_package_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package-here"))
    assert environment.capture()["packages"]["no-such-package-here"] is None


@pytest.mark.skipif(shutil.which("git") is None, reason="not installed: git")
def test_the_state_of_the_working_folder_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment._git_state() is None  # no repository
    git("init", "--quiet")
    assert environment._git_state() is None  # no commit
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "-m", "a")
    commit = git("rev-parse", "HEAD")
    (tmp_path / "untracked").write_text("")
    assert environment._git_state() == {"commit": commit, "dirty": False}
    (tmp_path / "a").write_text("2")
    assert environment._git_state() == {"commit": commit, "dirty": True}


@pytest.mark.skipif(shutil.which("git") is None, reason="not installed: git")
def test_a_repository_cannot_have_a_program_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("1")
    git("init", "--quiet")
    git("add", "a")
    git("commit", "--quiet", "-m", "a")
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n")
    monitor.chmod(0o755)
    git("config", "core.fsmonitor", str(monitor))
    assert environment._git_state() is not None
    assert not (tmp_path / "executed").exists()


def test_nothing_fails_where_no_program_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environment, "_DRIVER", tmp_path / "none")
    monkeypatch.setattr(environment, "_CPUINFO", tmp_path / "none")
    found = environment.capture()
    assert found["git"] is None
    assert found["gpu"] == []


@pytest.mark.parametrize("body", ["exec sleep 60", "exit 9"])
def test_a_program_that_hangs_or_fails_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(environment, "_TIMEOUT_S", 0.2)
    monkeypatch.setattr(environment, "_DRIVER", tmp_path / "none")
    assert environment._gpus() == []


def test_gpus_are_named_by_the_driver_and_else_by_its_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = tmp_path / "gpus"
    for number in (0, 1):
        (driver / f"0000:0{number}").mkdir(parents=True)
        (driver / f"0000:0{number}" / "information").write_text(
            "Model: \t\t NVIDIA H200\nIRQ:   \t 1\n"
        )
    monkeypatch.setattr(environment, "_DRIVER", driver)
    assert environment._gpus() == ["NVIDIA H200", "NVIDIA H200"]
    monkeypatch.setattr(environment, "_DRIVER", tmp_path / "none")

    def tool(command: Any) -> str:
        return "NVIDIA A100\n"

    monkeypatch.setattr(environment, "_output", tool)
    assert environment._gpus() == ["NVIDIA A100"]


def test_describing_the_machine_imports_no_numerical_library(repository: Path) -> None:
    program = (
        "import sys; from vggstudy.environment import capture; capture();"
        "heavy = {'torch', 'numpy', 'scipy', 'pandas'} & set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
