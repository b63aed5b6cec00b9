"""Renders several studies side by side as one self-contained HTML file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vggstudy.report.page.comparison import MOST_DRAWN, MOST_ROWS, page_of
from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import Column, Download, Entry, Table, download, entry
from vggstudy.report.words.comparing import (
    pooled_sentences,
    shown,
    shown_interval,
    shown_spread,
    text_of,
)
from vggstudy.report.words.display import display
from vggstudy.report.words.i18n import gettext, speaking
from vggstudy.report.words.names import capitalise, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggstudy.analysis.comparing.pooled import Pooled, Pooling
    from vggstudy.analysis.numbers.intervals import Interval


def render_pooling(pooling: Pooling, *, language: str = "en") -> str:
    """Several studies as HTML: one document without network or script, equal bytes for equal input.

    Raises
    ------
    AnalysisError
        If the language is unknown.
    """
    with speaking(language):
        return page_of(
            title=", ".join(pooling.names),
            kicker=gettext("Comparison of %(n)s studies") % {"n": len(pooling.names)},
            asks=gettext("Do the studies agree?"),
            sentences=pooled_sentences(pooling),
            notes=pooling.notes,
            forest=_forest(pooling),
            table=_table(pooling, _ordered(pooling)[:MOST_ROWS]),
            verdicts=(),
            language=language,
        )


def _ordered(pooling: Pooling) -> list[Pooled]:
    """Claims on which studies differ first, otherwise as the analysis lists them."""
    return sorted(pooling.claims, key=lambda one: not one.odd)


def _forest(pooling: Pooling) -> Picture:
    """Each study's estimate, their mean and where one more would lie, claim by claim."""
    ordered = _ordered(pooling)
    drawn = ([one for one in ordered if one.odd or "@" not in one.id] or ordered)[:MOST_DRAWN]
    return picture(
        partial(draw_forest, [_group(one) for one in drawn]),
        key="studies",
        question=gettext("What does each study say, and how far apart are they?"),
        caption=gettext(
            "Claims on which studies differ first, then those over the whole grid. Bars are "
            "intervals, marks estimates, bold lines stand for no difference. I² is the share of "
            "the spread between studies that their runs do not explain, τ its standard deviation."
        ),
        description=gettext("%(n)s claims of %(studies)s studies, each with its intervals.")
        % {"n": len(drawn), "studies": len(pooling.names)},
        table=_table(pooling, drawn),
        data=_data(pooling),
    )


def _group(one: Pooled) -> ForestGroup:
    """One claim: a row a study, the mean over such studies, and one more of them."""
    printed = display(one.claim)
    scale = 1 if printed is None else printed.unit.scale
    reference = one.claim.reference

    def row(label: str, interval: Interval, *, estimate: bool = True) -> ForestRow:
        return ForestRow(
            label,
            shown_interval(one.claim, interval),
            interval.estimate * scale if estimate else None,
            interval.low * scale,
            interval.high * scale,
        )

    return ForestGroup(
        title=f"{capitalise(in_words(one.claim.estimand))}: {shown_spread(one)}",
        axis="" if printed is None else printed.unit.words.strip(),
        rows=(
            *(forest_row(claim, name) for name, claim in one.claims.items()),
            row(gettext("mean of such studies"), one.mean),
            row(gettext("one more such study"), one.another, estimate=False),
        ),
        references=() if reference is None else (reference * scale,),
    )


def _table(pooling: Pooling, listed: Sequence[Pooled]) -> Table:
    """A row a claim."""
    columns = (
        Column(gettext("Claim"), numeric=False),
        *(Column(name) for name in pooling.names),
        Column(gettext("Mean of such studies")),
        Column("I²"),
        Column("τ"),
    )
    rows = [
        (
            entry(one.id),
            *(
                Entry(shown(one.claims[name]) if name in one.claims else text_of(None))
                for name in pooling.names
            ),
            Entry(shown_interval(one.claim, one.mean)),
            *(Entry(text) for text in (f"{one.spread.i2:.0%}", shown_spread(one, whole=False))),
        )
        for one in listed
    ]
    return Table(gettext("Claims of all studies"), columns, tuple(rows))


def _data(pooling: Pooling) -> Download:
    """All claims, unrounded: a row a claim and study, and one for the mean."""
    header = ("id", "unit", "study", "estimate", "low", "high", "n", "tau", "i2", "p")
    rows: list[tuple[object, ...]] = []
    for one in pooling.claims:
        spread = (one.spread.tau2**0.5, one.spread.i2, one.spread.p)
        rows += [
            (one.id, c.unit, name, c.estimate, c.low, c.high, c.n, "", "", "")
            for name, c in one.claims.items()
        ]
        mean = (one.mean.estimate, one.mean.low, one.mean.high)
        rows.append((one.id, one.claim.unit, "mean of such studies", *mean, "", *spread))
    return download("studies.csv", header, rows)
