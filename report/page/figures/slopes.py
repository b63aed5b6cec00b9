"""Matched cells as slopes: each line joins two cells that differ in one switch alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.contrasts import (
    difference_limits,
    draw_differences,
    lines_below,
    title_below,
)
from vggstudy.report.page.figures.dots import Stack
from vggstudy.report.page.figures.places import note_points
from vggstudy.report.page.figures.plot import Plot, sheet
from vggstudy.report.page.figures.style import (
    BAR,
    BLUE,
    MUTED,
    PAPER,
    POINT,
    SMALL,
    TEXT,
    Canvas,
    wrapped,
)
from vggstudy.report.words.i18n import gettext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT = 50.0
GAP = 18.0
PLOT = 190.0
TICKS = 24.0
BELOW = 70.0
LINE = 15.0
COLUMNS = 3
ENDS = (-0.2, 1.2)
"""Of the x axis: without at 0, with at 1."""
MOST_WIDTH = 330.0
NUMBER = 9.5
"""Size of the numbers on lines that coincide."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The average over all matched cells at one end, with its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SlopePanel:
    """One switch.

    Attributes
    ----------
    pairs : tuple of (float, float)
        Matched cells: without, with.
    means : tuple of Mean or None
        Averages without and with, where both are claims over the same cells.
    difference : Stack or None
        With less without.
    below : tuple of str
        Lines over it.
    cells : tuple of (int, int)
        Numbers of the matched cells.
    """

    title: str
    pairs: tuple[tuple[float, float], ...]
    means: tuple[Mean, Mean] | None
    difference: Stack | None
    below: tuple[str, ...]
    cells: tuple[tuple[int | None, int | None], ...] = ()


def draw_slopes(
    panels: Sequence[SlopePanel], canvas: Canvas, *, limits: tuple[float, float], percent: bool
) -> Figure:
    """Draw the panels side by side on one scale.

    Parameters
    ----------
    limits : tuple of float
        Ends of the y axis.
    percent : bool
        Whether the axis counts percent.
    """
    columns = min(len(panels), 2 if canvas.narrow else COLUMNS)
    width = min((canvas.width - LEFT - GAP * (columns - 1) - 4) / columns, MOST_WIDTH)
    titles = [wrapped(panel.title, width, TEXT) for panel in panels]
    head = LINE * max(map(len, titles)) + 8
    told = any(panel.difference for panel in panels)
    below = [lines_below(panel.below, width) for panel in panels]
    between = LINE * max(map(len, below)) + 8
    step = head + PLOT + TICKS + (between + BELOW + 8 if told else 0.0)
    reach = difference_limits([("", (panel.difference,)) for panel in panels])
    height = math.ceil(len(panels) / columns) * step + 4
    figure = sheet(canvas.width, height)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + GAP), row * step + head
        plot = Plot(figure, (x, top, width, PLOT), ENDS, limits)
        _draw_panel(plot, panel)
        for cells, values in zip(panel.cells, panel.pairs, strict=False):
            note_points(plot, cells, (0.0, 1.0), values)
        plot.number_y(percent=percent, named=column == 0)
        plot.name_x((0, 1), (gettext("without"), gettext("with")))
        plot.title(title, above=6, size=SMALL, linespacing=1.15)
        if panel.difference is not None:
            place = (x, top + PLOT + TICKS + between, width, BELOW)
            under = Plot(figure, place, ENDS, reach[index])
            alike = column > 0 and reach[index] == reach[index - 1]
            under.number_y(percent=False, named=not alike)
            draw_differences(under, [(1.0, panel.difference)], 0.08)
            title_below(under, below[index])
    return figure


def _draw_panel(plot: Plot, panel: SlopePanel) -> None:
    """Thin lines for cells, thicker where several coincide; a thick one for their average."""
    lines: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for pair, count in sorted(Counter(panel.pairs).items()):
        lines[count].append(pair)
    for count, pairs in sorted(lines.items()):
        plot.line(
            [0, 1, math.nan] * len(pairs),
            [y for before, after in pairs for y in (before, after, math.nan)],
            color=MUTED,
            lw=0.9 + 0.7 * math.log2(count),
            alpha=0.7,
            marker="o",
            ms=3.2,
            mec="none",
            clip_on=False,
            zorder=2,
        )
    _count_lines(plot, lines)
    if panel.means is None:
        return
    plot.line(
        [0, 1], [mean.estimate for mean in panel.means], color=BLUE, lw=2.4, zorder=3, clip_on=False
    )
    for x, mean in zip((-0.07, 1.07), panel.means, strict=True):
        plot.line(
            [x, x],
            [mean.low, mean.high],
            color=BAR,
            lw=6,
            solid_capstyle="butt",
            zorder=3,
        )
        plot.line([x - 0.03, x + 0.03], [mean.estimate] * 2, color=POINT, lw=2, zorder=4)


def _count_lines(plot: Plot, lines: dict[int, list[tuple[float, float]]]) -> None:
    """How many lines coincide, at their left or right third, where no other number stands."""
    room = NUMBER / PLOT * abs(plot.y[1] - plot.y[0])
    taken: list[tuple[float, float]] = []
    for count, pairs in sorted(lines.items(), reverse=True):
        for before, after in pairs if count > 1 else ():
            places = [(x, before + x * (after - before)) for x in (0.5, 0.3, 0.7, 0.15, 0.85)]
            free = (
                (x, y)
                for x, y in places
                if all(abs(x - u) > 0.14 or abs(y - v) > room for u, v in taken)
            )
            x, y = next(free, places[0])
            taken.append((x, y))
            plot.text(x, y, f"×{count}", size=NUMBER, ha="center", va="center", zorder=4).set_bbox(
                {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
            )
