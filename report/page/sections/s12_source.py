"""Section 12, the source study against this one: theirs, ours, and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vggstudy.report.page.context import SourceClaim
from vggstudy.report.page.figures.forest import ForestGroup, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.evidence import SIGNS, Part, axis_words, parts_of
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import (
    Column,
    Download,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import display, read, unit_of
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.prose import brief
from vggstudy.rounding import round_number

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

AGREES = mark("agrees")
CONTRADICTS = mark("contradicts")
UNDECIDED = mark("undecided")

AGREEMENT = {AGREES: "supported", CONTRADICTS: "contradicted", UNDECIDED: "inconclusive"}
"""The verdict whose sign stands beside the word."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What they report, the claim that answers it, and the registered parts that are of it."""

    theirs: SourceClaim
    ours: Claim
    tests: tuple[Part, ...]

    @property
    def number(self) -> float | None:
        """Their number; none where they report words."""
        return None if isinstance(self.theirs.value, str) else self.theirs.value


def build(view: StudyView) -> Section | None:
    """Build the section; none without a source study."""
    if not view.context.source_claims:
        return None
    tests = [part for result in view.result.hypotheses for part in parts_of(view, result)]
    found = ((theirs, view.claims.get(theirs.claim)) for theirs in view.context.source_claims)
    pairs = [
        Pair(theirs, ours, tuple(p for p in tests if p.evidence.estimand == ours.id))
        for theirs, ours in found
        if ours is not None
    ]
    drawn = [pair for pair in pairs if pair.number is not None and pair.ours.available]
    values = {
        "words": view.context.source_words,
        "table": _table(view, pairs) if pairs else None,
        "judged": any(pair.number is None for pair in pairs),
        "data": _data(pairs),
        "picture": _picture(view, drawn, _data(pairs)) if drawn else None,
        "unmatched": [x.claim for x in view.context.source_claims if not view.claims.get(x.claim)],
    }
    return Section("source", gettext("Source study against this study"), values)


def agreement(claim: Claim, number: float) -> str:
    """Whether another study's number fits an interval.

    It contradicts where it lies outside, and is undecided where the interval also holds the
    reference, such as no difference, and theirs is another number.
    """
    if claim.low is None and claim.high is None:
        return UNDECIDED
    low, high = (claim.low, claim.high)
    if (low is not None and number < low) or (high is not None and number > high):
        return CONTRADICTS
    reference = claim.reference
    if reference is None or reference == number:
        return AGREES
    told = (low is not None and low > reference) or (high is not None and high < reference)
    return AGREES if told else UNDECIDED


def _verdict(pair: Pair) -> str:
    """Of a number whether it fits; of words the registered test of the same claim, if any."""
    if pair.number is not None:
        word = agreement(pair.ours, pair.number)
        return f"{SIGNS[AGREEMENT[word]]}\N{NO-BREAK SPACE}{gettext(word)}"
    told = (f"{part.sign}\N{NO-BREAK SPACE}{part.word} ({part.key})" for part in pair.tests)
    return "; ".join(told) or gettext("not tested")


def _table(view: StudyView, pairs: list[Pair]) -> Table:
    """One row for each of their findings."""
    columns = (
        Column(gettext("Source study"), numeric=False),
        Column(gettext("This study"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column(gettext("Verdict"), numeric=False),
    )
    rows = [
        (
            entry(f"{capitalise(pair.theirs.reference)}: {_theirs(pair)}"),
            entry(brief(view, pair.ours)),
            estimate_entry(pair.ours),
            interval_entry(pair.ours),
            entry(_verdict(pair)),
        )
        for pair in pairs
    ]
    return Table(gettext("The source study's findings and ours"), columns, tuple(rows))


def _data(pairs: list[Pair]) -> Download:
    """The same unrounded."""
    return download(
        "source.csv",
        ("id", "theirs", "reference", "estimate", "low", "high", "agreement"),
        [
            (
                pair.ours.id,
                pair.theirs.value,
                pair.theirs.reference,
                pair.ours.estimate,
                pair.ours.low,
                pair.ours.high,
                None if pair.number is None else agreement(pair.ours, pair.number),
            )
            for pair in pairs
        ],
    )


def _picture(view: StudyView, pairs: list[Pair], data: Download) -> Picture:
    """Where they report a number: it on our interval, one axis a unit."""
    axes = dict.fromkeys(axis_words(pair.ours) for pair in pairs)
    groups = [_group(view, [p for p in pairs if axis_words(p.ours) == axis], axis) for axis in axes]
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key="fig-source",
        question=gettext("Do the source study's numbers lie in this study's intervals?"),
        caption=gettext(
            "Bars are this study's confidence intervals, the thin mark in each is its estimate; "
            "the bold line is the number that the source study reports."
        ),
        description=" ".join(
            gettext("%(claim)s: theirs %(theirs)s, ours %(ours)s.")
            % {"claim": row.label, "theirs": _theirs(pair), "ours": row.numbers}
            for pair, row in zip(
                [p for axis in axes for p in pairs if axis_words(p.ours) == axis],
                [row for group in groups for row in group.rows],
                strict=True,
            )
        ),
        table=_table(view, pairs),
        data=data,
    )


def _group(view: StudyView, pairs: list[Pair], axis: str) -> ForestGroup:
    """Claims in one unit, each with their number as a line."""
    rows = []
    for pair in pairs:
        scaled = (pair.number or 0.0) * unit_of(pair.ours).scale
        row = forest_row(pair.ours, brief(view, pair.ours))
        rows.append(replace(row, references=(scaled,)))
    return ForestGroup(capitalise(axis), "", tuple(rows))


def _theirs(pair: Pair) -> str:
    """Their words, or their value at the decimals of ours."""
    if isinstance(pair.theirs.value, str):
        return pair.theirs.value
    shown, unit = display(pair.ours), unit_of(pair.ours)
    decimals = shown.rounded.decimals if shown else 2
    return read(round_number(pair.theirs.value, decimals=decimals, scale=unit.scale) + unit.words)
