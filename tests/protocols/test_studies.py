"""The small versions of the source studies: each is run and reported as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

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


class SourceTable(HTMLParser):
    """Rows of the table in the report's last section but one."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.rows: list[list[str]] = []
        self.text: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.inside = dict(attrs).get("id") == "source"
        if self.inside and tag == "tr":
            self.rows.append([])
        if self.inside and tag in {"td", "th"}:
            self.text = []

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self.text is not None and self.rows:
            self.rows[-1].append(" ".join("".join(self.text).split()))
            self.text = None

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)


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
    table = SourceTable()
    table.feed((tmp_path / "study" / "report.html").read_text("utf-8"))
    assert protocol.source is not None
    rows = [row for row in table.rows if len(row) == 4][1:]
    assert len(rows) == len(protocol.source.figures)
    assert all(any(character.isdigit() for character in "".join(row[2:])) for row in rows)
