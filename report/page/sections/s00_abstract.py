"""Summary: the answer in a sentence, every factor's effect, cautions, and numbers in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.effects import EffectRow, Panel, draw_effects
from vggstudy.report.page.figures.forest import ForestRow
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.diagnostics import checks
from vggstudy.report.page.sections.effects import (
    FactorEffect,
    asked_factor,
    factor_effects,
    shown_outcomes,
)
from vggstudy.report.page.sections.evidence import VERDICTS
from vggstudy.report.page.sections.headline import headline_claims, pairs_left_out
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.sections.s08_hypotheses import verdict_words
from vggstudy.report.page.sections.seeds import other_reading
from vggstudy.report.page.tables import (
    NOT_AVAILABLE,
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.words.display import PLAIN, confidence_text, size_of, unit_of
from vggstudy.report.words.estimands import estimand
from vggstudy.report.words.i18n import gettext, ngettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.prose import (
    Sentence,
    claim_sentence,
    levels_sentence,
    outcome_words,
)

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.report.page.view import StudyView


COUNTED = ("planned_missing", "planned_crashed")
"""What the analysis warns of anyway."""

MOST_DRAWN = 16
"""Factors that the figure has rows for; the table has all."""


def build(view: StudyView) -> Section:
    """Build the section."""
    headlines = headline_claims(view)
    effects = factor_effects(view)
    answer = answer_of(view, effects)
    sentences = [claim_sentence(view, claim, factor=factor) for claim, factor in headlines]
    warnings = _warnings(view)
    return Section(
        "abstract",
        gettext("Summary"),
        {
            "verdict": hypotheses_sentence(view),
            "answer": answer,
            "beside": _beside(view, effects, answer),
            "warnings": warnings,
            "counted": ngettext("%(n)s caution", "%(n)s cautions", len(warnings))
            % {"n": len(warnings)},
            "sentences": [one for one in sentences if answer is None or one.claim != answer.claim],
            "left_out": pairs_left_out(view),
            "forest": _picture(view, effects) if effects else None,
            "seeds": other_reading(view, headlines),
        },
    )


def hypotheses_sentence(view: StudyView) -> str:
    """What became of the hypotheses, in one sentence; empty where there is none."""
    results = view.result.hypotheses
    if not results:
        return ""
    if len(results) == 1:
        words = gettext("“%(text)s” %(verdict)s.")
        verdict = capitalise(verdict_words(results[0]))
        return words % {"text": results[0].text.strip(), "verdict": verdict}
    counts = Counter(result.verdict.value for result in results)
    parts = [
        gettext("%(n)s %(verdict)s (%(ids)s)")
        % {
            "n": counts[verdict],
            "verdict": gettext(words),
            "ids": ", ".join(one.id for one in results if one.verdict.value == verdict),
        }
        for verdict, words in VERDICTS.items()
        if counts[verdict]
    ]
    return gettext("%(n)s hypotheses: %(verdicts)s.") % {
        "n": len(results),
        "verdicts": ", ".join(parts),
    }


def answer_of(view: StudyView, effects: list[FactorEffect]) -> Sentence | None:
    """The effect that answers the title, else the largest registered contrast, else the largest."""
    asked = asked_factor(view)
    first = effects[0] if effects else None
    by_name = {factor.name: factor for factor in view.factors}
    stated = [c for c in view.claims if c.registered and c.quantity == "diff" and c.available]
    if stated and (first is None or first.factor is not asked):
        claim = max(stated, key=lambda one: abs(one.estimate or 0.0))
        factor = by_name.get(claim.factors[0]) if len(claim.factors) == 1 else None
        return claim_sentence(view, claim, factor=factor, place_first=True)
    if first is None:
        return None
    claim = _leading(first)
    named = None if first.of > 1 else first.factor
    return claim_sentence(view, claim, factor=named, place_first=True)


def _leading(effect: FactorEffect) -> Claim:
    """The claim of a factor's largest row: of the first outcome that has an interval."""
    row = max(effect.rows, key=lambda one: one.size)
    rows = [row, *(one for one in effect.rows if one is not row)]
    return next(c for one in rows for c in one.claims if c is not None and c.available)


