"""Forest: one row a claim, its words, its interval and its numbers, grouped by scale.

The bar is the interval and a thin mark the point; height grows with the rows. On a narrow page the
words stand above their bars.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.plot import Plot, blank
from vggstudy.report.page.figures.style import (
    BAR,
    GRID,
    INK,
    MUTED,
    POINT,
    SMALL,
    TEXT,
    Canvas,
    fit,
    text_width,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOLD = SMALL * 1.2
"""Size at which text is measured that is set bold: bold letters are wider."""
HEAD = 28.0
LINE = 16.0
AXIS = 38.0
GAP = 10.0
INSET = 14.0


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One interval in the units of its axis, and the text that stands above it.

    Attributes
    ----------
    low, high : float or None
        None where the interval has no such end. Where there is none on the axis, the bar runs to
        an arrow at the edge; an estimate beyond the axis has no mark.
    dots : tuple of float
        Single values behind the interval.
    references : tuple of float
        Where a line is drawn across this row alone: a threshold of its own.
    """

    label: str
    numbers: str
    estimate: float | None
    low: float | None
    high: float | None
    dots: tuple[float, ...] = field(default=(), kw_only=True)
    references: tuple[float, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class ForestGroup:
    """Rows on one axis.

    Attributes
    ----------
    limits : tuple of float or None
        Ends of the axis; from the data where None.
    references : tuple of float
        Where a line is drawn: no difference, a threshold, or both margins of an equivalence.
    ticks : tuple of float
        Numbers on the axis; round ones where there are none.
    logarithmic : bool
        Whether equal ratios are equally long.
    """

    title: str
    axis: str
    rows: tuple[ForestRow, ...]
    references: tuple[float, ...] = ()
    limits: tuple[float, float] | None = None
    ticks: tuple[float, ...] = ()
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the words, the bars and the numbers of a row stand.

    Attributes
    ----------
    row : float
        Height of a row.
    words, numbers, bar : float
        Middles of the words, the numbers and the bar below the row's top.
    left, right : float
        Ends of the axis.
    """

    width: float
    row: float
    words: float
    numbers: float
    bar: float
    left: float
    right: float

    @classmethod
    def of(cls, groups: Sequence[ForestGroup], canvas: Canvas) -> _Layout:
        """Words and numbers beside the bars where there is room, else above them.

        Above them they share a line where they can, and else have one each.
        """
        rows = [row for group in groups for row in group.rows]
        words = max(text_width(row.label) for row in rows) + 14
        numbers = max(text_width(row.numbers, BOLD) for row in rows) + 14
        width, right = canvas.width, canvas.width - INSET
        if not canvas.narrow and width - words - numbers >= 220:
            return cls(width, 24.0, 12.0, 12.0, 12.0, words, width - numbers)
        if all(text_width(row.label) + text_width(row.numbers, BOLD) + 8 <= width for row in rows):
            return cls(width, 40.0, 9.0, 9.0, 27.0, INSET, right)
        return cls(width, 55.0, 9.0, 24.0, 42.0, INSET, right)

    def room(self, row: ForestRow) -> float:
        """How wide a row's words may be."""
        if self.beside:
            return self.left - 6
        if self.words < self.numbers:
            return self.width
        return self.width - text_width(row.numbers, BOLD) - 8

    @property
    def beside(self) -> bool:
        """Whether words and numbers stand beside the bars."""
        return self.row < 30


def draw_forest(groups: Sequence[ForestGroup], canvas: Canvas) -> Figure:
    """Draw the groups one below the other; neighbours with one axis share its numbers."""
    layout = _Layout.of(groups, canvas)
    shared = [
        a.limits is not None and a.limits == b.limits and a.axis == b.axis
        for a, b in zip(groups, [*groups[1:], None], strict=True)
        if b is not None
    ] + [False]
    heights = [
        _head(g, layout)
        + layout.row * len(g.rows)
        + (GAP if same else AXIS if g.axis else AXIS - 14)
        for g, same in zip(groups, shared, strict=True)
    ]
    figure, plot = blank(canvas.width, sum(heights))
    top = 0.0
    for group, height, same in zip(groups, heights, shared, strict=True):
        _draw_group(plot, group, top, layout, numbered=not same)
        top += height
    return figure


def _title_lines(group: ForestGroup, layout: _Layout) -> list[str]:
    """A group's title on three lines at most: titles often differ in their last words."""
    size = TEXT * BOLD / SMALL
    lines = wrapped(group.title, layout.width, size)
    rest = [fit(" ".join(lines[2:]), layout.width, size)] if len(lines) > 2 else []
    return [*lines[:2], *rest]


def _head(group: ForestGroup, layout: _Layout) -> float:
    """How high a group's title is, with the space around it."""
    return HEAD + LINE * (len(_title_lines(group, layout)) - 1)


def _draw_group(
    plot: Plot, group: ForestGroup, top: float, layout: _Layout, *, numbered: bool
) -> None:
    """Draw one group, with the numbers of its axis unless the next group has them."""
    low, high, ticks = axis_of(group, int((layout.right - layout.left) // 70))
    scaled = math.log2 if group.logarithmic else float
    span = scaled(high) - scaled(low)

    def x(value: float) -> float:
        share = (scaled(min(max(value, low), high)) - scaled(low)) / span
        return layout.left + share * (layout.right - layout.left)

    head = _head(group, layout)
    for index, line in enumerate(_title_lines(group, layout)):
        plot.text(0, top + 14 + index * LINE, line, size=TEXT, weight="bold", va="center")
    marks = [(x(tick), GRID, 1.0) for tick in ticks]
    marks += [(x(value), INK, 1.3) for value in group.references if low <= value <= high]
    for index, row in enumerate(group.rows):
        own = [(x(value), INK, 1.8) for value in row.references if low <= value <= high]
        place = top + head + index * layout.row
        _draw_row(plot, row, place, layout, x, (low, high), [*marks, *own])
    base = top + head + layout.row * len(group.rows)
    end = -math.inf
    for tick in ticks if numbered else ():
        text, place = tick_text(tick), x(tick)
        half = text_width(text) / 2
        if place - half > end:
            plot.text(place, base + 9, text, ha="center", va="center", color=MUTED)
            end = place + half + 4
    if numbered:
        middle = (layout.left + layout.right) / 2
        plot.text(middle, base + 24, group.axis, ha="center", va="center", color=MUTED)


def _draw_row(
    plot: Plot,
    row: ForestRow,
    top: float,
    layout: _Layout,
    x: Callable[[float], float],
    limits: tuple[float, float],
    marks: Sequence[tuple[float, str, float]],
) -> None:
    """Words, numbers and the interval; lines cross the bar's band only, never the words."""
    for place, line in _label_lines(row, layout):
        plot.text(0, top + place, line, va="center", size=SMALL)
    plot.text(
        layout.width,
        top + layout.numbers,
        row.numbers,
        va="center",
        ha="right",
        size=SMALL,
        weight="bold",
    )
    reach = layout.row / 2 if layout.beside else 11.0
    middle = top + layout.bar
    for place, colour, weight in marks:
        plot.line([place] * 2, [middle - reach, middle + reach], color=colour, lw=weight, zorder=1)
    if row.dots:
        places = [x(dot) for dot in row.dots]
        plot.line(
            places,
            [middle] * len(places),
            ls="none",
            marker="o",
            color=MUTED,
            ms=3.4,
            mec="none",
            alpha=0.5,
        )
    draw_interval(plot, row, middle, x, limits)


def draw_interval(
    plot: Plot,
    row: ForestRow,
    middle: float,
    x: Callable[[float], float],
    limits: tuple[float, float],
) -> None:
    """The bar, with an arrow at an edge that it goes beyond, and the estimate's mark."""
    if row.low is not None or row.high is not None:
        start = limits[0] if row.low is None else row.low
        stop = limits[1] if row.high is None else row.high
        ends = [x(start), x(stop)]
        beyond = (row.low is None or start < limits[0], row.high is None or stop > limits[1])
        for open_, place, marker in zip(beyond, ends, "<>", strict=True):
            if open_:
                plot.line(
                    [place],
                    [middle],
                    ls="none",
                    marker=marker,
                    color=BAR,
                    ms=8,
                    mec="none",
                    zorder=3,
                )
        plot.line(ends, [middle] * 2, color=BAR, lw=9, solid_capstyle="butt", zorder=2)
    if row.estimate is not None and limits[0] <= row.estimate <= limits[1]:
        mark = [x(row.estimate)] * 2
        plot.line(mark, [middle - 7, middle + 7], color=POINT, lw=2.5, zorder=4)


def _label_lines(row: ForestRow, layout: _Layout) -> list[tuple[float, str]]:
    """Lines of a row's words and their middles.

    What one line cannot hold goes on beside the numbers: rows often differ in their last words.
    """
    room = layout.room(row)
    if layout.words == layout.numbers or text_width(row.label) <= room:
        return [(layout.words, fit(row.label, room))]
    words = row.label.split(" ")
    kept = max(
        (n for n in range(1, len(words)) if text_width(" ".join(words[:n])) <= room), default=1
    )
    beside = layout.width - text_width(row.numbers, BOLD) - 8
    return [
        (layout.words, fit(" ".join(words[:kept]), room)),
        (layout.numbers, fit(" ".join(words[kept:]), beside)),
    ]


def axis_of(group: ForestGroup, most: int) -> tuple[float, float, list[float]]:
    """Ends of the axis, and at most `most` ticks on round numbers."""
    from matplotlib.ticker import MaxNLocator

    if group.ticks and group.limits is not None:
        return *group.limits, list(group.ticks)
    locator = MaxNLocator(nbins=max(min(most, 5), 4), steps=[1, 2, 2.5, 5, 10])
    if group.limits is not None:
        low, high = group.limits
        return low, high, [float(v) for v in locator.tick_values(low, high) if low <= v <= high]
    values = [v for r in group.rows for v in (r.low, r.estimate, r.high, *r.dots) if v is not None]
    values += [*group.references, *(v for row in group.rows for v in row.references)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    pad = 0.04 * (high - low) or 1.0
    low, high = low - pad, high + pad
    return low, high, [float(v) for v in locator.tick_values(low, high) if low <= v <= high]


def tick_text(value: float) -> str:
    """A tick's number, without a trailing point or a hyphen for a minus."""
    return f"{round(value, 10):g}".replace("-", "−")
