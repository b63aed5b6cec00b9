"""Which code a trainer of one's own is: the digest of the files that make it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vggstudy.errors import ExecutionError
from vggstudy.execution.options import TrainerSite
from vggstudy.files import explain

MAX_FILES = 10_000
"""A pattern that matches more files is a slip: it would be read for every run."""

_known: dict[tuple[Any, ...], str] = {}


def trainer_environment(site: TrainerSite) -> dict[str, Any]:
    """What a record says of its trainer: the state of its code, and the name of a function.

    Raises
    ------
    ExecutionError
        As `code_state` does.
    """
    function = site.function
    named = {"function": f"{function.module}:{function.name}"} if function else {}
    return {"code": code_state(site.folder, site.code), **named}


def code_state(folder: Path, patterns: Sequence[str]) -> dict[str, Any] | None:
    """Digest and number of the files that patterns name; None without patterns.

    Files are read again only where one of them has changed its size or time.

    Parameters
    ----------
    folder : Path
        Whose files they are.
    patterns : sequence of str
        As `Path.glob` takes them; ``**`` stands for any folders.

    Raises
    ------
    ExecutionError
        If a pattern names no file, leads out of the folder, or a file cannot be read.
    """
    if not patterns:
        return None
    try:
        files = _files(folder, patterns)
        stamps = [(path, (status := path.stat()).st_mtime_ns, status.st_size) for path in files]
        key = (folder, *stamps)
        if key not in _known:
            _known.clear()
            _known[key] = _digest(folder, files)
    except OSError as error:
        raise ExecutionError(explain(error, Path(error.filename or folder), "read")) from error
    return {"sha256": _known[key], "files": len(files)}


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """The files, in an order that is the same everywhere."""
    found: set[Path] = set()
    for pattern in patterns:
        asked = Path(pattern)
        if asked.is_absolute() or ".." in asked.parts:
            raise ExecutionError(f"trainer.code: '{pattern}' must lie below the working folder")
        if not asked.parts or any("**" in part and part != "**" for part in asked.parts):
            raise ExecutionError(f"trainer.code: '{pattern}' is no pattern of files")
        if asked.name == "**":  # in Python 3.13 all that is below; before, its folders alone
            asked /= "*"
        matched = {path for path in folder.glob(str(asked)) if _is_code(path)}
        if not matched:
            raise ExecutionError(f"trainer.code: '{pattern}' is no file in {folder}")
        found |= matched
        if len(found) > MAX_FILES:
            raise ExecutionError(f"trainer.code: '{pattern}' is more than {MAX_FILES:,} files")
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def _is_code(path: Path) -> bool:
    """Whether a path is a file that somebody wrote."""
    return "__pycache__" not in path.parts and path.is_file()


def _digest(folder: Path, files: Sequence[Path]) -> str:
    """SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path in files:
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{content}  {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()
