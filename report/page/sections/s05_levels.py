"""Section 5, factors that are not on the x axis, or in words: the runs above, contrasts below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.page.figures.svg import Picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.contrasts import contrast_picture, pair_label
from vggstudy.report.page.sections.estimation import estimation_picture
from vggstudy.report.page.view import Factor, StudyView
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.prose import Sentence, claim_sentence

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST_PAIRS = 15
"""Pairs of levels that have a forest besides: all of six levels. Of more the table has all."""


def build(view: StudyView) -> Section | None:
    """Build the section; none without a further factor that has levels to compare."""
    compared = [f for f in view.compared_factors if f is not view.axis or f.is_worded]
    factors = [f for f in compared if not f.is_switch and len(f.levels) > 1]
    parts = [part for factor in factors if (part := _part(view, factor)) is not None]
    if not parts:
        return None
    title = str(parts[0]["label"]) if len(parts) == 1 else gettext("Other factors")
    return Section("levels", title, {"parts": parts})


def _part(view: StudyView, factor: Factor) -> dict[str, object] | None:
    """One factor: sentences, its runs and contrasts; None where no two levels are told apart."""
    effects = [view.claims.effect(outcome, factor) for outcome in view.outcomes[:2]]
    shown = [view.claims.offered(claim) for claim in effects if claim is not None]
    sentences: list[Sentence] = [claim_sentence(view, c, factor=factor) for c in shown]
    blocked = view.result.table.block is not None  # values of different blocks lie on no one axis
    pictures = [
        None if blocked else estimation_picture(view, factor),
        _contrasts(view, factor, blocked=blocked),
    ]
    drawn = [one for one in pictures if one is not None]
    if not drawn:
        return None
    return {"label": capitalise(factor.label), "sentences": sentences, "pictures": drawn}


def _contrasts(view: StudyView, factor: Factor, *, blocked: bool) -> Picture | None:
    """The differences between every two levels, where not all are from the first."""
    pairs = len(factor.levels) * (len(factor.levels) - 1) // 2
    if not blocked and not 1 < pairs <= MOST_PAIRS:
        return None
    claims: list[tuple[Claim, str]] = []
    for outcome in view.outcomes:
        for claim in view.claims.contrasts(outcome, factor):
            shown = view.claims.offered(claim)
            claims.append((shown, pair_label(view, factor, claim)))
    return contrast_picture(
        view,
        claims,
        key=f"fig-contrasts-{view.factors.index(factor)}",
        question=gettext("How large are the differences between levels of %(factor)s?")
        % {"factor": factor.label},
        filename=f"{factor.name}_contrasts.csv",
    )
