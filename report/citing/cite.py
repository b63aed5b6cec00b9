"""Citations: a claim as text to paste, the list of all claims, and the study itself.

Numbers are those that the report prints (`vggstudy.report.words.display`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from vggstudy._version import __version__
from vggstudy.errors import AnalysisError
from vggstudy.report.citing.cautions import cautions, refuse_failed, said_behind
from vggstudy.report.words.display import PERCENT, Display, display, read, size_of, split_beyond
from vggstudy.report.words.names import capitalise, in_words
from vggstudy.suggest import near, suggest

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

Style = Literal["text", "md", "json", "apa", "latex", "siunitx"]
SHORT_DIGEST = 12
AUTHORS = "The authors of the study"
"""Stands where a citation needs a name; a study does not know who made it."""


def find_claim(claims: Mapping[str, Claim], claim_id: str) -> Claim:
    """The claim with an id.

    Raises
    ------
    AnalysisError
        If there is none; names the closest ids.
    """
    if claim_id in claims:
        return claims[claim_id]
    close = near(claim_id, claims, n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; list them with: vggstudy cite"
    msg = f"no claim {claim_id!r}{hint}"
    raise AnalysisError(msg)


def headlines(claims: Mapping[str, Claim]) -> list[Claim]:
    """The claims of hypotheses, those over the whole grid, and what stands in for refused ones."""
    found: dict[str, Claim] = {}
    for claim in claims.values():
        if claim.registered or claim.registration or not claim.conditions:
            shown = claims.get(claim.offered or "", claim)
            found.setdefault(shown.id, shown)
    return list(found.values())


LISTED = ("claim", "estimate", "interval", "n", "caution")
"""Headings of the list of claims."""


def list_claims(claims: Iterable[Claim]) -> list[tuple[str, str, str, str, str]]:
    """Every claim as printed, in the columns `LISTED`; without an estimate, why briefly."""
    rows = []
    for claim in claims:
        shown = display(claim)
        if shown is None or not claim.available:
            why = (claim.reason or "").replace("_", " ")
            rows.append((claim.id, "not available", why, str(size_of(claim)), ""))
            continue
        caution = "; ".join(cautions(claim))
        numbers = (read(shown.estimate), read(shown.interval), str(size_of(claim)))
        rows.append((claim.id, *numbers, caution))
    return rows


def cite(claim: Claim, as_: Style = "text", *, despite: Collection[str] = ()) -> str:
    """A claim as text to paste.

    Parameters
    ----------
    claim : Claim
    as_ : {"text", "md", "json", "apa", "latex", "siunitx"}
        ``text`` and ``md`` name the estimand; ``apa``, ``latex`` and ``siunitx`` give the numbers
        alone, to stand in a sentence; ``json`` is the claim with full precision. Cautions that
        change what a number means stand behind it in each.
    despite : collection of str
        Codes of checks that the claim may fail.

    Raises
    ------
    AnalysisError
        If the style is unknown, the claim fails its own check, or it has no estimate and the style
        has no words for that.
    """
    refuse_failed(claim, despite)
    if as_ == "json":
        return json.dumps(as_json(claim), indent=2, ensure_ascii=False, allow_nan=False)
    if as_ not in _STYLES:
        known = ", ".join(["json", *_STYLES])
        hint = suggest(as_, ["json", *_STYLES]) or f"choose one of {known}"
        msg = f"no citation style {as_!r}: {hint}"
        raise AnalysisError(msg)
    shown = display(claim)
    if shown is None or not claim.available:
        msg = f"{claim.id} is not available and cannot be cited: {_reason(claim)}"
        raise AnalysisError(msg)
    return _STYLES[as_](claim, shown)


def _reason(claim: Claim) -> str:
    """Why there is no estimate."""
    return claim.reason_text or claim.reason or "no reason given"


def _text(claim: Claim, shown: Display) -> str:
    return (
        f"{capitalise(in_words(claim.estimand))}: {read(shown.estimate)}, {read(shown.interval)}, "
        f"n = {size_of(claim)}{said_behind(claim)} [{claim.id}]"
    )


def _markdown(claim: Claim, shown: Display) -> str:
    return (
        f"{_escape_markdown(capitalise(in_words(claim.estimand)))}: **{read(shown.estimate)}**, "
        f"{_escape_markdown(read(shown.interval))}, n = {size_of(claim)}{said_behind(claim)} "
        f"(`{claim.id}`)"
    )


def _apa(claim: Claim, shown: Display) -> str:
    numbers = f"{read(shown.estimate)}, {read(shown.interval)}, n = {size_of(claim)}"
    return numbers + said_behind(claim)


def _latex(claim: Claim, shown: Display) -> str:
    unit = shown.unit.suffix.replace("%", r"\%")
    numbers = f"{latex_number(shown.number)}{unit}, {latex_interval(shown)}, $n = {size_of(claim)}$"
    return numbers + said_behind(claim)


def latex_number(text: str) -> str:
    """A number in math mode, where a hyphen is a minus; the word before it is text."""
    word, number = split_beyond(text)
    return f"{word}${number}$"


def latex_interval(shown: Display) -> str:
    """The interval with its level in LaTeX; numbers in math mode, where a hyphen is a minus."""
    unit = r"\%" if shown.unit == PERCENT else ""
    low, high = shown.rounded.low, shown.rounded.high
    level = shown.level.replace("%", r"\%")
    return f"{level} CI~" + _ends(
        None if low is None else latex_number(low),
        None if high is None else latex_number(high),
        unit,
    )


def _ends(low: str | None, high: str | None, unit: str = "") -> str:
    """Both ends in brackets; an interval that is open to one side in words."""
    if low is not None and high is not None:
        return f"[{low}, {high}]{unit}"
    if high is not None:
        return f"up to {high}{unit}"
    return "without bounds" if low is None else f"from {low}{unit}"


def _siunitx(claim: Claim, shown: Display) -> str:
    parts = shown.rounded
    level = shown.level.replace("%", "")

    def quantity(number: str) -> str:
        word, digits = split_beyond(number)
        if shown.unit == PERCENT:
            return rf"{word}\qty{{{digits}}}{{\percent}}"
        return rf"{word}\num{{{digits}}}"

    suffix = "" if shown.unit == PERCENT else shown.unit.suffix
    low = None if parts.low is None else quantity(parts.low)
    high = None if parts.high is None else quantity(parts.high)
    return (
        rf"{quantity(shown.number)}{suffix}, \qty{{{level}}}{{\percent}} CI "
        rf"{_ends(low, high)}, \(n = \num{{{size_of(claim)}}}\){said_behind(claim)}"
    )


_STYLES: dict[str, Callable[[Claim, Display], str]] = {
    "text": _text,
    "md": _markdown,
    "apa": _apa,
    "latex": _latex,
    "siunitx": _siunitx,
}


def _escape_markdown(text: str) -> str:
    """The text with Markdown's own characters escaped."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in text)


