"""Record a terminal for the README: python docs/make_terminal.py STUDY [docs/images/terminal.svg].

The commands are executed on a finished study of `protocols/quickstart.toml`; what they print is
drawn as SVG. It loads no font: the reader's own monospace is used.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COMMANDS = (
    "check quickstart",
    "status STUDY",
    "cite STUDY --match 'converged.p@batch_norm=[tf]*e,depth=*'",
    "cite STUDY converged.diff.batch_norm --as apa",
)
WIDTH = 80
FONT = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)
"""What would be fetched from elsewhere."""


def main() -> None:
    """Execute the commands, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("output", type=Path, nargs="?")
    arguments = parser.parse_args()
    output = arguments.output or Path(__file__).parent / "images" / "terminal.svg"
    study = arguments.study.resolve()
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for command in COMMANDS:
        said = command.replace("STUDY", study.name)
        console.print(Text(f"$ vggstudy {said}", style="bold"))
        console.print(Text(printed(command, study)))
    template = FONT.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code, ", "")
    picture = console.export_svg(title="vggstudy", code_format=template, unique_id="terminal")
    output.write_text(picture, "utf-8")


def printed(command: str, study: Path) -> str:
    """What a command prints, in the folder that holds the study."""
    arguments = shlex.split(command.replace("STUDY", study.name))
    done = subprocess.run(
        [sys.executable, "-m", "vggstudy", *arguments],
        cwd=study.parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    root = str(Path(__file__).parents[1])
    return done.stdout.replace(f"{root}/vggstudy/", "")


if __name__ == "__main__":
    main()
