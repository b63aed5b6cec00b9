"""Specification curve: estimates under every label rule, and below them what each rule is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, axis_of, tick_text
from vggstudy.report.page.figures.plot import Plot, blank
from vggstudy.report.page.figures.style import (
    BAR,
    GRID,
    INK,
    MUTED,
    POINT,
    SMALL,
    TEXT,
    VERMILLION,
    Canvas,
    text_width,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOLD = 1.2 * TEXT
LINE = 16.0
PANEL = 96.0
GAP = 24.0
ROW = 16.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A claim under every rule.

    Attributes
    ----------
    rows : tuple of ForestRow
        One a rule; without ends where there is no interval.
    reference : float or None
    """

    title: str
    rows: tuple[ForestRow, ...]
    reference: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that rules can differ in, and which of them have it.

    Attributes
    ----------
    first : bool
        Whether it begins a kind of choices.
    chosen : tuple of bool
        One a rule.
    """

    label: str
    first: bool
    chosen: tuple[bool, ...]


def draw_specifications(
    curves: Sequence[Curve],
    choices: Sequence[Choice],
    changed: tuple[str, Sequence[int]],
    canvas: Canvas,
) -> Figure:
    """Draw a panel for each claim, then the choices, then how many verdicts change.

    Parameters
    ----------
    changed : (str, sequence of int)
        The words for the last line, and its numbers, one a rule.
    """
    words = max(text_width(label) for label in (changed[0], *(c.label for c in choices))) + 12
    count = len(changed[1])
    step = (canvas.width - words) / count
    places = [words + (index + 0.5) * step for index in range(count)]
    heads = [wrapped(curve.title, canvas.width, BOLD) for curve in curves]
    height = sum(PANEL + GAP + LINE * len(lines) for lines in heads)
    spaces = sum(6.0 for choice in choices if choice.first) + 10
    figure, plot = blank(canvas.width, height + spaces + ROW * (len(choices) + 1))
    top = 0.0
    for curve, lines in zip(curves, heads, strict=True):
        for number, line in enumerate(lines):
            plot.text(0, top + 8 + number * LINE, line, size=TEXT, weight="bold", va="center")
        top += LINE * len(lines) + 6
        _draw_curve(plot, curve, top, places, (words, canvas.width))
        top += PANEL + GAP - 6
    _draw_choices(plot, choices, changed, top, places)
    return figure


def _draw_curve(
    plot: Plot, curve: Curve, top: float, places: Sequence[float], ends: tuple[float, float]
) -> None:
    """The intervals of a claim, upright, on its own scale."""
    marks = () if curve.reference is None else (curve.reference,)
    low, high, ticks = axis_of(ForestGroup("", "", curve.rows, references=marks), 4)

    def y(value: float) -> float:
        return top + PANEL * (high - value) / (high - low)

    for tick in ticks:
        plot.line(ends, [y(tick)] * 2, color=GRID, lw=1.0, zorder=1)
        text = tick_text(tick)
        plot.text(ends[0] - 6, y(tick), text, ha="right", va="center", color=MUTED, size=SMALL)
    for mark in marks:
        plot.line(ends, [y(mark)] * 2, color=INK, lw=1.3, zorder=1)
    for row, place in zip(curve.rows, places, strict=True):
        if row.estimate is None or row.low is None or row.high is None:
            plot.text(place, top + PANEL / 2, "–", ha="center", va="center", color=MUTED)
            continue
        reach = [y(row.low), y(row.high)]
        plot.line([place] * 2, reach, color=BAR, lw=7, solid_capstyle="butt", zorder=2)
        dash = [place - 6, place + 6]
        plot.line(dash, [y(row.estimate)] * 2, color=POINT, lw=2.5, zorder=4)


def _draw_choices(
    plot: Plot,
    choices: Sequence[Choice],
    changed: tuple[str, Sequence[int]],
    top: float,
    places: Sequence[float],
) -> None:
    """A dot where a rule has a choice, and the number of verdicts that it changes."""
    place = top
    for choice in choices:
        place += 6.0 if choice.first else 0.0
        plot.text(0, place + ROW / 2, choice.label, va="center", size=SMALL)
        for chosen, x in zip(choice.chosen, places, strict=True):
            colour, size = (INK, 6.0) if chosen else (GRID, 3.0)
            plot.line(
                [x], [place + ROW / 2], ls="none", marker="o", color=colour, ms=size, mec="none"
            )
        place += ROW
    place += 6.0
    plot.text(0, place + ROW / 2, changed[0], va="center", size=SMALL, weight="bold")
    for number, x in zip(changed[1], places, strict=True):
        colour, weight = (VERMILLION, "bold") if number else (MUTED, "normal")
        plot.text(
            x, place + ROW / 2, str(number), ha="center", va="center", size=SMALL,
            color=colour, weight=weight,
        )  # fmt: skip
