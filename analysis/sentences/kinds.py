"""What a sentence is: its text in English, and what its gaps hold."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """What a value is, and so how it is written; the others are formats of numbers."""

    COUNT = ".0f"
    NUMBER = "g"
    ROUNDED_2 = ".2g"
    ROUNDED_3 = ".3g"
    ROUNDED_4 = ".4g"
    PERCENT = ".0%"
    TEXT = "text"
    """An id, a name of a method, a level: the same in every language."""
    FACTOR = "factor"
    """The name of a column."""
    FACTORS = "factors"
    """Names of columns, one after the other."""
    LISTED = "listed"
    """Levels, one after the other."""
    NAMED = "named"
    """The first of some cells by their levels, and the number of the others."""
    TERMS = "terms"
    """Terms of a model."""
    WORDS = "words"
    """One of `WORDS` of the package."""
    NOTE = "note"
    NOTES = "notes"


NUMBERS = frozenset(kind for kind in Kind if kind.value[-1] in "fg%")


KINDS = {
    **dict.fromkeys(
        ("a", "all", "b", "cells", "groups", "k", "least", "most", "n", "planned", "runs"),
        Kind.COUNT,
    ),
    **dict.fromkeys(("seeds", "values"), Kind.COUNT),
    **dict.fromkeys(("claim", "date", "level", "method", "name", "other"), Kind.TEXT),
    **dict.fromkeys(("high", "low", "number"), Kind.NUMBER),
    "f": Kind.ROUNDED_3,
    "factor": Kind.FACTOR,
    "levels": Kind.LISTED,
    "names": Kind.NAMED,
    "p": Kind.ROUNDED_2,
    "rules": Kind.NOTES,
    "terms": Kind.TERMS,
    "text": Kind.NOTE,
    "what": Kind.WORDS,
}
"""What a gap of that name holds, where its sentence does not say otherwise."""


class Sentence:
    """A sentence in English, and what its gaps hold.

    Parameters
    ----------
    text : str
        With gaps as in ``%(n)s``. `make messages` collects it for translation.
    **kinds : Kind
        Of gaps that hold something else than `KINDS` says.
    """

    def __init__(self, text: str, **kinds: Kind) -> None:
        self.text = text
        self.kinds = {gap: kinds.get(gap, KINDS[gap]) for gap in _GAP.findall(text)}


_GAP = re.compile(r"%\((\w+)\)s")


class Words(str):
    """Words that fill a gap of several sentences; `make messages` collects them too."""

    __slots__ = ()
