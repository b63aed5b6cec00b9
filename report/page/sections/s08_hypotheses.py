"""Section 8, the hypotheses: a verdict each, what was stated, the numbers, the reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.evidence import SIGNS, VERDICTS, Part, parts_of
from vggstudy.report.page.sections.rows import row_text
from vggstudy.report.page.tables import ABSENT, Column, Entry, Table, download, entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import confidence_text, read
from vggstudy.report.words.i18n import gettext, mark, ngettext, pgettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.notes import spoken

if TYPE_CHECKING:
    from vggstudy.analysis.hypotheses.judge import HypothesisResult

MOST_PARTS = 12
"""Parts of a hypothesis that are told one by one, those that decide first; the table has all."""

WHY = {
    "supported": mark("The whole interval lies where it must."),
    "contradicted": mark("The whole interval lies where it must not."),
    "inconclusive": mark("The interval also holds values that the hypothesis excludes."),
    "borderline": mark(
        "An end of the interval lies so close to the threshold that another number of resamples "
        "might decide otherwise."
    ),
}
"""Why a hypothesis of one part has its verdict."""


@dataclass(frozen=True, slots=True)
class Told:
    """A hypothesis as it is told.

    Attributes
    ----------
    id, text : str
    verdict, sign, word : str
        The verdict as the analysis names it, its sign, and its word.
    reason : str
        Why, and when it was stated where that was not before any run.
    shared : str
        What all of its parts are of, where that is one thing.
    parts : tuple of Part
        Those that are told one by one.
    more : int
        Parts besides.
    """

    id: str
    text: str
    verdict: str
    sign: str
    word: str
    reason: str
    shared: str
    parts: tuple[Part, ...]
    more: int


def build(view: StudyView) -> Section | None:
    """Build the section; none where no hypothesis is registered."""
    results = view.result.hypotheses
    if not results:
        return None
    parts = {result.id: list(parts_of(view, result)) for result in results}
    flat = [part for found in parts.values() for part in found]
    return Section(
        "hypotheses",
        gettext("Hypotheses"),
        {
            "stated": _stated(results),
            "hypotheses": [_told(result, parts[result.id]) for result in results],
            "forest": _forest(flat) if any(part.shown for part in flat) else None,
        },
    )


def _stated(results: Sequence[HypothesisResult]) -> str:
    """When they were stated, and what holds for all of them together."""
    early, total = sum(result.registration is None for result in results), len(results)
    if early < total:
        text = gettext("%(n)s of %(total)s hypotheses were stated before any run.")
    else:
        text = ngettext(
            "The hypothesis was stated before any run.",
            "All %(total)s hypotheses were stated before any run.",
            total,
        )
    text %= {"n": early, "total": total}
    if total == 1:
        return text
    return f"{text} " + gettext(
        "The verdicts hold for all of them together: Holm's steps give each its confidence level."
    )


def _told(result: HypothesisResult, parts: Sequence[Part]) -> Told:
    """A hypothesis with its reason; of many parts, those that decide."""
    value = result.verdict.value
    decide = [part for part in parts if part.evidence.verdict == result.verdict]
    chosen = (
        parts
        if len(parts) <= MOST_PARTS
        else [*decide, *(part for part in parts if part not in decide)][:MOST_PARTS]
    )
    notes = (result.registration, result.reason)
    reasons = [f"{capitalise(spoken(note)).rstrip('.')}." for note in notes if note]
    return Told(
        id=result.id,
        text=result.text.strip(),
        verdict=value,
        sign=SIGNS[value],
        word=capitalise(verdict_words(result)),
        reason=" ".join([*reasons, *([] if result.reason else [_why(result, parts)])]),
        shared=_shared(parts),
        parts=tuple(chosen),
        more=len(parts) - len(chosen),
    )


def _shared(parts: Sequence[Part]) -> str:
    """What stands once above several parts that differ in their places alone."""
    alike = len({part.head for part in parts}) == 1 < len(parts)
    return parts[0].head if alike and all(part.where for part in parts) else ""


def _why(result: HypothesisResult, parts: Sequence[Part]) -> str:
    """What the verdict rests on: the interval, or so many of the parts."""
    value = result.verdict.value
    if len(parts) == 1:
        return gettext(WHY[value])
    counts = Counter(part.evidence.verdict.value for part in parts)
    if counts["supported"] == len(parts):
        return gettext("Each of its %(n)s parts holds.") % {"n": len(parts)}
    listed = ", ".join(f"{counts[one]} {gettext(VERDICTS[one])}" for one in VERDICTS if counts[one])
    text = gettext("Of its %(n)s parts: %(counts)s.") % {"n": len(parts), "counts": listed}
    if value == "contradicted":
        text += " " + gettext("One part that is contradicted is enough.")
    return text


def verdict_words(result: HypothesisResult) -> str:
    """The verdict; a borderline one with the number of resamples on which it hangs."""
    if result.verdict.value == "borderline":
        return gettext("borderline at this B (%(resamples)s)") % {"resamples": result.resamples}
    return gettext(VERDICTS[result.verdict.value])


def _forest(parts: list[Part]) -> Picture:
    """One group a unit; margins, which are narrow, on an axis of their own."""
    shown = [part for part in parts if part.shown is not None]
    kinds = dict.fromkeys((part.axis, len(part.evidence.thresholds)) for part in shown)
    groups = [
        _group([p for p in shown if (p.axis, len(p.evidence.thresholds)) == kind]) for kind in kinds
    ]
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-hypotheses",
        question=gettext("On which side of their thresholds do the hypotheses lie?"),
        caption=gettext(
            "Bars are confidence intervals at the level adjusted over all hypotheses (Holm), the "
            "thin mark in each is the estimate; the bold line is the threshold, in the same unit."
        ),
        description=" ".join(
            f"{part.key}: {part.asked}; {row_text(part.shown)}; {part.word}."
            for part in shown
            if part.shown is not None
        ),
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


def _group(parts: Sequence[Part]) -> ForestGroup:
    """The parts in one unit."""
    title = capitalise(parts[0].axis)
    if len(parts[0].evidence.thresholds) > 1:
        title = gettext("%(unit)s, within margins") % {"unit": title}
    return ForestGroup(title, "", tuple(map(_row, parts)))


def _row(part: Part) -> ForestRow:
    """A part with its threshold."""
    evidence, scale = part.evidence, part.unit.scale
    values = [
        None if value is None or not math.isfinite(value) else value * scale
        for value in (evidence.estimate, evidence.low, evidence.high)
    ]
    numbers = "" if part.shown is None else row_text(part.shown)
    marks = tuple(threshold * scale for threshold in evidence.thresholds)
    return ForestRow(f"{part.key} {part.word}", numbers, *values, references=marks)


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
                entry(part.asked),
                entry(read(shown.estimate) if shown else ABSENT),
                Entry(read(shown.ends), evidence=part.key) if shown else entry(ABSENT),
                entry(confidence_text(evidence.level)),
                entry(part.word),
            )
        )
    return Table(gettext("Evidence on each part"), columns, tuple(rows))
