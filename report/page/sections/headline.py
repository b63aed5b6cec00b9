"""Which claims the abstract shows, by a rule that no result can influence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.page.view import Factor, StudyView

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST = 6

Headline = tuple["Claim", Factor | None]


def headline_claims(view: StudyView) -> list[Headline]:
    """At most six claims, each with the factor whose main effect it is.

    Registered claims come first; then the main effects of the factors, two-level factors first, on
    convergence and on the outcome, and on the expected outcome where the rows have room for it.
    An effect that cannot be averaged over the whole grid is replaced by the one that the analysis
    offers on the largest complete part. The choice depends on which runs there are, never on an
    estimate.
    """
    by_name = {factor.name: factor for factor in view.factors}
    chosen: dict[str, Headline] = {
        claim.id: (claim, by_name.get(claim.factors[0]) if len(claim.factors) == 1 else None)
        for claim in view.claims
        if claim.registered
    }
    factors = [f for f in view.factors if view.claims.effect("converged", f) is not None]
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
    return list(chosen.values())[:MOST]
