"""The null device, built once, and programs run on it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.null.build import build, lacks
from tests.gpu.null.run import Finished, run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the null device's libraries."""
    if reason := lacks():
        pytest.skip(reason)
    return build(tmp_path_factory.mktemp("null"))


OnNull = Callable[..., Finished]


@pytest.fixture
def on_null(built: Path, tmp_path: Path) -> OnNull:
    """Runs a module of Python on the null device, in a process of its own."""

    def start(module: str, *arguments: str, timeout_s: float = 300, **settings: Any) -> Finished:
        command = [sys.executable, "-m", module, *arguments]
        return run(command, built, tmp_path, timeout_s=timeout_s, settings=settings)

    return start
