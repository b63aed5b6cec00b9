"""The small versions of the source studies: each is run and reported as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import html5lib
import pytest

from vggstudy.protocol import load_protocol, shipped_protocols

SMALL = sorted(name for name in shipped_protocols() if name.endswith("-small"))

LIMIT_S = 4 * 60
"""Seconds of two cores that a small study may take; a busy machine gets thrice as many."""


def vggstudy(*arguments: str, folder: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "vggstudy", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=3 * LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def source_table(page: str) -> list[list[str]]:
    """Rows of the table of what the source found, its head first; a figure has one of its own."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    table = tree.find(".//section[@id='source']//table")
    assert table is not None
    return [
        [" ".join("".join(cell.itertext()).split()) for cell in row] for row in table.iter("tr")
    ]


@pytest.mark.studies
@pytest.mark.parametrize("name", SMALL)
def test_a_small_study_runs_on_two_cores_and_its_report_answers_its_source(
    name: str, tmp_path: Path
) -> None:
    before, started = os.times(), time.perf_counter()
    vggstudy("run", name, "--study", "study", "-j", "2", "--threads", "1", folder=tmp_path)
    after, wall = os.times(), time.perf_counter() - started
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    print(f"{name}: {wall:.0f} s, {spent:.0f} s of CPU")  # noqa: T201 - a measurement
    assert spent < 2 * LIMIT_S
    vggstudy("report", "study", folder=tmp_path)

    protocol = load_protocol(name).protocol
    assert protocol.source is not None
    rows = source_table((tmp_path / "study" / "report.html").read_text("utf-8"))[1:]
    assert len(rows) == len(protocol.source.figures)
    assert all(any(character.isdigit() for character in "".join(row[2:4])) for row in rows)
