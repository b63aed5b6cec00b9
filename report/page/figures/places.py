"""Where a figure shows each cell of the study: the places that the page's script marks alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

    from vggstudy.report.page.figures.plot import Plot
    from vggstudy.report.page.view import Cell, StudyView

AROUND = 1.0
"""Pixels between what is marked and its frame."""

POINT = 7.0
"""Side of a point's square."""


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle in CSS pixels, y downwards, and the number of the cell that it shows."""

    cell: int
    left: float
    top: float
    width: float
    height: float


_PLACES: WeakKeyDictionary[FigureBase, list[Place]] = WeakKeyDictionary()


def note_place(figure: FigureBase, place: Place) -> None:
    """Keep a place until the figure is written."""
    _PLACES.setdefault(figure, []).append(place)


def note_columns(
    view: StudyView,
    cells: Sequence[Cell | None],
    positions: Sequence[float],
    half: float,
    plots: Sequence[Plot],
) -> None:
    """Keep a column for each cell, over plots that stand above one another.

    Parameters
    ----------
    cells : sequence of Cell or None
        One a position; none are kept of cells that are pooled.
    positions : sequence of float
        Middles of the columns, in the unit of the x axis.
    half : float
        Half of a column's width in that unit.
    """
    first = plots[0]
    top, bottom = min(one.top for one in plots), max(one.bottom for one in plots)
    for x, cell in zip(positions, cells, strict=True):
        number = None if cell is None else view.number(cell)
        if number is None:
            continue
        left, right = (first.pixel(x + side, 0)[0] for side in (-half, half))
        note_place(first.figure, Place(number, left, top, right - left, bottom - top))


def note_points(
    plot: Plot, cells: Sequence[int | None], xs: Sequence[float], ys: Sequence[float]
) -> None:
    """Keep a small square for each point of a plot; none of a cell without a number."""
    for cell, x, y in zip(cells, xs, ys, strict=True):
        if cell is not None:
            across, down = plot.pixel(x, y)
            note_place(plot.figure, Place(cell, across - POINT / 2, down - POINT / 2, POINT, POINT))


def drawn_places(figure: Figure) -> str:
    """The places as frames that are not to be seen, a path a cell; nothing where there are none."""
    frames: dict[int, str] = {}
    for one in _PLACES.get(figure, ()):
        frames[one.cell] = frames.get(one.cell, "") + _frame(one)
    paths = "".join(f'<path data-cell="{cell}" d="{frame}"/>' for cell, frame in frames.items())
    return f'<g class="cells">{paths}</g>' if paths else ""


def _frame(place: Place) -> str:
    """The path around a place."""
    left, top = _tenths(place.left - AROUND), _tenths(place.top - AROUND)
    across, down = _tenths(place.width + 2 * AROUND), _tenths(place.height + 2 * AROUND)
    return f"M{left} {top}h{across}v{down}h-{across}z"


def _tenths(length: float) -> str:
    """A length to the nearest tenth of a pixel."""
    return f"{round(length, 1) + 0.0:g}"
