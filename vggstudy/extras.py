"""What an installation may lack: the libraries of an extra, and the sentence that says so.

``pip install vggstudy`` brings what reads, analyses, reports, cites and verifies. What trains, and
what submits to a cluster, are extras of the package.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec

from vggstudy.errors import ExecutionError

TRAINING = {"torch": "torch", "torchvision": "torchvision", "sklearn": "scikit-learn"}
"""Modules of the extra ``train``, and the packages that they come from."""


def lacks(who: str, what: str, extra: str) -> str:
    """One sentence: what needs which library, and how to install it."""
    return f"{who} needs {what}: {to_install(extra)}"


def to_install(extra: str) -> str:
    """The command that brings an extra."""
    return f"pip install 'vggstudy[{extra}]'"


def missing_for_training() -> list[str]:
    """Packages of the extra ``train`` that are not installed."""
    return [package for module, package in TRAINING.items() if find_spec(module) is None]


def require_training() -> None:
    """Refuse to train where a library for it is not installed, before anything is written.

    Raises
    ------
    ExecutionError
        Naming what is missing and how it is installed.
    """
    if missing := missing_for_training():
        found = f"PyTorch ({', '.join(missing)} not found)"
        raise ExecutionError(lacks("training", found, "train"))


def require_fused_kernels(devices: Iterable[str], *, elsewhere: bool = False) -> None:
    """Refuse ``training.kernels = "fused"`` where it cannot be computed.

    Parameters
    ----------
    devices : iterable of str
        On which runs are to be trained.
    elsewhere : bool
        Whether on other machines, of which nothing else is known.

    Raises
    ------
    ExecutionError
        Naming what is missing.
    """
    setting = 'training.kernels = "fused"'
    if "cpu" in devices and not interpreted():
        raise ExecutionError(f"{setting} needs a GPU: give --devices cuda:0")
    if elsewhere:
        return
    if find_spec("triton") is None:
        raise ExecutionError(lacks(setting, "Triton (triton not found)", "kernels"))
    if not (interpreted() or os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        raise ExecutionError(
            f"{setting} needs a C compiler, gcc or clang, with which Triton starts"
        )


def interpreted() -> bool:
    """Whether Triton is told to execute kernels in Python, on any device: for tests of them."""
    return os.environ.get("TRITON_INTERPRET", "").lower() in {"1", "true", "yes", "on", "y"}
