"""Where a run was executed: host, processor, GPUs, versions, and the state of the code.

Nothing here imports a numerical library: versions come from the packages' metadata, GPUs from
the driver.
"""

from __future__ import annotations

import copy
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from vggstudy._version import __version__

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pandas",
    "pydantic",
    "scikit-learn",
)
"""Packages whose versions may change a number."""

_TIMEOUT_S = 5.0
_DRIVER = Path("/proc/driver/nvidia/gpus")
_CPUINFO = Path("/proc/cpuinfo")


def capture() -> dict[str, Any]:
    """Describe this process's machine and code, as plain JSON values.

    Found once per process; what a machine does not tell is None.

    Returns
    -------
    dict
        ``host``, ``platform``, ``cpu`` (``model``, ``cores``, ``usable_cores``),
        ``memory_bytes``, ``gpu`` (names, possibly none), ``python``, ``vggstudy``, ``packages``
        (name to version, None if absent) and ``git`` (``commit``, ``dirty``; None outside a
        repository).
    """
    return copy.deepcopy(_capture())


@cache
def _capture() -> dict[str, Any]:
    """What `capture` returns."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": {
            "model": _cpu_model(),
            "cores": os.cpu_count(),
            "usable_cores": _usable_cores(),
        },
        "memory_bytes": _memory_bytes(),
        "gpu": _gpus(),
        "python": platform.python_version(),
        "vggstudy": __version__,
        "packages": {name: _version(name) for name in PACKAGES},
        "git": _git_state(),
    }


def _cpu_model() -> str | None:
    """The processor's name."""
    try:
        lines = _CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, None) or platform.processor() or None


def _usable_cores() -> int | None:
    """Cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory_bytes() -> int | None:
    """Main memory of the machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _gpus() -> list[str]:
    """Names of the GPUs, from the driver's files or else its tool."""
    try:
        found = sorted(_DRIVER.glob("*/information"))
        models = [_gpu_model(path.read_text(errors="replace")) for path in found]
    except OSError:
        models = []
    if not models:
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        models = (_output(query) or "").splitlines()
    return [model.strip() for model in models if model.strip()]


def _gpu_model(text: str) -> str:
    """The model that a driver's file names."""
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == "Model"), "")


def _version(package: str) -> str | None:
    """Version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


# No hook and no monitor of the repository runs, and its index is not rewritten.
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=")


def git_commit() -> str | None:
    """Commit of the working folder's repository; no file of it is looked at, no filter runs."""
    commit = _output([*_GIT, "rev-parse", "--verify", "HEAD"])
    return None if commit is None else commit.strip()


def _git_state() -> dict[str, Any] | None:
    """Commit of the working folder's repository and whether its tracked files differ from it."""
    commit = git_commit()
    if commit is None:
        return None
    status = _output([*_GIT, "status", "--porcelain", "--untracked-files=no"])
    return {"commit": commit, "dirty": None if status is None else bool(status.strip())}


def _output(command: Sequence[str]) -> str | None:
    """What a program prints; None if it is missing, fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")
