"""Forests of contrasts, grouped by outcome: what several sections show of differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import (
    Column,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Factor, StudyView
from vggstudy.report.words.display import PLAIN, confidence_text, size_of, unit_of
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.prose import outcome_words

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST_ROWS = 45
"""Rows of an outcome that a forest draws, all pairs of ten levels; the table has all."""


def pair_label(view: StudyView, factor: Factor, claim: Claim) -> str:
    """The two levels of a factor that a claim compares: "19 against 11"."""
    earlier, later = map(factor.short, view.compared(claim)[factor.name])
    return gettext("%(later)s against %(earlier)s") % {"later": later, "earlier": earlier}


def contrast_picture(
    view: StudyView,
    claims: Sequence[tuple[Claim, str]],
    *,
    key: str,
    question: str,
    filename: str,
) -> Picture | None:
    """A forest of contrasts with its table; None where no contrast has an interval.

    Parameters
    ----------
    claims : sequence of (Claim, str)
        Each with the words that name it within its outcome.
    """
    shown = [(claim, label) for claim, label in claims if claim.available]
    if not shown:
        return None
    groups = _groups(view, shown)
    cut = len(shown) > sum(len(group.rows) for group in groups)
    partial = any(view.claims.is_offered(claim) for claim, _ in shown)
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key=key,
        question=question,
        caption=_caption(confidence_text(shown[0][0].level), partial=partial, cut=cut),
        description=" ".join(
            f"{group.title}, {row.label}: {row.numbers}." for group in groups for row in group.rows
        ),
        table=_table(view, claims),
        data=download(
            filename,
            ("id", "estimate", "low", "high", "level", "n", "reason"),
            [(c.id, c.estimate, c.low, c.high, c.level, size_of(c), c.reason) for c, _ in claims],
        ),
    )


def _caption(level: str, *, partial: bool, cut: bool) -> str:
    """What the bars are, which cells they average, and what is left out."""
    text = gettext(
        "Bars are %(level)s confidence intervals, the thin mark in each is the estimate; the bold "
        "line marks no difference. Contrasts average the cells of the plan with equal weights."
    )
    text %= {"level": level}
    if partial:
        text += " " + gettext("*: over the largest complete part of the grid.")
    if cut:
        text += " " + gettext("The first %(n)s of each outcome are drawn.") % {"n": MOST_ROWS}
    return text


def _groups(view: StudyView, claims: Sequence[tuple[Claim, str]]) -> list[ForestGroup]:
    """One group an outcome and unit."""
    groups = []
    for outcome, unit in dict.fromkeys((c.outcome, unit_of(c)) for c, _ in claims):
        members = [
            item for item in claims if (item[0].outcome, unit_of(item[0])) == (outcome, unit)
        ]
        rows = [
            forest_row(claim, label + ("*" if view.claims.is_offered(claim) else ""))
            for claim, label in members[:MOST_ROWS]
        ]
        title = capitalise(outcome_words(view, members[0][0]))
        axis = _axis_words(members[0][0])
        groups.append(ForestGroup(title, axis, tuple(rows), references=(0.0,)))
    return groups


def _axis_words(claim: Claim) -> str:
    """What the numbers of a contrast's axis are."""
    if unit_of(claim) == PLAIN:
        return friendly(claim.outcome)
    return gettext("difference (percentage points)")


def _table(view: StudyView, claims: Sequence[tuple[Claim, str]]) -> Table:
    """Every contrast in words."""
    columns = (
        Column(gettext("Contrast"), numeric=False),
        Column(gettext("Difference")),
        Column(gettext("Interval")),
        Column("n"),
    )
    rows = []
    for claim, label in claims:
        words = f"{capitalise(label)}, {outcome_words(view, claim)}"
        if view.claims.is_offered(claim):
            words += " " + gettext("(%(place)s only)") % {"place": view.place(claim)}
        rows.append(
            (entry(words), estimate_entry(claim), interval_entry(claim), entry(size_of(claim)))
        )
    return Table(gettext("Contrasts"), columns, tuple(rows))
