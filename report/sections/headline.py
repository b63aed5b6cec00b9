"""Which claims the abstract shows, by a rule that no result can influence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.view import Factor, StudyView

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST = 6
OUTCOMES = ("converged", "accuracy", "expected")

Headline = tuple["Claim", Factor | None]


def headline_claims(view: StudyView) -> list[Headline]:
    """At most six claims, each with the factor whose main effect it is.

    Registered claims come first; then the main effects of the factors, two-level factors first, on
    convergence and on accuracy, and on expected accuracy where the rows have room for it. The
    choice depends on the plan and never on an estimate.
    """
    effects = {
        (outcome, factor.name): (claim, factor)
        for factor in view.factors
        for outcome in (*OUTCOMES, view.outcome)
        if (claim := view.claims.effect(outcome, factor)) is not None
    }
    factors = sorted(view.factors, key=lambda factor: len(factor.levels) != 2)
    factors = [f for f in factors if any(name == f.name for _, name in effects)]
    by_id = {claim.id: (claim, factor) for claim, factor in effects.values()}
    chosen: dict[str, Headline] = {
        claim.id: by_id.get(claim.id, (claim, None)) for claim in view.claims if claim.registered
    }
    room = max(MOST - len(chosen), 0)
    outcomes = OUTCOMES if 3 * len(factors) <= room else OUTCOMES[:2]
    for outcome in outcomes:
        for factor in factors[: max(room // len(outcomes), 1)]:
            headline = effects.get((outcome, factor.name)) or (
                effects.get((view.outcome, factor.name)) if outcome == "accuracy" else None
            )
            if headline is not None:
                chosen.setdefault(headline[0].id, headline)
    return list(chosen.values())[:MOST]
