"""Every run against the x factor: means with intervals above, the share that failed below.

One panel for each combination of the other factors; all panels share both axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.figures.style import (
    BLUE,
    DPI,
    GRID,
    INK,
    MUTED,
    PURPLE,
    RASTERISE_ABOVE,
    SMALL,
    VERMILLION,
    Canvas,
    fit,
)
from vggstudy.report.names import capitalise
from vggstudy.report.view import Cell, Factor, Level, StudyView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT = 44.0
PLOT = 112.0
STRIP = 34.0
TICKS = 18.0
LINE = 14.0
SPACE = 12.0
BOTTOM = 20.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the x factor's levels stand, and what the ticks say."""

    positions: tuple[float, ...]
    labels: tuple[str, ...]
    logarithmic: bool

    @property
    def spacing(self) -> float:
        """The smallest distance between two levels."""
        pairs = zip(self.positions, self.positions[1:], strict=False)
        return min((b - a for a, b in pairs), default=1.0)


def scale_of(factor: Factor) -> Scale:
    """Log2 where all levels are powers of two, linear where numbers, else evenly spaced."""
    labels = tuple(factor.text(level) for level in factor.levels)
    if not factor.is_numeric:
        return Scale(tuple(float(i) for i in range(len(labels))), labels, logarithmic=False)
    if len(labels) > 2 and all(_is_power_of_two(level) for level in factor.levels):
        places = tuple(math.log2(level) for level in factor.levels)
        return Scale(places, labels, logarithmic=True)
    return Scale(tuple(float(level) for level in factor.levels), labels, logarithmic=False)


def _is_power_of_two(level: Level) -> bool:
    """Whether log2 of the level is a whole number."""
    return level > 0 and math.log2(level).is_integer()


