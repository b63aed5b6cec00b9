"""Effects of factors, both outcomes side by side: a row a factor, its words whole.

The two levels of a factor that decides stand below the factor's name. On a narrow page the words
stand above their bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.forest import (
    ForestGroup,
    ForestRow,
    axis_of,
    draw_interval,
    tick_text,
)
from vggstudy.report.page.figures.plot import Plot, blank
from vggstudy.report.page.figures.style import (
    GRID,
    INK,
    MUTED,
    SMALL,
    Canvas,
    text_width,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BOLD = 1.1 * SMALL
"""Size at which bold numbers are measured: there is less room than in other forests."""
LINE = 15.0
GAP = 22.0
INDENT = 12.0
MOST_WORDS = 0.36
"""Share of a wide page's width that words may take."""
MOST_NUMBERS = 0.64
"""Share of an outcome's width that its numbers may take beside the bars."""
FOOT = 38.0


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A line of words, and an interval for each outcome; a heading has none.

    Attributes
    ----------
    below : bool
        Whether it stands below a heading.
    cells : tuple of ForestRow
    """

    label: str
    below: bool
    cells: tuple[ForestRow, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """An outcome: its name, and the name of its axis."""

    title: str
    axis: str


@dataclass(frozen=True, slots=True)
class _Column:
    """Where an outcome's bars stand, and the numbers beside or above them."""

    left: float
    right: float
    numbers: float
    limits: tuple[float, float]
    ticks: tuple[float, ...]

    def x(self, value: float) -> float:
        """The place of a value, held to the axis."""
        low, high = self.limits
        share = (min(max(value, low), high) - low) / (high - low)
        return self.left + share * (self.right - self.left)


def draw_effects(panels: Sequence[Panel], rows: Sequence[EffectRow], canvas: Canvas) -> Figure:
    """Draw a column for each outcome."""
    words = _words(rows, canvas)
    each = (canvas.width - words - GAP * (len(panels) - bool(canvas.narrow))) / len(panels)
    starts = [words + GAP * (i + (not canvas.narrow)) + each * i for i in range(len(panels))]
    columns = [_column(rows, index, start, each, canvas) for index, start in enumerate(starts)]
    titles = [wrapped(panel.title, each, BOLD) for panel in panels]
    heads = LINE * max(map(len, titles)) + 10
    heights = [_height(row, words, each, canvas) for row in rows]
    figure, plot = blank(canvas.width, heads + sum(heights) + FOOT)
    for start, lines in zip(starts, titles, strict=True):
        for number, line in enumerate(lines):
            plot.text(start, 8 + number * LINE, line, size=SMALL, weight="bold", va="center")
    top = heads
    for row, height in zip(rows, heights, strict=True):
        _draw_row(plot, row, top, height, columns, words, each, canvas)
        top += height
    for panel, column in zip(panels, columns, strict=True):
        _draw_axis(plot, panel, column, top)
    return figure


def _words(rows: Sequence[EffectRow], canvas: Canvas) -> float:
    """Width of the words beside the bars; none where they stand above them."""
    if canvas.narrow:
        return 0.0
    longest = max(text_width(row.label) + INDENT * row.below for row in rows)
    return min(longest, MOST_WORDS * canvas.width)


def _column(
    rows: Sequence[EffectRow], index: int, start: float, width: float, canvas: Canvas
) -> _Column:
    """The axis of one outcome: its intervals, and no difference."""
    cells = [row.cells[index] for row in rows if row.cells]
    numbers = 0.0 if canvas.narrow else max(text_width(c.numbers, BOLD) for c in cells) + 8
    numbers = min(numbers, MOST_NUMBERS * width)
    room = width - numbers
    low, high, ticks = axis_of(
        ForestGroup("", "", tuple(cells), references=(0.0,)), int(room // 60)
    )
    inset = 6.0
    return _Column(start + inset, start + room - inset, start + width, (low, high), tuple(ticks))


def _lines(row: EffectRow, words: float, canvas: Canvas) -> list[str]:
    """The words on as many lines as they need."""
    room = canvas.width if canvas.narrow else words
    return wrapped(row.label, room - INDENT * row.below)


def _numbers(cell: ForestRow, width: float, canvas: Canvas) -> list[str]:
    """The numbers on as many lines as their column needs."""
    return wrapped(cell.numbers, width if canvas.narrow else MOST_NUMBERS * width, BOLD)


def _height(row: EffectRow, words: float, each: float, canvas: Canvas) -> float:
    """How high a row is."""
    own = LINE * len(_lines(row, words, canvas))
    deepest = max((len(_numbers(cell, each, canvas)) for cell in row.cells), default=0)
    if canvas.narrow:
        return own + (LINE * deepest + 20 if row.cells else 3)
    return max(own, LINE * deepest, 14.0) + (10 if row.cells else 4)


def _draw_row(
    plot: Plot,
    row: EffectRow,
    top: float,
    height: float,
    columns: Sequence[_Column],
    words: float,
    each: float,
    canvas: Canvas,
) -> None:
    """Words, then bar and numbers of each outcome."""
    lines = _lines(row, words, canvas)
    weight = "normal" if row.below or row.cells else "bold"
    free = 0.0 if canvas.narrow or not row.cells else height - 2 - LINE * len(lines)
    for number, line in enumerate(lines):
        place = top + 8 + free / 2 + number * LINE
        plot.text(INDENT * row.below, place, line, size=SMALL, va="center", weight=weight)
    below = top + LINE * len(lines)
    for cell, column in zip(row.cells, columns, strict=False):
        numbers = _numbers(cell, each, canvas)
        middle = below + LINE * len(numbers) + 8 if canvas.narrow else top + height / 2 - 1
        start = below if canvas.narrow else middle - LINE * len(numbers) / 2
        reach = (middle - 9, middle + 9) if canvas.narrow else (top, top + height)
        for tick in column.ticks:
            plot.line([column.x(tick)] * 2, reach, color=GRID, lw=1.0, zorder=1)
        plot.line([column.x(0.0)] * 2, reach, color=INK, lw=1.3, zorder=1)
        draw_interval(plot, cell, middle, column.x, column.limits)
        left, side = (column.left - 6, "left") if canvas.narrow else (column.numbers, "right")
        known = cell.low is not None or cell.high is not None
        for number, line in enumerate(numbers):
            plot.text(
                left,
                start + 8 + number * LINE,
                line,
                size=SMALL,
                ha=side,
                va="center",
                weight="bold" if known else "normal",
                color=INK if known else MUTED,
            )


def _draw_axis(plot: Plot, panel: Panel, column: _Column, base: float) -> None:
    """The numbers of an axis and its name."""
    end = -1e9
    for tick in column.ticks:
        text, place = tick_text(tick), column.x(tick)
        half = text_width(text) / 2
        if place - half > end:
            plot.text(place, base + 10, text, ha="center", va="center", color=MUTED, size=SMALL)
            end = place + half + 4
    plot.text(column.left - 6, base + 27, panel.axis, va="center", color=MUTED, size=SMALL)
