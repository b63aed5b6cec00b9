"""Curves against the number of replicates: half-widths, powers, and what is in doubt of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.curves import draw_band
from vggstudy.report.page.figures.plot import Plot, sheet
from vggstudy.report.page.figures.style import (
    BLUE,
    GRID,
    SMALL,
    VERMILLION,
    Canvas,
    name_below,
    wrapped,
)
from vggstudy.report.words.i18n import gettext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT = 54.0
GAP = 56.0
PLOT = 120.0
LINE = 14.0
TITLE = 12.0
TICKS = 26.0
BOTTOM = 18.0

LEVELS = (2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000)
"""Numbers of replicates that an axis may name."""


@dataclass(frozen=True, slots=True)
class PowerPanel:
    """One target, or what has none.

    Attributes
    ----------
    title : str
    n : tuple of int
    middle : tuple of float
        Half-width or power; not a number where there is none.
    low, high : tuple of float
        The band around it.
    target : float or None
    reached : int or None
        Replicates that reach the target.
    percent : bool
        Whether it is a power.
    """

    title: str
    n: tuple[int, ...]
    middle: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    target: float | None
    reached: int | None
    percent: bool


def draw_power(panels: Sequence[PowerPanel], canvas: Canvas, *, design: int) -> Figure:
    """Draw a panel for each target, all along the number of replicates.

    Parameters
    ----------
    panels : sequence of PowerPanel
    canvas : Canvas
    design : int
        Replicates of the design as it is, which a thin line marks.
    """
    columns = min(len(panels), 1 if canvas.narrow else 2)
    width = (canvas.width - LEFT - GAP * (columns - 1) - 12) / columns
    titles = [wrapped(panel.title, width, TITLE) for panel in panels]
    head = LINE * max(map(len, titles)) + 10
    step = head + PLOT + TICKS
    height = math.ceil(len(panels) / columns) * step + BOTTOM
    figure = sheet(canvas.width, height)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + GAP), row * step + head
        plot = _draw(figure, (x, top, width, PLOT), panel, design)
        plot.title(title, above=6, size=TITLE, linespacing=1.15)
    name_below(figure, gettext("Replicates per cell"), LEFT)
    return figure


def _draw(
    figure: Figure, box: tuple[float, float, float, float], panel: PowerPanel, design: int
) -> Plot:
    """One panel: band, curve, target, and where they meet; replicates by their logarithms."""
    ends = math.log(min(panel.n) / 1.08), math.log(max(panel.n) * 1.08)
    unit = 100.0 if panel.percent else 1.0
    middle, low, high = ([unit * v for v in x] for x in (panel.middle, panel.low, panel.high))
    target = None if panel.target is None else unit * panel.target
    wanted = [] if target is None else [target]
    known = [x for x in middle if math.isfinite(x)] or wanted
    top = 104.0 if panel.percent else 1.08 * max(*wanted, *_mostly(known))
    plot = Plot(figure, box, ends, (0.0, top))
    plot.line([math.log(design)] * 2, plot.y, color=GRID, lw=1.6, zorder=0)
    places = [math.log(n) for n in panel.n]
    draw_band(plot, places, low, high, BLUE)
    plot.line(places, middle, marker="o" if target is None else None, color=BLUE, lw=1.8, zorder=3)
    if target is not None:
        plot.level(target, color=VERMILLION, ls="--", lw=1.3, zorder=2)
        if panel.reached is not None:
            _mark(plot, panel.reached, target, percent=panel.percent)
    plot.number_y(percent=panel.percent, short=True)
    ticks = [n for n in LEVELS if ends[0] <= math.log(n) <= ends[1]]
    plot.name_x([math.log(n) for n in ticks], [f"{n}" for n in ticks])
    plot.base()
    return plot


def _mark(plot: Plot, reached: int, target: float, *, percent: bool) -> None:
    """The number of replicates that reaches the target."""
    place = math.log(reached)
    plot.line([place], [target], ls="none", marker="o", color=VERMILLION, ms=7, zorder=4)
    left = place > sum(plot.x) / 2
    across, down = plot.pixel(place, target)
    plot.beside(
        across - plot.left + (-8 if left else 8),
        plot.top - down + (-16 if percent else 9),
        f"{reached}",
        ha="right" if left else "left",
        size=SMALL,
        weight="bold",
    )


def _mostly(known: Sequence[float]) -> list[float]:
    """Half-widths that an axis shows: that of two runs is often many times that of three."""
    return sorted(known)[: max(1, len(known) - 1)]