def draw_accuracy(view: StudyView, axis: Factor, canvas: Canvas, *, unit: int) -> Figure:
    """Draw the panels.

    Parameters
    ----------
    axis : Factor
        The factor along the x axis.
    unit : int
        What outcomes are multiplied by: 100 for percentages.
    """
    from matplotlib.figure import Figure

    grid = _Grid.of(len(view.panels), len(view.panel_factors), canvas)
    figure = Figure(figsize=(canvas.width / DPI, grid.height / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    limits = _limits(view, unit)
    scale = scale_of(axis)
    raster = sum(len(cell.converged) for cell in view.cells) > RASTERISE_ABOVE
    for index, panel in enumerate(view.panels):
        plot, strip = grid.axes(figure, index, canvas)
        cells = view.row(panel)
        _draw_runs(plot, cells, scale, unit, raster=raster)
        _draw_failed(strip, cells, scale)
        _dress(plot, strip, scale, limits, grid, index)
        lines = [capitalise(f.phrase(v)) for f, v in zip(view.panel_factors, panel, strict=True)]
        title = "\n".join(fit(line, grid.width) for line in lines)
        plot.set_title(title, loc="left", fontsize=SMALL, pad=6, linespacing=1.15, color=INK)
    name = capitalise(axis.label) + (" (log scale)" if scale.logarithmic else "")
    figure.text(
        0.5 + LEFT / 2 / canvas.width, 8 / grid.height, name, ha="center", va="center",
        color=MUTED, fontsize=SMALL,
    )
    return figure


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the panels stand, in pixels."""

    columns: int
    panels: int
    width: float
    title: float
    height: float

    @classmethod
    def of(cls, panels: int, lines: int, canvas: Canvas) -> _Grid:
        most = 2 if canvas.narrow else 4
        columns = min(panels, most)
        if not canvas.narrow and panels == 6:
            columns = 3
        width = (canvas.width - LEFT - SPACE * (columns - 1) - 4) / columns
        title = LINE * lines + 6
        rows = math.ceil(panels / columns)
        height = rows * (title + PLOT + STRIP + TICKS + SPACE) + BOTTOM
        return cls(columns, panels, width, title, height)

    def axes(self, figure: Figure, index: int, canvas: Canvas) -> tuple[Axes, Axes]:
        """The axes of a panel: runs above, failures below."""
        row, column = divmod(index, self.columns)
        x = LEFT + column * (self.width + SPACE)
        step = self.title + PLOT + STRIP + TICKS + SPACE
        top = row * step + self.title
        w, h = canvas.width, self.height

        def box(y: float, height: float) -> tuple[float, float, float, float]:
            return (x / w, 1 - (y + height) / h, self.width / w, height / h)

        return figure.add_axes(box(top, PLOT)), figure.add_axes(box(top + PLOT + 4, STRIP - 4))

    def first(self, index: int) -> bool:
        """Whether the panel stands at the left edge and carries the labels of its row."""
        return index % self.columns == 0


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
    axes: Axes, cells: Sequence[Cell | None], scale: Scale, unit: int, *, raster: bool
) -> None:
    """Dots for runs, a band for the interval of the mean, a thin mark for the mean."""
    spread = 0.62 * scale.spacing
    for x, cell in zip(scale.positions, cells, strict=True):
        if cell is None or not cell.converged:
            continue
        n = len(cell.converged)
        places = [x + spread * ((i + 0.5) / n - 0.5) for i in range(n)]
        heights = [value * unit for value in cell.converged]
        axes.plot(
            places, heights, ls="none", marker="o", ms=3.2, mfc=MUTED, mec="none", alpha=0.55,
            zorder=2, rasterized=raster,
        )
        claim = cell.accuracy
        if claim is None or claim.estimate is None:
            continue
        if claim.low is not None and claim.high is not None:
            ends = [claim.low * unit, claim.high * unit]
            axes.plot(
                [x, x], ends, color=BLUE, lw=6, alpha=0.5, solid_capstyle="butt", zorder=3
            )
        half = 0.38 * scale.spacing
        axes.plot([x - half, x + half], [claim.estimate * unit] * 2, color=BLUE, lw=2, zorder=4)


def _draw_failed(axes: Axes, cells: Sequence[Cell | None], scale: Scale) -> None:
    """Bars for the share of runs that failed, with their number."""
    width = 0.7 * scale.spacing
    for x, cell in zip(scale.positions, cells, strict=True):
        if cell is None or not cell.n:
            continue
        diverged, failed = cell.counts["diverged"], cell.n - cell.k
        learn = failed - diverged
        axes.bar(x, learn / cell.n, width=width, color=VERMILLION, alpha=0.75)
        axes.bar(x, diverged / cell.n, bottom=learn / cell.n, width=width, color=PURPLE)
        if failed:
            axes.text(
                x, failed / cell.n + 0.06, str(failed), ha="center", va="bottom", fontsize=9.5,
                color=INK,
            )


def _dress(
    plot: Axes, strip: Axes, scale: Scale, limits: tuple[float, float], grid: _Grid, index: int
) -> None:
    """Axes, ticks and grid lines; labels only at the left edge."""
    from matplotlib.ticker import MaxNLocator

    first = scale.positions[0] - 0.7 * scale.spacing
    last = scale.positions[-1] + 0.7 * scale.spacing
    for axes in (plot, strip):
        axes.patch.set_visible(False)
        axes.set_xlim(first, last)
        axes.tick_params(length=0, labelsize=SMALL)
    plot.set_ylim(*limits)
    plot.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    plot.grid(axis="y", color=GRID, lw=0.8)
    plot.set_axisbelow(True)
    plot.set_xticks([])
    plot.spines[["left", "bottom"]].set_visible(False)
    strip.set_ylim(0, 1.55)
    strip.set_yticks([0.5], ["failed"])
    strip.spines["left"].set_visible(False)
    strip.set_xticks(scale.positions, _thin(scale, grid.width))
    if not grid.first(index):
        plot.set_yticklabels([])
        strip.set_yticklabels([])


def _thin(scale: Scale, width: float) -> list[str]:
    """Tick labels, every second or third left blank where they would touch."""
    longest = max(len(label) for label in scale.labels)
    room = width / max(len(scale.labels), 1)
    step = max(1, math.ceil(longest * 0.62 * SMALL / room))
    last = len(scale.labels) - 1
    return [label if (last - i) % step == 0 else "" for i, label in enumerate(scale.labels)]
