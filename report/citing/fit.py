"""Whether what stands beside an interval is what a claim prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.citing.findings import UNCLEAR, WARNING, WRONG
from vggstudy.report.citing.intervals import Interval
from vggstudy.report.citing.neighbours import Said
from vggstudy.report.words.display import (
    PERCENT,
    POINTS,
    POINTS_OF_POINTS,
    Display,
    size_of,
    split_beyond,
)
from vggstudy.report.words.names import capitalise, in_words

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


@dataclass(frozen=True, slots=True)
class Printed:
    """A claim as it may be written.

    Attributes
    ----------
    id : str
    number : str
        The estimate's digits, with a sign or an inequality.
    unit : str
        "%", "points" or nothing.
    level : str
    n : int
    compared : bool
        Whether it is a difference, so that words of direction say its sign.
    label : str
        The estimand in words.
    """

    id: str
    number: str
    unit: str
    level: str
    n: int
    compared: bool
    label: str


def printed_of(claim: Claim, shown: Display) -> Printed:
    """How a claim may be written."""
    unit = (
        "%"
        if shown.unit == PERCENT
        else "points"
        if shown.unit in (POINTS, POINTS_OF_POINTS)
        else ""
    )
    compared = claim.quantity in ("diff", "did") or bool(claim.reference == 0)
    label = capitalise(in_words(claim.estimand))
    return Printed(claim.id, shown.number, unit, shown.level, size_of(claim), compared, label)


def misfit(
    one: Interval, said: Said, candidates: Sequence[Printed], *, labelled: bool = False
) -> tuple[int | None, str]:
    """Why an interval is none of the claims that have its ends: None where it is one of them.

    Where an id stands beside it, the words before it may not be those of another claim.
    """
    if one.unit == "mixed":
        return UNCLEAR, "its ends have different units"
    candidates = [p for p in candidates if one.level in (None, p.level)]
    if not candidates:
        if one.level is None and not said.estimate:
            return UNCLEAR, "it has no level, and no claim has these ends"
        return WRONG, ""
    if said.trouble:
        return WRONG, said.trouble
    if labelled and not any(_label_fits(said.label, printed.label) for printed in candidates):
        return WRONG, "the words before it are not those of the claim that is named behind it"
    answers = [_answer(one, said, printed) for printed in candidates]
    return min(answers, key=_order)


def _label_fits(said: str, label: str) -> bool:
    """Whether words before a colon that begin as a claim's are those; other words are free."""
    said, label = (" ".join(text.lower().split()) for text in (said, label))
    begun = said.rfind(label[:12])
    return begun < 0 or ": " not in said[begun:] or said[begun:].startswith(label)


def _order(answer: tuple[int | None, str]) -> int:
    """Right, then warnings, then what cannot be told, then what is wrong."""
    return {None: 0, WARNING: 1, UNCLEAR: 2, WRONG: 3}[answer[0]]


def _answer(one: Interval, said: Said, printed: Printed) -> tuple[int | None, str]:
    """Whether one claim fits."""
    if not _unit_fits(one.unit, printed.unit, ends=True):
        return WRONG, f"{printed.id} is printed in {printed.unit or 'plain numbers'}"
    if any(size != printed.n for size in said.sizes):
        return WRONG, f"n of {printed.id} is {printed.n}"
    if said.opaque:
        return UNCLEAR, "what stands before it is not plain text"
    if said.estimate is None:
        return WARNING, ""
    if said.loose:
        fits = _number_fits(said, printed) is None
        return (None, "") if fits else (UNCLEAR, "the number before it is not its estimate")
    wrong = _number_fits(said, printed)
    if wrong is not None:
        return WRONG, wrong
    if not _unit_fits(said.unit, printed.unit, ends=False):
        return WRONG, f"{printed.id} is printed in {printed.unit or 'plain numbers'}"
    return _direction(said, printed)


def _unit_fits(said: str, unit: str, *, ends: bool) -> bool:
    """Whether a unit is the claim's; that of points may be left out, and "%" before its ends."""
    if unit == "%" and ends:
        return said == "%"
    return said in ("", unit)


def _number_fits(said: Said, printed: Printed) -> str | None:
    """Why the estimate is not the claim's, but for its sign; None where it is."""
    estimate = (said.estimate or "").lstrip("+")
    if estimate in (printed.number, printed.number.lstrip("-")):
        return None
    return f"the estimate of {printed.id} is {printed.number}"


def _direction(  # noqa: C901 - a table of cases
    said: Said, printed: Printed
) -> tuple[int | None, str]:
    """Whether signs and words of direction say what the claim says."""
    written = said.estimate or ""
    negative = printed.number.startswith("-")
    wrong = f"the estimate of {printed.id} is {printed.number}"
    zero = float(split_beyond(printed.number)[1].lstrip("<>")) == 0
    if not printed.compared:
        if said.sign and said.sign == _behind_sign(said):
            return WRONG, f"{printed.id} is no difference"
        if negative and not written.startswith("-"):
            return WRONG, wrong
        return None, ""
    if zero:
        return None, ""
    signed = written[:1] in ("-", "+")
    if signed and (written[0] == "-") != negative:
        return WRONG, wrong
    if said.sign:
        if (said.sign == "-") != negative:
            return WRONG, f"{wrong}, which its words contradict"
        return None, ""
    if signed and negative:
        return None, ""
    if negative:
        if "-" not in said.around:
            return WRONG, f"{wrong}, and no word says that it is negative"
        return None, ""
    if said.around and "+" not in said.around:
        return UNCLEAR, "words of direction before it say the opposite"
    return None, ""


def _behind_sign(said: Said) -> str:
    """The sign of the words right behind the estimate: those make a difference of it."""
    return said.sign if said.label.rstrip(" ,;:(").lower().endswith(_COMPARATIVES) else ""


_COMPARATIVES = ("more", "higher", "fewer", "lower", "less", "better", "worse", "above", "below")
