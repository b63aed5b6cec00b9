"""Sentences from claims: the sign of the estimate chooses the verb, nothing is computed here.

Every function takes claims, never numbers, and the catalogue that translates its sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.words.display import Display, display, level_estimate, read, size_of
from vggstudy.report.words.estimands import estimand
from vggstudy.report.words.i18n import gettext, pgettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.notes import spoken

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.data.levels import Level
    from vggstudy.report.page.view import Factor, StudyView

DIFFERENCES = ("diff", "did")
"""Quantities of which 0 is no difference."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Text about one claim; the only interval in it is that claim's."""

    text: str
    claim: str


def claim_sentence(
    view: StudyView, claim: Claim, *, factor: Factor | None = None, place_first: bool = False
) -> Sentence:
    """A claim in words: both levels where it is an effect of `factor`, else its estimand.

    With `place_first` it begins with its conditions.
    """
    shown = display(claim)
    if shown is None or shown.rounded.low is None or claim.estimate is None:
        return Sentence(unavailable(view, claim, factor), claim.id)
    if factor is None:
        return Sentence(_estimated(view, claim, shown) + _no_difference(claim), claim.id)
    text = _effect(view, claim, factor, shown) + _no_difference(claim)
    place = {"place": view.place(claim)}
    if claim.conditions and place_first and not view.claims.is_offered(claim):
        words = gettext("%(place)s: %(sentence)s")
        text = words % {"place": capitalise(place["place"]), "sentence": text}
    elif claim.conditions:
        text += " " + _part(view, claim) % place
    return Sentence(text, claim.id)


def levels_sentence(view: StudyView, claim: Claim, factor: Factor) -> str:
    """Both levels of an effect and where it holds, without its interval; empty where unknown."""
    shown = display(claim)
    if shown is None or not claim.conditions:
        return ""
    later, earlier = (
        _level(view, claim, factor, level, shown) for level in (factor.levels[-1], factor.levels[0])
    )
    if later is None or earlier is None:
        return ""
    return gettext("%(place)s: %(later)s against %(earlier)s.") % {
        "place": capitalise(view.place(claim)),
        "later": later,
        "earlier": earlier,
    }


def _estimated(view: StudyView, claim: Claim, shown: Display) -> str:
    """What a claim estimates, where, and its numbers; counts where a share would be bare."""
    values = {
        "estimand": capitalise(estimand(view, claim)),
        "estimate": read(shown.estimate),
        "interval": read(shown.interval),
        "k": claim.k,
        "n": size_of(claim),
    }
    if _is_counted(claim) and not claim.factors:
        return gettext("%(estimand)s: %(k)s of %(n)s runs, %(interval)s.") % values
    return gettext("%(estimand)s: %(estimate)s, %(interval)s, n = %(n)s.") % values


def _no_difference(claim: Claim) -> str:
    """That a difference may be none, with the space before it."""
    if claim.quantity not in DIFFERENCES or claim.low is None or claim.high is None:
        return ""
    if not claim.low <= 0 <= claim.high:
        return ""
    return " " + gettext("The interval includes no difference.")


def interaction_sentence(view: StudyView, claim: Claim) -> Sentence:
    """How much larger or smaller the effect of one factor is at a level of another."""
    shown = display(claim)
    if shown is None or shown.rounded.low is None:
        return Sentence(unavailable(view, claim, None), claim.id)
    by_name = {factor.name: factor for factor in view.factors}
    first, second = (by_name[name] for name in claim.factors)
    if not claim.estimate:
        pattern = gettext(
            "The difference that %(first)s makes to the %(outcome)s is estimated to be the same "
            "%(later)s and %(earlier)s: %(magnitude)s of difference, %(interval)s, n = %(n)s."
        )
    else:
        pattern = gettext(
            "The difference that %(first)s makes to the %(outcome)s is %(magnitude)s %(verb)s "
            "%(later)s than %(earlier)s, %(interval)s, n = %(n)s."
        )
    earlier, later = (_at(second, level) for level in view.compared(claim)[second.name])
    text = pattern % {
        "first": first.label,
        "outcome": outcome_words(view, claim),
        "magnitude": shown.magnitude,
        "verb": pgettext("difference", "higher")
        if (claim.estimate or 0) > 0
        else pgettext("difference", "lower"),
        "later": later,
        "earlier": earlier,
        "interval": read(shown.interval),
        "n": size_of(claim),
    }
    return Sentence(text + _no_difference(claim), claim.id)


