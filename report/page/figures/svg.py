"""From a drawn figure to SVG that can stand inside the page beside others."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.compact import compact
from vggstudy.report.page.figures.places import drawn_places
from vggstudy.report.page.figures.style import CANVASES, VARIABLES, Canvas, drawing
from vggstudy.report.page.tables import Download, Table
from vggstudy.report.words.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BYTES = 120_000

MOST_CELLS = 250
"""Cells that a figure has places for."""

MOST_LEVELS = 40
"""Levels that an axis has places for."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished figure: its SVG for wide and for narrow pages, and what stands around it.

    Attributes
    ----------
    key : str
        Anchor of the figure, and prefix of every id inside it.
    question : str
        Heading: what the figure answers.
    caption : str
        What is drawn and what the interval is.
    svgs : tuple of (str, str)
        Canvas suffix and SVG source; none where nobody could read it, or
        one would take more than `MAX_BYTES`.
    table : Table
        The same content as text.
    data : Download
        The same content unrounded.
    """

    key: str
    question: str
    caption: str
    svgs: tuple[tuple[str, str], ...]
    table: Table
    data: Download


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that is yet to be drawn, and what stands around it; see `Picture`."""

    key: str
    question: str
    caption: str
    table: Table
    draw: Callable[[Canvas], Figure]


_COLLECTED: ContextVar[list[Drawing] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[Drawing]]:
    """Inside, no figure is drawn: they are handed out to be drawn elsewhere."""
    found: list[Drawing] = []
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)


def picture(
    draw: Callable[[Canvas], Figure],
    *,
    key: str,
    question: str,
    caption: str,
    description: str,
    table: Table,
    data: Download,
    drawn: bool = True,
) -> Picture:
    """Draw a figure once for every canvas.

    Parameters
    ----------
    draw : callable
        From a canvas to a matplotlib figure of its width.
    description : str
        What a reader who cannot see the figure needs to know.
    drawn : bool
        Whether it holds few enough cells (`MOST_CELLS`) and levels (`MOST_LEVELS`) to be read.
    """
    if (collected := _COLLECTED.get()) is not None:
        collected.append(Drawing(key, question, caption, table, draw))
        drawn = False
    if not drawn:
        return Picture(key, question, caption, (), table, data)
    svgs = []
    for canvas in CANVASES:
        name = f"{key}-{canvas.suffix}"
        with drawing(name):
            svgs.append((canvas.suffix, finish(draw(canvas), name, question, description)))
    fits = all(len(source.encode()) <= MAX_BYTES for _, source in svgs)
    return Picture(key, question, caption, tuple(svgs) if fits else (), table, data)


def finish(figure: Figure, key: str, title: str, description: str) -> str:
    """Inline SVG with prefixed ids, scoped style, CSS colours, a title and a description."""
    colours = {sentinel: f"var({name})" for sentinel, name in VARIABLES.items()}
    inside = compact(_save(figure), key, colours)
    width, height = figure.get_size_inches() * figure.dpi
    return (
        f'<svg id="{key}" class="plot" role="img" aria-labelledby="{key}-title {key}-desc" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{key}-title">{escape(clean(title))}</title>'
        f'<desc id="{key}-desc">{escape(clean(description))}</desc>{inside}'
        f"{drawn_places(figure)}</svg>"
    )


def _save(figure: Figure) -> str:
    """Matplotlib's SVG, without a date."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # The browser sets the text: what glyphs matplotlib's own font lacks is of no interest.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return buffer.getvalue()
