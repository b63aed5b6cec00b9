"""Curves over time: lines in their bands, failed runs below.

One panel for each combination of the factors that are not on the x axis of the other figures; in
it a line for the first, the middle and the last level of that factor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.plot import Plot, sheet
from vggstudy.report.page.figures.strokes import Strokes
from vggstudy.report.page.figures.style import (
    BLUE,
    GENEROUS,
    GREEN,
    INK,
    PURPLE,
    SMALL,
    VERMILLION,
    Canvas,
    fit,
    name_below,
    text_width,
    wrapped,
)
from vggstudy.report.words.i18n import gettext, pgettext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = ((BLUE, "-"), (GREEN, "--"), (PURPLE, ":"))
"""Colour and stroke of the lines; no line is told by its colour alone."""

MOST_LINES = len(STYLES)
LEFT = 50.0
GAP = 12.0
PLOT = 96.0
APART = 44.0
SPACE = 14.0
TICKS = 20.0
LINE = 14.0
TITLE = 11.0
BAND_TINT = 0.14
BAND_EDGE = 0.8
KEY = 24.0
KEY_ROW = 17.0
BOTTOM = 16.0


Key = tuple[float, str, str, str]
"""Place, name, colour and stroke of a line."""


@dataclass(frozen=True, slots=True)
class CurveBand:
    """A line and a band around it, epoch by epoch or over time.

    Attributes
    ----------
    epochs : tuple of float
    low, middle, high : tuple of float
        Lower end of the band, line, and upper end.
    """

    epochs: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CurvePanel:
    """One panel: a band or none for every line, and the curves of the runs that failed."""

    title: tuple[str, ...]
    bands: tuple[CurveBand | None, ...]
    failed: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...]


def draw_curves(
    panels: Sequence[CurvePanel],
    lines: Sequence[str],
    canvas: Canvas,
    *,
    percent: bool,
    time: tuple[str, float] | None = None,
) -> Figure:
    """Draw the panels on common axes.

    Parameters
    ----------
    lines : sequence of str
        What each line is, in the order of the panels' bands.
    percent : bool
        Whether the y axis counts percent.
    time : (str, float), optional
        Name of the x axis and where it begins; by default it counts epochs.
    """
    columns = min(len(panels), 2 if canvas.narrow else 4)
    width = (canvas.width - LEFT - GAP * (columns - 1) - 6) / columns
    titles = [_wrapped(panel.title, width) for panel in panels]
    apart = APART if any(panel.failed for panel in panels) else 0.0
    head = LINE * max(map(len, titles)) + 8
    step = head + PLOT + (SPACE + apart if apart else 0.0) + TICKS
    keys = _keys(lines, canvas, failed=bool(apart))
    key = KEY + KEY_ROW * (len(keys) - 1)
    height = key + math.ceil(len(panels) / columns) * step + BOTTOM
    figure = sheet(canvas.width, height)
    last = max(epoch for panel in panels for epoch in _epochs(panel))
    ends = (0.5, last + 0.5) if time is None else (time[1], last)
    limits = _limits(
        [v for panel in panels for v in _values(panel)],
        [v for panel in panels for _, values in panel.failed for v in values],
        [v for panel in panels for b in panel.bands if b is not None for v in (*b.low, *b.high)],
    )
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(index, columns)
        x, top = LEFT + column * (width + GAP), key + row * step + head

        plot = Plot(figure, (x, top, width, PLOT), ends, limits)
        _draw_bands(plot, panel)
        plot.number_y(3, percent=percent, named=column == 0)
        plot.title(title, above=5, size=TITLE, linespacing=1.15)
        if apart:
            below = Plot(figure, (x, top + PLOT + SPACE, width, apart), ends, limits)
            _draw_failed(below, panel)
            # It is too low for more than two numbers.
            below.number_y(3, percent=percent, named=column == 0, outermost=True)
        (below if apart else plot).number_x(4)
    _draw_key(figure, keys, canvas, height)
    name_below(figure, time[0] if time else gettext("Epoch"), LEFT)
    return figure


def _wrapped(lines: Sequence[str], width: float) -> list[str]:
    """The title's lines, on as many more as long names need."""
    return [line for text in lines for line in wrapped(text, width, TITLE)] or [""]


def _epochs(panel: CurvePanel) -> list[float]:
    """Last epochs of everything in a panel."""
    ends = [band.epochs[-1] for band in panel.bands if band is not None]
    return [*ends, *(epochs[-1] for epochs, _ in panel.failed), 1]


def _values(panel: CurvePanel) -> list[float]:
    """What the lines of a panel reach."""
    return [v for band in panel.bands if band is not None for v in band.middle]


def _limits(
    values: Sequence[float], failed: Sequence[float], bands: Sequence[float]
) -> tuple[float, float]:
    """Ends of the y axis: a run that diverges, or a wide band, may leave it; lines stay visible."""
    values = values or failed
    low, high = min(values), max(values)
    span = high - low
    beside = [*failed, *bands]
    low = min(low, max(low - span, min(beside, default=low)))
    high = max(high, min(high + span, max(beside, default=high)))
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad


def _draw_bands(plot: Plot, panel: CurvePanel) -> None:
    """Each line in its band."""
    for band, (colour, dashes) in zip(panel.bands, STYLES, strict=False):
        if band is None:
            continue
        draw_band(plot, band.epochs, band.low, band.high, colour)
        plot.line(band.epochs, band.middle, color=colour, ls=dashes, lw=1.8, zorder=3)


def draw_band(
    plot: Plot, x: Sequence[float], low: Sequence[float], high: Sequence[float], colour: str
) -> None:
    """A band: a tint that others show through, within edges in the colour itself."""
    plot.band(x, low, high, color=colour, alpha=BAND_TINT, lw=0)
    for end in (low, high):
        plot.line(x, end, color=colour, lw=BAND_EDGE, zorder=2.5)


def _draw_failed(plot: Plot, panel: CurvePanel) -> None:
    """Every failed run as a thin line."""
    strokes = Strokes()
    for epochs, values in panel.failed:
        strokes.add(epochs, values)
    if panel.failed:
        plot.line(strokes.x, strokes.y, color=VERMILLION, lw=0.9, alpha=0.8)


def _keys(lines: Sequence[str], canvas: Canvas, *, failed: bool) -> list[list[Key]]:
    """What each line is, in as many rows as the width needs."""
    room = canvas.width - LEFT - 28
    names = [fit(line, room, GENEROUS) for line in lines]
    entries = [(name, *style) for name, style in zip(names, STYLES, strict=False)]
    entries += [(pgettext("runs, axis", "failed"), VERMILLION, "-")] if failed else []
    rows: list[list[Key]] = [[]]
    x = LEFT
    for entry in entries:
        end = x + 28 + text_width(entry[0])
        if end > canvas.width and rows[-1]:
            rows.append([])
            x, end = LEFT, LEFT + end - x
        rows[-1].append((x, *entry))
        x = end + 14
    return rows


def _draw_key(figure: Figure, rows: Sequence[Sequence[Key]], canvas: Canvas, height: float) -> None:
    """A short stroke and its name for each line."""
    from matplotlib.lines import Line2D

    for index, row in enumerate(rows):
        y = 1 - (8 + index * KEY_ROW) / height
        for x, name, colour, dashes in row:
            ends = [x / canvas.width, (x + 22) / canvas.width]
            figure.add_artist(Line2D(ends, [y, y], color=colour, ls=dashes, lw=1.8))
            figure.text((x + 28) / canvas.width, y, name, va="center", fontsize=SMALL, color=INK)
