"""Settings that every test shares: isolation from the user's files, and skips with their reason."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports them: no window, and no thread pool per test process on a shared machine.
os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples everywhere; a deadline would make a busy machine fail a correct test.
settings.register_profile("vggstudy", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("vggstudy")


def _lacks_gpu() -> str | None:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unusable driver is a warning, and a reason to skip
        return None if torch.cuda.is_available() else "no CUDA device"


def _lacks_program(*names: str) -> Callable[[], str | None]:
    def probe() -> str | None:
        if any(shutil.which(name) for name in names):
            return None
        return f"not installed: {' or '.join(names)}"

    return probe


def _lacks_ray() -> str | None:
    return None if importlib.util.find_spec("ray") else "not installed: ray"


NEEDS: dict[str, Callable[[], str | None]] = {
    "gpu": _lacks_gpu,
    "browser": _lacks_program("chromium", "google-chrome"),
    "slurm": _lacks_program("slurmctld"),
    "ray": _lacks_ray,
    "latex": _lacks_program("lualatex", "pdflatex"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, saying what is missing."""
    for marker, probe in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and (reason := probe()):
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command settles for its process what is logged; the next test must not see it."""
    logger = logging.getLogger("vggstudy")
    level, propagate, handlers = logger.level, logger.propagate, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.propagate, logger.handlers[:] = propagate, handlers


@pytest.fixture(scope="session", autouse=True)
def _isolated_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Caches and configuration go to a temporary folder, never to the user's."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR"):
            patch.setenv(name, str(folder / name.lower()))
        yield