def _beside(view: StudyView, effects: list[FactorEffect], answer: Sentence | None) -> str:
    """What the answer's factor does at the other level of the one that decides."""
    for effect in effects:
        claims = {c.id: i for row in effect.rows for i, c in enumerate(row.claims) if c is not None}
        if answer is None or answer.claim not in claims or effect.of > 1:
            continue
        place = claims[answer.claim]
        others = [row.claims[place] for row in effect.rows]
        texts = [
            levels_sentence(view, claim, effect.factor)
            for claim in others
            if claim is not None and claim.id != answer.claim
        ]
        return " ".join(text for text in texts if text)
    return ""


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


def _picture(view: StudyView, effects: list[FactorEffect]) -> Picture:
    """Every factor's effects, both outcomes side by side."""
    claims = [c for one in effects for row in one.rows for c in row.claims if c is not None]
    panels = _panels(view, effects)
    rows = [line for one in effects for line in _rows(view, one)]
    columns = (
        Column(gettext("Claim"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column("n"),
    )
    return picture(
        lambda canvas: draw_effects(panels, rows, canvas),
        key="fig-headline",
        drawn=len(effects) <= MOST_DRAWN,
        question=gettext("What does each factor do?"),
        caption=_caption(view, effects, claims),
        description=" ".join(
            f"{row.label}: {'; '.join(cell.numbers for cell in row.cells)}."
            for row in rows
            if row.cells
        ),
        table=Table(
            gettext("Effects of the factors"),
            columns,
            tuple(
                (
                    entry(capitalise(estimand(view, claim))),
                    estimate_entry(claim),
                    interval_entry(claim),
                    entry(size_of(claim)),
                )
                for claim in claims
            ),
        ),
        data=download(
            "headline.csv",
            ("id", "estimate", "low", "high", "level", "n"),
            [(c.id, c.estimate, c.low, c.high, c.level, size_of(c)) for c in claims],
        ),
    )


def _panels(view: StudyView, effects: list[FactorEffect]) -> list[Panel]:
    """The outcomes of which there is a claim."""
    found = []
    for index, _ in enumerate(shown_outcomes(view)):
        claims = (row.claims[index] for one in effects for row in one.rows)
        first = next((claim for claim in claims if claim is not None), None)
        words = "" if first is None else capitalise(outcome_words(view, first))
        found.append(Panel(words, "" if first is None else _axis(first)))
    return found


def _axis(claim: Claim) -> str:
    """What the numbers of an axis are, as short as it can be said."""
    return friendly(claim.outcome) if unit_of(claim) == PLAIN else gettext("percentage points")


def _rows(view: StudyView, effect: FactorEffect) -> list[EffectRow]:
    """A factor's lines: itself, or its name above the places where it is held."""
    if len(effect.rows) == 1:
        return [EffectRow(effect.label, below=False, cells=_cells(view, effect.rows[0].claims))]
    return [
        EffectRow(effect.label, below=False, cells=()),
        *(EffectRow(row.place, below=True, cells=_cells(view, row.claims)) for row in effect.rows),
    ]


def _cells(view: StudyView, claims: tuple[Claim | None, ...]) -> tuple[ForestRow, ...]:
    """An interval for each outcome."""
    none = ForestRow("", gettext(NOT_AVAILABLE), None, None, None)
    return tuple(none if claim is None else _cell(view, claim) for claim in claims)


def _cell(view: StudyView, claim: Claim) -> ForestRow:
    """An interval; * where it is of a part of the grid."""
    row = forest_row(claim, "")
    return replace(row, numbers=row.numbers + "*") if view.claims.is_offered(claim) else row


def _caption(view: StudyView, effects: list[FactorEffect], claims: list[Claim]) -> str:
    """What the bars are, and what is averaged."""
    text = gettext(
        "The later level minus the earlier, with minus without. Bars are %(level)s confidence "
        "intervals, the mark in each is the estimate; the bold line is no difference. Other "
        "factors are averaged over with equal weights."
    )
    text %= {"level": confidence_text(claims[0].level)}
    if any(effect.decides is not None for effect in effects):
        text += " " + gettext(
            "Where a factor's effect depends on another one, it stands at two levels of that one."
        )
    if any(view.claims.is_offered(claim) for claim in claims):
        text += " " + gettext("*: over the largest complete part of the grid.")
    return text
