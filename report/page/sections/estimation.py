"""Levels of a factor and their differences in one figure, outcome by outcome."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.report.page.figures.contrasts import ContrastPanel, draw_contrasts
from vggstudy.report.page.figures.dots import Stack
from vggstudy.report.page.figures.scales import scale_of
from vggstudy.report.page.figures.svg import MOST_LEVELS, Picture, picture
from vggstudy.report.page.sections.contrasts import pair_label
from vggstudy.report.page.sections.rows import row_text
from vggstudy.report.page.tables import (
    Column,
    Entry,
    Table,
    download,
    entry,
    estimate_entry,
    interval_entry,
)
from vggstudy.report.page.view import Cell, Factor, StudyView
from vggstudy.report.words.display import PERCENT, confidence_text, display, size_of, unit_of
from vggstudy.report.words.i18n import gettext
from vggstudy.report.words.names import capitalise
from vggstudy.report.words.prose import outcome_words

if TYPE_CHECKING:
    from vggstudy.analysis import Claim


def estimation_picture(view: StudyView, factor: Factor) -> Picture | None:
    """Raw values of the levels above, their differences from the first below; None without one.

    Every outcome whose difference of two levels has an interval has its panel.
    """
    every = [(outcome, _differences(view, factor, outcome)) for outcome in view.outcomes]
    found = [(name, claims) for name, claims in every if any(c.available for c in claims)]
    if not found:
        return None
    panels = [_panel(view, factor, outcome, claims) for outcome, claims in found]
    partial = any(view.claims.is_offered(claim) for _, claims in found for claim in claims)
    place = view.factors.index(factor)
    scale = replace(scale_of(factor), positions=tuple(map(float, range(len(factor.levels)))))
    return picture(
        lambda canvas: draw_contrasts(panels, replace(scale, logarithmic=False), canvas),
        key=f"fig-levels-{place}",
        drawn=len(factor.levels) <= MOST_LEVELS,
        question=gettext("What differs between levels of %(factor)s?") % {"factor": factor.label},
        caption=_caption(view, factor, partial=partial),
        description=" ".join(f"{panel.title}. {': '.join(panel.difference)}." for panel in panels),
        table=_table(view, factor, found),
        data=download(
            f"{factor.name}_runs.csv",
            (factor.name, *(["converged"] if view.judged else []), view.outcome),
            [
                (cell.levels[place], *([int(converged)] if view.judged else []), value)
                for cell in view.cells
                for converged, values in ((True, cell.converged), (False, cell.failed))
                for value in values
            ],
        ),
    )


def _differences(view: StudyView, factor: Factor, outcome: str) -> list[Claim]:
    """The claims about every two levels, or those that stand in for them."""
    return [view.claims.offered(claim) for claim in view.claims.contrasts(outcome, factor)]


def _panel(view: StudyView, factor: Factor, outcome: str, claims: list[Claim]) -> ContrastPanel:
    """One outcome: every level, and what each but the first differs in from it."""
    first = factor.levels[0]
    below = {view.compared(c)[factor.name]: c for c in claims}
    drawn = [below.get((first, level)) for level in factor.levels]
    part = _part(view, claims)
    above = tuple(_stack(view, factor, outcome, index, part) for index in range(len(factor.levels)))
    known = next(claim for claim in claims if claim.available)
    percent = outcome == "converged" or unit_of(known).scale == PERCENT.scale
    star = "*" if any(view.claims.is_offered(claim) for claim in claims) else ""
    return ContrastPanel(
        title=capitalise(outcome_words(view, known)) + star,
        difference=_difference_words(factor, drawn),
        above=above,
        below=tuple(None if claim is None else difference_bar(claim) for claim in drawn),
        limits=(-4.0, 104.0) if outcome == "converged" else _limits(above),
        unit=unit_of(known).suffix or outcome,
        percent=percent,
    )


def _difference_words(factor: Factor, drawn: list[Claim | None]) -> tuple[str, ...]:
    """From which level differences are, and the numbers of one that is alone."""
    words = gettext("Difference from %(level)s") % {"level": factor.short(factor.levels[0])}
    known = [claim for claim in drawn if claim is not None and claim.available]
    return over_differences(words, known)


def over_differences(words: str, claims: list[Claim]) -> tuple[str, ...]:
    """Words and unit of differences; the numbers of one that is alone."""
    unit = unit_of(claims[0]).words.strip() if claims else ""
    words = f"{words} ({unit})" if unit else words
    shown = display(claims[0]) if len(claims) == 1 else None
    return (words,) if shown is None else (words, row_text(shown))


def _part(view: StudyView, claims: list[Claim]) -> tuple[Condition, ...]:
    """The part of the grid that all differences are about; the whole where they are not of one."""
    parts = {view.result.estimand(c.id).contrast.conditions for c in claims if c.available}
    return parts.pop() if len(parts) == 1 else ()


def _stack(
    view: StudyView, factor: Factor, outcome: str, index: int, part: tuple[Condition, ...]
) -> Stack:
    """A level's values and its mean, over the cells of the part.

    Where the mean of a level on that part is no claim, the mark is that of its cells' means.
    """
    held = sorted((*part, Condition(factor.name, (index,))), key=lambda one: one.factor)
    claim = view.claims.over(outcome, Contrast(conditions=tuple(held)))
    codes = {one.factor: one.levels for one in held}
    cells = [cell for cell in view.cells if _lies_in(view, cell, codes)]
    scale = 100 if outcome == "converged" else _scale(view, outcome)
    values = [[scale * value for value in _values(cell, outcome)] for cell in cells]
    if claim is not None and claim.available and claim.estimate is not None:
        ends = (None if x is None else x * scale for x in (claim.estimate, claim.low, claim.high))
        return Stack(tuple(v for each in values for v in each), *ends)
    means = [mean(each) for each in values if each]
    # Times that are cut off have no mean that a figure could take.
    whole = len(means) == len(values) and means and view.result.table.horizon is None
    return Stack(
        tuple(v for each in values for v in each), mean(means) if whole else None, None, None
    )


def _lies_in(view: StudyView, cell: Cell, codes: dict[str, tuple[int, ...]]) -> bool:
    """Whether every factor of a cell has one of the levels that are held."""
    pairs = zip(view.factors, cell.levels, strict=True)
    return all(f.levels.index(v) in codes.get(f.name, range(len(f.levels))) for f, v in pairs)


def _values(cell: Cell, outcome: str) -> tuple[float, ...]:
    """What stands for a cell: its share of converged runs, or its runs."""
    if outcome == "converged":
        return (cell.k / cell.n,) if cell.n else ()
    return (*cell.converged, *cell.failed) if outcome == "expected" else cell.converged


def _scale(view: StudyView, outcome: str) -> int:
    """What an outcome is multiplied by in print."""
    claims = (cell.expected if outcome == "expected" else cell.accuracy for cell in view.cells)
    return next((unit_of(claim).scale for claim in claims if claim is not None), 1)


def difference_bar(claim: Claim) -> Stack:
    """A difference with its interval, in the unit of print."""
    if not claim.available:
        return Stack((), None, None, None)
    scale = unit_of(claim).scale
    ends = (claim.estimate, claim.low, claim.high)
    return Stack((), *(None if end is None else end * scale for end in ends))


def _limits(stacks: tuple[Stack, ...]) -> tuple[float, float]:
    """Ends of the axis of the values: all of them, and the intervals."""
    ends = [v for s in stacks for v in (s.low, s.high, *s.values) if v is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def _caption(view: StudyView, factor: Factor, *, partial: bool) -> str:
    """What is drawn above and below, and over which cells."""
    dots = gettext("Above, dots are runs")
    if view.judged:
        dots = gettext("Above, dots are runs, or cells in the panel of probabilities")
    level = confidence_text(float(view.settings.get("confidence", 0.95)))
    text = gettext(
        "%(dots)s; the mark is the mean over cells with equal weights, the band its %(level)s "
        "confidence interval where it is a claim. Below, what a level differs in from %(first)s, "
        "with its %(level)s confidence interval; the bold line is no difference."
    )
    text %= {"dots": dots, "level": level, "first": factor.phrase(factor.levels[0])}
    if partial:
        text += " " + gettext("*: over the largest complete part of the grid.")
    return text


def _table(view: StudyView, factor: Factor, found: list[tuple[str, list[Claim]]]) -> Table:
    """Every level, and every two levels, of every outcome."""
    columns = (
        Column(gettext("Level or contrast"), numeric=False),
        Column(gettext("Estimate")),
        Column(gettext("Interval")),
        Column("n"),
    )
    rows: list[tuple[Entry, ...]] = []
    for outcome, claims in found:
        levels = (view.claims.mean(outcome, {factor.name: level}) for level in factor.levels)
        named = [
            (view.claims.offered(claim), factor.short(level))
            for claim, level in zip(levels, factor.levels, strict=True)
            if claim is not None
        ]
        named += [(claim, pair_label(view, factor, claim)) for claim in claims]
        rows += [_row(view, claim, label) for claim, label in named]
    caption = gettext("Levels of %(factor)s") % {"factor": factor.label}
    return Table(caption, columns, tuple(rows))


def _row(view: StudyView, claim: Claim, label: str) -> tuple[Entry, ...]:
    """A claim in words and numbers."""
    words = f"{capitalise(label)}, {outcome_words(view, claim)}"
    if view.claims.is_offered(claim):
        words += " " + gettext("(%(place)s only)") % {"place": view.place(claim)}
    return entry(words), estimate_entry(claim), interval_entry(claim), entry(size_of(claim))
