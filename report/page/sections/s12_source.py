"""Section 12, the source study against this one: their number on our interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggstudy.report.page.context import SourceClaim
from vggstudy.report.page.figures.forest import ForestGroup, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import (
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import display, read, unit_of
from vggstudy.report.words.estimands import estimand
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise
from vggstudy.rounding import round_number

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

Pair = tuple[SourceClaim, "Claim"]


def build(view: StudyView) -> Section | None:
    """Build the section; none without a source study."""
    if not view.context.source_claims:
        return None
    found = ((theirs, view.claims.get(theirs.claim)) for theirs in view.context.source_claims)
    pairs = [(theirs, ours) for theirs, ours in found if ours is not None]
    values = {
        "words": view.context.source_words,
        "picture": _picture(view, pairs) if pairs else None,
        "unmatched": [x.claim for x in view.context.source_claims if not view.claims.get(x.claim)],
    }
    return Section("source", gettext("Source study against this study"), values)


def _picture(view: StudyView, pairs: list[Pair]) -> Picture:
    """One group a claim: their value is the dark line."""
    groups = [_group(view, theirs, ours) for theirs, ours in pairs]
    intervals = [g for g, (_, ours) in zip(groups, pairs, strict=True) if ours.available]
    drawn = intervals or groups  # a claim without an interval is in the table alone
    columns = (
        Column(gettext("Claim"), numeric=False),
        Column(gettext("Source study"), numeric=False),
        Column(gettext("This study")),
        Column(gettext("Interval")),
    )
    rows = [
        (
            entry(f"{capitalise(estimand(view, ours))} ({theirs.reference})"),
            entry(_theirs(theirs, ours)),
            estimate_entry(ours),
            interval_entry(ours),
        )
        for theirs, ours in pairs
    ]
    return picture(
        lambda canvas: draw_forest(drawn, canvas),
        key="fig-source",
        question=gettext("Do the source study's numbers lie in this study's intervals?"),
        caption=gettext(
            "Bars are this study's confidence intervals, the thin mark in each is its estimate; "
            "the dark line is the value that the source study reports, where it reports a number."
        ),
        description=" ".join(
            gettext("%(claim)s: theirs %(theirs)s, ours %(ours)s.")
            % {
                "claim": group.title,
                "theirs": _theirs(theirs, ours),
                "ours": group.rows[0].numbers,
            }
            for group, (theirs, ours) in zip(groups, pairs, strict=True)
        ),
        table=Table(gettext("The source study's numbers and ours"), columns, tuple(rows)),
        data=download(
            "source.csv",
            ("id", "theirs", "reference", "estimate", "low", "high"),
            [(o.id, x.value, x.reference, o.estimate, o.low, o.high) for x, o in pairs],
        ),
    )


def _group(view: StudyView, theirs: SourceClaim, ours: Claim) -> ForestGroup:
    """A claim with both values."""
    title = capitalise(estimand(view, ours))
    label = gettext("theirs: %(value)s") % {"value": _theirs(theirs, ours)}
    row = forest_row(ours, label)
    number = None if isinstance(theirs.value, str) else theirs.value * unit_of(ours).scale
    return ForestGroup(title, "", (row,), references=() if number is None else (number,))


def _theirs(theirs: SourceClaim, ours: Claim) -> str:
    """Their words, or their value at the decimals of ours."""
    if isinstance(theirs.value, str):
        return theirs.value
    shown, unit = display(ours), unit_of(ours)
    decimals = shown.rounded.decimals if shown else 2
    return read(round_number(theirs.value, decimals=decimals, scale=unit.scale) + unit.words)
