r"""Splits LaTeX into tokens as TeX does: comments, ``^^`` notation, blanks behind commands.

``@`` counts as a letter everywhere: who asks for a command asks for its name before ``@`` too.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from vggstudy.errors import AnalysisError

HATS = re.compile(r"\^\^(?:([0-9a-f]{2})|([\x00-\x7f]))")
_VERBATIM = r"(?:verbatim|lstlisting|minted|Verbatim|BVerbatim)\*?"
_TOKEN = re.compile(
    r"(?P<comment>%[^\n]*(?:\n[ \t]*)?)"
    r"|\\begin[ \t]*\{(?P<env>" + _VERBATIM + r")\}"
    r"|\\(?P<raw>verb\*?|lstinline|mintinline)(?![A-Za-z@])"
    r"|\\(?P<url>url|nolinkurl|path)[ \t]*(?=\{)"
    r"|\\(?P<word>[A-Za-z@]+)[ \t]*(?P<eol>\n[ \t]*)?"
    r"|\\(?P<symbol>[\s\S]?)"
    r"|(?P<line>\n[ \t]*)"
    r"|(?P<blank>[ \t]+)"
    r"|(?P<open>\{)|(?P<close>\})"
    r"|(?P<text>[^\\{}%\n\t $&~^_#\[\]]+|[\s\S])"
)


class Kind(Enum):
    """What a token is."""

    COMMAND = "command"
    TEXT = "text"
    OPEN = "open"
    CLOSE = "close"
    SPACE = "space"
    PARAGRAPH = "paragraph"
    RAW = "raw"


class Token(NamedTuple):
    """A token: the name of a command without its backslash, or text; and its line."""

    kind: Kind
    text: str
    line: int


def decode_hats(text: str) -> tuple[str, list[int]]:
    """The text with ``^^`` notation read, and the lines in which it stands."""
    if "^^" not in text:
        return text, []
    lines = []
    done: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        decoded = _decode(line) if "^^" in line else line
        if decoded != line:
            lines.append(number)
        done.append(decoded)
    return "\n".join(done), lines


def _decode(line: str) -> str:
    """A line; what is decoded may be part of the next notation, as in TeX."""
    out: list[str] = []
    place = 0
    while place < len(line):
        match = HATS.match(line, place)
        if match is None:
            out.append(line[place])
            place += 1
        else:
            code = int(match[1], 16) if match[1] else (ord(match[2]) ^ 64)
            out.append(" " if code in (10, 13) else chr(code))
            place = match.end()
            if "".join(out[-2:]) == "^^":  # a decoded hat makes a new notation
                again = HATS.match("^^" + line[place : place + 2])
                if again is not None:
                    del out[-2:]
                    code = int(again[1], 16) if again[1] else (ord(again[2]) ^ 64)
                    out.append(" " if code in (10, 13) else chr(code))
                    place += again.end() - 2
    return "".join(out)


MAX_TOKENS = 500_000
"""Of a file: some microseconds and some hundred bytes each; a word with its blank is two."""


def tokens(text: str, *, first: int = 1) -> list[Token]:
    """All tokens of a text, in a time that grows as its length.

    Raises
    ------
    AnalysisError
        If there are more than `MAX_TOKENS`.
    """
    return _Lexer(text, first).run()


class _Lexer:
    """Goes once over a text."""

    def __init__(self, text: str, first: int) -> None:
        self.text, self.line = text, first
        self.found: list[Token] = []
        self.fresh = True  # at the beginning of a line, where an end of line is a paragraph
        self.place = 0

    def run(self) -> list[Token]:
        """The tokens."""
        size = len(self.text)
        while self.place < size:
            match = _TOKEN.match(self.text, self.place)
            if match is None:  # cannot be: the last alternative takes anything
                break
            self.place = match.end()
            line = self.line
            self._take(match, line)
            self.line = max(self.line, line + match[0].count("\n"))
            if len(self.found) > MAX_TOKENS:
                msg = f"the file has more than {MAX_TOKENS:,} words and signs: split it"
                raise AnalysisError(msg)
        return self.found

    def _put(self, kind: Kind, text: str, line: int) -> None:
        self.found.append(Token(kind, text, line))

    def _take(self, match: re.Match[str], line: int) -> None:
        """One token."""
        group = match.lastgroup
        if group == "eol":
            group = "word"
        fresh, self.fresh = self.fresh, False
        if group == "comment":
            self.fresh = match[0].rstrip(" \t").endswith("\n")
        elif group == "word":
            self._put(Kind.COMMAND, match["word"], line)
            self.fresh = match["eol"] is not None
        elif group == "symbol":
            self._put(Kind.COMMAND, match["symbol"], line)
        elif group == "line":
            self._put(Kind.PARAGRAPH if fresh else Kind.SPACE, " ", line)
            self.fresh = True
        elif group == "blank":
            self._put(Kind.SPACE, " ", line)
            self.fresh = fresh
        elif group in ("open", "close"):
            self._put(Kind.OPEN if group == "open" else Kind.CLOSE, match[0], line)
        elif group == "env":
            self._verbatim(match, line)
        elif group in ("raw", "url"):
            self._raw(match, group, line)
        else:
            self._put(Kind.TEXT, match[0], line)

    def _verbatim(self, match: re.Match[str], line: int) -> None:
        """An environment that prints its content as it is: that, and what its tokens would be."""
        end = self.text.find(f"\\end{{{match['env']}}}", match.end())
        content = self.text[match.end() : end if end >= 0 else len(self.text)]
        self._put(Kind.COMMAND, "begin", line)
        self._put(Kind.OPEN, "{", line)
        self._put(Kind.TEXT, match["env"], line)
        self._put(Kind.CLOSE, "}", line)
        self._put(Kind.RAW, content, line)
        self.place = match.end() + len(content)
        self.line = line + content.count("\n")

    def _raw(self, match: re.Match[str], group: str, line: int) -> None:
        r"""``\verb|...|`` and ``\url{...}``, in which nothing is a comment."""
        self._put(Kind.COMMAND, match[group].rstrip("*"), line)
        start = match.end()
        stop = self.text.find("\n", start)
        stop = len(self.text) if stop < 0 else stop
        delimiter = self.text[start : start + 1]
        if not delimiter or delimiter in "\n[" or delimiter.isspace():
            return
        end = self.text.find("}" if delimiter == "{" else delimiter, start + 1, stop)
        if end >= 0:
            self._put(Kind.RAW, self.text[start + 1 : end], line)
            self.place = end + 1
