"""Finds intervals in plain text: what reads as one, and what looks like one and cannot be read.

Every pattern is anchored or bounded, so that the time grows as the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vggstudy.report.citing.text import CELL, OPAQUE, PARAGRAPH, ROW

MOST = 20_000
"""Intervals of one file that are read."""

NUMBER = r"(?:[<>]|beyond )?[+-]?\d{1,15}(?:\.\d{1,15})?"
UNIT = (
    r"(?:%-?p(?:oints?|p)?\b|%-points?|%|percentage[ -]points?|percent\b|per cent\b|points?\b|"
    r"p\.p\.|ppts?\b|pp\b|pts?\b|퍼센트포인트|퍼센트|포인트)"
)
_LEVEL = r"\d{1,3}(?:\.\d{1,6})?[ -]{0,2}(?:%|percent\b|per cent\b|퍼센트)"
_CI = (
    r"(?:(?-i:CI|C\.I\.)(?:['\u2019]?s)?(?![A-Za-z])|"
    r"(?:confidence|credible|credibility|compatibility|uncertainty|conf\.?|cred\.?)[ -]{1,3}"
    r"(?:intervals?|limits?|bounds?|ranges?|regions?|int\b\.?)|"
    r"konfidenzintervall\w{0,3}|신뢰 ?구간)"
)
_MENTION = re.compile(
    rf"(?<![\w.])(?P<level>{_LEVEL})[ -]{{0,3}}(?:[a-z-]{{2,14}} ){{0,2}}\(?(?:{_CI}|intervals?\b)"
    rf"|(?<![A-Za-z]){_CI}(?:[ _(]{{0,3}}(?:at the )?(?P<after>\d{{2}}(?:\.\d{{1,4}})?)"
    rf"(?: ?%| ?percent)?(?: level)?(?![\d.,]*\d))?",
    re.I,
)
_GAP = (
    rf"(?:[ :=~,(|{CELL}]|'|of\b|is\b|was\b|are\b|were\b|from\b|between\b|ranging\b|ranges?\b|"
    r"spans?\b|lies\b|in\b|equals\b|being\b|the\b|goes\b|runs\b|at\b|here\b){0,10}?"
)
_PAIR = (
    rf"(?P<open>[\[(])? ?(?P<low>{NUMBER}) ?(?P<lunit>{UNIT})? ?"
    rf"(?P<sep>,|;|to\b|until\b|through\b|and\b|-{{1,3}}|~|\.\.\.?|…|:|/|{CELL}|≤[^≤\d]{{1,9}}≤) ?"
    rf"(?P<high>{NUMBER}) ?(?P<hunit>{UNIT})? ?(?P<close>[\])])?(?: ?(?P<unit>{UNIT}))?"
)
_AFTER = re.compile(
    rf"\)?{_GAP}(?:{_PAIR}|(?P<side>up to|at most|below|from|at least|above|상한|하한|[≤≥]) "
    rf"?(?P<one>{NUMBER}) ?(?P<oneunit>{UNIT})?|(?P<none>without bounds|한계 없음))",
    re.I,
)
_BRACKETED = _PAIR.replace(r"(?P<open>[\[(])?", r"(?P<open>[\[(])").replace(
    r"(?P<close>[\])])?", r"(?P<close>[\])])"
)
_BRACKETS = re.compile(rf"(?<![\w\]]){_BRACKETED}", re.I)
_PAIR_ALONE = re.compile(_PAIR, re.I)
_SUSPECT = re.compile(
    rf"^[^{PARAGRAPH}{ROW}]{{0,25}}?(?:[\[(][^\])A-Za-z]{{0,12}}\d|\d[\d.]*%? ?"
    rf"(?:,|;|to\b|and\b|-{{1,3}}|{OPAQUE}|±|/|~|…) ?[+-]?[\d{OPAQUE}]|±|{OPAQUE} ?\d)",
    re.I,
)
_DIRECT = re.compile(rf"^{_GAP}[\[(+-]{{0,2}}\d[\d.,]*(?! ?[A-Za-z가-힣\d.,])", re.I)
_SIDES = {"up to": "up to", "at most": "up to", "below": "up to", "≤": "up to", "상한": "up to"} | {
    "from": "from",
    "at least": "from",
    "above": "from",
    "≥": "from",
    "하한": "from",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval as it is written.

    Attributes
    ----------
    level : str or None
        "95%"; None where none is beside it.
    low, high : str or None
        Digits of the ends.
    unit : str
        "%", "points", or nothing.
    start, end : int
        Where it stands, with its level.
    said : str
    other_high : str or None
        The upper end, if what reads as a dash is a minus.
    """

    level: str | None
    low: str | None
    high: str | None
    unit: str
    start: int
    end: int
    said: str
    other_high: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """What looks like an interval and could not be read."""

    start: int
    said: str


