"""Forest: one row a claim, its words and numbers above its interval, grouped by scale.

The bar is the interval and a thin mark the point; height grows with the rows. Labels stand above
their bars, so that the same drawing serves a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.figures.style import (
    BLUE,
    GRID,
    INK,
    MUTED,
    SMALL,
    TEXT,
    Canvas,
    blank,
    fit,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 40.0
HEAD = 34.0
AXIS = 38.0
INSET = 12.0


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One interval in the units of its axis, and the text that stands above it.

    Attributes
    ----------
    low, high : float or None
        None where the interval has no such end: the bar then runs to the axis's edge.
    """

    label: str
    numbers: str
    estimate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ForestGroup:
    """Rows on one axis.

    Attributes
    ----------
    limits : tuple of float or None
        Ends of the axis; from the data where None.
    reference : float or None
        Where a line is drawn: no difference, or a threshold.
    """

    title: str
    axis: str
    rows: tuple[ForestRow, ...]
    reference: float | None = None
    limits: tuple[float, float] | None = None


def draw_forest(groups: Sequence[ForestGroup], canvas: Canvas) -> Figure:
    """Draw the groups one below the other."""
    height = sum(HEAD + ROW * len(group.rows) + AXIS for group in groups)
    figure, axes = blank(canvas.width, height)
    top = 0.0
    for group in groups:
        top = _draw_group(axes, group, top, canvas.width)
    return figure


def _draw_group(axes: Axes, group: ForestGroup, top: float, width: float) -> float:
    """Draw one group and return where the next one starts."""
    low, high, ticks = _axis(group, int((width - 2 * INSET) // 85))

    def x(value: float) -> float:
        return INSET + (value - low) / (high - low) * (width - 2 * INSET)

    axes.text(0, top + 14, fit(group.title, width, TEXT), size=TEXT, weight="bold", va="center")
    base = top + HEAD + ROW * len(group.rows)
    for tick in ticks:
        axes.plot([x(tick)] * 2, [top + HEAD, base], color=GRID, lw=1, zorder=0)
        axes.text(x(tick), base + 10, _tick_text(tick), ha="center", va="center", color=MUTED)
    if group.reference is not None and low <= group.reference <= high:
        axes.plot([x(group.reference)] * 2, [top + HEAD, base], color=INK, lw=1.2, zorder=1)
    for index, row in enumerate(group.rows):
        _draw_row(axes, row, top + HEAD + index * ROW, x, (low, high), width)
    axes.text(
        width / 2, base + 25, fit(group.axis, width), ha="center", va="center", color=MUTED
    )
    return base + AXIS


def _draw_row(axes, row, top, x, limits, width) -> None:  # type: ignore[no-untyped-def]
    """Words on the left, numbers on the right, the interval below."""
    room = width - text_width(row.numbers) - 8
    axes.text(0, top + 10, fit(row.label, room), va="center", size=SMALL)
    axes.text(width, top + 10, row.numbers, va="center", ha="right", size=SMALL, weight="bold")
    if row.low is not None or row.high is not None:
        start = limits[0] if row.low is None else row.low
        stop = limits[1] if row.high is None else row.high
        axes.plot(
            [x(start), x(stop)], [top + 27] * 2, color=BLUE, lw=9, alpha=0.45,
            solid_capstyle="butt", zorder=2,
        )
    if row.estimate is not None:
        axes.plot([x(row.estimate)] * 2, [top + 21, top + 33], color=BLUE, lw=2.5, zorder=3)


def _axis(group: ForestGroup, most: int) -> tuple[float, float, list[float]]:
    """Ends of the axis, and at most `most` ticks on round numbers."""
    from matplotlib.ticker import MaxNLocator

    locator = MaxNLocator(nbins=max(min(most, 6), 3), steps=[1, 2, 2.5, 5, 10])
    if group.limits is not None:
        low, high = group.limits
        return low, high, [float(v) for v in locator.tick_values(low, high) if low <= v <= high]
    values = [v for r in group.rows for v in (r.low, r.estimate, r.high) if v is not None]
    values += [] if group.reference is None else [group.reference]
    low, high = min(values, default=0.0), max(values, default=1.0)
    pad = 0.04 * (high - low) or 1.0
    low, high = low - pad, high + pad
    return low, high, [float(v) for v in locator.tick_values(low, high) if low <= v <= high]


def _tick_text(value: float) -> str:
    """A tick's number, without a trailing point or a hyphen for a minus."""
    return f"{round(value, 10):g}".replace("-", "−")
