"""Renders two studies side by side as one self-contained HTML file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from vggstudy._version import __version__
from vggstudy.report.page.document import TEMPLATES, environment
from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.evidence import VERDICTS
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import Column, Download, Entry, Table, download, entry
from vggstudy.report.words.comparing import (
    finding_words,
    ordered,
    sentences,
    shown,
    shown_difference,
    shown_interval,
)
from vggstudy.report.words.display import display
from vggstudy.report.words.i18n import gettext, speaking
from vggstudy.report.words.names import capitalise, in_words
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggstudy.analysis.comparing.like import Like
    from vggstudy.analysis.comparing.studies import Comparison
    from vggstudy.analysis.notes import Note

MOST_DRAWN = 12
"""Claims in the figure: what does not fit, then those over the whole grid."""

ENDS = ("estimate", "low", "high")

MOST_ROWS = 300
"""Claims in the table; the data link has all."""


def render_comparison(comparison: Comparison, *, language: str = "en") -> str:
    """The comparison as HTML: one document without network or script, equal bytes for equal input.

    Raises
    ------
    AnalysisError
        If the language is unknown.
    """
    with speaking(language):
        first, second = comparison.names
        return page_of(
            title=gettext("%(second)s beside %(first)s") % {"first": first, "second": second},
            kicker=gettext("Comparison of two studies"),
            asks=gettext("Does the second study replicate the first?"),
            sentences=sentences(comparison),
            notes=comparison.notes,
            verdicts=_verdicts(comparison),
            forest=_forest(comparison),
            table=_table(comparison),
            language=language,
        )


def page_of(*, notes: Sequence[Note], language: str, **content: object) -> str:
    """The page of a comparison, in the language that is spoken.

    Parameters
    ----------
    notes : sequence of Note
    language : str
    **content : object
        What the template names: its title, sentences, figure and table.
    """
    html = (
        environment()
        .get_template("comparison.html.j2")
        .render(
            notes=[f"{capitalise(spoken(note)).rstrip('.')}." for note in notes],
            language=language,
            version=__version__,
            css=Markup((TEMPLATES / "report.css").read_text("utf-8")),
            **content,
        )
    )
    return clean(html.rstrip()) + "\n"


def _drawn(comparison: Comparison) -> list[Like]:
    """The claims of the figure."""
    likes = ordered(comparison)
    return ([one for one in likes if one.odd or "@" not in one.id] or likes)[:MOST_DRAWN]


def _forest(comparison: Comparison) -> Picture:
    """Both studies' estimates and both combined, claim by claim."""
    drawn = _drawn(comparison)
    return picture(
        partial(draw_forest, [_group(one, comparison.names) for one in drawn]),
        key="studies",
        question=gettext("What does each study say, and what do both together?"),
        caption=gettext(
            "Claims that do not fit first, then those over the whole grid. Bars are intervals, "
            "marks estimates, bold lines stand for no difference. Both together: weighted by "
            "precision."
        ),
        description=gettext("%(n)s claims of two studies, each with its interval in both.")
        % {"n": len(drawn)},
        table=_table(comparison, drawn),
        data=_data(comparison),
    )


def _group(one: Like, names: tuple[str, str]) -> ForestGroup:
    """One claim: three rows on one axis."""
    printed = display(one.first)
    scale = 1 if printed is None else printed.unit.scale
    reference = one.first.reference
    both = one.combined
    rows = [
        *(
            forest_row(claim, name)
            for claim, name in zip((one.first, one.second), names, strict=True)
        ),
        ForestRow(
            gettext("both together"),
            shown_interval(one.first, both),
            both.estimate * scale,
            both.low * scale,
            both.high * scale,
        ),
    ]
    return ForestGroup(
        title=f"{capitalise(in_words(one.first.estimand))}: {finding_words(one.finding)}",
        axis="" if printed is None else printed.unit.words.strip(),
        rows=tuple(rows),
        references=() if reference is None else (reference * scale,),
    )


def _table(comparison: Comparison, likes: Sequence[Like] | None = None) -> Table:
    """A row a claim; those of the figure, or all."""
    first, second = comparison.names
    columns = (
        Column(gettext("Claim"), numeric=False),
        Column(first),
        Column(second),
        Column(gettext("Second minus first")),
        Column(gettext("Finding"), numeric=False, fixed=True),
    )
    listed = ordered(comparison)[:MOST_ROWS] if likes is None else likes
    rows = [
        (
            entry(one.first.id),
            Entry(shown(one.first)),
            Entry(shown(one.second)),
            Entry(shown_difference(one)),
            entry(finding_words(one.finding)),
        )
        for one in listed
    ]
    return Table(gettext("Claims of both studies"), columns, tuple(rows))


def _data(comparison: Comparison) -> Download:
    """All claims, unrounded."""
    whose = ("first", "second", "difference", "combined")
    header = ("id", "unit", "finding", "captured", *(f"{x}_{end}" for x in whose for end in ENDS))
    rows = [
        (
            one.first.id,
            one.first.unit,
            str(one.finding),
            one.captured,
            *(
                getattr(each, end)
                for each in (one.first, one.second, one.difference, one.combined)
                for end in ENDS
            ),
        )
        for one in comparison.likes
    ]
    return download("comparison.csv", header, rows)


def _verdicts(comparison: Comparison) -> list[tuple[str, str, str, bool]]:
    """Each hypothesis with both verdicts in words, and whether they are the same."""
    return [
        (one.id, gettext(VERDICTS[one.first]), gettext(VERDICTS[one.second]), one.same)
        for one in comparison.verdicts
    ]
