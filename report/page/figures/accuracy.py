"""Every run against the x factor: means with intervals above, the share that failed below.

One panel for each combination of the other factors; all panels share both axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.dots import LEAST_HALF, Stack, draw_stacks, half_width
from vggstudy.report.page.figures.places import note_columns
from vggstudy.report.page.figures.plot import Plot, sheet
from vggstudy.report.page.figures.scales import Names, Scale, axis_name, names_of, scale_of
from vggstudy.report.page.figures.strokes import Strokes, stroke
from vggstudy.report.page.figures.style import (
    INK,
    PURPLE,
    VERMILLION,
    Canvas,
    name_below,
    wrapped,
)
from vggstudy.report.page.view import Cell, Factor, Level, StudyView
from vggstudy.report.words.i18n import pgettext
from vggstudy.report.words.names import capitalise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEFT = 50.0
PLOT = 124.0
STRIP = 34.0
NO_STRIP = 8.0
LINE = 14.0
SPACE = 12.0
BOTTOM = 14.0
TITLE = 11.0


def draw_accuracy(view: StudyView, axis: Factor, canvas: Canvas, *, unit: int) -> Figure:
    """Draw the panels.

    Parameters
    ----------
    axis : Factor
        The factor along the x axis.
    unit : int
        What outcomes are multiplied by: 100 for percentages.
    """
    scale = scale_of(axis)
    grid = _Grid.of(view, scale, canvas)
    figure = sheet(canvas.width, grid.height)
    limits = _limits(view, unit)
    runs = sum(len(cell.converged) for cell in view.cells)
    for index, panel in enumerate(view.panels):
        plot, strip = grid.plots(figure, index, scale, limits)
        cells = view.row(panel)
        _draw_runs(plot, cells, scale, unit, grid.width, runs=runs)
        _draw_failed(strip, cells, scale, grid.width)
        _dress(plot, strip, scale, grid, index, percent=unit == 100)
        note_columns(view, cells, scale.positions, 0.5 * scale.spacing, (plot, strip))
        plot.title(_title(view, panel, grid.width), above=6, size=TITLE, linespacing=1.15)
    name_below(figure, axis_name(axis, scale), LEFT)
    return figure


def _title(view: StudyView, panel: tuple[Level, ...], width: float) -> list[str]:
    """The panel's levels, a factor a line, on as many more lines as long names need."""
    settings = (f.setting(v) for f, v in zip(view.panel_factors, panel, strict=True))
    return [line for text in settings for line in wrapped(capitalise(text), width, 1.06 * TITLE)]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the panels stand, in pixels.

    Attributes
    ----------
    strip : float
        Height of the strip of failures; hardly any where no run failed.
    """

    columns: int
    panels: int
    width: float
    title: float
    strip: float
    names: Names
    height: float

    @classmethod
    def of(cls, view: StudyView, scale: Scale, canvas: Canvas) -> _Grid:
        panels = len(view.panels)
        columns = 3 if panels == 6 and not canvas.narrow else min(panels, 2 if canvas.narrow else 4)
        while columns > 1 and names_of(scale, _width(columns, canvas)).crowded:
            columns -= 1
        width = _width(columns, canvas)
        title = LINE * max(len(_title(view, panel, width)) for panel in view.panels) + 6
        strip = STRIP if any(cell.n > cell.k for cell in view.cells) else NO_STRIP
        names = names_of(scale, width)
        rows = math.ceil(panels / columns)
        between = SPACE + (0.0 if names.turned else names.height)
        height = rows * (title + PLOT + strip + between) + BOTTOM
        height += names.height if names.turned else 0.0
        return cls(columns, panels, width, title, strip, names, height)

    def plots(
        self, figure: Figure, index: int, scale: Scale, limits: tuple[float, float]
    ) -> tuple[Plot, Plot]:
        """The plots of a panel: runs above, failures below."""
        row, column = divmod(index, self.columns)
        x = LEFT + column * (self.width + SPACE)
        between = SPACE + (0.0 if self.names.turned else self.names.height)
        top = row * (self.title + PLOT + self.strip + between) + self.title
        below = (x, top + PLOT + 4, self.width, self.strip - 4)
        return (
            Plot(figure, (x, top, self.width, PLOT), scale.ends, limits),
            Plot(figure, below, scale.ends, (0, 1.55)),
        )

    def first(self, index: int) -> bool:
        """Whether the panel stands at the left edge and carries the labels of its row."""
        return index % self.columns == 0

    def last(self, index: int) -> bool:
        """Whether no panel stands below, so that turned names have room there."""
        return index + self.columns >= self.panels


def _width(columns: int, canvas: Canvas) -> float:
    """Pixels of a panel."""
    return (canvas.width - LEFT - SPACE * (columns - 1) - 4) / columns


def _limits(view: StudyView, unit: int) -> tuple[float, float]:
    """Ends of the y axis: all converged runs and all intervals of means."""
    values = [value * unit for cell in view.cells for value in cell.converged]
    for cell in view.cells:
        if cell.accuracy is not None and cell.converged:
            ends = (cell.accuracy.low, cell.accuracy.high)
            values += [end * unit for end in ends if end is not None]
    low, high = min(values, default=0.0), max(values, default=1.0 * unit)
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def _draw_runs(
    plot: Plot,
    cells: Sequence[Cell | None],
    scale: Scale,
    unit: int,
    pixels: float,
    *,
    runs: int,
) -> None:
    """The converged runs of each cell, and the interval of their mean."""
    pairs = zip(scale.positions, cells, strict=True)
    stacks = [(x, _stack(cell, unit)) for x, cell in pairs if cell is not None and cell.converged]
    draw_stacks(plot, stacks, half=half_width(scale, pixels), runs=runs)


def _stack(cell: Cell, unit: int) -> Stack:
    """A cell's converged runs with their mean, in the unit of the axis."""
    values = tuple(value * unit for value in cell.converged)
    claim = cell.accuracy
    ends = (None,) * 3 if claim is None else (claim.estimate, claim.low, claim.high)
    return Stack(values, *(None if end is None else end * unit for end in ends))


def _draw_failed(plot: Plot, cells: Sequence[Cell | None], scale: Scale, pixels: float) -> None:
    """Bars for the share of runs that failed, with their number.

    Parameters
    ----------
    pixels : float
        Width of the panel.
    """
    learn, diverged = Strokes(), Strokes()
    for x, cell in zip(scale.positions, cells, strict=True):
        if cell is None or cell.n == cell.k:
            continue
        top = (cell.n - cell.k) / cell.n
        split = top - cell.counts["diverged"] / cell.n
        if split:
            learn.add([x, x], [0, split])
        if split < top:
            diverged.add([x, x], [split, top])
        plot.text(
            x, top + 0.06, str(cell.n - cell.k), ha="center", va="bottom", fontsize=9.5, color=INK
        )
    width = max(min(0.7 * scale.spacing / scale.span * pixels, 40.0), LEAST_HALF)
    stroke(plot, learn, color=VERMILLION, width=width, alpha=0.75)
    stroke(plot, diverged, color=PURPLE, width=width)


def _dress(
    plot: Plot, strip: Plot, scale: Scale, grid: _Grid, index: int, *, percent: bool
) -> None:
    """Numbers, names and grid lines; labels only at the left edge."""
    first = grid.first(index)
    plot.number_y(percent=percent, named=first)
    strip.base()
    if first and grid.strip != NO_STRIP:
        strip.name_y([0.5], [pgettext("runs, axis", "failed")])
    if grid.last(index) or not grid.names.turned:
        grid.names.put(strip, scale)
