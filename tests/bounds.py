"""The declared bounds in use: every kind of command, in an environment of some versions.

    python tests/bounds.py PYTHON [--train]

PYTHON is the interpreter of an environment that vggstudy is installed in; `make bounds` makes four:
the lowest direct versions that ``pyproject.toml`` allows and the newest, on two versions of Python.
With ``--train`` two runs are trained besides. A command that fails ends it with exit code 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
REFERENCE = REPOSITORY / "report" / "reference" / "depth-batch-norm-cpu"
TABLE = ["runs.csv", "--factors", "depth"]
PROTOCOL = """
schema = 1
name = "two"

[design]
replicates = 1
seed = 0
factors = { batch_norm = [false, true] }

[data]
name = "digits"

[model]
name = "vgg"
depth = 11
width = 0.0625

[training]
epochs = 1
"""
LIGHT = (
    ("--help",),
    ("doctor",),
    ("schema",),
    ("init", "my"),
    ("check", "my.toml"),
    ("plan", "my.toml"),
    ("analyze", *TABLE, "-o", "claims.json"),
    ("report", *TABLE, "-o", "report.html"),
    ("export", *TABLE, "-o", "runs-again.csv"),
    ("unpack", str(REFERENCE), "published"),
    ("status", "published"),
    ("doctor", "published"),
    ("report", "published"),
    ("export", "published", "-o", "published.csv"),
    ("cite", "published", "accuracy.diff.depth@batch_norm=true"),
    ("cite", "verify", str(REPOSITORY / "README.md"), "--against", "published"),
)
TRAINING = (("run", "two.toml", "-j", "1"), ("report", "two"))


def main(arguments: list[str]) -> int:
    """Run the commands in a folder of their own; returns the exit code."""
    python, *options = arguments
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "runs.csv").write_text(_table(), "utf-8")
        (here / "two.toml").write_text(PROTOCOL, "utf-8")
        for command in (*LIGHT, *(TRAINING if "--train" in options else ())):
            done = subprocess.run(
                [python, "-W", "error::DeprecationWarning:vggstudy", "-m", "vggstudy", *command],
                cwd=here,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.stdout.write(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
                return 1
    trained = ", two runs trained" if "--train" in options else ""
    sys.stdout.write(f"{python}: {len(LIGHT)} commands passed{trained}\n")
    return 0


def _table() -> str:
    """Runs of somebody else: two levels, five seeds."""
    rows = [f"{d},{s},{0.5 + 0.01 * d + 0.003 * s},converged" for d in (1, 2) for s in range(5)]
    return "\n".join(["depth,seed,test_accuracy,outcome", *rows]) + "\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
