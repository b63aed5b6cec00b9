"""Sentences from claims: the sign of the estimate chooses the verb, nothing is computed here.

Every function takes claims, never numbers, and the catalogue that translates its sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from gettext import NullTranslations
from typing import TYPE_CHECKING

from vggstudy.report.display import display, read
from vggstudy.report.names import OUTCOMES, capitalise, friendly

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.report.view import Factor, StudyView


@dataclass(frozen=True, slots=True)
class Sentence:
    """Text about one claim; the only interval in it is that claim's."""

    text: str
    claim: str


def claim_sentence(
    view: StudyView, claim: Claim, t: NullTranslations, *, factor: Factor | None = None
) -> Sentence:
    """A claim in words: both levels where it is the main effect of `factor`, else its estimand."""
    shown = display(claim)
    if shown is None or claim.estimate is None:
        return Sentence(unavailable(claim, t), claim.id)
    values = {
        "estimate": read(shown.estimate),
        "magnitude": shown.magnitude,
        "interval": read(shown.interval),
        "n": str(claim.n),
    }
    if factor is None:
        text = t.gettext("%(estimand)s: %(estimate)s, %(interval)s, n = %(n)s.")
        return Sentence(text % {**values, "estimand": capitalise(claim.estimand)}, claim.id)
    text = _levels_clause(view, claim, factor, t)
    text += _difference_clause(claim, t) % values
    if claim.low is not None and claim.high is not None and claim.low <= 0 <= claim.high:
        text += " " + t.gettext("The interval includes no difference.")
    return Sentence(text, claim.id)


def unavailable(claim: Claim, t: NullTranslations) -> str:
    """That a claim has no estimate, and why."""
    return t.gettext("%(estimand)s: not available (%(reason)s).") % {
        "estimand": capitalise(claim.estimand),
        "reason": (claim.reason_text or claim.reason or t.gettext("no reason given")).rstrip("."),
    }


def _levels_clause(view: StudyView, claim: Claim, factor: Factor, t: NullTranslations) -> str:
    """ "With batch normalisation 84% of runs converged against 61% without: "."""
    values = {
        "factor": factor.label,
        "later_phrase": factor.phrase(factor.levels[-1]),
        "earlier_phrase": factor.phrase(factor.levels[0]),
        "outcome": OUTCOMES.get(claim.outcome, friendly(claim.outcome)),
        "measure": friendly(view.outcome),
    }
    for name, level in (("earlier", factor.levels[0]), ("later", factor.levels[-1])):
        shown = _estimate(view.claims.mean(claim.outcome, {factor.name: level}))
        if shown is None:
            text = t.gettext("%(outcome)s, %(later_phrase)s against %(earlier_phrase)s: ")
            return capitalise(text % values)
        values[name] = shown
    return _pattern(claim.outcome, t, switch=factor.is_switch) % values


def _estimate(claim: Claim | None) -> str | None:
    """A level's estimate alone; its interval stands in the tables."""
    shown = None if claim is None else display(claim)
    return None if shown is None or shown.rounded.estimate is None else read(shown.estimate)


def _pattern(outcome: str, t: NullTranslations, *, switch: bool) -> str:
    """The clause for an outcome, of a switch or of two named levels."""
    if outcome == "converged" and switch:
        return t.gettext(
            "With %(factor)s %(later)s of runs converged against %(earlier)s without: "
        )
    if outcome == "converged":
        return t.gettext(
            "At %(later_phrase)s %(later)s of runs converged against %(earlier)s "
            "at %(earlier_phrase)s: "
        )
    kinds = {
        "accuracy": t.gettext("Among runs that converged, mean %(measure)s was "),
        "expected": t.gettext("Over all runs, failed ones included, mean %(measure)s was "),
    }
    lead = kinds.get(outcome, t.gettext("Mean %(outcome)s was "))
    if switch:
        return lead + t.gettext("%(later)s with %(factor)s against %(earlier)s without: ")
    return lead + t.gettext(
        "%(later)s at %(later_phrase)s against %(earlier)s at %(earlier_phrase)s: "
    )


def _difference_clause(claim: Claim, t: NullTranslations) -> str:
    """The verb that the estimate's sign chooses, and the interval of the difference."""
    if not claim.estimate:
        return t.gettext("no difference, %(interval)s, n = %(n)s.")
    if claim.outcome == "converged":
        return (
            t.gettext("%(magnitude)s more, %(interval)s, n = %(n)s.")
            if claim.estimate > 0
            else t.gettext("%(magnitude)s fewer; difference %(estimate)s, %(interval)s, n = %(n)s.")
        )
    return (
        t.gettext("%(magnitude)s higher, %(interval)s, n = %(n)s.")
        if claim.estimate > 0
        else t.gettext("%(magnitude)s lower; difference %(estimate)s, %(interval)s, n = %(n)s.")
    )
