"""Where studies lie: their folder, and the one that a path or a name means."""

from __future__ import annotations

from pathlib import Path

from vggstudy.errors import LedgerError
from vggstudy.files import explain
from vggstudy.suggest import hint

STUDIES = Path("studies")
"""Folder of the studies, relative to the working folder."""


def is_file(path: str | Path) -> bool:
    """Whether there is such a file; False where the system will not even look for it."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def find_study(path: str | Path) -> Path:
    """The folder of a study, given by its path or its name below ``studies/``.

    Raises
    ------
    LedgerError
        If there is neither, naming the studies that there are.
    """
    folder = Path(path)
    try:
        if folder.name == "study.json" and folder.is_file():
            return folder.parent
        if folder.exists():
            return folder
        if len(folder.parts) == 1 and (STUDIES / folder).is_dir():
            return STUDIES / folder
    except OSError as error:  # a name too long, a folder that may not be entered
        raise LedgerError(explain(error, folder, "opened")) from None
    known = sorted(marker.parent.name for marker in STUDIES.glob("*/study.json"))
    there = hint(folder.name, known, "studies here") if known else f"there are none in {STUDIES}/"
    also = f", nor at {STUDIES / folder}" if len(folder.parts) == 1 else ""
    msg = f"there is no study at {folder}{also}; {there}"
    raise LedgerError(msg)
