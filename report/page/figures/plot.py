"""A rectangle of a figure with scales of its own: what these figures need of matplotlib's axes.

Axes make, place and measure ticks, labels, spines and titles whether anybody sees them or not: two
thirds of a figure's time. Here lines, areas and texts stand on the figure itself, and what names a
scale is drawn once, where it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vggstudy.report.page.figures.style import DPI, GRID, INK, MUTED, SMALL

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.text import Text
    from matplotlib.ticker import Locator
    from matplotlib.transforms import Transform

ROUND = (1, 2, 2.5, 5, 10)
"""What the steps between ticks are multiples of."""

BESIDE = 7.0
"""Pixels between a scale and its numbers."""

ABOVE = 3.0
"""Pixels between a scale and the power of ten that its numbers are multiplied by."""

Ends = tuple[float, float]


class Plot:
    """A rectangle, and the values at its sides.

    Parameters
    ----------
    figure : Figure
        Drawn at `style.DPI`, so that its points are pixels.
    box : (left, top, width, height)
        In pixels, y downwards.
    x, y : (float, float)
        Values at the left and right, and at the lower and upper side.
    clipped : bool
        Whether what leaves the rectangle is cut off, unless it is drawn with ``clip_on=False``.
    """

    def __init__(
        self,
        figure: Figure,
        box: tuple[float, float, float, float],
        x: Ends,
        y: Ends,
        *,
        clipped: bool = True,
    ) -> None:
        from matplotlib.transforms import Affine2D, Bbox, TransformedBbox

        self.figure = figure
        self.left, self.top, self.width, self.height = box
        self.x, self.y = x, y
        self._tall = float(figure.get_figheight()) * DPI
        inches = figure.dpi_scale_trans
        self.pixels: Transform = Affine2D.from_values(1 / DPI, 0, 0, 1 / DPI, 0, 0) + inches
        left, low = self.left / DPI, (self._tall - self.bottom) / DPI
        wide, tall = self.width / DPI, self.height / DPI
        across, up = wide / (x[1] - x[0]), tall / (y[1] - y[0])
        to_inches = Affine2D.from_values(across, 0, 0, up, left - x[0] * across, low - y[0] * up)
        self.data: Transform = to_inches + inches
        self._clip = None
        if clipped:
            self._clip = TransformedBbox(Bbox.from_bounds(left, low, wide, tall), inches)

    @property
    def bottom(self) -> float:
        """Pixels from the figure's upper edge to the lower side."""
        return self.top + self.height

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies in the figure, in pixels, y downwards."""
        share = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + share * self.width, self.bottom - up * self.height

    def line(self, x: Sequence[float], y: Sequence[float], **style: Any) -> Line2D:
        """A line through points, or markers; see `matplotlib.lines.Line2D`."""
        from matplotlib.lines import Line2D

        line = Line2D(x, y, transform=self.data, **style)
        self.add(line)
        return line

    def band(
        self, x: Sequence[float], low: Sequence[float], high: Sequence[float], **style: Any
    ) -> None:
        """The area between two lines; see `matplotlib.patches.Polygon`."""
        from matplotlib.patches import Polygon

        edge = [*zip(x, low, strict=True), *zip(reversed(x), reversed(high), strict=True)]
        self.add(Polygon(edge, transform=self.data, **style))

    def text(self, x: float, y: float, text: str, **style: Any) -> Text:
        """A text at a point; see `matplotlib.text.Text`."""
        return self._write(x, y, text, transform=self.data, **style)

    def beside(self, x: float, y: float, text: str, **style: Any) -> Text:
        """A text at pixels from the left side, and above the upper one."""
        place = self.left + x, self._tall - self.top + y
        return self._write(*place, text, transform=self.pixels, **style)

    def above(self, x: Sequence[float], y: float, **style: Any) -> None:
        """A level line at pixels from the left side, and above the upper one."""
        from matplotlib.lines import Line2D

        places = [self.left + one for one in x]
        high = [self._tall - self.top + y] * len(x)
        self.figure.add_artist(Line2D(places, high, transform=self.pixels, **style))

    def add(self, artist: Artist) -> None:
        """Put an artist in the plot's coordinates on the figure, clipped unless it says no."""
        if not artist.is_transform_set():
            artist.set_transform(self.data)
        if self._clip is not None and artist.get_clip_on():
            artist.set_clip_box(self._clip)
        self.figure.add_artist(artist)

    def title(self, lines: Sequence[str], *, above: float, **style: Any) -> None:
        """Lines over the left end, the lowest that many pixels above the plot."""
        if lines:
            self.beside(0, above, "\n".join(lines), **style)

    def level(self, y: float, **style: Any) -> None:
        """A line from side to side."""
        self.line(self.x, [y, y], **style)

    def name_y(self, values: Sequence[float], names: Sequence[str]) -> None:
        """Names left of a scale."""
        for value, name in zip(values, names, strict=True):
            height = self.pixel(self.x[0], value)[1]
            if name:
                self.beside(
                    -BESIDE, self.top - height, name, ha="right", va="center_baseline", size=SMALL
                )

    def name_x(self, values: Sequence[float], names: Sequence[str], **style: Any) -> None:
        """Names below a scale."""
        for value, name in zip(values, names, strict=True):
            across = self.pixel(value, self.y[0])[0]
            if name:
                self.beside(
                    across - self.left,
                    -self.height - BESIDE,
                    name,
                    ha="center",
                    va="top",
                    size=SMALL,
                    **style,
                )

    def number_y(
        self,
        most: int = 4,
        *,
        percent: bool,
        named: bool = True,
        outermost: bool = False,
        short: bool = False,
    ) -> None:
        """Grid lines at round values, and their numbers.

        Parameters
        ----------
        most : int
            Steps between them.
        outermost : bool
            Whether only the lowest and the highest are shown.
        short : bool
            Whether each number has as many decimals as it needs itself.
        """
        from matplotlib.ticker import MaxNLocator

        ticks = within(MaxNLocator(most, steps=[*ROUND]), self.y)
        if outermost and len(ticks) > 1:
            ticks = [ticks[0], ticks[-1]]
        ends, gaps = [*self.x, math.nan], [v for tick in ticks for v in (tick, tick, math.nan)]
        self.line(
            ends * len(ticks), gaps, color=GRID, lw=0.8, zorder=0.5, solid_capstyle="butt",
            clip_on=False,
        )  # fmt: skip
        if named:
            if percent or short:
                numbers, power = [f"{tick:g}{'%' if percent else ''}" for tick in ticks], ""
            else:
                numbers, power = written(ticks, self.y)
            self.name_y(ticks, numbers)
            self.beside(0, ABOVE, power, size=SMALL)

    def number_x(self, most: int) -> None:
        """A line below the plot, and round numbers below it."""
        from matplotlib.ticker import MaxNLocator

        ticks = within(MaxNLocator(most, integer=True, min_n_ticks=2), self.x)
        numbers, power = written(ticks, self.x)
        self.name_x(ticks, numbers)
        below = -self.height - BESIDE - SMALL - 2 * ABOVE
        self.beside(self.width, below, power, ha="right", va="top", size=SMALL)
        self.base()

    def base(self) -> None:
        """The line below the plot."""
        self.line(self.x, [self.y[0]] * 2, color=MUTED, lw=1.0, zorder=2.5, clip_on=False)

    def _write(self, x: float, y: float, text: str, **style: Any) -> Text:
        """A text on the figure."""
        from matplotlib.text import Text

        written = Text(x, y, text, **{"color": INK, **style})
        if text:
            self.figure.add_artist(written)
        return written


def sheet(width: float, height: float) -> Figure:
    """An empty figure of that many pixels, without a ground of its own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.patch.set_visible(False)
    return figure


def blank(width: float, height: float) -> tuple[Figure, Plot]:
    """A figure, and a plot all over it that counts its pixels; y grows downwards."""
    figure = sheet(width, height)
    return figure, Plot(figure, (0, 0, width, height), (0, width), (height, 0), clipped=False)


def within(locator: Locator, ends: Ends) -> list[float]:
    """The ticks that lie on a scale, but for rounding."""
    low, high = min(ends), max(ends)
    near = 1e-9 * (high - low)
    return [float(v) for v in locator.tick_values(low, high) if low - near <= v <= high + near]


def written(ticks: Sequence[float], ends: Ends) -> tuple[list[str], str]:
    """The numbers at ticks with equal decimals, and what they are multiplied by, if at all."""
    from matplotlib.ticker import ScalarFormatter

    formatter = ScalarFormatter()
    formatter.create_dummy_axis()
    assert formatter.axis is not None
    formatter.axis.set_view_interval(*ends)
    return formatter.format_ticks([*ticks]), formatter.get_offset()
