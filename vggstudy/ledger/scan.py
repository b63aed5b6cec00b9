"""Which run records a study's folder holds, and what else lies among them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vggstudy.identity import ID_LENGTH

RUNS_NAME = "runs"
RECORD_NAME = "run.json"

_RUN_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class RunFile:
    """A record's file as the file system describes it.

    Attributes
    ----------
    run_id : str
        The run it is filed under.
    stamp : tuple of int
        Time of modification and of the last change of any kind, in nanoseconds, and size in
        bytes: a file with an equal stamp has not been written since, unless its times are of
        about now.
    """

    run_id: str
    stamp: tuple[int, int, int]


def is_run_id(name: str) -> bool:
    """Whether a name is a run's id, and so a safe name of a folder."""
    return _RUN_ID.fullmatch(name) is not None


def scan_runs(folder: Path) -> Iterator[RunFile]:
    """Every record file below a study's ``runs`` folder, in no particular order.

    Folders without a record (pending or unfinished runs) are passed over; a link to a missing
    file counts as a record, which then cannot be read.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    # Strings, not paths: 100,000 records are listed in about half a second.
    base = f"{folder / RUNS_NAME}{os.sep}"
    with os.scandir(base) as entries:
        for entry in entries:
            if not is_run_id(entry.name):
                continue
            stamp = _stamp(f"{base}{entry.name}{os.sep}{RECORD_NAME}")
            if stamp is not None:
                yield RunFile(entry.name, stamp)


def foreign_entries(folder: Path) -> Iterator[Path]:
    """What lies in a study's ``runs`` folder without being the folder of a run.

    Hidden files and folders are passed over: systems leave such.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    for path in sorted((folder / RUNS_NAME).iterdir()):
        if not path.name.startswith(".") and not (is_run_id(path.name) and path.is_dir()):
            yield path


def _stamp(path: str) -> tuple[int, int, int] | None:
    """The stamp of a file; None if there is none; zeros if it cannot be looked at."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path for each of 100,000 files costs a second
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0, 0) if os.path.islink(path) else None  # noqa: PTH114 - as above
    except OSError:
        return (0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
