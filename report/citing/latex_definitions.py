r"""What may give ``\vgg``, or a command that the check relies on, another meaning."""

from __future__ import annotations

from collections.abc import Callable

from vggstudy.report.citing.commands import (
    DEFINERS,
    FILES,
    FILES_IN,
    HIDES,
    NOTHING,
    POWERS,
    PRINTS,
    REFERENCES,
    UNREAD,
)
from vggstudy.report.citing.findings import UNCLEAR, WRONG
from vggstudy.report.citing.latex_arguments import Arguments
from vggstudy.report.citing.tex import Kind

NAME = "vgg"
CHANGES = r"this changes what \vgg prints, so its numbers are not known"
RESERVED = frozenset(PRINTS) | NOTHING | frozenset(HIDES) | REFERENCES
TABLES = frozenset(["tabular", "array", "tabularx", "tabulary", "longtable", "tblr", "tabu"])
WIDE_TABLES = frozenset(["tabularx", "tabulary"])
_ENVIRONMENTS = TABLES | frozenset(
    [
        "document",
        "figure",
        "table",
        "verbatim",
        "Verbatim",
        "lstlisting",
        "minted",
        "equation",
        "align",
        "itemize",
        "enumerate",
    ]
)
_REDEFINING = DEFINERS - frozenset(
    [
        "AddToHook",
        "AddToHookWithArguments",
        "expandafter",
        "noexpand",
        "unexpanded",
        "csname",
        "csuse",
        "@nameuse",
        "meaning",
        "show",
        "string",
        "detokenize",
        "newif",
        "newcount",
        "newtoks",
        "newcounter",
    ]
)


LOOKED_AT = 30
"""Tokens behind a command in which what it defines must stand."""


class Definitions:
    """Judges commands that define, and names of commands that are written as text.

    Parameters
    ----------
    given : Arguments
    find : callable
        Takes exit code, line and sentence of what is wrong or unclear.
    """

    def __init__(self, given: Arguments, find: Callable[[int, int, str], None]) -> None:
        self.given, self._find = given, find

    def definer(self, name: str, line: int, place: int) -> None:  # noqa: C901 - a small parser
        """What defines may not name the macro, nor a command that the check relies on."""
        seen = 0
        start = place
        stop = min(len(self.given.tokens), start + LOOKED_AT)
        while place < stop and seen < 8:
            token = self.given.tokens[place]
            place += 1
            if token.kind in (Kind.SPACE, Kind.PARAGRAPH) or (
                token.kind is Kind.COMMAND and token.text in DEFINERS
            ):
                continue
            if token.kind is Kind.OPEN:
                if seen:
                    break
                continue
            if token.kind is Kind.COMMAND:
                if token.text == NAME or token.text.startswith("vgg@"):
                    self._find(WRONG, line, CHANGES)
                elif not seen and name in _REDEFINING and token.text in RESERVED:
                    said = f"this may change what \\{token.text} prints, which the check relies on"
                    self._find(UNCLEAR, line, said)
                if seen and name not in ("let", "futurelet", "LetLtxMacro"):
                    break
            elif token.kind is Kind.TEXT and token.text == "~":
                self._find(UNCLEAR, line, "this may change what ~ prints")
            seen += 1
        if not seen and place == start + LOOKED_AT:
            self._find(UNCLEAR, line, f"what \\{name} defines stands too far behind it")
        if "environment" in name.lower():
            named, _ = self.given.argument(start)
            if named is None or named in RESERVED or named in _ENVIRONMENTS:
                self._find(UNCLEAR, line, f"this changes the environment {named or ''}".rstrip())

    def csname(self, line: int, place: int) -> int:
        r"""The name up to ``\endcsname`` must be plain, and another than the macro's."""
        parts: list[str] = []
        plain = True
        for ahead in range(place, min(place + 60, len(self.given.tokens))):
            token = self.given.tokens[ahead]
            if token.kind is Kind.COMMAND and token.text == "endcsname":
                self._name("".join(parts), line, plain=plain)
                return ahead + 1
            plain = plain and token.kind in (Kind.TEXT, Kind.SPACE) and token.text != "#"
            parts.append(token.text)
        self._name("".join(parts), line, plain=False)
        return place

    def named(self, name: str, line: int, place: int) -> None:
        """The name in braces must be plain, and another than the macro's."""
        while place < len(self.given.tokens) and self.given.tokens[place].kind is Kind.SPACE:
            place += 1
        if place >= len(self.given.tokens) or self.given.tokens[place].kind is not Kind.OPEN:
            if name not in ("begin", "end"):
                self._name("", line, plain=False)
            return
        said, _ = self.given.argument(place, plain=True)
        self._name(said or "", line, plain=said is not None and "#" not in said)

    def _name(self, name: str, line: int, *, plain: bool) -> None:
        """Judge the name of a command that is written as text."""
        name = name.strip()
        if name == NAME or "vgg@" in name:
            self._find(WRONG, line, CHANGES)
        elif not plain:
            self._find(UNCLEAR, line, "the name of a command is put together here, and not known")
        elif name in POWERS | FILES | UNREAD | FILES_IN:
            self._find(UNCLEAR, line, f"\\{name} is called by its name, which is not followed")
