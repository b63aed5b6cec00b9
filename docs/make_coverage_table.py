"""Put the table of simulated coverage into the documentation: python docs/make_coverage_table.py.

Runs ``pytest -m coverage`` in two processes (about a quarter of an hour of processor time) and
writes the table that it prints into ``docs/coverage.md``, rows outside their band included. With
the name of a file, reads what pytest printed from there.
"""

from __future__ import annotations

import argparse
import os
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
    printed = parser.parse_args().printed
    text = printed.read_text() if printed else run()
    rows = table(text)
    page = PAGE.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{rows}\n\n{END}{tail}")


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
