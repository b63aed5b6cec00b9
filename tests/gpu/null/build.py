"""Builds the null device, with the CUDA headers that come with a pip-installed torch."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
PARTS = ("report", "runtime", "streams", "memory", "libraries")
HEADERS = ("cuda_runtime_api.h", "cudnn.h")
COMPILER = ("g++", "-O0", "-std=c++17", "-fPIC", "-Wall", "-Wextra", "-Werror")


def lacks() -> str | None:
    """What this machine lacks to build and use it; None where it lacks nothing."""
    import torch

    if sys.platform != "linux":
        return "the null device needs Linux"
    if torch.version.cuda is None:
        return "the null device needs a CUDA build of torch"
    if shutil.which("g++") is None or shutil.which("gcc") is None:
        return "not installed: g++"
    missing = [name for name in HEADERS if _folder_of(name) is None]
    return f"no wheel of CUDA carries {' or '.join(missing)}" if missing else None


def build(folder: Path) -> Path:
    """Build the libraries; returns their folder, for `run.environment`.

    Raises
    ------
    RuntimeError
        If the compiler refuses; with what it says.
    """
    driver = folder / "driver"
    driver.mkdir(parents=True, exist_ok=True)
    headers = ["-I", str(SOURCES / "shims")]
    for name in HEADERS:
        headers += ["-isystem", str(_folder_of(name))]
    parts = [str(SOURCES / f"{name}.cpp") for name in PARTS]
    library = folder / "libnull.so"
    _compile(*COMPILER, "-shared", *headers, *parts, "-o", str(library), "-lpthread")
    name = "libcuda.so.1"
    arguments = ["-shared", "-fPIC", "-Wall", str(SOURCES / "driver.c"), f"-Wl,-soname,{name}"]
    _compile("gcc", *arguments, "-o", str(driver / name))
    return folder


def _compile(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"the null device cannot be built:\n{done.stderr}"
        raise RuntimeError(msg)


def _folder_of(header: str) -> Path | None:
    """The folder of a header in the wheels that torch requires."""
    found = importlib.util.find_spec("nvidia")
    for root in (found.submodule_search_locations or []) if found else []:
        for path in sorted(Path(root).glob(f"*/include/{header}")):
            return path.parent
    return None
