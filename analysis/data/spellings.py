"""Spellings of one level: numbers that are one, and texts that only look alike."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vggstudy.analysis.data.levels import Level, distinct_of, is_numeric, write_level
from vggstudy.analysis.notes import Note, say

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
"""A text that is a finite number in the ordinary notation."""

SHORT = 12
"""Significant digits that nobody writes more of; rounding errors begin at the sixteenth."""

SINGLE = 7
"""Significant digits that a number of 32 bits always keeps; those after the eighth are an accident
of its conversion."""

ERRORS = 4
"""Units in the last place that a few operations of arithmetic can lose."""

WORDS = {
    **dict.fromkeys(("true", "yes", "on", "y", "t"), "true"),
    **dict.fromkeys(("false", "no", "off", "n", "f"), "false"),
}
"""How a level that is on or off is written."""


def meant(number: float) -> float:
    """The number that was written: without what arithmetic or 32 bits have added to its digits.

    >>> meant(0.1 + 0.2), meant(0.10000000149011612), meant(0.123456789)
    (0.3, 0.1, 0.123456789)
    """
    given = _digits(number)
    if given <= SINGLE + 1 or number.is_integer() or not 1e-30 < abs(number) < 1e30:
        return number
    single = np.float32(number)
    written = float(str(single))
    if _digits(written) <= min(SINGLE, given - 3) and float(f"{float(single):.{given}g}") == number:
        return written
    short = float(f"{number:.{SHORT}g}")
    return short if abs(number - short) <= ERRORS * math.ulp(number) else number


def _digits(number: float) -> int:
    """Significant digits of the shortest text of a number."""
    return len(repr(abs(number)).partition("e")[0].replace(".", "").strip("0"))


def one_spelling(
    factor: str, levels: Iterable[Level], declared: Sequence[Level]
) -> tuple[dict[str, Level], list[Note]]:
    """Which of a factor's levels are one, and which look as if they were.

    Numbers are one level where their values are: 1e-3 and 0.001 as texts, 0.1 + 0.2 and 0.3, 0.1
    and the same of 32 bits. A column with a single spelling of a level keeps it, so that the ids
    of its claims stay. Texts that differ in case, blanks, hyphens or in the word for yes and no are
    named and stay apart.

    Parameters
    ----------
    factor : str
    levels : iterable of Level
        Canonical levels of the table.
    declared : sequence of Level
        Levels as the protocol writes them: they are kept before others.

    Returns
    -------
    taken : dict of str to Level
        From the text of a level to the level that stands for it, where that is another.
    notes : list of Note
    """
    distinct = {write_level(level): level for level in distinct_of(levels)}
    first = {write_level(level): level for level in declared}
    numbers = {
        text: value for text, level in distinct.items() if (value := _value(level)) is not None
    }
    taken: dict[str, Level] = {}
    notes = []
    for texts in _grouped({text: meant(value) for text, value in numbers.items()}):
        kept = _kept(texts, distinct, first)
        others = [text for text in texts if text != write_level(kept)]
        if others and len({*texts} & {*first}) < 2:  # what a protocol tells apart stays apart
            taken.update(dict.fromkeys(others, kept))
            names = sorted({*texts, write_level(kept)})
            notes.append(
                say("levels_are_one", factor=factor, levels=names, level=write_level(kept))
            )
    words = {text: _looks(text) for text in distinct if text not in numbers}
    notes += [
        say("levels_look_alike", factor=factor, levels=texts)
        for texts in _grouped(words)
        if len(texts) > 1
    ]
    return taken, notes


def _value(level: Level) -> float | None:
    """The number that a level is, or that its text writes."""
    if is_numeric(level):
        return float(level)
    if isinstance(level, str) and NUMBER.fullmatch(level) and math.isfinite(float(level)):
        return float(level)
    return None


def _kept(texts: list[str], levels: Mapping[str, Level], declared: Mapping[str, Level]) -> Level:
    """The spelling that stands for all: a declared one, else a number, else the shortest."""
    value = meant(_value(levels[texts[0]]) or 0.0)
    for text, level in declared.items():
        number = _value(level)
        if text in texts or (number is not None and meant(number) == value):
            return level
    best = min(texts, key=lambda text: (isinstance(levels[text], str), len(text), text))
    return levels[best]


def _looks(text: str) -> str:
    """What is left of a text without case, blanks, hyphens and the choice of a word for yes."""
    plain = re.sub(r"[\s_-]+", "", unicodedata.normalize("NFKC", text).casefold())
    return WORDS.get(plain, plain)


def _grouped(keys: Mapping[str, float | str]) -> list[list[str]]:
    """Texts with the same key, in order."""
    groups: dict[float | str, list[str]] = {}
    for text in sorted(keys):
        groups.setdefault(keys[text], []).append(text)
    return list(groups.values())
