"""Section 0, abstract: warnings first, then at most six claims in words and as a forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.contrasts import pair_label
from vggstudy.report.page.sections.diagnostics import checks
from vggstudy.report.page.sections.headline import Headline, headline_claims, pairs_left_out
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.sections.seeds import other_reading
from vggstudy.report.page.tables import (
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Factor, StudyView
from vggstudy.report.words.display import PERCENT, POINTS, Unit, confidence_text, size_of, unit_of
from vggstudy.report.words.estimands import estimand
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.prose import claim_sentence, outcome_words

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


COUNTED = ("planned_missing", "planned_crashed")
"""What the analysis warns of anyway."""


def build(view: StudyView) -> Section:
    """Build the section."""
    headlines = headline_claims(view)
    sentences = [claim_sentence(view, claim, factor=factor) for claim, factor in headlines]
    shown = [headline for headline in headlines if headline[0].available]
    return Section(
        "abstract",
        gettext("Abstract"),
        {
            "warnings": _warnings(view),
            "sentences": sentences,
            "left_out": pairs_left_out(view),
            "forest": _forest(view, shown) if shown else None,
            "seeds": other_reading(view, headlines),
        },
    )


def _warnings(view: StudyView) -> list[str]:
    """What a reader must know before any number."""
    warnings = [note if isinstance(note, str) else spoken(note) for note in view.context.notes]
    warnings += [f"{capitalise(spoken(note)).rstrip('.')}." for note in view.result.warnings]
    warnings += [
        f"{capitalise(spoken(note)).rstrip('.')}."
        for note, odd in view.context.basis
        if odd and note.name not in COUNTED
    ]
    warnings += [check.meaning for check in checks(view) if check.meaning]
    return list(dict.fromkeys(warnings))


def _forest(view: StudyView, headlines: list[Headline]) -> Picture:
    """The headline claims as intervals, one axis for each outcome."""
    keys = dict.fromkeys((claim.outcome, unit_of(claim)) for claim, _ in headlines)
    groups = [_group(view, key, headlines) for key in keys]
    level = confidence_text(headlines[0][0].level)
    partial = any(view.claims.is_offered(claim) for claim, _ in headlines)
    columns = [
        Column(gettext("Claim"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column("n"),
    ]
    rows = [
        (
            entry(row_label(view, claim, factor)),
            estimate_entry(claim),
            interval_entry(claim),
            entry(size_of(claim)),
        )
        for claim, factor in headlines
    ]
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-headline",
        question=gettext("How large are the main effects?"),
        caption=_caption(level, partial=partial),
        description=" ".join(f"{r.label}: {r.numbers}." for g in groups for r in g.rows),
        table=Table(gettext("Headline claims"), tuple(columns), tuple(rows)),
        data=download(
            "headline.csv",
            ("id", "estimate", "low", "high", "level", "n"),
            [(c.id, c.estimate, c.low, c.high, c.level, size_of(c)) for c, _ in headlines],
        ),
    )


def _caption(level: str, *, partial: bool) -> str:
    """What the bars are, and which cells they average."""
    text = gettext(
        "Bars are %(level)s confidence intervals, the thin mark in each is the estimate; the dark "
        "line marks no difference. Every effect averages the cells of the plan with equal "
        "weights. Differences are the later level minus the earlier, with minus without."
    )
    text %= {"level": level}
    if partial:
        text += " " + gettext("*: over the largest complete part of the grid.")
    return text


def _group(view: StudyView, key: tuple[str, Unit], headlines: list[Headline]) -> ForestGroup:
    """The rows of one outcome."""
    _, unit = key
    members = [h for h in headlines if (h[0].outcome, unit_of(h[0])) == key]
    claims = [claim for claim, _ in members]
    rows = [forest_row(c, row_label(view, c, factor, short=True)) for c, factor in members]
    lines = dict.fromkeys(unit.scale * c.reference for c in claims if c.reference is not None)
    return ForestGroup(
        title=capitalise(outcome_words(view, claims[0])),
        axis=_axis(view, unit),
        rows=tuple(rows),
        references=tuple(lines),
    )


def _axis(view: StudyView, unit: Unit) -> str:
    """What the numbers of an axis are."""
    if unit == POINTS:
        return gettext("difference (percentage points)")
    return gettext("percent") if unit == PERCENT else friendly(view.outcome)


def row_label(view: StudyView, claim: Claim, factor: Factor | None, *, short: bool = False) -> str:
    """What a row is about: the factor and its two levels, else the estimand."""
    if factor is None and short and claim.conditions and not claim.factors:
        return capitalise(view.place(claim))
    if factor is None and short and (compared := _compared(view, claim)):
        return f"{capitalise(compared.label)}: {pair_label(view, compared, claim)}"
    if factor is None:
        return capitalise(estimand(view, claim))
    text = capitalise(factor.label)
    if not (factor.is_switch and short):
        text = gettext("%(factor)s: %(later)s against %(earlier)s") % {
            "factor": text,
            "later": factor.short(factor.levels[-1]),
            "earlier": factor.short(factor.levels[0]),
        }
    if short and not view.claims.is_offered(claim):
        return ", ".join([text, view.place(claim)] if claim.conditions else [text])
    if short:
        return text + "*"
    text = f"{text}, {outcome_words(view, claim)}"
    if claim.conditions:
        text += " " + gettext("(%(place)s only)") % {"place": view.place(claim)}
    return text


def _compared(view: StudyView, claim: Claim) -> Factor | None:
    """The factor in words of which a claim compares two levels over the whole grid."""
    if claim.quantity != "diff" or {*claim.conditions} != {*claim.factors}:
        return None
    return next((f for f in view.factors if f.name in claim.factors and f.is_worded), None)
