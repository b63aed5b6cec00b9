"""Citations: a claim as text to paste, the list of all claims, and the study itself.

Numbers are those that the report prints (`vggstudy.report.words.display`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from vggstudy._version import __version__
from vggstudy.errors import AnalysisError
from vggstudy.report.words.display import PERCENT, Display, display, read, size_of
from vggstudy.report.words.names import capitalise, in_words
from vggstudy.suggest import near, suggest

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

Style = Literal["text", "md", "json", "apa", "latex", "siunitx"]
NUMBERS_ALONE = ("apa", "latex", "siunitx")
"""Styles that say nothing but the numbers, to stand in a sentence."""

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


def list_claims(claims: Iterable[Claim]) -> list[tuple[str, str, str, str]]:
    """Id, estimate, interval and n of every claim, as printed; without an estimate, why briefly."""
    rows = []
    for claim in claims:
        shown = display(claim)
        if shown is None or not claim.available:
            why = (claim.reason or "").replace("_", " ")
            rows.append((claim.id, "not available", why, str(size_of(claim))))
            continue
        rows.append((claim.id, read(shown.estimate), read(shown.interval), str(size_of(claim))))
    return rows


def cite(claim: Claim, as_: Style = "text") -> str:
    """A claim as text to paste.

    Parameters
    ----------
    claim : Claim
    as_ : {"text", "md", "json", "apa", "latex", "siunitx"}
        ``text`` and ``md`` name the estimand; ``apa``, ``latex`` and ``siunitx`` give the numbers
        alone, to stand in a sentence; ``json`` is the claim with full precision.

    Raises
    ------
    AnalysisError
        If the style is unknown, or the claim has no estimate and the style has no words for it.
    """
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
        f"n = {size_of(claim)} [{claim.id}]{_late(claim)}"
    )


def _markdown(claim: Claim, shown: Display) -> str:
    return (
        f"{_escape_markdown(capitalise(in_words(claim.estimand)))}: **{read(shown.estimate)}**, "
        f"{_escape_markdown(read(shown.interval))}, n = {size_of(claim)} (`{claim.id}`)"
        f"{_late(claim)}"
    )


def _late(claim: Claim) -> str:
    """When its hypothesis was stated, where that was not before all runs."""
    return f"; hypothesis {claim.registration.text}" if claim.registration else ""


def _apa(claim: Claim, shown: Display) -> str:
    return f"{read(shown.estimate)}, {read(shown.interval)}, n = {size_of(claim)}"


def _latex(claim: Claim, shown: Display) -> str:
    unit = shown.unit.suffix.replace("%", r"\%")
    return f"${shown.number}${unit}, {latex_interval(shown)}, $n = {size_of(claim)}$"


def latex_interval(shown: Display) -> str:
    """The interval with its level in LaTeX; numbers in math mode, where a hyphen is a minus."""
    unit = r"\%" if shown.unit == PERCENT else ""
    low, high = shown.rounded.low, shown.rounded.high
    level = shown.level.replace("%", r"\%")
    return f"{level} CI~" + _ends(
        None if low is None else f"${low}$", None if high is None else f"${high}$", unit
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
        if shown.unit == PERCENT:
            return rf"\qty{{{number}}}{{\percent}}"
        return rf"\num{{{number}}}"

    suffix = "" if shown.unit == PERCENT else shown.unit.suffix
    low = None if parts.low is None else quantity(parts.low)
    high = None if parts.high is None else quantity(parts.high)
    return (
        rf"{quantity(shown.number)}{suffix}, \qty{{{level}}}{{\percent}} CI "
        rf"{_ends(low, high)}, \(n = \num{{{size_of(claim)}}}\)"
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
    late = {"registration": claim.registration.text} if claim.registration else {}
    return {
        **late,
        "estimate": shown.estimate,
        "interval": shown.interval,
        "text": f"{shown.estimate}, {shown.interval}, n = {size_of(claim)}",
    }


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
