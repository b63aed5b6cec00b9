"""Put the table of simulated coverage into the documentation: python docs/make_coverage_table.py.

Runs ``pytest -m coverage`` in two processes (about half an hour of processor time) and
writes the table that it prints into ``docs/coverage.md``, rows outside their band included. With
the name of a file, reads what pytest printed from there; with ``--add`` those rows take the place
of the rows of the same name, and the others stay, so that a part can be simulated alone.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent / "coverage.md"
TESTS = PAGE.parent.parent / "tests" / "analysis"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
COMMAND = ("-m", "pytest", str(TESTS), "-m", "coverage", "-n", "2", "-q")


def main() -> None:
    """Run or read, then write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("printed", nargs="?", type=Path, help="what pytest printed")
    parser.add_argument("--add", action="store_true", help="keep the rows that were not printed")
    options = parser.parse_args()
    text = options.printed.read_text() if options.printed else run()
    rows = table(text)
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    old, _, tail = rest.partition(END)
    if options.add:
        rows = merged(old, rows)
    PAGE.write_text(f"{head}{BEGIN}\n{rows}\n\n{END}{tail}")


def merged(old: str, new: str) -> str:
    """The tables of a page with the rows of others added, or put in place of their namesakes."""
    groups: dict[str, dict[str, str]] = {}
    for text in (old, new):
        group: dict[str, str] = {}
        for line in text.splitlines():
            name = line.split("|")[1].strip() if line.startswith("|") else ""
            if "Monte Carlo error" in line:
                group = groups.setdefault(line, {})
            elif name and not name.startswith("---"):
                group[name] = line
    return "\n\n".join(
        "\n".join([title, "| --- | --- | --- | --- | --- |", *_ordered(rows)])
        for title, rows in sorted(groups.items())
    )


def _ordered(rows: dict[str, str]) -> list[str]:
    """Rows by the words and numbers of their names, so that n=5 comes before n=10."""

    def key(name: str) -> list[tuple[str, float]]:
        parts = re.findall(r"([^\d.]*)([\d.]*)", name)
        return [(word, float(number.strip(".") or 0)) for word, number in parts]

    return [rows[name] for name in sorted(rows, key=key)]


def run() -> str:
    """What pytest prints, failures included: a share outside its band fails its test."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *COMMAND]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    ).stdout


def table(text: str) -> str:
    """The lines of the section "simulated coverage".

    Raises
    ------
    SystemExit
        If there is no such section.
    """
    lines = iter(text.splitlines())
    for line in lines:
        if line.strip("= ") == "simulated coverage":
            break
    else:
        raise SystemExit("pytest printed no table of simulated coverage")
    rows = []
    for line in lines:
        if line and not line.startswith("|"):
            break
        rows.append(line)
    return "\n".join(rows).strip()


if __name__ == "__main__":
    main()
