"""Section 8, the protocol's hypotheses: evidence against the threshold, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.rows import row_text
from vggstudy.report.page.sections.s04_accuracy import outcome_scale
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, download, entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import (
    PLAIN,
    POINTS,
    Display,
    Unit,
    confidence_text,
    read,
    unit_of,
)
from vggstudy.report.words.i18n import gettext, mark, pgettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.notes import spoken
from vggstudy.rounding import references_of, round_interval

if TYPE_CHECKING:
    from vggstudy.analysis.hypotheses.judge import HypothesisResult
    from vggstudy.analysis.hypotheses.verdicts import Evidence

VERDICTS = {
    "supported": mark("supported"),
    "contradicted": mark("contradicted"),
    "inconclusive": mark("inconclusive"),
    "borderline": mark("borderline"),
    "not_estimable": mark("not estimable"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One interval of a hypothesis, ready for print.

    Attributes
    ----------
    key : str
        Hypothesis and number of the part: "H1.2".
    thresholds : tuple of float
        What the interval is set against.
    shown : Display or None
    """

    key: str
    evidence: Evidence
    unit: Unit
    thresholds: tuple[float, ...]
    shown: Display | None


def build(view: StudyView) -> Section | None:
    """Build the section; none where no hypothesis is registered."""
    results = view.result.hypotheses
    if not results:
        return None
    parts = [part for result in results for part in parts_of(view, result)]
    return Section(
        "hypotheses",
        gettext("Hypotheses"),
        {
            "verdicts": [_verdict(result) for result in results],
            "forest": _forest(parts) if any(part.shown for part in parts) else None,
            "table": _table(results, parts),
        },
    )


def _verdict(result: HypothesisResult) -> tuple[str, str, str, str]:
    """Id, verdict, text as stated, and why it could not be estimated or is exploratory."""
    notes = (result.registration, result.reason)
    reasons = [f"{capitalise(spoken(note)).rstrip('.')}." for note in notes if note]
    return result.id, verdict_words(result), result.text, " ".join(reasons)


def stated_words(result: HypothesisResult) -> str:
    """When a hypothesis was stated."""
    if result.registration is None:
        return gettext("before any run")
    return spoken(result.registration)


def verdict_words(result: HypothesisResult) -> str:
    """The verdict; a borderline one with the number of resamples on which it hangs."""
    if result.verdict.value == "borderline":
        return gettext("borderline at this B (%(resamples)s)") % {"resamples": result.resamples}
    return gettext(VERDICTS[result.verdict.value])


def parts_of(view: StudyView, result: HypothesisResult) -> Iterator[Part]:
    """The intervals of a hypothesis, those inside a composed part one by one."""
    leaves = [leaf for part in result.parts for leaf in _leaves(part)]
    for number, leaf in enumerate(leaves, start=1):
        unit = _unit(view, leaf)
        key = f"{result.id}.{number}" if len(leaves) > 1 else result.id
        yield Part(key, leaf, unit, leaf.thresholds, _shown(leaf, unit))


def _unit(view: StudyView, evidence: Evidence) -> Unit:
    """The claim's unit; points where two models are compared in a share."""
    claim = view.claims.get(evidence.estimand)
    if claim is not None:
        return unit_of(claim)
    compared = evidence.estimand.startswith((f"{view.outcome}: ", "expected: "))
    return POINTS if compared and outcome_scale(view) == 100 else PLAIN


def _leaves(evidence: Evidence) -> Iterator[Evidence]:
    """Evidence that is not composed of others."""
    if not evidence.parts:
        yield evidence
    for part in evidence.parts:
        yield from _leaves(part)


def _shown(evidence: Evidence, unit: Unit) -> Display | None:
    """The numbers in print: no digit on the wrong side of the threshold."""
    ends = [
        None if value is None or not math.isfinite(value) else value
        for value in (evidence.estimate, evidence.low, evidence.high)
    ]
    if ends[1] is None and ends[2] is None:
        return None
    marks = references_of(unit.limits, evidence.thresholds)
    rounded = round_interval(*ends, references=marks, scale=unit.scale)
    return Display(rounded, unit, confidence_text(evidence.level))


def _forest(parts: list[Part]) -> Picture:
    """One group a part: each has its own scale and threshold."""
    groups = [_group(part) for part in parts if part.shown is not None]
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-hypotheses",
        question=gettext("On which side of their thresholds do the hypotheses lie?"),
        caption=gettext(
            "Bars are confidence intervals at the level adjusted over all hypotheses (Holm), the "
            "thin mark in each is the estimate; the dark line is the protocol's threshold."
        ),
        description=" ".join(f"{g.title}: {row.numbers}." for g in groups for row in g.rows),
        table=_parts_table(parts),
        data=download(
            "hypotheses.csv",
            ("part", "estimand", "rule", "estimate", "low", "high", "level", "verdict"),
            [
                (
                    part.key,
                    part.evidence.estimand,
                    part.evidence.rule,
                    part.evidence.estimate,
                    part.evidence.low,
                    part.evidence.high,
                    part.evidence.level,
                    part.evidence.verdict.value,
                )
                for part in parts
            ],
        ),
    )


def _group(part: Part) -> ForestGroup:
    """A part as a group of one row."""
    shown, evidence, scale = part.shown, part.evidence, part.unit.scale
    numbers = "" if shown is None else row_text(shown)
    values = [
        None if value is None or not math.isfinite(value) else value * scale
        for value in (evidence.estimate, evidence.low, evidence.high)
    ]
    row = ForestRow(gettext(VERDICTS[evidence.verdict.value]), numbers, *values)
    title = f"{part.key}: {spoken(evidence.rule)}"
    marks = tuple(threshold * scale for threshold in part.thresholds)
    return ForestGroup(title, "", (row,), references=marks)


def _parts_table(parts: list[Part]) -> Table:
    """The evidence, part by part."""
    columns = (
        Column(gettext("Part"), numeric=False, fixed=True),
        Column(gettext("Estimand"), numeric=False),
        Column(gettext("Rule"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column(pgettext("confidence", "Level")),
        Column(gettext("Verdict"), numeric=False, fixed=True),
    )
    rows = []
    for part in parts:
        shown, evidence = part.shown, part.evidence
        rows.append(
            (
                entry(part.key),
                entry(evidence.estimand),
                entry(spoken(evidence.rule)),
                entry(read(shown.estimate) if shown else ABSENT),
                Entry(read(shown.ends), evidence=part.key) if shown else entry(ABSENT),
                entry(confidence_text(evidence.level)),
                entry(gettext(VERDICTS[evidence.verdict.value])),
            )
        )
    return Table(gettext("Evidence on each part"), columns, tuple(rows))


def _table(results: tuple[HypothesisResult, ...], parts: list[Part]) -> Table:
    """One row a hypothesis: what was stated, when, and what came of it."""
    columns = (
        Column(gettext("Id"), numeric=False, fixed=True),
        Column(gettext("Hypothesis"), numeric=False),
        Column(gettext("Stated"), numeric=False),
        Column(pgettext("confidence", "Level")),
        Column(gettext("Verdict"), numeric=False, fixed=True),
    )
    rows = [
        (
            entry(result.id),
            entry(result.text),
            entry(stated_words(result)),
            entry(confidence_text(result.level)),
            entry(capitalise(verdict_words(result))),
        )
        for result in results
    ]
    caption = gettext("%(n)s hypotheses in %(parts)s parts")
    return Table(caption % {"n": len(results), "parts": len(parts)}, columns, tuple(rows))
