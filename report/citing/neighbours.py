"""What stands beside an interval: estimate, unit, sign, words of direction, n, id and label."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from vggstudy.report.citing.intervals import NUMBER, UNIT, Interval, _unit
from vggstudy.report.citing.text import CELL, OPAQUE, PARAGRAPH, ROW

UP = (
    r"more|higher|above|greater|larger|better|increases?|increased|increasing|rises?|rose|raises?|"
    r"raised|gains?|gained|improves?|improved|improvement|increment|adds?|added|up|exceeds?|"
    r"exceeded|outperforms?|outperformed|grows?|grew|longer|faster|높다|크다|높은|높아|많다"
)
DOWN = (
    r"fewer|less|lower|below|smaller|worse|decreases?|decreased|decreasing|falls?|fell|drops?|"
    r"dropped|lowers?|lowered|reduces?|reduced|reduction|loses?|lost|losses|loss|declines?|declined|"
    r"down|underperforms?|underperformed|shorter|slower|hurts?|harms?|shrinks?|shrank|lacks?|behind|"
    r"cuts?|낮다|작다|낮은|낮아|적다"
)
_COMPARED = rf"(?:(?P<up>{UP})|(?P<down>{DOWN}))"
_WORDS = re.compile(rf"(?<![A-Za-z가-힣]){_COMPARED}(?![A-Za-z])", re.I)
_FILL = (
    rf"(?:[ ,;:()\[=~|{CELL}-]|with\b|a\b|an\b|the\b|and\b|its\b|of\b|at\b|is\b|was\b|in\b|"
    rf"{UP}|{DOWN}|"
    r"accurate\b|likely\b|on\b|average\b|difference\b|mean\b|accuracy\b|estimate\b|"
    r"relative\b|absolute\b|(?:whose|having|which|has)\b|더|만큼|의|는|은)"
)
_NUMBER = re.compile(
    rf"(?<![\w.{OPAQUE}])(?P<number>{NUMBER})(?! ?[.]?\d)(?P<gap> ?)(?P<unit>{UNIT})?"
    rf"(?P<glued>[A-Za-z\d^{OPAQUE}]{{0,6}})",
    re.I,
)
_ADJACENT = re.compile(rf"^{_FILL}{{0,14}}$", re.I)
_SIZE = (
    rf"(?<![\w.])(?P<name>n|N|k)[_{{}}a-z ]{{0,9}} ?(?:=|:|≈) ?"
    rf"(?P<size>[+-]?\d{{1,3}}(?:[, ]\d{{3}})+(?![\d.]| ?{UNIT})|[+-]?\d{{1,12}})"
    rf"(?P<tail>[^\s,;()\]{CELL}{ROW}]{{0,8}}"
    r"(?: (?:thousand|million|billion|hundred|k\b|×|x ?10))?)"
)
_N = re.compile(_SIZE)
_RUNS = re.compile(
    r"^[ ,;:()\]]{0,4}(?:(?:based on|from|over|across|of|"
    r"for|in|with|on|using|all|a|total|the)\b ?){0,4}"
    r"\(?(?P<size>\d{1,3}(?:[, ]\d{3})+(?!\d)|\d{1,12})(?P<tail>[^\s\d]{0,6}) "
    r"(?:(?:independent|training|trained|finished|labelled|converged|paired|total) ){0,2}"
    r"(?:runs?|replicates?|trainings|models|networks|seeds|observations|samples|repeats|repetitions)\b",
    re.I,
)
_ID = re.compile(r"[(\[](?P<id>(?=[^\s()\[\]]{0,100}[.@=])[a-z][^\s()\[\]]{2,250})[)\]]")
_BRACKETED_WORD = re.compile(r"[(\[]`?(?P<word>[a-z][a-z_]{2,59})`?[)\]]")
_GLUED_END = re.compile(rf"^(?:[A-Za-z\d^{OPAQUE}]| ?[×·±^*]| ?x ?10| ?e[+-]?\d)")
_SCALE = re.compile(r"^ ?(?:thousand|million|billion|hundred|k|dozen)\b|^ ?(?:×|·|\*|x) ?\d", re.I)
_SPELLED = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|"
    rf"hundred|half)(?: |-){{1,2}}(?:more |fewer )?{UNIT}{_FILL}{{0,14}}$",
    re.I,
)
_SENTENCE = re.compile(rf"[.!?] (?=[A-Z(*]|$)|[{PARAGRAPH}{ROW}]")


@dataclass(frozen=True, slots=True)
class Said:
    """What is said beside an interval.

    Attributes
    ----------
    estimate : str or None
        The number right before it, as it is written.
    unit : str
        Of the estimate.
    sign : str
        "+" or "-" by the words right beside the estimate, else nothing.
    around : str
        All signs that words of the sentence before it give.
    loose : bool
        Whether other words stand between the estimate and the interval.
    sizes : tuple of int
        Every n beside it.
    ids : tuple of str
        What is written as an id right behind it, in brackets.
    words : tuple of str
        Single words in brackets there, which an id may be with a sign mistyped.
    label : str
        The text before the estimate.
    trouble : str
        What makes a number beside it another number than it seems; empty where nothing does.
    opaque : bool
        Whether something that is not known stands where the estimate would.
    used : int
        Characters behind the interval that belong to it.
    """

    estimate: str | None = None
    unit: str = ""
    sign: str = ""
    around: str = ""
    loose: bool = False
    sizes: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    label: str = ""
    trouble: str = ""
    opaque: bool = False
    used: int = 0

    def with_size(self, size: int | None) -> Said:
        """The same with an n that stands elsewhere, if there is one."""
        return self if size is None else replace(self, sizes=(*self.sizes, size))


def beside(text: str, interval: Interval, since: int, until: int) -> Said:
    """Read what stands beside an interval, back to the former one and on to the next."""
    before = _sentence_before(text[max(since, interval.start - 400) : interval.start])
    after = text[interval.end : min(until, interval.end + 200)]
    cut = _SENTENCE.search(after)
    after = after[: cut.start() + 1] if cut else after
    sizes, trouble, used = _sizes(before, after)
    trouble = trouble or _end_trouble(after)
    body = _N.sub("", before)
    estimate, unit, rest, loose, more = _estimate(body)
    trouble = trouble or more
    sign = _sign(body, rest, estimate)
    around = "".join("+" if m["up"] else "-" for m in _WORDS.finditer(before))
    gap = rest if estimate is not None else body[-12:]
    return Said(
        estimate=estimate,
        unit=unit,
        sign=sign,
        around=around,
        loose=loose,
        sizes=sizes,
        ids=_ids(after),
        words=tuple(match["word"] for match in _BRACKETED_WORD.finditer(after[:120])),
        label=body,
        trouble=trouble,
        opaque=OPAQUE in gap or bool(_SPELLED.search(body)),
        used=used,
    )


def _sentence_before(before: str) -> str:
    """The part of the sentence in which an interval stands."""
    last = 0
    for match in _SENTENCE.finditer(before):
        last = match.end()
    return before[last:]


def _sizes(before: str, after: str) -> tuple[tuple[int, ...], str, int]:
    """Every n beside an interval, what is glued to one, and where the one behind ends."""
    behind = _N.search(after[:60]) or _RUNS.match(after)
    found = [*_N.finditer(before[-60:]), *([behind] if behind else [])]
    used = behind.end() if behind else 0
    for match in found:
        tail = match["tail"].rstrip(".`*_\"'!?:").lstrip("}*_")
        if tail.startswith(".") and not tail[1:2].isdigit():
            tail = tail[1:]
        if tail and tail not in ("runs", "-"):
            return (), f"{match[0].strip()!r} stands where n should", used
    if behind is None and re.match(rf"[ ,;)]{{0,4}}\(?[nN] ?= ?(?:{OPAQUE}|[a-z])", after):
        return (), "n is not written as a number", used
    return tuple(int(re.sub(r"[, ]", "", match["size"])) for match in found), "", used


def _end_trouble(after: str) -> str:
    """What stands right behind an interval and changes it."""
    if _GLUED_END.match(after) or _SCALE.match(after):
        return f"{after[:8].strip()!r} behind the interval changes it"
    return ""


def _estimate(before: str) -> tuple[str | None, str, str, bool, str]:
    """The last number before an interval: its digits, unit, what follows, and what is glued."""
    found = list(_NUMBER.finditer(before))
    for match in reversed(found):
        apart = match["gap"] and not match["unit"]
        rest = before[match.end("number") if apart else match.end() :]
        if _ADJACENT.match(rest):
            trouble = ""
            if match["glued"] and not apart and not _WORDS.fullmatch(match["glued"]):
                trouble = f"{match[0]!r} is no plain number"
            scale = _SCALE.match(rest)
            trouble = trouble or (f"{match[0] + rest[:9]!r} is scaled" if scale else "")
            return match["number"], _unit(match["unit"]), rest, False, trouble
        break
    glued = re.search(rf"\d[\w^{OPAQUE}.]*{_FILL}{{0,4}}$", before)
    stuck = (
        bool(glued) and not re.search(r"[A-Za-z][\w.-]*$", re.split(r"[ ,;(]", glued[0])[0] + "")
        if glued
        else False
    )
    if glued and stuck and OPAQUE in glued[0]:
        return None, "", before[-12:], False, f"{glued[0].strip()!r} is no plain number"
    for match in reversed(found):
        if match["unit"]:
            rest = before[match.end() :]
            return match["number"], _unit(match["unit"]), rest, True, ""
    return None, "", "", False, ""


def _sign(before: str, rest: str, estimate: str | None) -> str:
    """The sign that the words right beside an estimate give."""
    if estimate is None:
        return ""
    ahead = _WORDS.search(rest[:30])
    if ahead is not None:
        return "+" if ahead["up"] else "-"
    head = before[: before.rfind(estimate)]
    near = re.search(
        rf"(?<![A-Za-z]){_COMPARED}(?: by| of| is| was|:)? ?(?:about |some )?$", head[-40:], re.I
    )
    if near is not None:
        return "+" if near["up"] else "-"
    return ""


def _ids(after: str) -> tuple[str, ...]:
    """Ids right behind an interval and its n."""
    found = (match["id"].strip("`") for match in _ID.finditer(after))
    return tuple(name for name in found if name not in ("i.e.", "e.g.", "cf."))
