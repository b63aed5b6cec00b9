"""Every run against the x factor: means with intervals above, the share that failed below.

One panel for each combination of the other factors; all panels share both axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.places import note_columns
from vggstudy.report.page.figures.style import (
    BAR,
    DPI,
    GENEROUS,
    GRID,
    INK,
    POINT,
    PURPLE,
    RASTERISE_ABOVE,
    SMALL,
    VERMILLION,
    Canvas,
    dot_size,
    fit,
    name_below,
    text_width,
    wrapped,
)
from vggstudy.report.page.view import Cell, Factor, Level, StudyView
from vggstudy.report.words.i18n import gettext, pgettext
from vggstudy.report.words.names import capitalise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT = 50.0
PLOT = 124.0
STRIP = 34.0
TICKS = 18.0
LINE = 14.0
SPACE = 12.0
BOTTOM = 14.0
TITLE = 11.0
LEAST_WORD = 36.0
"""Room of a tick label in words, in pixels: some letters and an ellipsis."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the x factor's levels stand, and what the ticks say."""

    positions: tuple[float, ...]
    labels: tuple[str, ...]
    logarithmic: bool
    worded: bool = False

    @property
    def spacing(self) -> float:
        """The smallest distance between two levels."""
        pairs = zip(self.positions, self.positions[1:], strict=False)
        return min((b - a for a, b in pairs), default=1.0)

    @property
    def span(self) -> float:
        """Length of the axis: all levels and room at both ends."""
        return self.positions[-1] - self.positions[0] + 1.4 * self.spacing


