"""Curves against the number of replicates: half-widths, powers, and what is in doubt of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.curves import draw_band
from vggstudy.report.page.figures.style import (
    BLUE,
    DPI,
    GRID,
    INK,
    MUTED,
    SMALL,
    VERMILLION,
    Canvas,
    name_below,
    wrapped,
)
from vggstudy.report.words.i18n import gettext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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
    from matplotlib.figure import Figure

    columns = min(len(panels), 1 if canvas.narrow else 2)
    width = (canvas.width - LEFT - GAP * (columns - 1) - 12) / columns
    titles = [wrapped(panel.title, width, TITLE) for panel in panels]
    head = LINE * max(map(len, titles)) + 10
    step = head + PLOT + TICKS
    height = math.ceil(len(panels) / columns) * step + BOTTOM
    figure = Figure(figsize=(canvas.width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + GAP), row * step + head
        axes = figure.add_axes(
            (x / canvas.width, 1 - (top + PLOT) / height, width / canvas.width, PLOT / height)
        )
        _draw(axes, panel, design)
        axes.set_title(
            "\n".join(title), loc="left", y=1.0, fontsize=TITLE, pad=6, linespacing=1.15, color=INK
        )
    name_below(figure, gettext("Replicates per cell"), LEFT)
    return figure


def _draw(axes: Axes, panel: PowerPanel, design: int) -> None:
    """One panel: band, curve, target, and where they meet."""
    axes.patch.set_visible(False)
    axes.set_xscale("log")
    ends = min(panel.n) / 1.08, max(panel.n) * 1.08
    axes.set_xlim(*ends)
    wanted = [] if panel.target is None else [panel.target]
    known = [x for x in panel.middle if math.isfinite(x)] or wanted
    top = 1.04 if panel.percent else 1.08 * max(*wanted, *_mostly(known))
    axes.set_ylim(0, top)
    axes.axvline(design, color=GRID, lw=1.6, zorder=0)
    draw_band(axes, panel.n, panel.low, panel.high, BLUE)
    at_looks = "o" if panel.target is None else None
    axes.plot(panel.n, panel.middle, marker=at_looks, color=BLUE, lw=1.8, zorder=3)
    if panel.target is not None:
        axes.axhline(panel.target, color=VERMILLION, ls="--", lw=1.3, zorder=2)
    if panel.reached is not None and panel.target is not None:
        axes.plot([panel.reached], [panel.target], "o", color=VERMILLION, ms=7, zorder=4)
        left = panel.reached > math.sqrt(ends[0] * ends[1])
        axes.annotate(
            f"{panel.reached}",
            (panel.reached, panel.target),
            textcoords="offset points",
            xytext=(-8 if left else 8, 9 if not panel.percent else -16),
            ha="right" if left else "left",
            fontsize=SMALL,
            color=INK,
            fontweight="bold",
        )
    _dress(axes, panel, ends)


def _mostly(known: Sequence[float]) -> list[float]:
    """Half-widths that an axis shows: that of two runs is often many times that of three."""
    return sorted(known)[: max(1, len(known) - 1)]


def _dress(axes: Axes, panel: PowerPanel, ends: tuple[float, float]) -> None:
    """Ticks and grid lines."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    ticks = [n for n in LEVELS if ends[0] <= n <= ends[1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{n}" for n in ticks])
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    scale = 100 if panel.percent else 1
    sign = "%" if panel.percent else ""
    axes.yaxis.set_major_formatter(lambda value, _: f"{scale * value:g}{sign}")
    axes.tick_params(bottom=False, left=False, labelsize=SMALL)
    axes.grid(axis="y", color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
