"""Section 5, factors that are not on the x axis, or in words: the runs above, contrasts below."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.accuracy import draw_accuracy
from vggstudy.report.page.figures.svg import MOST_LEVELS, Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.contrasts import contrast_picture, pair_label
from vggstudy.report.page.sections.s04_accuracy import counted, outcome_scale
from vggstudy.report.page.tables import (
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import COUNTED, Cell, Factor, StudyView
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.prose import Sentence, claim_sentence

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


def build(view: StudyView) -> Section | None:
    """Build the section; none without a further factor that has levels to compare."""
    compared = [f for f in view.compared_factors if f is not view.axis or f.is_worded]
    factors = [f for f in compared if not f.is_switch and len(f.levels) > 1]
    if not factors:
        return None
    title = capitalise(factors[0].label) if len(factors) == 1 else gettext("Other factors")
    parts = [_part(view, factor) for factor in factors]
    return Section("levels", title, {"parts": parts})


def _part(view: StudyView, factor: Factor) -> dict[str, object]:
    """One factor: sentences, its runs, its contrasts."""
    effects = [view.claims.effect(outcome, factor) for outcome in view.outcomes[:2]]
    shown = [view.claims.offered(claim) for claim in effects if claim is not None]
    sentences: list[Sentence] = [claim_sentence(view, c, factor=factor) for c in shown]
    converged = any(cell.converged for cell in view.cells)
    return {
        "label": capitalise(factor.label),
        "sentences": sentences,
        "runs": _runs(view, factor) if converged and factor is not view.axis else None,
        "contrasts": _contrasts(view, factor),
    }


def _runs(view: StudyView, factor: Factor) -> Picture:
    """Every converged run by the factor's level, whatever its other factors."""
    margin = marginal(view, factor)
    unit = outcome_scale(view)
    measure = friendly(view.outcome)
    columns = (
        Column(capitalise(factor.label), numeric=False),
        Column(gettext("Converged/run")),
        Column(gettext("Mean")),
        Column(gettext("Interval")),
    )
    rows = [
        (
            entry(factor.text(cell.levels[0])),
            entry(counted(view, cell)),
            estimate_entry(cell.accuracy),
            interval_entry(cell.accuracy),
        )
        for cell in margin.cells
    ]
    return picture(
        lambda canvas: draw_accuracy(margin, factor, canvas, unit=unit),
        key=f"fig-levels-{view.factors.index(factor)}",
        drawn=len(factor.levels) <= MOST_LEVELS,
        question=gettext("How accurate are the runs at each level of %(factor)s?")
        % {"factor": factor.label},
        caption=gettext(
            "%(measure)s of all runs that converged, whatever their other factors; the mark and "
            "its band are the mean over cells with equal weights and its confidence interval, "
            "drawn where every cell of the level has enough converged runs."
        )
        % {"measure": capitalise(measure)},
        description=" ".join(
            gettext("%(level)s: %(k)s of %(n)s runs converged.")
            % {"level": capitalise(factor.phrase(c.levels[0])), "k": c.k, "n": c.n}
            for c in margin.cells
        ),
        table=Table(
            gettext("%(measure)s by %(factor)s")
            % {"measure": capitalise(measure), "factor": factor.label},
            columns,
            tuple(rows),
        ),
        data=download(
            f"{factor.name}_runs.csv",
            (factor.name, *(["converged"] if view.judged else []), view.outcome),
            [
                (cell.levels[0], *([int(converged)] if view.judged else []), value)
                for cell in margin.cells
                for converged, values in ((True, cell.converged), (False, cell.failed))
                for value in values
            ],
        ),
    )


def marginal(view: StudyView, factor: Factor) -> StudyView:
    """The study as if this were its only factor: its cells pooled, its marginal claims."""
    return replace(view, factors=(factor,), cells=tuple(_pooled(view, factor, view.cells)))


def _pooled(view: StudyView, factor: Factor, cells: tuple[Cell, ...]) -> list[Cell]:
    """One cell a level."""
    place = view.factors.index(factor)
    pooled = []
    for level in factor.levels:
        held = {factor.name: level}
        members = [cell for cell in cells if cell.levels[place] == level]
        names = members[0].counts if members else COUNTED
        pooled.append(
            Cell(
                levels=(level,),
                counts={name: sum(cell.counts[name] for cell in members) for name in names},
                converged=tuple(value for cell in members for value in cell.converged),
                failed=tuple(value for cell in members for value in cell.failed),
                probability=view.claims.mean("converged", held),
                accuracy=view.claims.mean(view.outcome, held),
                expected=view.claims.mean("expected", held),
            )
        )
    return pooled


def _contrasts(view: StudyView, factor: Factor) -> Picture | None:
    """The differences between levels, for every outcome."""
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
