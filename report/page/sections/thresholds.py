"""Levels of a numeric factor that the analysis estimates: needed to learn, or best."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.page.tables import (
    ABSENT,
    NOT_AVAILABLE,
    Column,
    Entry,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import confidence_text, size_of
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.report.words.names import capitalise, friendly, method_words
from vggstudy.report.words.notes import spoken

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST_ROWS = 16
"""Strata of a factor that are drawn; the table has all."""

MOST_ALIKE = 3
"""Strata with one and the same open interval that have a row each."""

QUESTIONS = {
    "needed": mark("Which %(factor)s is needed for half of the runs to converge?"),
    "tolerated": mark("Which %(factor)s do half of the runs tolerate?"),
    "best": mark("Which %(factor)s may be the best?"),
    "peak": mark("Where is the vertex of a quadratic in the %(factor)s?"),
}
CAPTIONS = {
    "needed": mark(
        "The %(factor)s at which half of the runs converge; an end beyond the levels that were "
        "run is open, and its bar runs to the edge."
    ),
    "tolerated": mark(
        "The largest %(factor)s at which half of the runs still converge; an end beyond the levels "
        "that were run is open, and its bar runs to the edge."
    ),
    "best": mark(
        "The %(factor)s of the best mean among runs that converged; the bar goes from the least to "
        "the largest level that no other level is told to be better than."
    ),
    "peak": mark(
        "The turning point of a quadratic in the %(factor)s among runs that converged. An "
        "interval that is not bounded means that no turning point is identified."
    ),
}


def threshold_picture(view: StudyView, outcome: str) -> Picture | None:
    """A forest of the levels, one row a stratum; None where the analysis made no such claim.

    Parameters
    ----------
    outcome : {"needed", "tolerated", "best", "peak"}
    """
    claims = view.claims.of_quantity(outcome)
    if not any(claim.available for claim in claims):
        return None
    shown = [claim for claim in claims if claim.available]
    groups = [_group(view, shown, factor) for factor in dict.fromkeys(c.quantity for c in shown)]
    words = friendly(shown[0].quantity) if len(groups) == 1 else gettext("level")
    methods = dict.fromkeys(method_words(claim.method) for claim in claims if claim.method)
    bars = gettext("Bars are %(level)s confidence intervals (%(methods)s).") % {
        "level": confidence_text(claims[0].level),
        "methods": ", ".join(methods),
    }
    if any(len(group.rows) == MOST_ROWS for group in groups):
        drawn = gettext("The first %(n)s strata of a factor are drawn.") % {"n": MOST_ROWS}
        bars += " " + drawn
    missing = len(claims) - len(shown)
    if missing:
        bars += " " + gettext("%(n)s strata without an interval stand in the table alone.") % {
            "n": missing
        }
    return picture(
        lambda canvas: draw_forest(groups, canvas),
        key=f"fig-{outcome}",
        question=gettext(QUESTIONS[outcome]) % {"factor": words},
        caption=gettext(CAPTIONS[outcome]) % {"factor": words} + " " + bars,
        description=" ".join(f"{row.label}: {row.numbers}." for g in groups for row in g.rows),
        table=_table(view, claims),
        data=download(
            f"{outcome}.csv",
            ("id", "estimate", "low", "high", "level", "method", "n", "k", "reason"),
            [
                (c.id, c.estimate, c.low, c.high, c.level, c.method, c.n, c.k, c.reason)
                for c in claims
            ],
        ),
    )


def _group(view: StudyView, claims: list[Claim], factor: str) -> ForestGroup:
    """The first strata of one factor that have an interval, on the axis of its levels."""
    rows = _gathered([forest_row(c, _stratum(view, c)) for c in claims if c.quantity == factor])
    found = next(f for f in view.factors if f.name == factor)
    levels = [float(level) for level in found.levels]
    logarithmic = found.is_geometric and len(levels) > 2
    margin = levels[-1] - levels[0]
    limits = (levels[0] - 0.1 * margin, levels[-1] + 0.1 * margin)
    if logarithmic:
        limits = (levels[0] / 1.5, levels[-1] * 1.5)
    axis = friendly(factor)
    return ForestGroup(
        capitalise(axis),
        gettext("%(name)s (log scale)") % {"name": axis} if logarithmic else axis,
        tuple(rows[:MOST_ROWS]),
        limits=limits,
        ticks=tuple(levels),
        logarithmic=logarithmic,
    )


def _gathered(rows: list[ForestRow]) -> list[ForestRow]:
    """The rows; more than three that are open and end alike become one."""
    ends = Counter((row.low, row.high) for row in rows if row.estimate is None)
    found: list[ForestRow] = []
    for row in rows:
        alike = ends[row.low, row.high] if row.estimate is None else 1
        if alike <= MOST_ALIKE:
            found.append(row)
        elif not any((row.low, row.high) == (one.low, one.high) for one in found):
            label = gettext("In each of %(n)s strata") % {"n": alike}
            found.append(replace(row, label=label))
    return found


def _stratum(view: StudyView, claim: Claim) -> str:
    """Where a claim holds."""
    return capitalise(view.place(claim)) or gettext("All cells")


def _table(view: StudyView, claims: list[Claim]) -> Table:
    """Every stratum, with the reason where there is no interval."""
    factors = {claim.quantity for claim in claims}
    words = friendly(claims[0].quantity) if len(factors) == 1 else gettext("level")
    columns = (
        Column(gettext("Where"), numeric=False),
        Column(capitalise(words)),
        Column(gettext("Interval")),
        Column("n"),
    )
    rows = [
        (
            entry(_stratum(view, c)),
            estimate_entry(c) if c.available else entry(NOT_AVAILABLE),
            interval_entry(c) if c.available else _reason(c),
            entry(size_of(c)),
        )
        for c in claims
    ]
    caption = gettext("%(name)s by stratum") % {"name": capitalise(words)}
    return Table(caption, columns, tuple(rows))


def _reason(claim: Claim) -> Entry:
    """That there is no interval, with the reason as a note below the table."""
    reason = capitalise(spoken(claim.refusal) if claim.refusal else "").rstrip(".")
    return replace(entry(ABSENT), cautions=(reason,) if reason else ())
