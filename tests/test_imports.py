"""Every module can be the first that is imported: no module needs another one loaded before it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = r"""
import importlib, os, sys, traceback
for library in sys.argv[1].split(","):
    importlib.import_module(library)
assert not any(name.split(".")[0] == "vggstudy" for name in sys.modules)
failed, running = [], {}

def wait():
    child, status = os.wait()
    name = running.pop(child)
    if status:
        failed.append(name)

for name in sys.stdin.read().split():
    if len(running) == 2:
        wait()
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    running[child] = name
while running:
    wait()
print(*failed, sep="\n", end="")
"""
"""Forks a process for each module, from one that holds other people's libraries only."""

LIBRARIES = ("click", "jinja2", "matplotlib", "numpy", "pandas", "pydantic", "scipy.stats", "torch")
"""What takes seconds to import; loaded once."""


OF_TRITON = [f"vggstudy.training.nets.{name}" for name in ("fused", "fused_kernels")]
"""Modules that import Triton, which comes with torch's builds for CUDA alone."""


def modules(repository: Path) -> list[str]:
    """Names of all modules, packages among them; `__main__` runs the command line instead."""
    found = []
    for directory, _, names in os.walk(repository / "vggstudy", followlinks=True):
        parts = Path(directory).relative_to(repository).parts
        for name in names:
            if name.endswith(".py") and name != "__main__.py":
                stem = () if name == "__init__.py" else (name.removesuffix(".py"),)
                found.append(".".join((*parts, *stem)))
    lacking = set() if importlib.util.find_spec("triton") else set(OF_TRITON)
    return sorted(set(found) - lacking)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_every_module_can_be_imported_first(repository: Path) -> None:
    names = modules(repository)
    assert {"vggstudy.analysis.api", "vggstudy.cli.runs", "vggstudy.training.run"} <= set(names)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join(LIBRARIES)],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=False,
        cwd=repository,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_a_worker_starts_without_what_only_some_runs_need(repository: Path) -> None:
    heavy = ("torchvision", "sklearn", "scipy", "pandas")
    code = f"import sys, vggstudy.training.run; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
