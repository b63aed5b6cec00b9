"""What a claim estimates, in words: composed from its parts, so that every language can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.analysis.data.levels import encode, write_level
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import friendly

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.report.page.view import Factor, StudyView

QUANTITIES = {
    "iqm": mark("interquartile mean of the %(measure)s among converged runs"),
    "median": mark("median %(measure)s among converged runs"),
    "hedges_g": mark("standardised difference (Hedges' g) in %(measure)s among converged runs"),
    "cliffs_delta": mark("Cliff's delta of the %(measure)s among converged runs"),
    "improvement": mark("probability of a higher %(measure)s among converged runs"),
    "association": mark(
        "rank correlation (Kendall's tau-b) of %(measure)s and %(other)s within cells among "
        "converged runs"
    ),
}
"""Quantities of one cell, of two, or within several; their names in ids are the keys."""

LEVELS = {
    "peak": mark("%(factor)s at which the mean %(measure)s among converged runs turns"),
    "needed": mark("%(factor)s at which half of the runs converge"),
}
"""Outcomes that are levels of a numeric factor."""


def estimand(view: StudyView, claim: Claim) -> str:
    """One phrase: what is estimated, where, averaged over what."""
    factors = {encode(factor.name): factor for factor in view.factors}
    compared = [factors[encode(name)] for name in claim.factors]
    phrases = [_quantity(view, claim)]
    phrases += [_compared(factor, claim) for factor in compared]
    held = [factor for factor in view.factors if factor.name in claim.conditions]
    held = [factor for factor in held if factor not in compared]
    kept = {factor: _kept(factor, claim.conditions[factor.name]) for factor in held}
    phrases += [
        gettext("at %(factor)s = %(level)s")
        % {"factor": factor.label, "level": factor.text(levels[0])}
        for factor, levels in kept.items()
        if len(levels) == 1
    ]
    if claim.outcome in LEVELS:
        return ", ".join(phrases)
    averaged = [f.label for f in view.factors if len(f.levels) > 1 and f not in [*compared, *held]]
    averaged += [
        f"{factor.label} ({', '.join(map(factor.text, levels))})"
        for factor, levels in kept.items()
        if len(levels) > 1
    ]
    if averaged:
        words = gettext("averaged over %(factors)s with equal weights")
        phrases.append(words % {"factors": ", ".join(averaged)})
    return ", ".join(phrases)


def _quantity(view: StudyView, claim: Claim) -> str:
    """What is estimated, without where."""
    if claim.outcome in LEVELS:
        words = {"factor": friendly(claim.quantity), "measure": friendly(view.outcome)}
        return gettext(LEVELS[claim.outcome]) % words
    measure = view.outcome if claim.outcome in ("converged", "expected") else claim.outcome
    if claim.quantity in QUANTITIES:
        words = {"measure": friendly(measure), "other": friendly(view.outcome)}
        if claim.estimand.startswith("probability of a lower "):
            return gettext("probability of a lower %(measure)s among converged runs") % words
        return gettext(QUANTITIES[claim.quantity]) % words
    what = {
        "converged": gettext("probability of converging"),
        "expected": gettext("expected %(measure)s of a run, failed runs included"),
    }.get(claim.outcome, _mean(claim))
    what %= {"measure": friendly(measure)}
    if claim.quantity == "did":
        return gettext("difference in differences of the %(what)s") % {"what": what}
    return gettext("difference in %(what)s") % {"what": what} if claim.factors else what


def _mean(claim: Claim) -> str:
    """The mean of a measure: of a cost over all runs, otherwise among converged ones."""
    if " of all runs" in claim.estimand:
        return gettext("mean %(measure)s of all runs")
    return gettext("mean %(measure)s among converged runs")


def _compared(factor: Factor, claim: Claim) -> str:
    """The later level minus the earlier one."""
    pair = claim.conditions.get(factor.name)
    if pair is None:
        earlier, later = factor.text(factor.levels[0]), factor.text(factor.levels[-1])
    else:
        earlier, later = (factor.text(_kept(factor, end)[0]) for end in pair.split(".."))
    words = {"factor": factor.label, "later": later, "earlier": earlier}
    return gettext("%(factor)s %(later)s minus %(earlier)s") % words


def _kept(factor: Factor, written: str) -> list[object]:
    """The levels that a condition names, as an id writes them."""
    names = written.split("+")
    return [level for level in factor.levels if encode(write_level(level)) in names]
