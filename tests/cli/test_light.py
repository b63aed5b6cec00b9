"""Commands that train nothing start at once and never load torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = """
import json, sys
from vggstudy.cli import _invoke
code = _invoke(json.loads(sys.argv[1]))
heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print("HEAVY", code, *heavy)
"""


def loaded(
    *arguments: str | Path, cwd: Path, heavy: tuple[str, ...] = ("torch", "torchvision")
) -> tuple[int, list[str]]:
    """Exit code of a command and which heavy packages it loaded."""
    texts = [json.dumps([*map(str, names)]) for names in (arguments, heavy)]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *texts],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=True,
    )
    code, *found = done.stdout.splitlines()[-1].removeprefix("HEAVY ").split()
    return int(code), found


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    rows = ["depth,replicate,outcome,test_accuracy"]
    rows += [
        f"{depth},{replicate},converged,{0.7 + depth / 100 + replicate / 50}"
        for depth in (11, 19)
        for replicate in range(5)
    ]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("init", "mine"),
        ("schema",),
        ("protocols",),
        ("check", "quickstart"),
        ("plan", "quickstart"),
        ("analyze", "runs.csv", "--factors", "depth"),
        ("report", "runs.csv", "--factors", "depth"),
        ("cite", "runs.csv", "--factors", "depth"),
        ("export", "runs.csv", "--factors", "depth"),
        ("doctor",),
        ("run", "quickstart", "--dry-run"),
    ],
)
def test_command_succeeds_without_torch(
    arguments: tuple[str, ...], tmp_path: Path, csv: Path
) -> None:
    assert csv.exists()
    assert loaded(*arguments, cwd=tmp_path) == (0, [])


@pytest.mark.parametrize("command", ["status", "show", "report", "cite", "analyze", "doctor"])
def test_command_on_an_unknown_study_exits_5_without_torch(command: str, tmp_path: Path) -> None:
    extra = ["0"] if command == "show" else []
    assert loaded(command, "nowhere", *extra, cwd=tmp_path) == (5, [])


def test_help_loads_no_numerical_package(tmp_path: Path) -> None:
    """What costs time at the start: 0.4 s is the limit, and these take longer than that."""
    heavy = ("numpy", "scipy", "pandas", "matplotlib")
    assert loaded("--help", cwd=tmp_path, heavy=heavy) == (0, [])


def test_an_analysis_loads_nothing_that_it_does_not_need(tmp_path: Path, csv: Path) -> None:
    """Each takes as long to import as the whole analysis of a small table."""
    asked = ("analyze", csv, "--factors", "depth")
    assert loaded(*asked, cwd=tmp_path, heavy=("scipy.stats", "matplotlib")) == (0, [])
