"""What each factor does to both outcomes: a row a factor, or two where another factor decides.

Every factor whose levels are compared has its row. Where an interaction is registered, or as large
as the effect that averages it away, the effects at both levels of the other factor stand instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import NAMES, capitalise

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.data.contrasts import Pair
    from vggstudy.report.page.view import Factor, Level, StudyView


MOST_PAIRS = 6
"""Pairs of levels in words that all have a row: of more, the two that differ most."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One row: what two levels of a factor differ in, outcome by outcome.

    Attributes
    ----------
    place : str
        Where the factor that decides is held, or which two levels of several are compared.
    claims : tuple of Claim or None
        One for each outcome: on the largest complete part where the whole was refused.
    """

    place: str
    claims: tuple[Claim | None, ...]

    @property
    def size(self) -> float:
        """The largest difference, in the unit of the first outcome that has one."""
        found = [abs(c.estimate) for c in self.claims if c is not None and c.estimate is not None]
        return found[0] if found else 0.0


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """A factor with the two levels that are compared, and its rows.

    Attributes
    ----------
    rows : tuple of Effect
        One; two where another factor decides, one for every pair of a few levels in words.
    decides : Factor or None
        That other factor.
    of : int
        Pairs of levels of which this one differs most; 1 where they are first and last.
    """

    factor: Factor
    earlier: Level
    later: Level
    rows: tuple[Effect, ...]
    decides: Factor | None
    of: int

    @property
    def size(self) -> float:
        """The largest difference of its rows."""
        return max(row.size for row in self.rows)

    @property
    def label(self) -> str:
        """The factor and the two levels; with against without needs no words."""
        name = capitalise(self.factor.label)
        if self.factor.is_switch or (len(self.rows) > 1 and self.decides is None):
            return name
        words = gettext("%(factor)s: %(later)s against %(earlier)s") % {
            "factor": name,
            "later": self.factor.short(self.later),
            "earlier": self.factor.short(self.earlier),
        }
        if self.of == 1:
            return words
        return gettext("%(effect)s (largest of %(n)s pairs)") % {"effect": words, "n": self.of}


def shown_outcomes(view: StudyView) -> tuple[str, ...]:
    """The outcomes side by side: whether runs converge, and what they come to."""
    return view.outcomes[:2]


def factor_effects(view: StudyView) -> list[FactorEffect]:
    """Every factor's effects: the one that the title asks about first, then by size."""
    found = [one for factor in view.compared_factors if (one := _effects(view, factor)) is not None]
    asked = asked_factor(view)
    return sorted(found, key=lambda one: (one.factor is not asked, -one.size))


def asked_factor(view: StudyView) -> Factor | None:
    """The factor that the title names first, else the question; None where neither names one."""
    for text in (view.context.title, view.context.question):
        said = (text or "").casefold()
        places = {factor.name: _place_of(factor, said) for factor in view.compared_factors}
        named = [factor for factor in view.compared_factors if places[factor.name] >= 0]
        if named:
            return min(named, key=lambda factor: places[factor.name])
    return None


def _place_of(factor: Factor, text: str) -> int:
    """Where a text names a factor, in the report's language, in English or as a column; or -1."""
    names = {factor.label, NAMES.get(factor.name, factor.name), factor.name.replace("_", " ")}
    places = [place for name in names if (place := text.find(name.casefold())) >= 0]
    return min(places, default=-1)


def _effects(view: StudyView, factor: Factor) -> FactorEffect | None:
    """One factor; None where no two of its levels are compared."""
    pair, of = _pair(view, factor)
    if pair is None:
        return None
    if 1 < of <= MOST_PAIRS:
        return _pairs(view, factor)
    decides = _decides(view, factor, pair)
    rows = [_effect(view, factor, pair, {})]
    if decides is not None:
        other, levels = decides
        rows = [_effect(view, factor, pair, {other.name: level}) for level in levels]
    if not any(claim is not None and claim.available for row in rows for claim in row.claims):
        return None
    earlier, later = (factor.levels[index] for index in pair)
    other_factor = None if decides is None else decides[0]
    return FactorEffect(factor, earlier, later, tuple(rows), other_factor, of)


