"""Section 6, what is switched on and off: slopes within matched cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.dots import Stack
from vggstudy.report.page.figures.slopes import Mean, SlopePanel, draw_slopes
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.estimation import difference_bar, over_differences
from vggstudy.report.page.sections.rows import factor_columns
from vggstudy.report.page.sections.s04_accuracy import outcome_scale
from vggstudy.report.page.tables import (
    ABSENT,
    Column,
    Entry,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Cell, Factor, Level, StudyView
from vggstudy.report.words.display import confidence_text
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise, friendly
from vggstudy.report.words.prose import Sentence, claim_sentence

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


@dataclass(frozen=True, slots=True)
class Match:
    """Two cells that differ in one switch alone, and the claim about their difference."""

    switch: Factor
    levels: dict[str, Level]
    without: Cell
    with_: Cell
    claim: Claim | None


def build(view: StudyView) -> Section | None:
    """Build the section; none unless two cells that differ in a switch alone have data."""
    switches = [factor for factor in view.factors if factor.is_switch]
    if not switches:
        return None
    sentences: list[Sentence] = []
    for factor in switches:
        for outcome in view.outcomes[:2]:
            effect = view.claims.effect(outcome, factor)
            if effect is not None:
                shown = view.claims.offered(effect)
                sentences.append(claim_sentence(view, shown, factor=factor))
    title = gettext("With and without")
    if len(switches) == 1:
        title = gettext("With and without %(factor)s") % {"factor": switches[0].label}
    pictures = [_picture(view, switches, outcome) for outcome in view.outcomes[:2]]
    if not any(pictures):
        return None
    return Section(
        "switches",
        title,
        {
            "sentences": sentences,
            "pictures": [item for item in pictures if item is not None],
        },
    )


def matches(view: StudyView, switch: Factor, outcome: str) -> Iterator[Match]:
    """The matched pairs of cells of a switch, in the order of their other levels."""
    place = view.factors.index(switch)
    by_levels = {cell.levels: cell for cell in view.cells}
    for cell in view.cells:
        if cell.levels[place] != switch.levels[0]:
            continue
        other = (*cell.levels[:place], switch.levels[1], *cell.levels[place + 1 :])
        if other in by_levels:
            pairs = zip(view.factors, cell.levels, strict=True)
            levels = {f.name: level for f, level in pairs if f is not switch}
            claim = view.claims.effect(outcome, switch, levels)
            yield Match(switch, levels, cell, by_levels[other], claim)


def _picture(view: StudyView, switches: list[Factor], outcome: str) -> Picture | None:
    """The slopes of every switch for one outcome; None where no pair of cells has both values."""
    found = {f.name: list(matches(view, f, outcome)) for f in switches}
    panels = [_panel(view, factor, found[factor.name], outcome) for factor in switches]
    values = [value for panel in panels for pair in panel.pairs for value in pair]
    if not values:
        return None
    shares = outcome == "converged"
    percent = shares or outcome_scale(view) == 100
    measure = gettext("the share of runs that converge") if shares else friendly(view.outcome)
    pairs = [match for items in found.values() for match in items]
    drawn = [panel for panel in panels if panel.pairs]
    limits = _limits([*values, *_ends(drawn)], shares=shares)
    return picture(
        lambda canvas: draw_slopes(drawn, canvas, limits=limits, percent=percent),
        key="fig-switch-converged" if shares else "fig-switch-outcome",
        question=gettext("What does a switch change in %(measure)s, all else equal?")
        % {"measure": measure},
        caption=_caption(view, drawn, shares=shares),
        description=" ".join(
            gettext("%(factor)s: %(k)s of %(n)s matched pairs of cells are higher with it.")
            % {
                "factor": panel.title,
                "k": sum(b > a for a, b in panel.pairs),
                "n": len(panel.pairs),
            }
            for panel in drawn
        ),
        table=_table(view, pairs, measure),
        data=download(
            "matched_converged.csv" if shares else "matched_outcome.csv",
            ("switch", *(f.name for f in view.factors), "id", "estimate", "low", "high"),
            [
                (
                    match.switch.name,
                    *(match.levels.get(f.name) for f in view.factors),
                    *(
                        getattr(match.claim, name, None)
                        for name in ("id", "estimate", "low", "high")
                    ),
                )
                for match in pairs
            ],
        ),
    )


def _caption(view: StudyView, panels: list[SlopePanel], *, shares: bool) -> str:
    """What a line is, and what the thick one."""
    text = [
        gettext(
            "Each thin line joins two cells that differ in nothing else; ×n marks lines that "
            "coincide."
        )
    ]
    if not shares:
        text.append(gettext("Cells in which fewer than two runs converged have no line."))
    if not shares and "expected" in view.outcomes:
        text.append(
            gettext(
                "The differences over all runs, failed ones included, are the claims of the same "
                "name that begin with expected."
            )
        )
    level = confidence_text(float(view.settings.get("confidence", 0.95)))
    if any(panel.means for panel in panels):
        words = gettext(
            "The thick line joins the averages over cells; bars are %(level)s intervals."
        )
        text.append(words % {"level": level})
    if any(panel.difference for panel in panels):
        words = gettext(
            "Below, the difference averaged over cells with equal weights, with its %(level)s "
            "confidence interval; the bold line is no difference."
        )
        text.append(words % {"level": level})
    if any("*" in line for panel in panels for line in panel.below):
        text.append(gettext("*: over the largest complete part of the grid."))
    return " ".join(text)


def _panel(view: StudyView, factor: Factor, found: list[Match], outcome: str) -> SlopePanel:
    """One switch's lines and averages."""
    values = ((m, _value(view, m.without, outcome), _value(view, m.with_, outcome)) for m in found)
    known = [(m, (a, b)) for m, a, b in values if a is not None and b is not None]
    scale = 100 if outcome == "converged" else outcome_scale(view)
    ends = [view.claims.mean(outcome, {factor.name: level}) for level in factor.levels]
    means = [_mean(claim, scale) for claim in ends]
    both = (means[0], means[1]) if means[0] and means[1] else None
    cells = tuple((view.number(m.without), view.number(m.with_)) for m, _ in known)
    effect = view.claims.effect(outcome, factor)
    claim = None if effect is None else view.claims.offered(effect)
    bar: Stack | None = None
    below: tuple[str, ...] = ()
    if claim is not None and claim.available:
        words = gettext("With less without") + ("*" if view.claims.is_offered(claim) else "")
        bar, below = difference_bar(claim), over_differences(words, [claim])
    pairs = tuple(pair for _, pair in known)
    return SlopePanel(capitalise(factor.label), pairs, both, bar, below, cells)