def display_strings(claim: Claim) -> dict[str, str]:
    """What the report prints for a claim, with ASCII minus signs; empty without an estimate."""
    shown = display(claim)
    if shown is None:
        return {}
    numbers = f"{shown.estimate}, {shown.interval}, n = {size_of(claim)}"
    found = {
        "estimate": shown.estimate,
        "interval": shown.interval,
        "text": numbers + said_behind(claim),
    }
    said = "; ".join(cautions(claim))
    return {**found, "caution": said} if said else found


def as_json(claim: Claim) -> dict[str, object]:
    """The claim with full precision and its display strings."""
    return {**claim.to_dict(), "display": display_strings(claim)}


def bibtex(*, name: str | None, inputs_digest: str) -> str:
    """A BibTeX entry of a study; its key and note carry the digest of its inputs."""
    title = escape_bibtex(name or "Replicated training study")
    return "\n".join(
        (
            f"@misc{{vggstudy-{inputs_digest[:SHORT_DIGEST]},",
            f"  author = {{{{{AUTHORS}}}}},",
            f"  title = {{{{{title}}}}},",
            f"  note = {{Replicated training study analysed with vggstudy {__version__}; "
            f"inputs SHA-256 {inputs_digest}}},",
            "}",
        )
    )


def study_apa(*, name: str | None, inputs_digest: str) -> str:
    """A reference of a study in the manner of APA 7."""
    return (
        f"{name or 'Replicated training study'} [Replicated training study]. Analysed with "
        f"vggstudy (Version {__version__}) [Computer software]. Inputs SHA-256: {inputs_digest}."
    )


_BIBTEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_"},
}


def escape_bibtex(text: str) -> str:
    """The text with TeX's own characters escaped; braces stay balanced."""
    return "".join(_BIBTEX.get(c, c) for c in " ".join(text.split()))