def _at(factor: Factor, level: Level) -> str:
    """A level that an interaction compares: "at depth 19", "with batch normalisation"."""
    if factor.is_switch:
        words = pgettext("at", "with %(factor)s") if level else pgettext("at", "without it")
        return words % {"factor": factor.label}
    words = gettext("at %(factor)s %(level)s")
    return words % {"factor": factor.label, "level": factor.text(level)}


def _part(view: StudyView, claim: Claim) -> str:
    """Which part of the grid a claim is about, and why not all of it."""
    if not view.claims.is_offered(claim):
        return gettext("Condition: %(place)s.")
    if claim.outcome in ("converged", "expected"):
        return gettext("Only %(place)s: elsewhere, some cells have no runs.")
    return gettext("Only %(place)s: elsewhere, too few runs converged in some cells.")


def unavailable(view: StudyView, claim: Claim, factor: Factor | None) -> str:
    """That a claim has no interval, and why."""
    what = capitalise(estimand(view, claim))
    if factor is not None and not claim.conditions:
        what = gettext("%(outcome)s, %(later)s against %(earlier)s") % {
            "outcome": capitalise(outcome_words(view, claim)),
            "later": factor.phrase(factor.levels[-1]),
            "earlier": factor.phrase(factor.levels[0]),
        }
    reason = spoken(claim.refusal) if claim.refusal else gettext("no reason given")
    return gettext("%(what)s: not available, because %(reason)s.") % {
        "what": what,
        "reason": reason.rstrip("."),
    }


def brief(view: StudyView, claim: Claim) -> str:
    """What a claim is of and where, without what is averaged over; it begins a line."""
    if claim.quantity not in ("p", "mean", "diff"):
        return capitalise(estimand(view, claim))
    held = view.result.estimand(claim.id).held
    compared = view.compared(claim)
    words = [capitalise(outcome_words(view, claim))]
    for factor in view.factors:
        if factor.name in compared and factor.name not in held:
            words.append(_against(factor, *compared[factor.name]))
    return ", ".join([*words, *filter(None, [view.place(claim)])])


def _against(factor: Factor, earlier: Level, later: Level) -> str:
    """Two levels of a factor: "depth 19 against 11", "with dropout against without"."""
    if factor.is_switch:
        return gettext("with %(factor)s against without") % {"factor": factor.label}
    words = gettext("%(factor)s %(later)s against %(earlier)s")
    levels = {"later": factor.text(later), "earlier": factor.text(earlier)}
    return words % {"factor": factor.label, **levels}


def outcome_words(view: StudyView, claim: Claim) -> str:
    """What a claim measures: "probability of convergence", "test accuracy among ..."."""
    return measured(view, claim.outcome)


def measured(view: StudyView, outcome: str) -> str:
    """The same for an outcome by its name."""
    measure = view.outcome if outcome in ("converged", "expected") else outcome
    words = {
        "converged": gettext("probability of convergence"),
        "expected": gettext("expected %(measure)s over all runs"),
    }.get(outcome, gettext("%(measure)s among runs that converged"))
    return words % {"measure": friendly(measure)}


def _effect(view: StudyView, claim: Claim, factor: Factor, shown: Display) -> str:
    """The effect of a factor: both levels where they are claims on the same cells."""
    earlier, later = factor.levels[0], factor.levels[-1]
    values = {
        "factor": factor.label,
        "later_phrase": factor.phrase(later),
        "earlier_phrase": factor.phrase(earlier),
        "lead": _lead(view, claim),
        "magnitude": shown.magnitude,
        "verb": gettext("higher") if (claim.estimate or 0) > 0 else gettext("lower"),
        "change": _change(claim) % {"magnitude": shown.magnitude},
        "interval": read(shown.interval),
        "n": size_of(claim),
    }
    numbers = [_level(view, claim, factor, level, shown) for level in (later, earlier)]
    if None in numbers:
        return _difference_only(claim, switch=factor.is_switch) % values
    values["later"], values["earlier"] = numbers
    if claim.outcome == "converged":
        values["later"] = _of_runs(view, claim, factor, str(values["later"]))
    pattern = _pattern(claim, switch=factor.is_switch)
    return pattern % values