def scale_of(factor: Factor) -> Scale:
    """Log2 where all levels are powers of two, linear where numbers, else evenly spaced."""
    labels = tuple(factor.text(level) for level in factor.levels)
    if not factor.is_numeric:
        places = tuple(float(i) for i in range(len(labels)))
        return Scale(places, labels, logarithmic=False, worded=True)
    if len(labels) > 2 and factor.is_geometric:
        places = tuple(math.log2(level) for level in factor.levels)
        return Scale(places, labels, logarithmic=True)
    return Scale(tuple(float(level) for level in factor.levels), labels, logarithmic=False)


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

    grid = _Grid.of(view, canvas)
    figure = Figure(figsize=(canvas.width / DPI, grid.height / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    limits = _limits(view, unit)
    scale = scale_of(axis)
    runs = sum(len(cell.converged) for cell in view.cells)
    for index, panel in enumerate(view.panels):
        plot, strip = grid.axes(figure, index, canvas)
        cells = view.row(panel)
        _draw_runs(plot, cells, scale, unit, grid.width, runs=runs)
        _draw_failed(strip, cells, scale, grid.width)
        _dress(plot, strip, scale, limits, grid, index, percent=unit == 100)
        note_columns(view, cells, scale.positions, 0.5 * scale.spacing, (plot, strip))
        if not view.judged:
            strip.set_yticks([])
        title = "\n".join(_title(view, panel, grid.width))
        plot.set_title(title, loc="left", fontsize=TITLE, pad=6, linespacing=1.15, color=INK)
    name_below(figure, axis_name(axis, scale), LEFT)
    return figure


def axis_name(axis: Factor, scale: Scale) -> str:
    """What stands below the x axis."""
    name = capitalise(axis.label)
    return gettext("%(name)s (log scale)") % {"name": name} if scale.logarithmic else name


def _title(view: StudyView, panel: tuple[Level, ...], width: float) -> list[str]:
    """The panel's levels, a factor a line, on as many more lines as long names need."""
    settings = (f.setting(v) for f, v in zip(view.panel_factors, panel, strict=True))
    return [line for text in settings for line in wrapped(capitalise(text), width, TITLE)]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the panels stand, in pixels."""

    columns: int
    panels: int
    width: float
    title: float
    height: float

    @classmethod
    def of(cls, view: StudyView, canvas: Canvas) -> _Grid:
        panels = len(view.panels)
        columns = 3 if panels == 6 and not canvas.narrow else min(panels, 2 if canvas.narrow else 4)
        width = (canvas.width - LEFT - SPACE * (columns - 1) - 4) / columns
        title = LINE * max(len(_title(view, panel, width)) for panel in view.panels) + 6
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
    axes: Axes,
    cells: Sequence[Cell | None],
    scale: Scale,
    unit: int,
    pixels: float,
    *,
    runs: int,
) -> None:
    """Dots for runs, a band for the interval of the mean, a thin mark for the mean."""
    half = min(0.38 * scale.spacing, 26.0 * scale.span / pixels)
    spread = 1.6 * half
    dots, bands, means = Strokes(), Strokes(), Strokes()
    for x, cell in zip(scale.positions, cells, strict=True):
        if cell is None or not cell.converged:
            continue
        n = len(cell.converged)
        dots.add(
            [x + spread * ((i + 0.5) / n - 0.5) for i in range(n)],
            [value * unit for value in cell.converged],
        )
        claim = cell.accuracy
        if claim is None or claim.estimate is None:
            continue
        means.add([x - half, x + half], [claim.estimate * unit] * 2)
        if claim.low is not None and claim.high is not None:
            bands.add([x, x], [claim.low * unit, claim.high * unit])
    stroke(axes, bands, color=BAR, width=6, order=3)
    axes.plot(
        dots.x,
        dots.y,
        ls="none",
        marker="o",
        ms=dot_size(runs),
        mfc=INK,
        mec="none",
        alpha=0.5,
        zorder=4,
        clip_on=False,
        rasterized=runs > RASTERISE_ABOVE,
    )
    stroke(axes, means, color=POINT, width=2, order=5)


class Strokes:
    """Points of many strokes in one path: gaps between them are not-a-number."""

    def __init__(self) -> None:
        self.x: list[float] = []
        self.y: list[float] = []

    def add(self, x: Sequence[float], y: Sequence[float]) -> None:
        """Append a stroke."""
        self.x += [*x, math.nan]
        self.y += [*y, math.nan]


def stroke(
    axes: Axes, strokes: Strokes, *, color: str, width: float, alpha: float = 1.0, order: float = 2
) -> None:
    """Draw strokes with square ends, as one path."""
    axes.plot(
        strokes.x,
        strokes.y,
        color=color,
        lw=width,
        alpha=alpha,
        zorder=order,
        solid_capstyle="butt",
        clip_on=False,
    )


def _draw_failed(axes: Axes, cells: Sequence[Cell | None], scale: Scale, pixels: float) -> None:
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
        axes.text(
            x, top + 0.06, str(cell.n - cell.k), ha="center", va="bottom", fontsize=9.5, color=INK
        )
    width = min(0.7 * scale.spacing / scale.span * pixels, 40.0)
    stroke(axes, learn, color=VERMILLION, width=width, alpha=0.75)
    stroke(axes, diverged, color=PURPLE, width=width)


def _dress(
    plot: Axes,
    strip: Axes,
    scale: Scale,
    limits: tuple[float, float],
    grid: _Grid,
    index: int,
    *,
    percent: bool,
) -> None:
    """Axes, ticks and grid lines; labels only at the left edge."""
    from matplotlib.ticker import MaxNLocator

    first = scale.positions[0] - 0.7 * scale.spacing
    last = scale.positions[-1] + 0.7 * scale.spacing
    for axes in (plot, strip):
        axes.patch.set_visible(False)
        axes.set_xlim(first, last)
        axes.tick_params(bottom=False, left=False, labelsize=SMALL)
    plot.set_ylim(*limits)
    plot.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    if percent:
        plot.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    plot.grid(axis="y", color=GRID, lw=0.8)
    plot.set_axisbelow(True)
    plot.set_xticks([])
    plot.spines[["left", "bottom"]].set_visible(False)
    strip.set_ylim(0, 1.55)
    strip.set_yticks([0.5], [pgettext("runs, axis", "failed")])
    strip.spines["left"].set_visible(False)
    strip.set_xticks(scale.positions, thin(scale, grid.width))
    if not grid.first(index):
        plot.set_yticklabels([])
        strip.set_yticklabels([])


def thin(scale: Scale, width: float) -> list[str]:
    """Tick labels, words cut to their room; blank where they would touch the next, or a panel."""
    pixels = width / scale.span
    room = max(scale.spacing * pixels, LEAST_WORD)
    labels = [fit(x, room, GENEROUS) if scale.worded else x for x in scale.labels]
    longest = max(text_width(label, GENEROUS) for label in labels)
    following = math.inf
    for i, position in reversed([*enumerate(scale.positions)]):
        place = (position - scale.positions[0] + 0.7 * scale.spacing) * pixels
        if following - place < longest or place < (longest - SPACE) / 2:
            labels[i] = ""
        else:
            following = place
    return labels
