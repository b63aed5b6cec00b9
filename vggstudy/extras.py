"""What an installation may lack: the libraries of an extra, and the sentence that says so.

``pip install vggstudy`` brings what reads, analyses, reports, cites and verifies. What trains, and
what submits to a cluster, are extras of the package.
"""

from __future__ import annotations

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