def find_intervals(text: str) -> Iterator[Interval | Unread]:
    """All intervals of a text, and what looks like one, in no order."""
    taken: list[tuple[int, int]] = []
    last = 0
    for number, mention in enumerate(_MENTION.finditer(text)):
        if number >= MOST:
            yield Unread(mention.start(), f"more than {MOST} intervals; the next")
            return
        found = _behind(text, mention) or _ahead(text, mention, last)
        if isinstance(found, Interval):
            taken.append((found.start, found.end))
            last = max(found.end, mention.end())
            yield found
        elif found is not None:
            yield found
    yield from _unlevelled(text, taken)


def _behind(text: str, mention: re.Match[str]) -> Interval | None:
    """The interval behind its level."""
    match = _AFTER.match(text, mention.end(), min(len(text), mention.end() + 120))
    if match is None:
        return None
    return _interval(text, match, _level(mention), mention.start(), match.end())


def _ahead(text: str, mention: re.Match[str], last: int) -> Interval | Unread | None:
    """The interval before its level; else whether one seems to be there."""
    start = max(last, mention.start() - 60)
    # Slices keep the search for an end of the text bounded.
    before = text[start : mention.start()]
    match = next((m for m in _PAIR_ALONE.finditer(before) if _closes(before[m.end() :])), None)
    if match is not None and (match["open"] or match["unit"] or match["hunit"] or "." in match[0]):
        return _interval(text, match, _level(mention), start + match.start(), mention.end(), start)
    rest = text[mention.end() : mention.end() + 90].partition(PARAGRAPH)[0]
    if _SUSPECT.match(rest) or _DIRECT.match(rest):
        said = text[mention.start() : mention.end()] + rest[:40]
        return Unread(mention.start(), said)
    return None


def _closes(rest: str) -> bool:
    """Whether nothing but punctuation stands between an interval and its level."""
    return len(rest) < 5 and not rest.strip(" ,;:(")


def _level(mention: re.Match[str]) -> str | None:
    """The level as the program prints it."""
    said = mention["level"] or mention["after"]
    digits = re.match(r"[\d.]+", said or "")
    return None if digits is None else f"{digits[0]}%"


def _interval(
    text: str, match: re.Match[str], level: str | None, start: int, end: int, shift: int = 0
) -> Interval:
    """An interval of a match."""
    groups = match.groupdict()
    if groups.get("none"):
        return Interval(level, None, None, "", start, end, text[start:end])
    if groups.get("one"):
        low, high = (
            (None, match["one"])
            if _SIDES[match["side"].lower()] == "up to"
            else (match["one"], None)
        )
        return Interval(level, low, high, _unit(match["oneunit"]), start, end, text[start:end])
    units = {_unit(match[name]) for name in ("lunit", "hunit", "unit") if match[name]}
    unit = units.pop() if len(units) == 1 else "mixed" if units else ""
    if match["lunit"] and not (match["hunit"] or match["unit"]):
        unit = "mixed"
    other = None
    if set(match["sep"]) == {"-"} and len(match["sep"]) > 1:
        other = f"-{match['high']}"
    end = max(end, shift + match.end())
    low, high = match["low"], match["high"]
    return Interval(level, low, high, unit, start, end, text[start:end], other)


def _unit(said: str | None) -> str:
    """A unit in one of the three ways in which the program prints numbers."""
    if not said:
        return ""
    said = said.lower()
    return "%" if said in ("%", "percent", "per cent", "퍼센트") else "points"


_NUMBER_BEFORE = re.compile(
    rf"(?:(?P<unit>\d ?{UNIT})|\d\.\d+|(?P<level>{_LEVEL}[^.{PARAGRAPH}\d]{{0,20}})|{OPAQUE})"
    rf"[ ,:;~{CELL}|-]{{0,5}}$",
    re.I,
)


def _unlevelled(text: str, taken: list[tuple[int, int]]) -> Iterator[Interval | Unread]:
    """Pairs in brackets without a level that stand where intervals stand."""
    spans = iter(sorted(taken))
    span = next(spans, None)
    for match in _BRACKETS.finditer(text):
        while span is not None and span[1] <= match.start():
            span = next(spans, None)
        if span is not None and span[0] < match.end():
            continue
        before = text[max(0, match.start() - 40) : match.start()]
        cells = (
            CELL in text[max(0, match.start() - 3) : match.start()]
            or CELL in text[match.end() : match.end() + 3]
        )
        decimal = "." in match["low"] or match["low"][0] in "+-" or match["unit"]
        if cells or _NUMBER_BEFORE.search(before) or (decimal and before[-2:-1].isdigit()):
            yield _interval(text, match, None, match.start(), match.end())