def _value(view: StudyView, cell: Cell, outcome: str) -> float | None:
    """A cell's share of converged runs, or its mean, in the unit of print."""
    if outcome == "converged":
        return 100 * cell.k / cell.n if cell.n else None
    claim = cell.accuracy
    if claim is None or claim.estimate is None or cell.k < 2:
        return None
    return claim.estimate * outcome_scale(view)


def _mean(claim: Claim | None, scale: int) -> Mean | None:
    """A claim as the end of the thick line."""
    if claim is None or claim.estimate is None or claim.low is None or claim.high is None:
        return None
    return Mean(claim.estimate * scale, claim.low * scale, claim.high * scale)


def _ends(panels: list[SlopePanel]) -> list[float]:
    """Ends of all intervals that are drawn."""
    means = [mean for panel in panels for mean in panel.means or ()]
    return [end for mean in means for end in (mean.low, mean.high)]


def _limits(values: list[float], *, shares: bool) -> tuple[float, float]:
    """Ends of the y axis: all of it for shares."""
    if shares:
        return -4.0, 104.0
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def _table(view: StudyView, pairs: list[Match], measure: str) -> Table:
    """Every matched pair with its difference."""
    several = len({match.switch.name for match in pairs}) > 1
    columns = [Column(gettext("Switch"), numeric=False)] if several else []
    columns += factor_columns(f for f in view.factors if several or f is not pairs[0].switch)
    columns += [
        Column(name)
        for name in (
            gettext("Without"),
            gettext("With"),
            gettext("Difference"),
            gettext("Interval"),
        )
    ]
    rows = tuple(_row(view, match, several=several) for match in pairs)
    caption = gettext("Matched cells: %(measure)s") % {"measure": measure}
    return Table(caption, tuple(columns), rows)


def _row(view: StudyView, match: Match, *, several: bool) -> tuple[Entry, ...]:
    """One pair: the other factors, both sides, the difference."""
    levels = [
        entry("–" if f is match.switch else f.text(match.levels[f.name]))
        for f in view.factors
        if several or f is not match.switch
    ]
    head = [entry(capitalise(match.switch.label))] if several else []
    sides = [_side(match, cell) for cell in (match.without, match.with_)]
    interval = interval_entry(match.claim, pointers=False)
    return (*head, *levels, *sides, estimate_entry(match.claim), interval)


def _side(match: Match, cell: Cell) -> Entry:
    """Counts for convergence, else the cell's mean."""
    if match.claim is not None and match.claim.outcome == "converged":
        return entry(f"{cell.k}/{cell.n}")
    return estimate_entry(cell.accuracy) if cell.k else entry(ABSENT)
