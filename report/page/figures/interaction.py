"""Two factors together: a line for each level of one against the levels of the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.scales import Scale, names_of
from vggstudy.report.page.figures.strokes import Strokes, stroke
from vggstudy.report.page.figures.style import (
    BLUE,
    DPI,
    GREEN,
    GRID,
    INK,
    MUTED,
    PAPER,
    SMALL,
    TEXT,
    VERMILLION,
    Canvas,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    from matplotlib.figure import Figure

    columns = min(len(panels), 1 if canvas.narrow else 3)
    width = (canvas.width - LEFT - GAP * (columns - 1) - 6) / columns
    titles = ["\n".join(_wrapped(panel.title, width)) for panel in panels]
    keys = KEY * max(len(panel.lines) for panel in panels)
    head = LINE * max(title.count("\n") + 1 for title in titles) + keys + 16
    step = head + PLOT + max(names_of(p.scale, width).height for p in panels) + AXIS
    height = math.ceil(len(panels) / columns) * step
    figure = Figure(figsize=(canvas.width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + GAP), row * step + head
        axes = figure.add_axes(
            (x / canvas.width, 1 - (top + PLOT) / height, width / canvas.width, PLOT / height)
        )
        _draw_lines(axes, panel, width)
        _dress(axes, panel, limits, width, first=column == 0)
        axes.set_title(
            title, loc="left", y=1.0, fontsize=SMALL, pad=keys + 12, linespacing=1.15, color=INK
        )
        _draw_key(axes, panel, width)
    return figure


def _wrapped(text: str, width: float) -> list[str]:
    """The title on as many lines as it needs."""
    return wrapped(text, width, TEXT)


def _draw_lines(axes: Axes, panel: Panel, pixels: float) -> None:
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
        stroke(axes, bars, color=colour, width=BAR_WIDTH, order=3 + index)
        if not scale.worded or len(xs) == 2:
            axes.plot(
                xs,
                ys,
                color=colour,
                ls=dashes,
                lw=LINE_WIDTH,
                clip_on=False,
                zorder=2 + 0.1 * index,
            )
        axes.plot(
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


def _draw_key(axes: Axes, panel: Panel, width: float) -> None:
    """What each line is, above the plot."""
    for index, (name, _) in enumerate(panel.lines):
        colour, marker, dashes = STYLES[index]
        y = 1 + (8 + KEY * (len(panel.lines) - index - 0.5)) / PLOT
        axes.plot(
            [2 / width, 14 / width, 26 / width],
            [y] * 3,
            color=colour,
            marker=marker,
            markevery=[1],
            ls=dashes,
            ms=MARKER,
            mec=PAPER,
            mew=1.0,
            lw=LINE_WIDTH,
            transform=axes.transAxes,
            clip_on=False,
        )
        axes.text(34 / width, y, name, transform=axes.transAxes, va="center", size=SMALL, color=INK)


def _dress(
    axes: Axes, panel: Panel, limits: tuple[float, float], width: float, *, first: bool
) -> None:
    """Axes, ticks and grid lines."""
    from matplotlib.ticker import MaxNLocator

    scale = panel.scale
    axes.patch.set_visible(False)
    axes.set_xlim(*scale.ends)
    axes.set_ylim(*limits)
    names_of(scale, width).put(axes, scale)
    axes.set_xlabel(panel.axis, fontsize=SMALL, color=MUTED, labelpad=3)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.tick_params(bottom=False, left=False, labelsize=SMALL)
    axes.grid(axis="y", color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["left", "bottom"]].set_visible(False)
    if not first:
        axes.set_yticklabels([])