def _pairs(view: StudyView, factor: Factor) -> FactorEffect:
    """Every two levels in words of one factor."""
    last = len(factor.levels)
    pairs = [(i, j) for i in range(last) for j in range(i + 1, last)]
    rows = [replace(_effect(view, factor, pair, {}), place=_words(factor, pair)) for pair in pairs]
    earlier, later = factor.levels[0], factor.levels[-1]
    return FactorEffect(factor, earlier, later, tuple(rows), None, len(pairs))


def _words(factor: Factor, pair: Pair) -> str:
    """Two levels: "19 against 11"."""
    earlier, later = (factor.short(factor.levels[index]) for index in pair)
    return gettext("%(later)s against %(earlier)s") % {"later": later, "earlier": earlier}


def _pair(view: StudyView, factor: Factor) -> tuple[Pair | None, int]:
    """The first and the last level; of levels in words the two that differ most, of how many."""
    last = (0, len(factor.levels) - 1)
    outcomes = shown_outcomes(view)
    if any(view.claims.effect(outcome, factor) is not None for outcome in outcomes):
        return last, 1
    for outcome in outcomes:
        known = [c for c in view.claims.contrasts(outcome, factor) if c.estimate is not None]
        if known:
            largest = max(known, key=lambda claim: abs(claim.estimate or 0.0))
            earlier, later = view.compared(largest)[factor.name]
            pair = (factor.levels.index(earlier), factor.levels.index(later))
            return pair, len(view.claims.contrasts(outcome, factor))
    return None, 0


def _effect(view: StudyView, factor: Factor, pair: Pair, held: dict[str, Level]) -> Effect:
    """The row where factors have these levels."""
    by_name = {one.name: one for one in view.factors}
    claims = (
        view.claims.difference(outcome, factor.name, pair, held) for outcome in shown_outcomes(view)
    )
    return Effect(
        ", ".join(by_name[name].phrase(level) for name, level in held.items()),
        tuple(None if claim is None else view.claims.offered(claim) for claim in claims),
    )


def _decides(view: StudyView, factor: Factor, pair: Pair) -> tuple[Factor, list[Level]] | None:
    """The other factor, and its two levels, on which the effect of this one hangs most."""
    levels = [factor.levels[index] for index in pair]
    found: list[tuple[bool, float, Factor, list[Level]]] = []
    for outcome in shown_outcomes(view):
        main = view.claims.difference(outcome, factor.name, pair, {})
        for claim in view.claims.interactions(outcome):
            compared = view.compared(claim)
            if [*compared.get(factor.name, ())] != levels or not claim.available:
                continue
            other = next(f for f in view.factors if f.name in compared and f is not factor)
            held = [*compared[other.name]]
            stated = claim.registered or _is_stated(view, factor, other)
            if (stated or _is_large(claim, main)) and _are_made(
                view, outcome, factor, pair, other, held
            ):
                found.append((stated, abs(claim.estimate or 0.0), other, held))
        if found:  # the first outcome that tells is the one that the rows are read for
            break
    if not found:
        return None
    *_, other, held = max(found, key=lambda one: one[:2])
    return other, held


def _is_stated(view: StudyView, factor: Factor, other: Factor) -> bool:
    """Whether a hypothesis is about the effect of a factor at one level of the other."""
    return any(
        claim.registered and claim.factors == (factor.name,) and [*claim.conditions] == [other.name]
        for claim in view.claims
    )


def _is_large(interaction: Claim, main: Claim | None) -> bool:
    """Whether it is told from none, and is no smaller than the effect that averages over it."""
    if main is None or main.estimate is None or interaction.estimate is None:
        return False
    if interaction.low is None or interaction.high is None:
        return False
    told = interaction.low > 0 or interaction.high < 0
    return told and abs(interaction.estimate) >= abs(main.estimate)


def _are_made(
    view: StudyView, outcome: str, factor: Factor, pair: Pair, other: Factor, levels: list[Level]
) -> bool:
    """Whether both effects at the other factor's levels are claims with an interval."""
    claims = (
        view.claims.difference(outcome, factor.name, pair, {other.name: level}) for level in levels
    )
    return all(claim is not None and claim.available for claim in claims)
