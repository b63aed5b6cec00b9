"""Plain text of a paper: one way to write each sign, and the line of every character.

What looks alike is written alike, and what cannot be seen is left out; both are named where they
stand beside numbers, since there they could hide a number from the check.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

PARAGRAPH, ROW, CELL, OPAQUE = "\n", "\x1e", "\x1f", "\ufffc"
"""Ends of a paragraph, of a table's row and of its cell; something whose print is not known."""

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\u02d7\ufe58\ufe63\uff0d\u2796\u30fc"
_SIGNS = str.maketrans(
    {
        **dict.fromkeys(DASHES, "-"),
        **dict.fromkeys("\u3010\u3014\u27e6\u2045\u2772\uff3b\u23a1", "["),
        **dict.fromkeys("\u3011\u3015\u27e7\u2046\u2773\uff3d\u23a4", "]"),
        **dict.fromkeys("\u066a\u2052", "%"),
        **dict.fromkeys("\u201a\u060c\u3001\u066c", ","),
        **dict.fromkeys("\x85\x0b\x0c\x1c\x1d\u2028\u2029\ue000\ue001", " "),
    }
)
_ALIKE = dict(
    zip(
        "\u0421\u0441\u03f9\u03f2\u0406\u0456\u0399\u04c0\u04cf\u041e\u043e\u039f\u03bf\u0415\u0435\u0395\u03b5\u0410\u0430\u0391\u03b1\u0422\u0442\u03a4"
        "\u0440\u0420\u03a1\u039d\u043f\u0578\u0455\u0445\u0443\u03bd\u0501\u0475\u217c\u13df",
        "CcCcIiIIlOoOoEeEeAaAaTtTpPPNnnsxyvdvlC",
        strict=True,
    )
)
_KEYWORDS = frozenset(
    [
        "ci",
        "cis",
        "confidence",
        "interval",
        "intervals",
        "credible",
        "n",
        "runs",
        "points",
        "point",
        "percent",
        "pp",
        "to",
    ]
)
_WORD = re.compile(r"[^\W\d_]+")
_HIDDEN = re.compile(
    r"[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
MOST_ODDITIES = 1_000
"""So many of a file are told."""

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MARKS = re.compile("[A-Za-z0-9\\[\\]()%.,+\u2212-]")


@dataclass(frozen=True, slots=True)
class Text:
    """Text whose places are known.

    Attributes
    ----------
    content : str
    places, lines : tuple of int
        From which character on, which line of the file.
    oddities : tuple of (int, str)
        Lines with characters that look like others, or like nothing.
    """

    content: str
    places: tuple[int, ...]
    lines: tuple[int, ...]
    oddities: tuple[tuple[int, str], ...] = ()

    def line(self, place: int) -> int:
        """The number, from one, of the line in which a character stands."""
        index = bisect_right(self.places, place) - 1
        return self.lines[index] if index >= 0 else 1


@dataclass(slots=True)
class Builder:
    """Collects plain text piece by piece."""

    _parts: list[str] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)
    _oddities: list[tuple[int, str]] = field(default_factory=list)
    size: int = 0

    def add(self, text: str, line: int) -> None:
        """Append text of a line; line feeds in it count, and end no paragraph."""
        if not text.isascii():
            if len(self._oddities) < MOST_ODDITIES:  # the first of them refuses the paper
                self._oddities.extend(
                    (line, said) for said in islice(_oddities(text), MOST_ODDITIES)
                )
            text = _normal(text)
        for number, part in enumerate(text.split("\n")):
            self._append((" " if number else "") + part, line + number)

    def divide(self, sign: str, line: int) -> None:
        """Append one of this module's own signs."""
        self._append(sign, line)

    def _append(self, text: str, line: int) -> None:
        if not text:
            return
        if not self._lines or self._lines[-1] != line:
            self._places.append(self.size)
            self._lines.append(line)
        self._parts.append(text)
        self.size += len(text)

    @property
    def last_line(self) -> int:
        """The line of what was appended last."""
        return self._lines[-1] if self._lines else 1

    def build(self) -> Text:
        """What was collected."""
        content = re.sub(r"[\t\r\xa0\u2000-\u200a\u202f\u205f\u3000]", " ", "".join(self._parts))
        return Text(content, tuple(self._places), tuple(self._lines), tuple(self._oddities))


def _normal(text: str) -> str:
    """Compatibility forms, dashes, digits and look-alikes in their plain form."""
    text = unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS)
    text = "".join(_digit(c) if ord(c) > 127 else c for c in _HIDDEN.sub("", text))
    return _WORD.sub(lambda match: _plain_word(match[0]), text)


def _digit(character: str) -> str:
    """A decimal digit of any script as the one of ASCII; other characters as they are."""
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _plain_word(word: str) -> str:
    """A word that is one of ours but for look-alikes, in ASCII."""
    if word.isascii():
        return word
    plain = "".join(_ALIKE.get(c, c) for c in word)
    return plain if plain.lower() in _KEYWORDS else word


def _oddities(text: str) -> Iterator[str]:
    """What in a text looks like something else, or like nothing, beside letters and numbers."""
    for match in _HIDDEN.finditer(text):
        around = text[max(match.start() - 1, 0) : match.start()] + text[match.end() :][:1]
        if _BIDI.match(match[0]) or _MARKS.search(around):
            yield f"an invisible character, U+{ord(match[0]):04X}, stands beside text"
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text)):
        word = match[0]
        if not word.isascii() and _plain_word(word) != word:
            found = next(c for c in word if c in _ALIKE)
            yield f"U+{ord(found):04X} only looks like {_ALIKE[found]}"
    for character in text:
        other = ord(character) > 127 and unicodedata.category(character) == "Nd"
        if other and unicodedata.normalize("NFKC", character) == character:
            yield f"U+{ord(character):04X} is a digit of another script"
