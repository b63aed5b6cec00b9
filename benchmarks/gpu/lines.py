"""Results as lines of JSON: appended one by one, each on the disk before the next is begun."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NAME = "results.jsonl"

DEVICE_LOST = 5
"""Exit status of a section whose device refuses all work; a new process may find it well."""


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line; whatever happens next, it stays."""
    text = json.dumps({**line, "at": round(time.time(), 1)})
    with path.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; the last may be torn where a process was killed."""
    found = []
    if path.exists():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(text))
            except json.JSONDecodeError:
                continue
    return found


def last(lines: list[dict[str, Any]], **wanted: object) -> dict[str, Any] | None:
    """The newest line with such values."""
    for line in reversed(lines):
        if all(line.get(key) == value for key, value in wanted.items()):
            return line
    return None


class Section:
    """The lines of one section.

    Parameters
    ----------
    name : str
    path : Path
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path

    @classmethod
    def here(cls, name: str) -> Section:
        """The section of this process, as `driver` started it."""
        return cls(name, Path(os.environ["GPU_RESULTS"]))

    def note(self, kind: str, **values: object) -> None:
        """Add a line."""
        append(self.path, {"section": self.name, "kind": kind, **values})

    def cells(self, todo: Mapping[str, Callable[[], dict[str, Any]]]) -> None:
        """Measure what has not been; what was begun and not finished comes last.

        Raises
        ------
        SystemExit
            If any failed; the others have been measured, unless the device refuses all work.
        """
        lines = [line for line in read(self.path) if line.get("section") == self.name]
        done = {line["name"] for line in lines if line["kind"] == "cell"}
        begun = {line["name"] for line in lines if line["kind"] == "begun"}
        failed: list[str] = []
        for name in sorted((each for each in todo if each not in done), key=begun.__contains__):
            if name in tried(lines):
                failed.append(f"{name}: its process was lost in this call")
                if not last(lines, kind="failed", name=name):
                    self.note("failed", name=name, error=failed[-1])
                continue
            self.note("begun", name=name)
            try:
                found = todo[name]()
            except Exception as error:  # noqa: BLE001 - a cell's failure is data; others go on
                traceback.print_exc()
                said = (str(error).splitlines() or [""])[0]
                failed.append(f"{name}: {type(error).__name__}: {said}"[:500])
                self.note("failed", name=name, error=failed[-1])
                if not device_works():
                    print(f"the device refuses all work since {failed[-1]}", file=sys.stderr)
                    sys.exit(DEVICE_LOST)
            else:
                self.note("cell", name=name, **found)
        if failed:
            sys.exit(f"{len(failed)} of {len(todo)} failed, the first: {failed[0]}")


def tried(lines: list[dict[str, Any]]) -> set[str]:
    """Cells that were begun in this call: what has taken a process along is left alone."""
    since = float(os.environ.get("GPU_CALL_BEGUN", "0"))
    return {line["name"] for line in lines if line["kind"] == "begun" and line["at"] >= since}


def device_works() -> bool:
    """Whether the device still does anything: after some errors it refuses all further work."""
    if "torch" not in sys.modules:
        return True
    import torch

    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True
