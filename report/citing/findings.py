"""What a check finds: a sentence with its place, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass

WRONG, UNCLEAR, WARNING = 1, 2, 0
"""A number is wrong; it cannot be told; something to look at."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something in a file that is not the study's, or cannot be told.

    Attributes
    ----------
    file : str
    line : int
        One-based; 0 where the whole file is meant.
    text : str
    code : int
        `WRONG`, `UNCLEAR` or `WARNING`.
    """

    file: str
    line: int
    text: str
    code: int = WRONG

    def __str__(self) -> str:
        """``paper.tex:12: ...``."""
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"

    @property
    def annotation(self) -> str:
        """As GitHub's workflows read it: ``::error file=paper.tex,line=12::...``."""
        kind = "warning" if self.code == WARNING else "error"
        place = f"file={_escaped(self.file, properties=True)}"
        if self.line:
            place += f",line={self.line}"
        return f"::{kind} {place},title=vggstudy::{_escaped(self.text)}"


def _escaped(text: str, *, properties: bool = False) -> str:
    """Text inside a workflow command, which ends at its line's end."""
    signs = "%\r\n:," if properties else "%\r\n"
    return "".join(f"%{ord(sign):02X}" if sign in signs else sign for sign in text)
