"""Residuals of the runs that converged against the means of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.style import (
    DPI,
    GRID,
    INK,
    MUTED,
    RASTERISE_ABOVE,
    SMALL,
    Canvas,
    dot_size,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT = 210.0
LEFT = 52.0
BOTTOM = 40.0
TOP = 8.0


def draw_residuals(
    points: Sequence[tuple[float, float]], canvas: Canvas, *, axis: str, unit: str
) -> Figure:
    """Draw one dot a run.

    Parameters
    ----------
    points : sequence of (float, float)
        Mean of the cell, and the run less that mean, in the unit of print.
    axis : str
        What the means measure.
    unit : str
        Of the residuals.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(canvas.width / DPI, HEIGHT / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    axes = figure.add_axes(
        (
            LEFT / canvas.width,
            BOTTOM / HEIGHT,
            (canvas.width - LEFT - 8) / canvas.width,
            (HEIGHT - BOTTOM - TOP) / HEIGHT,
        )
    )
    axes.patch.set_visible(False)
    axes.axhline(0, color=MUTED, lw=1)
    axes.plot(
        [x for x, _ in points],
        [y for _, y in points],
        ls="none",
        marker="o",
        ms=dot_size(len(points)),
        mfc=INK,
        mec="none",
        alpha=0.45,
        rasterized=len(points) > RASTERISE_ABOVE,
    )
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.tick_params(bottom=False, left=False, labelsize=SMALL)
    axes.grid(axis="y", color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel(axis, fontsize=SMALL, color=MUTED, labelpad=3)
    axes.set_ylabel(unit, fontsize=SMALL, color=MUTED, labelpad=3)
    return figure