def _lead(view: StudyView, claim: Claim) -> str:
    """Which runs a mean is about."""
    text = {
        "converged": gettext("The probability of convergence was"),
        "expected": gettext("Over all runs, failed ones included, expected %(measure)s was"),
    }.get(claim.outcome, gettext("Among runs that converged, mean %(measure)s was"))
    return text % {"measure": friendly(view.outcome)}


def _difference_only(claim: Claim, *, switch: bool) -> str:
    """The sentence where the levels themselves are no claims on the same cells."""
    if not claim.estimate:
        return gettext(
            "%(lead)s estimated to be the same, %(later_phrase)s and %(earlier_phrase)s, "
            "%(interval)s, n = %(n)s."
        )
    if switch:
        return gettext(
            "%(lead)s %(magnitude)s %(verb)s with %(factor)s than without, %(interval)s, n = %(n)s."
        )
    return gettext(
        "%(lead)s %(magnitude)s %(verb)s at %(later_phrase)s than at %(earlier_phrase)s, "
        "%(interval)s, n = %(n)s."
    )


def _pattern(claim: Claim, *, switch: bool) -> str:
    """The sentence for an outcome, of a switch or of two named levels."""
    if claim.outcome == "converged" and switch:
        return gettext(
            "With %(factor)s, %(later)s converged against %(earlier)s without: "
            "%(change)s, %(interval)s, n = %(n)s."
        )
    if claim.outcome == "converged":
        return gettext(
            "At %(later_phrase)s, %(later)s converged against %(earlier)s "
            "at %(earlier_phrase)s: %(change)s, %(interval)s, n = %(n)s."
        )
    if switch:
        return gettext(
            "%(lead)s %(later)s with %(factor)s against %(earlier)s without: "
            "%(change)s, %(interval)s, n = %(n)s."
        )
    return gettext(
        "%(lead)s %(later)s at %(later_phrase)s against %(earlier)s at %(earlier_phrase)s: "
        "%(change)s, %(interval)s, n = %(n)s."
    )


def _change(claim: Claim) -> str:
    """The words that the estimate's sign chooses."""
    if not claim.estimate:
        return gettext("%(magnitude)s of difference")
    rises = claim.estimate > 0
    if claim.outcome == "converged":
        return gettext("%(magnitude)s more") if rises else gettext("%(magnitude)s fewer")
    return gettext("%(magnitude)s higher") if rises else gettext("%(magnitude)s lower")


def _level(
    view: StudyView, effect: Claim, factor: Factor, level: Level, shown: Display
) -> str | None:
    """A level's estimate at the effect's decimals; counts in place of a bare 0% or 100%."""
    claim = _of_level(view, effect, factor, level)
    if claim is None or claim.estimate is None or not claim.available:
        return None
    if _is_counted(claim):
        return gettext("%(k)s of %(n)s") % {"k": claim.k, "n": claim.n}
    return read(level_estimate(claim, decimals=shown.rounded.decimals))


def _of_level(view: StudyView, effect: Claim, factor: Factor, level: Level) -> Claim | None:
    """The claim about one level on the cells of an effect; None where there is none."""
    held = view.held(effect)
    return None if held is None else view.claims.mean(effect.outcome, {**held, factor.name: level})


def _is_counted(claim: Claim) -> bool:
    """Whether runs are counted where a percentage would be a bare 0% or 100%."""
    return claim.outcome == "converged" and claim.k in (0, claim.n)


def _of_runs(view: StudyView, effect: Claim, factor: Factor, share: str) -> str:
    """The later level's share, with the word that says of what."""
    claim = _of_level(view, effect, factor, factor.levels[-1])
    if claim is not None and _is_counted(claim):
        return gettext("%(k)s of %(n)s runs") % {"k": claim.k, "n": claim.n}
    return gettext("%(share)s of runs") % {"share": share}
