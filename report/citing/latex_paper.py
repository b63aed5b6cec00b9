r"""Reads a LaTeX file: its text, the files that it inputs, and what cannot be followed.

The study's numbers stand in place of ``\vgg``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from vggstudy.report.citing.commands import (
    DEFINERS,
    FILES,
    FILES_IN,
    FIRST_HIDDEN,
    HIDES,
    NAMED,
    NOTHING,
    PACKAGES,
    POWERS,
    PRINTS,
    REFERENCES,
    UNREAD,
)
from vggstudy.report.citing.findings import UNCLEAR, WRONG
from vggstudy.report.citing.latex_arguments import Arguments
from vggstudy.report.citing.latex_definitions import (
    CHANGES,
    NAME,
    RESERVED,
    TABLES,
    WIDE_TABLES,
    Definitions,
)
from vggstudy.report.citing.tex import Kind, Token, decode_hats, tokens
from vggstudy.report.citing.text import CELL, OPAQUE, PARAGRAPH, ROW, Builder, Text

_FORM = re.compile(r"[a-z]*")
_TOUCH = re.compile(r"(?<![A-Za-z])vgg(?:@|$)")


@dataclass(frozen=True, slots=True)
class Use:
    r"""A ``\vgg[form]{id}`` and where it prints."""

    form: str
    id: str
    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that is asked for: by its name, or by none that can be read."""

    name: str | None
    line: int
    command: str
    folder: str = ""
    ending: str = ".tex"


@dataclass(slots=True)
class LatexPaper:
    """What is in a file.

    Attributes
    ----------
    text : Text
    uses : list of Use
    files : list of Asked
    findings : list of (int, int, str)
        Exit code, line and sentence of what is wrong or unclear.
    """

    text: Text
    uses: list[Use] = field(default_factory=list)
    files: list[Asked] = field(default_factory=list)
    findings: list[tuple[int, int, str]] = field(default_factory=list)


def read_latex(content: str, printed: Callable[[str, str], str]) -> LatexPaper:
    r"""Read a file; ``printed(form, id)`` is what the study prints for a macro."""
    decoded, hats = decode_hats(content)
    reader = _Reader(tokens(decoded), printed)
    for line in hats:
        reader.find(UNCLEAR, line, "^^ stands for another character here, which is not followed")
    reader.run()
    return LatexPaper(reader.out.build(), reader.uses, reader.files, reader.findings)


