"""A plot's scales stand where matplotlib's own axes would have put them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from vggstudy.report.page.figures.plot import ROUND, Plot, sheet
from vggstudy.report.page.figures.style import DPI, GRID, INK, SMALL, drawing
from vggstudy.report.page.figures.svg import finish

BOX = (50.0, 20.0, 120.0, 90.0)
WIDTH, HEIGHT = 200.0, 140.0


def plotted(x: tuple[float, float], y: tuple[float, float], *, percent: bool) -> Figure:
    """A plot with numbers on both scales, and a title."""
    figure = sheet(WIDTH, HEIGHT)
    plot = Plot(figure, BOX, x, y)
    plot.number_y(percent=percent)
    plot.number_x(4)
    plot.title(["One", "two"], above=6, size=11, linespacing=1.15)
    return figure


def with_axes(x: tuple[float, float], y: tuple[float, float], *, percent: bool) -> Figure:
    """The same by matplotlib's axes."""
    figure = sheet(WIDTH, HEIGHT)
    left, top, width, height = BOX
    axes = figure.add_axes(
        (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT)
    )
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=2))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[*ROUND]))
    if percent:
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.tick_params(bottom=False, left=False, labelsize=SMALL)
    axes.grid(axis="y", color=GRID, lw=0.8)
    axes.set_title("One\ntwo", loc="left", y=1.0, fontsize=11, pad=6, linespacing=1.15, color=INK)
    return figure


def texts(figure: Figure) -> list[tuple[str, ...]]:
    """Place and words of all that is written, but for the power of ten."""
    found = re.findall(
        r'<text x="([^"]*)" y="([^"]*)"[^>]*>([^<]*)<', finish(figure, "k", "t", "d")
    )
    return sorted(one for one in found if not one[2].startswith("1e"))


def levels(figure: Figure) -> list[float]:
    """Heights of the grid lines inside the plot, in pixels."""
    found = []
    for line in figure.findobj(Line2D):
        if line.get_color() == GRID and line.get_visible():
            points = line.get_transform().transform(line.get_path().vertices)
            found += [float(y) for _, y in np.asarray(points)]
    low, high = HEIGHT - BOX[1] - BOX[3], HEIGHT - BOX[1]
    return sorted({round(y, 4) for y in found if low - 1e-6 <= y <= high + 1e-6})


@pytest.mark.parametrize(
    ("x", "y", "percent"),
    [
        ((0.5, 24.5), (8.2, 91.0), True),
        ((0.5, 3.5), (-3.1, 0.4), False),
        ((0.0, 120.0), (0.012, 0.0175), False),
        ((0.5, 40.5), (1.2e6, 9.9e6), False),
        ((0.5, 40.5), (-1e-7, 4e-7), False),
    ],
)
def test_numbers_grid_and_title_are_those_of_axes(
    x: tuple[float, float], y: tuple[float, float], percent: bool
) -> None:
    with drawing("k"):
        own, axes = plotted(x, y, percent=percent), with_axes(x, y, percent=percent)
        assert texts(own) == texts(axes)
        assert levels(own) == levels(axes)
        assert len(levels(own)) >= 2


def test_numbers_that_are_multiplied_say_by_what() -> None:
    with drawing("k"):
        written = {t.get_text() for t in plotted((0, 9), (1.2e6, 9.9e6), percent=False).artists
                   if isinstance(t, Text)}  # fmt: skip
    assert "1e6" in written


def test_points_lie_where_the_plot_says_they_do() -> None:
    figure = sheet(WIDTH, HEIGHT)
    plot = Plot(figure, BOX, (-1.0, 3.0), (10.0, 20.0))
    assert plot.pixel(-1.0, 20.0) == (50.0, 20.0)
    for x, y in ((-1.0, 10.0), (3.0, 20.0), (0.3, 12.5)):
        for dpi in (DPI, 300):
            figure.set_dpi(dpi)
            across, up = plot.data.transform((x, y)) * DPI / dpi
            assert plot.pixel(x, y) == pytest.approx((across, HEIGHT - up))


def test_what_leaves_a_plot_is_cut_off_unless_it_says_otherwise() -> None:
    with drawing("k"):
        figure = sheet(WIDTH, HEIGHT)
        plot = Plot(figure, BOX, (0.0, 1.0), (0.0, 1.0))
        plot.line([0.0, 2.0], [0.5, 0.5], color=INK)
        plot.line([0.0, 2.0], [0.7, 0.7], color=INK, clip_on=False)
        source = finish(figure, "k", "t", "d")
    assert re.findall(r'<clipPath id="k-i0"><rect ([^/]*)/>', source) == [
        'x="50" y="20" width="120" height="90"'
    ]
    assert source.count('clip-path="url(#k-i0)"') == 1
