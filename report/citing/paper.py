"""Reads a paper: its files, without comments, and its text with the line of every character.

Text is plain here: neither LaTeX's nor Markdown's own signs, one space between words, so that an
interval reads alike however it was typed or broken over lines.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vggstudy.errors import AnalysisError

INPUT = re.compile(r"\\(?:input|include|subfile)\b\s*(?:\{\s*([^{}]+?)\s*\}|([^\s{}\\%]+))")
COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
PARAGRAPH = "\n"
"""Stands for a blank line: nothing that is one interval reaches over it."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text whose places are known.

    Attributes
    ----------
    content : str
    starts : tuple of int
        Where each line begins in the content.
    """

    content: str
    starts: tuple[int, ...]

    def line(self, place: int) -> int:
        """The number, from one, of the line in which a character stands."""
        return bisect_right(self.starts, place)


def is_latex(path: Path) -> bool:
    """Whether a file is LaTeX by its name."""
    return path.suffix.lower() in (".tex", ".ltx")


def with_inputs(path: Path) -> Iterator[Path]:
    """The file and, for LaTeX, the files that it inputs, each once.

    Names are looked up beside the file that inputs them and beside the first one, as TeX does.
    What is found at neither place is TeX's own.
    """
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        if file.resolve() in seen:
            continue
        seen.add(file.resolve())
        yield file
        if is_latex(file):
            folders = dict.fromkeys((file.parent, path.parent))
            waiting = [*_inputs(file, list(folders)), *waiting]


def _inputs(file: Path, folders: list[Path]) -> Iterator[Path]:
    """The files that a file inputs, as far as they are there."""
    for line in read_lines(file):
        for match in INPUT.finditer(line):
            name = match[1] or match[2]
            places = [folder / f"{name}{end}" for folder in folders for end in (".tex", "")]
            found = next((place for place in places if place.is_file()), None)
            if found is not None:
                yield found


def read_lines(path: Path) -> list[str]:
    """The lines of a paper, those that are commented out empty.

    Raises
    ------
    AnalysisError
        If it cannot be read as text in UTF-8.
    """
    text = _read(path)
    if is_latex(path):
        return [uncommented(line) for line in text.splitlines()]
    return HIDDEN.sub(lambda match: "\n" * match[0].count("\n"), text).splitlines()


def uncommented(line: str) -> str:
    """A line of LaTeX without its comment."""
    return COMMENT.sub(r"\1", line)


def _read(path: Path) -> str:
    """A file's text."""
    if path.is_dir():
        msg = f"{path} is a folder: name the paper's file, such as {path / 'paper.tex'}"
        raise AnalysisError(msg)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror or error}"
        raise AnalysisError(msg) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        msg = (
            f"{path} cannot be read: line {line} is not UTF-8; save it as text in UTF-8 "
            "(of a PDF, verify the source)"
        )
        raise AnalysisError(msg) from None


def joined(lines: list[str]) -> Text:
    """The lines as they are."""
    return _text([f"{line}\n" for line in lines])


def plain(lines: list[str]) -> Text:
    """The lines as the program prints its numbers, a space between them."""
    parts = [_plain(line).strip() for line in lines]
    return _text([f"{part} " if part else PARAGRAPH for part in parts])


def _text(parts: list[str]) -> Text:
    """Parts one after the other."""
    starts, place = [], 0
    for part in parts:
        starts.append(place)
        place += len(part)
    return Text("".join(parts), tuple(starts))


def _plain(text: str) -> str:
    """A line without LaTeX's or Markdown's own signs."""
    text = re.sub(r"\\(?:qty|SI)\{([^{}]*)\}\{\\(?:percent|%)\}", r"\1%", text)
    text = re.sub(r"\\num\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\textminus\b(?:\{\})?", "-", text).replace("{,}", ",").replace(r"\%", "%")
    text = re.sub(r"\s+", " ", re.sub(r"[~\u00a0\u2009\u202f]|&nbsp;", " ", text))
    text = re.sub(r"[\u2212\u2012\u2013](?=\d)", "-", text)
    text = re.sub(
        r"[$*`]|\\[()\[\],;:! ]", lambda m: m[0][1:] if m[0] in (r"\[", r"\]") else "", text
    )
    text = re.sub(r"(?<=\d) +%", "%", text)
    return re.sub(r"\[[^\[\]]*\]", lambda match: _interval(match[0]), text)


def _interval(text: str) -> str:
    """An interval in brackets as the program writes it: "[1, 2]%"."""
    ends = re.split(r"\s*[,;]\s+|;", text[1:-1].strip())
    if len(ends) == 2 and all(end.endswith("%") for end in ends):
        return f"[{ends[0][:-1]}, {ends[1][:-1]}]%"
    return f"[{', '.join(ends)}]"
