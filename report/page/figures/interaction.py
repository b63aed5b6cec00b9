"""Two factors together: a line for each level of one against the levels of the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.plot import Plot, sheet
from vggstudy.report.page.figures.scales import Scale, names_of
from vggstudy.report.page.figures.strokes import Strokes, stroke
from vggstudy.report.page.figures.style import (
    BLUE,
    GREEN,
    MUTED,
    PAPER,
    SMALL,
    TEXT,
    VERMILLION,
    Canvas,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = ((BLUE, "o", "-"), (VERMILLION, "s", "--"), (GREEN, "^", ":"))
"""Colour, marker and stroke of the lines; no line is told by its colour alone."""

LEFT = 44.0
GAP = 18.0
PLOT = 150.0
AXIS = 22.0
LINE = 15.0
KEY = 18.0
APART = 7.0
"""Pixels between intervals of neighbouring lines: wider than a bar and a marker's half."""
BAR_WIDTH = 2.4
LINE_WIDTH = 1.2
MARKER = 6.5


@dataclass(frozen=True, slots=True)
class Point:
    """An estimate with its interval, in the unit of the axis."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Panel:
    """Two factors.

    Attributes
    ----------
    title, axis : str
        Of the panel; of its x axis.
    scale : Scale
        Where the x factor's levels stand.
    lines : tuple of (str, tuple of Point or None)
        Name of a level of the other factor, and a point for each x.
    """

    title: str
    axis: str
    scale: Scale
    lines: tuple[tuple[str, tuple[Point | None, ...]], ...]


def draw_interactions(
    panels: Sequence[Panel], canvas: Canvas, *, limits: tuple[float, float]
) -> Figure:
    """Draw the panels on one scale of percent, each with the key of its lines."""
    columns = min(len(panels), 1 if canvas.narrow else 3)
    width = (canvas.width - LEFT - GAP * (columns - 1) - 6) / columns
    titles = [wrapped(panel.title, width, TEXT) for panel in panels]
    keys = KEY * max(len(panel.lines) for panel in panels)
    head = LINE * max(map(len, titles)) + keys + 16
    step = head + PLOT + max(names_of(p.scale, width).height for p in panels) + AXIS
    height = math.ceil(len(panels) / columns) * step
    figure = sheet(canvas.width, height)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + GAP), row * step + head
        plot = Plot(figure, (x, top, width, PLOT), panel.scale.ends, limits)
        _draw_lines(plot, panel, width)
        plot.number_y(percent=True, named=column == 0)
        names = names_of(panel.scale, width)
        names.put(plot, panel.scale)
        place = (width / 2, -PLOT - names.height - 4)
        plot.beside(*place, panel.axis, ha="center", va="top", size=SMALL, color=MUTED)
        plot.title(title, above=keys + 12, size=SMALL, linespacing=1.15)
        _draw_key(plot, panel)
    return figure


def _draw_lines(plot: Plot, panel: Panel, pixels: float) -> None:
    """A line a level, none between words; intervals stand beside each other, not on each other.

    Parameters
    ----------
    pixels : float
        Width of the panel.
    """
    scale, count = panel.scale, len(panel.lines)
    apart = max(APART * scale.span / pixels, 0.07 * scale.spacing)
    apart = min(apart, 0.8 * scale.spacing / count)
    for index, (_, points) in enumerate(panel.lines):
        colour, marker, dashes = STYLES[index]
        xs = [x + (index - (count - 1) / 2) * apart for x in scale.positions]
        ys = [math.nan if point is None else point.estimate for point in points]
        bars = Strokes()
        for x, point in zip(xs, points, strict=True):
            if point is not None and point.low is not None and point.high is not None:
                bars.add([x, x], [point.low, point.high])
        stroke(plot, bars, color=colour, width=BAR_WIDTH, order=3 + index)
        if not scale.worded or len(xs) == 2:
            plot.line(
                xs,
                ys,
                color=colour,
                ls=dashes,
                lw=LINE_WIDTH,
                clip_on=False,
                zorder=2 + 0.1 * index,
            )
        plot.line(
            xs,
            ys,
            ls="none",
            color=colour,
            marker=marker,
            ms=MARKER,
            mec=PAPER,
            mew=1.0,
            clip_on=False,
            zorder=3.5 + index,
        )


def _draw_key(plot: Plot, panel: Panel) -> None:
    """What each line is, above the plot."""
    for index, (name, _) in enumerate(panel.lines):
        colour, marker, dashes = STYLES[index]
        y = 8 + KEY * (len(panel.lines) - index - 0.5)
        plot.above(
            [2, 14, 26],
            y,
            color=colour,
            marker=marker,
            markevery=[1],
            ls=dashes,
            ms=MARKER,
            mec=PAPER,
            mew=1.0,
            lw=LINE_WIDTH,
        )
        plot.beside(34, y, name, va="center", size=SMALL)
