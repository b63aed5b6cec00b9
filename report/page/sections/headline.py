"""Which claims the abstract shows, by a rule that no result can influence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vggstudy.report.page.view import Factor, StudyView

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST = 6

MOST_PAIRS = 15
"""Differences of levels in words that are shown besides: all pairs of six levels."""

Headline = tuple["Claim", Factor | None]


def headline_claims(view: StudyView) -> list[Headline]:
    """At most six claims, each with the factor whose main effect it is, and pairs of levels.

    Registered claims come first; then the main effects of the factors, two-level factors first, on
    convergence and on the outcome, and on the expected outcome where the rows have room for it.
    Of factors in words, of which no two levels are first and last, every two are compared, up to
    `MOST_PAIRS`; blocks are what is averaged over, and not compared. An effect that cannot be
    averaged over the whole grid is replaced by the one that the analysis offers on the largest
    complete part. The choice depends on which runs there are, never on an estimate.
    """
    by_name = {factor.name: factor for factor in view.factors}
    chosen: dict[str, Headline] = {
        claim.id: (claim, by_name.get(claim.factors[0]) if len(claim.factors) == 1 else None)
        for claim in view.claims
        if claim.registered
    }
    factors = [f for f in view.compared_factors if view.claims.effect(view.outcome, f) is not None]
    factors.sort(key=lambda factor: len(factor.levels) != 2)
    room = max(MOST - len(chosen), 0)
    outcomes = view.outcomes
    outcomes = outcomes if len(outcomes) * len(factors) <= room else outcomes[:2]
    for outcome in outcomes:
        for factor in factors[: max(room // len(outcomes), 1)]:
            effect = view.claims.effect(outcome, factor)
            if effect is not None:
                shown = view.claims.offered(effect)
                chosen.setdefault(shown.id, (shown, factor))
    return [*list(chosen.values())[:MOST], *_pairs(view, chosen)]


def _pairs(view: StudyView, chosen: Mapping[str, Headline]) -> list[Headline]:
    """The differences of the outcome between levels in words, and what stands in for others."""
    found: dict[str, Headline] = {}
    for factor in view.compared_factors:
        effect = view.claims.effect(view.outcome, factor)
        pairs = view.claims.contrasts(view.outcome, factor) if factor.is_worded else []
        for claim in [*pairs, *([] if effect is None else [effect])]:
            own = [view.claims.offered(claim)] if claim in pairs else []
            found |= {one.id: (one, None) for one in (*own, *view.result.stand_ins(claim))}
    return [one for key, one in found.items() if key not in chosen][:MOST_PAIRS]


def pairs_left_out(view: StudyView) -> int:
    """Differences between levels in words that the abstract does not show."""
    count = sum(
        len(view.claims.contrasts(view.outcome, factor))
        for factor in view.compared_factors
        if factor.is_worded
    )
    return max(count - MOST_PAIRS, 0)
