"""Runs programs with the null device in place of a GPU, and reads what it reports.

    python -m tests.gpu.null.run FOLDER COMMAND ...

builds it in a folder, where that has not been done, and runs a command.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.gpu.null.build import SOURCES, build

ROOT = SOURCES.parent.parent.parent
FAULT = "fault: "


@dataclass(frozen=True, slots=True)
class Line:
    """Something that the null device has reported.

    Attributes
    ----------
    process : int
    test : str
        The test that ran, or an empty text.
    kind, what : str
    """

    process: int
    test: str
    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended.

    Attributes
    ----------
    code : int
    out, err : str
    lines : tuple of Line
    """

    code: int
    out: str
    err: str
    lines: tuple[Line, ...]

    @property
    def faults(self) -> list[str]:
        """Faults of all its processes, each as ``kind: what``."""
        return [f"{x.kind.removeprefix(FAULT)}: {x.what}" for x in self.lines if is_fault(x)]


def is_fault(line: Line) -> bool:
    return line.kind.startswith(FAULT)


def environment(built: Path, log: Path, **settings: object) -> dict[str, str]:
    """The environment of a program that is to see the null device; README.md lists settings."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    paths = [str(SOURCES / "site"), str(ROOT), *filter(None, [found.get("PYTHONPATH")])]
    return found | {
        "LD_PRELOAD": str(built / "libnull.so"),
        "LD_LIBRARY_PATH": str(built / "driver"),
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "NULL_LOG": str(log),
        **{name: str(value) for name, value in settings.items()},
    }


def run(
    command: Sequence[str],
    built: Path,
    folder: Path,
    *,
    timeout_s: float = 300,
    settings: Mapping[str, object] | None = None,
) -> Finished:
    """Run a command in a folder, to which its log goes as well."""
    log = folder / f"null-{len(list(folder.glob('null-*.log')))}.log"
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(built, log, **(settings or {})),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr, read(log))


def read(log: Path) -> tuple[Line, ...]:
    """What has been reported so far."""
    if not log.exists():
        return ()
    fields = [line.split("\t", 3) for line in log.read_text().splitlines()]
    return tuple(Line(int(process), *rest) for process, *rest in fields)


def main() -> None:
    built = Path(sys.argv[1]).resolve()
    if not (built / "libnull.so").exists():
        build(built)
    os.execvpe(sys.argv[2], sys.argv[2:], environment(built, built / "null.log"))


if __name__ == "__main__":
    main()
