"""Reads the files of a paper: ordinary ones of bounded size, inside the paper's folder."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vggstudy.errors import AnalysisError
from vggstudy.files import read_bounded
from vggstudy.report.citing.commands import TEX_OWN
from vggstudy.report.citing.latex_paper import Asked

MAX_PAPER_BYTES = 4 * 2**20
MAX_TOTAL_BYTES = 16 * 2**20
MAX_FILES = 500
SUFFIXES = {".tex": "latex", ".ltx": "latex"} | dict.fromkeys(
    (".md", ".markdown", ".mdown", ".qmd", ".rmd", ".txt"), "markdown"
)


def is_latex(path: Path) -> bool:
    """Whether a file is LaTeX by its name."""
    return SUFFIXES.get(path.suffix.lower()) == "latex"


def read_paper(path: Path) -> str:
    """A file's text, with line feeds at the ends of its lines.

    Raises
    ------
    AnalysisError
        If it is no ordinary file of bounded size, or no text in UTF-8.
    """
    if path.is_dir():
        msg = f"{path} is a folder: name the paper's file, such as {path / 'paper.tex'}"
        raise AnalysisError(msg)
    try:
        data = read_bounded(path, limit=MAX_PAPER_BYTES)
        text = data.decode("utf-8-sig")
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno == errno.ENXIO:
            why = "not an ordinary file"
        msg = f"{path} cannot be read: {why}"
        raise AnalysisError(msg) from None
    except ValueError as error:
        if not isinstance(error, UnicodeDecodeError):
            msg = f"{path} cannot be read: {error}"
            raise AnalysisError(msg) from None
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = (
            f"{path} cannot be read: line {line} is not UTF-8; save it as text in UTF-8 "
            "(of a PDF, verify the source)"
        )
        raise AnalysisError(msg) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        msg = f"{path} cannot be read: line {line} holds a null character; save it as text in UTF-8"
        raise AnalysisError(msg)
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(slots=True)
class Folder:
    """Finds what a paper inputs, below its folder and those that are allowed.

    Attributes
    ----------
    root : Path
        The first file's folder.
    allowed : sequence of Path
        Folders outside from which files may be read.
    trusted : sequence of Path
        Packages and classes that need not be read.
    """

    root: Path
    allowed: Sequence[Path] = ()
    trusted: Sequence[Path] = ()
    _total: int = field(default=0)
    _count: int = field(default=0)

    def admit(self, content: str) -> str | None:
        """Why no more is read, if that is so."""
        self._total += len(content)
        self._count += 1
        if self._count > MAX_FILES or self._total > MAX_TOTAL_BYTES:
            return f"the paper inputs more than {MAX_FILES} files or {MAX_TOTAL_BYTES} characters"
        return None

    def find(self, asked: Asked, beside: Path) -> Path | str | None:
        """The file that is asked for, a sentence why it is not read, or None for one of TeX's."""
        command = f"\\{asked.command}"
        if asked.name is None:
            return f"{command} does not say in plain text which file it reads"
        package = asked.ending != ".tex"
        name = f"{asked.folder}{asked.name}"
        if "\0" in name or len(name) > 1000:
            return f"{command} names no file"
        places = [
            folder / f"{name}{ending}"
            for folder in dict.fromkeys((self.root, beside.parent))
            for ending in ((asked.ending,) if package else (".tex", ""))
        ]
        found = next((place for place in places if _there(place)), None)
        if found is None:
            if (package and "/" not in name) or asked.name in TEX_OWN:
                return None
            return f"{command} reads {name}, which is not there, so what it prints is not known"
        if package:
            if any(_same(found, one) for one in self.trusted):
                return None
            return f"{command} reads {found.name}, a file beside the paper, which is not checked"
        inside = (self.root, *self.allowed)
        if not any(found.resolve().is_relative_to(folder.resolve()) for folder in inside):
            return f"{command} reads {name}, which is outside the paper's folder (see --allow)"
        return found


def _there(path: Path) -> bool:
    """Whether something other than a folder has this name."""
    try:
        return path.is_symlink() or (path.exists() and not path.is_dir())
    except OSError:
        return False


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file."""
    return one.resolve() == other.resolve()
