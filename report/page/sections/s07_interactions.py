"""Section 7, interactions: what one factor does at each level of another, in percent."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.interaction import STYLES, Panel, Point, draw_interactions
from vggstudy.report.page.figures.scales import axis_name, scale_of
from vggstudy.report.page.figures.svg import MOST_LEVELS, Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.contrasts import contrast_picture, pair_label
from vggstudy.report.page.sections.models import effects_table, sentences
from vggstudy.report.page.tables import (
    Column,
    Entry,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Factor, Level, StudyView
from vggstudy.report.words.display import confidence_text
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.prose import Sentence, interaction_sentence

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MOST_PANELS = 6


def build(view: StudyView) -> Section | None:
    """Build the section; none where nothing is told of two factors together."""
    pairs = [
        _ordered(pair) for pair in combinations([f for f in view.factors if len(f.levels) > 1], 2)
    ]
    values = {
        "sentences": _sentences(view),
        "lines": _lines(view, pairs[:MOST_PANELS]) if pairs else None,
        "contrasts": _contrasts(view),
        "model": sentences(view).get("failure") if view.judged else None,
        "effects": effects_table(view),
    }
    shown = [name for name, value in values.items() if value and name != "model"]
    return Section("interactions", gettext("Interactions"), values) if shown else None


def _ordered(pair: tuple[Factor, Factor]) -> tuple[Factor, Factor]:
    """The factor on the x axis first: the numeric one with more levels."""
    first, second = sorted(pair, key=lambda f: (f.is_numeric, len(f.levels), f.ratio), reverse=True)
    return first, second


def _sentences(view: StudyView) -> list[Sentence]:
    """The interactions in convergence, in words."""
    claims = [view.claims.offered(claim) for claim in view.claims.interactions("converged")]
    return [interaction_sentence(view, claim) for claim in claims if claim.available][:3]


def _lines(view: StudyView, pairs: list[tuple[Factor, Factor]]) -> Picture | None:
    """The probability of convergence at every two levels."""
    found = [(first, second, _points(view, first, second)) for first, second in pairs]
    claims = [claim for *_, points in found for *_, claim in points]
    if not any(claim.available for claim in claims):
        return None
    panels = [_panel(*item) for item in found]
    cut = any(len(second.levels) > len(STYLES) for _, second, _ in found)
    level = confidence_text(claims[0].level)
    columns = (
        Column(gettext("Where"), numeric=False),
        Column(gettext("Probability")),
        Column(gettext("Interval")),
        Column("k/n"),
    )
    return picture(
        lambda canvas: draw_interactions(panels, canvas, limits=(-3.0, 103.0)),
        key="fig-interactions",
        drawn=all(len(first.levels) <= MOST_LEVELS for first, *_ in found),
        question=gettext("Does the effect of one factor on convergence depend on another?"),
        caption=_caption(level, cut=cut),
        description=" ".join(
            gettext("%(title)s: %(n)s lines.") % {"title": panel.title, "n": len(panel.lines)}
            for panel in panels
        ),
        table=Table(
            gettext("Probability of convergence at two levels"),
            columns,
            tuple(_row(view, claim) for claim in claims),
        ),
        data=download(
            "interactions.csv",
            ("id", "estimate", "low", "high", "level", "k", "n"),
            [(c.id, c.estimate, c.low, c.high, c.level, c.k, c.n) for c in claims],
        ),
    )


def _caption(level: str, *, cut: bool) -> str:
    """What the bars are, how to read the lines, and which are drawn."""
    text = gettext(
        "Probability of convergence at every two levels, averaged over the cells that share them "
        "with equal weights; bars are %(level)s confidence intervals. Parallel lines are no "
        "interaction in percentage points."
    )
    text %= {"level": level}
    if cut:
        text += " " + gettext("Of many levels the first, the middle and the last have a line.")
    return text


def _points(view: StudyView, first: Factor, second: Factor) -> list[tuple[Level, Level, Claim]]:
    """The claims about both factors' levels."""
    found = (
        (x, line, view.claims.mean("converged", {first.name: x, second.name: line}))
        for line in _drawn(second)
        for x in first.levels
    )
    return [(x, line, claim) for x, line, claim in found if claim is not None]


def _drawn(factor: Factor) -> tuple[Level, ...]:
    """At most three levels: the first, the middle one and the last."""
    levels = factor.levels
    if len(levels) <= len(STYLES):
        return levels
    return (levels[0], levels[len(levels) // 2], levels[-1])


def _panel(first: Factor, second: Factor, points: list[tuple[Level, Level, Claim]]) -> Panel:
    """One pair of factors."""
    by_levels = {(x, line): claim for x, line, claim in points}
    lines = tuple(
        (
            capitalise(second.phrase(line)),
            tuple(_point(by_levels.get((x, line))) for x in first.levels),
        )
        for line in _drawn(second)
    )
    scale = scale_of(first)
    title = gettext("%(first)s and %(second)s") % {
        "first": capitalise(first.label),
        "second": second.label,
    }
    return Panel(title, axis_name(first, scale), scale, lines)


def _point(claim: Claim | None) -> Point | None:
    """A claim in percent."""
    if claim is None or claim.estimate is None:
        return None
    ends = [None if end is None else 100 * end for end in (claim.low, claim.high)]
    return Point(100 * claim.estimate, ends[0], ends[1])


def _row(view: StudyView, claim: Claim) -> tuple[Entry, ...]:
    """A claim's place and numbers."""
    return (
        entry(capitalise(view.place(claim))),
        estimate_entry(claim),
        interval_entry(claim),
        entry(f"{claim.k}/{claim.n}"),
    )


def _compared(view: StudyView, factor: Factor, claim: Claim) -> str:
    """A factor with the levels compared; a switch needs none."""
    if factor.is_switch:
        return factor.label
    words = gettext("%(factor)s %(level)s")
    return words % {"factor": factor.label, "level": pair_label(view, factor, claim)}


def _contrasts(view: StudyView) -> Picture | None:
    """The differences in differences of all outcomes."""
    by_name = {factor.name: factor for factor in view.factors}
    claims = []
    for outcome in view.outcomes:
        for claim in view.claims.interactions(outcome):
            shown = view.claims.offered(claim)
            words = [_compared(view, by_name[name], claim) for name in claim.factors]
            claims.append((shown, capitalise(" × ".join(words))))
    return contrast_picture(
        view,
        claims,
        key="fig-interaction-contrasts",
        question=gettext("How large are the differences in differences?"),
        filename="interaction_contrasts.csv",
    )
