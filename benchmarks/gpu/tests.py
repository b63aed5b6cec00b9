"""The tests of tests/gpu; those that have passed are not repeated."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

NONE_LEFT = 5
"""Exit status of pytest where every test was left out: all had passed before."""

FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+::.*)$", re.MULTILINE)
PASSED = re.compile(r"PASSED (tests/\S+.*?)\s*$|^(tests/\S+::.*?) PASSED", re.MULTILINE)


def passed(text: str) -> list[str]:
    """Tests that earlier output names as passed, with xdist and without."""
    return sorted({one or other for one, other in PASSED.findall(text)})


def failed(text: str) -> list[str]:
    """Tests that the output of the last call names in its summary as failed, without folders."""
    last = text.rsplit("test session starts", 1)[-1]
    return [line.split("::", 1)[1].split(" - ")[0] for line in FAILED.findall(last)]


def command(output: str) -> list[str]:
    """The call of pytest, with what is installed of its plugins."""
    found = [sys.executable, "-m", "pytest", "tests/gpu", "-v", "-p", "no:cacheprovider"]
    found += ["--ignore", "tests/gpu/null"]  # which is for machines without a GPU
    found += ["-o", "filterwarnings=default", "--durations=10"]
    if importlib.util.find_spec("xdist"):
        found += ["-n", os.environ.get("GPU_TEST_WORKERS", "4")]
    if importlib.util.find_spec("pytest_timeout"):
        # In a thread: the main one may be inside the driver of the device, where no signal comes.
        found += ["--timeout", "60", "--timeout-method", "thread"]
    for name in passed(output):
        found += ["--deselect", name]
    return found


def main() -> int:
    path = Path(os.environ["GPU_RESULTS"]).with_name("tests.txt")
    called = command(path.read_text(errors="replace") if path.exists() else "")
    code = subprocess.call(called)
    if code:
        unlike = failed(path.read_text(errors="replace"))
        print(f"{len(unlike)} failed: {', '.join(unlike)}", file=sys.stderr)
    return 0 if code == NONE_LEFT and "--deselect" in called else code


if __name__ == "__main__":
    sys.exit(main())