class _Reader:
    """Goes once over the tokens of a file."""

    def __init__(self, found: list[Token], printed: Callable[[str, str], str]) -> None:
        self.tokens, self.printed = found, printed
        self.out = Builder()
        self.uses: list[Use] = []
        self.files: list[Asked] = []
        self.findings: list[tuple[int, int, str]] = []
        self.given = Arguments(found)
        self.definitions = Definitions(self.given, self.find)
        self._said: set[tuple[int, str]] = set()

    def find(self, code: int, line: int, text: str) -> None:
        """Note something, once a line."""
        if (line, text) not in self._said:
            self._said.add((line, text))
            self.findings.append((code, line, text))

    def run(self) -> None:
        """Read all tokens."""
        place = 0
        while place < len(self.tokens):
            token = self.tokens[place]
            place += 1
            if token.kind is Kind.COMMAND:
                place = self._command(token, place)
            elif token.kind is Kind.PARAGRAPH:
                self.out.divide(PARAGRAPH, token.line)
            elif token.kind is Kind.RAW:
                self.out.add(token.text, token.line)
                self._hidden_tokens(token)
            elif token.kind in (Kind.TEXT, Kind.SPACE):
                self._text(token)

    def _text(self, token: Token) -> None:
        """Characters; those that mean something to TeX as what they print."""
        if token.text == "~":
            self.out.add(" ", token.line)
        elif token.text == "&":
            self.out.divide(CELL, token.line)
        elif token.text not in ("$", "#"):
            self.out.add(token.text, token.line)
        if _TOUCH.search(token.text) and "vgg@" in token.text:
            self.find(WRONG, token.line, CHANGES)

    def _hidden_tokens(self, token: Token) -> None:
        """What would be commands, were a verbatim text none."""
        for inner in tokens(token.text, first=token.line):
            if inner.kind is Kind.COMMAND and inner.text.startswith(NAME):
                self.find(UNCLEAR, inner.line, r"\vgg stands in text that is printed as it is")

    def _command(self, token: Token, place: int) -> int:  # noqa: C901 - one kind of command a line
        """One command; returns where to go on."""
        name, line = token.text, token.line
        if name == NAME:
            return self._macro(token, place)
        if name.startswith(("vgg@", "vgg")) and (name[3:4] == "@" or "@" in name):
            self.find(WRONG, line, CHANGES)
        head = name.partition("@")[0] if "@" in name and name not in _SPECIAL else name
        if head == NAME:
            self.find(WRONG, line, CHANGES)
        if head in POWERS or name in POWERS:
            self.find(UNCLEAR, line, f"\\{name} changes how text is read or printed")
        if name in DEFINERS or head in DEFINERS:
            self.definitions.definer(name, line, place)
        if name == "csname":
            self.out.divide(OPAQUE, line)
            return self.definitions.csname(line, place)
        if name in NAMED:
            self.definitions.named(name, line, place)
        if name in FILES or head in FILES:
            return self._file(head if head in FILES else name, line, place)
        if name in FILES_IN:
            return self._file_in(name, line, place)
        if name in PACKAGES:
            return self._package(name, line, place)
        if name in UNREAD or head in UNREAD:
            self.find(UNCLEAR, line, f"\\{name} takes text from a file that is not read")
            return self._skip(place, 1)
        return self._print(name, line, place)

    def _print(self, name: str, line: int, place: int) -> int:  # noqa: C901 - likewise
        """What a command of text prints."""
        if name in ("\\", "tabularnewline", "cr"):
            self.out.divide(ROW, line)
            return self.given.behind_option(place)
        if name in ("num", "qty", "SI", "numrange", "qtyrange", "SIrange"):
            return self._quantity(name, line, place)
        if name in ("frac", "dfrac", "tfrac"):
            self.out.divide(OPAQUE, line)
            return place
        if name in PRINTS:
            self.out.add(PRINTS[name], line)
            return place
        if name in FIRST_HIDDEN:
            return self._skip(place, 1)
        if name in HIDES:
            return self._skip(place, HIDES[name])
        if name in REFERENCES:
            self.out.divide(OPAQUE, line)
            return self._skip(place, 1)
        if name in ("begin", "end"):
            return self._environment(name, line, place)
        if name == "par":
            self.out.divide(PARAGRAPH, line)
        elif name in ("item", "caption", "footnote", "section", "subsection", "subsubsection"):
            self.out.divide(PARAGRAPH if name == "item" else " ", line)
        elif name not in NOTHING:
            self.out.divide(OPAQUE, line)
        return place

    def _environment(self, name: str, line: int, place: int) -> int:
        """Begin or end of an environment; that of a table takes the kinds of its columns."""
        said, place = self.given.argument(place)
        if said and said.rstrip("*") == "filecontents":
            self.find(UNCLEAR, line, "filecontents writes a file that is not read")
        tabular = bool(said) and (said or "").rstrip("*") in TABLES
        if said in ("table", "figure", "table*", "figure*", "abstract", "quote", "equation"):
            self.out.divide(PARAGRAPH, line)
        elif tabular:
            self.out.divide(ROW, line)
        else:
            self.out.divide(" ", line)
        place = self.given.behind_option(place)
        if name == "begin" and tabular:
            place = self._skip(place, 2 if (said or "").rstrip("*") in WIDE_TABLES else 1)
        return place

    # -- the macro ------------------------------------------------------------------------------

    def _macro(self, token: Token, place: int) -> int:
        r"""``\vgg[form]{id}``; anything else is a touch."""
        before = self.given.before(place - 1)
        form, after = self.given.bracket(place)
        name, end = self.given.argument(after, plain=True)
        if form is None and name is not None and before not in DEFINERS:
            self.find(WRONG, token.line, f"\\vgg needs a form in brackets before {{{name}}}")
            return end
        if form is None or before in DEFINERS:
            self.find(WRONG, token.line, CHANGES)
            return place
        if before is not None and before not in RESERVED and before not in ("\\", "par"):
            self.find(UNCLEAR, token.line, f"\\{before} takes \\vgg, and what it does is not known")
        if name is None or not _FORM.fullmatch(form) or "#" in name:
            self.find(UNCLEAR, token.line, r"the form or the id of \vgg is not written out")
            return max(end, after)
        start = self.out.size
        self.out.add(self.printed(form, name), token.line)
        self.uses.append(Use(form, name, token.line, start, self.out.size))
        return end

    # -- files ----------------------------------------------------------------------------------

    def _file(self, name: str, line: int, place: int) -> int:
        """A file that is input: its name in braces, or up to a blank."""
        place = self.given.blanks(place)
        if name in ("includestandalone", "subfileinclude"):
            place = self.given.behind_option(place)
        if place < len(self.tokens) and self.tokens[place].kind is Kind.OPEN:
            said, end = self.given.argument(place, plain=True)
            self.files.append(Asked(_file_name(said), line, name))
            return end
        parts: list[str] = []
        while place < len(self.tokens) and self.tokens[place].kind is Kind.TEXT:
            parts.append(self.tokens[place].text)
            place += 1
        stopped = place < len(self.tokens) and self.tokens[place].kind is Kind.COMMAND
        said = None if stopped and not parts else _file_name("".join(parts))
        self.files.append(Asked(said, line, name))
        return place

    def _file_in(self, name: str, line: int, place: int) -> int:
        """A folder and a file."""
        folder, place = self.given.argument(self.given.blanks(place), plain=True)
        said, place = self.given.argument(self.given.blanks(place), plain=True)
        known = None if folder is None else _file_name(said)
        self.files.append(Asked(known, line, name, folder=folder or ""))
        return place

    def _package(self, name: str, line: int, place: int) -> int:
        """Packages or a class, where they lie beside the paper."""
        said, end = self.given.argument(self.given.behind_option(place), plain=True)
        if said is None:
            self.files.append(Asked(None, line, name, ending=PACKAGES[name]))
            return end
        for part in said.split(","):
            self.files.append(Asked(part.strip(), line, name, ending=PACKAGES[name]))
        return self.given.behind_option(end)

    def _skip(self, place: int, count: int) -> int:
        """Behind that many arguments in braces, with the bracketed ones before them."""
        star = self.given.blanks(place)
        if star < len(self.tokens) and self.tokens[star].text == "*":
            place = star + 1
        for _ in range(count):
            for _ in range(3):
                place = self.given.behind_option(place)
            start = self.given.blanks(place)
            if start < len(self.tokens) and self.tokens[start].kind is Kind.RAW:
                place = start + 1
                continue
            if start >= len(self.tokens) or self.tokens[start].kind is not Kind.OPEN:
                return place
            end = self.given.closing.get(start)
            if end is None:
                return place
            for token in self.tokens[start:end]:
                if token.kind is Kind.COMMAND and token.text.startswith(NAME):
                    self.find(UNCLEAR, token.line, r"\vgg stands where nothing is printed")
            place = end + 1
        return place

    def _quantity(self, name: str, line: int, place: int) -> int:
        """Numbers of siunitx as text: "23", "23%", "12 to 34"."""
        place = self.given.behind_option(place)
        count = {"num": 1, "qty": 1, "SI": 1}.get(name, 2)
        numbers = []
        for _ in range(count):
            said, place = self.given.argument(place)
            numbers.append(said)
        unit = ""
        if name not in ("num", "numrange"):
            start = self.given.blanks(self.given.behind_option(place))
            end = self.given.closing.get(start)
            if end is None:
                numbers.append(None)
            else:
                inner = [t for t in self.tokens[start + 1 : end] if t.kind is not Kind.SPACE]
                percent = [t.text for t in inner] in (["percent"], ["%"])
                unit = "%" if percent else OPAQUE
                place = end + 1
        if None in numbers:
            self.out.divide(OPAQUE, line)
        else:
            self.out.add(f"{unit} to ".join(str(n) for n in numbers), line)
            self.out.divide(unit, line)
        return place


_SPECIAL = FILES | NAMED | POWERS | DEFINERS


def _file_name(said: str | None) -> str | None:
    """A name without its quotes; None where it holds what TeX would replace."""
    if said is None:
        return None
    name = said.replace('"', "").strip()
    return None if not name or re.search(r"[\\#~&$|]", name) else name
