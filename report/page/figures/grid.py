"""Tiles over the whole grid: the x factor along the columns, the other factors down the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.page.figures.places import Place, note_place
from vggstudy.report.page.figures.plot import Plot, blank
from vggstudy.report.page.figures.scales import Names, names_in
from vggstudy.report.page.figures.style import (
    GRID,
    INK,
    MUTED,
    SMALL,
    Canvas,
    fit,
    text_width,
    wrapped,
)
from vggstudy.report.page.view import Cell, Level, StudyView
from vggstudy.report.words.names import capitalise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""

GAP = 2.0
TILE = 26.0
HEADING = 22.0
LABEL = 11.0
LINE = 14.0


@dataclass(frozen=True, slots=True)
class Tile:
    """How one cell is drawn.

    Attributes
    ----------
    fill, ink : str
        Colours of the tile and of its text.
    text : str
        What is printed on it; the text shrinks with the tile.
    edge : str or None
        Colour of a frame, for what must not be overlooked.
    """

    fill: str
    ink: str
    text: str
    edge: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the legend."""

    fill: str
    label: str
    edge: str | None = None


def draw_grid(
    view: StudyView, tile: Callable[[Cell], Tile], keys: Sequence[Key], canvas: Canvas
) -> Figure:
    """Draw a tile for every cell; a combination that the plan leaves out stays an empty frame."""
    layout = _Layout.of(view, canvas)
    legend = _legend_rows(keys, canvas.width)
    height = layout.top + len(view.panels) * layout.row + 10 + 20 * len(legend)
    figure, plot = blank(canvas.width, height)
    _draw_headings(plot, view, layout)
    for index, panel in enumerate(view.panels):
        before = view.panels[index - 1] if index else None
        y = layout.top + index * layout.row
        _draw_label(plot, view, layout, panel, before, y)
        for column, cell in enumerate(view.row(panel)):
            box = _draw_tile(plot, layout, column, y, None if cell is None else tile(cell))
            if cell is not None and (number := view.number(cell)) is not None:
                note_place(figure, Place(number, *box))
    _draw_legend(plot, legend, layout.top + len(view.panels) * layout.row + 18)
    return figure


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where tiles and labels stand."""

    canvas: Canvas
    left: float
    columns: tuple[float, ...]
    side: float
    top: float
    row: float
    right: float
    names: Names

    @classmethod
    def of(cls, view: StudyView, canvas: Canvas) -> _Layout:
        widths = [_column_width(f.label, [f.text(v) for v in f.levels]) for f in view.panel_factors]
        crowded = sum(widths) > 0.5 * canvas.width
        beside = not canvas.narrow and bool(widths) and not crowded
        left = sum(widths) + 8 if beside else 0.0
        levels = 1 if view.axis is None else len(view.axis.levels)
        side = min((canvas.width - left) / levels, 72.0)
        lines = max((len(_words(view, panel, canvas)) for panel in view.panels), default=0)
        texts = () if view.axis is None else map(view.axis.text, view.axis.levels)
        names = names_in(tuple(texts), side - GAP)
        row = TILE + GAP + (0.0 if beside or not widths else 4 + LINE * lines)
        return cls(
            canvas,
            left,
            tuple(widths) if beside else (),
            side,
            HEADING + names.height + 4,
            row,
            left + levels * side,
            names,
        )


def _column_width(label: str, levels: Sequence[str]) -> float:
    """Room for a factor's levels and for its name on two lines."""
    words = label.split()
    return max(*(text_width(text) + 12 for text in (*levels, *words)), 44.0)


def _draw_headings(plot: Plot, view: StudyView, layout: _Layout) -> None:
    """The names of the factors above their levels."""
    x = 0.0
    for factor, width in zip(view.panel_factors, layout.columns, strict=False):
        text = "\n".join(capitalise(factor.label).split())
        plot.text(x, layout.top - 5, text, va="bottom", color=MUTED, size=SMALL, linespacing=1.0)
        x += width
    if view.axis is None:
        return
    plot.text(
        layout.left + 1,
        HEADING - 5,
        capitalise(view.axis.label),
        va="bottom",
        color=MUTED,
        size=SMALL,
    )
    for column, text in enumerate(layout.names.labels):
        plot.text(
            layout.left + (column + 0.5) * layout.side,
            layout.top - 6,
            text,
            ha="center",
            va="bottom",
            size=SMALL,
            linespacing=1.0,
            rotation=90 if layout.names.turned else 0,
        )


def _draw_label(
    plot: Plot,
    view: StudyView,
    layout: _Layout,
    panel: tuple[Level, ...],
    before: tuple[Level, ...] | None,
    y: float,
) -> None:
    """The row's levels: in columns without repeats, or in words above the row."""
    if not view.panel_factors:
        return
    if not layout.columns:
        lines = _words(view, panel, layout.canvas)
        for index, line in enumerate(lines):
            place = y + layout.row - TILE - GAP - 2 - LINE * (len(lines) - index - 0.5)
            plot.text(1, place, line, va="center", size=LABEL)
        return
    x, changed = 0.0, False
    for index, (factor, width) in enumerate(zip(view.panel_factors, layout.columns, strict=True)):
        changed = changed or before is None or before[index] != panel[index]
        if changed:
            text = fit(factor.text(panel[index]), width)
            plot.text(x, y + TILE / 2, text, va="center", size=SMALL)
            if before is not None and index < len(panel) - 1:
                plot.line([x, layout.right], [y - GAP / 2] * 2, color=GRID, lw=0.8)
        x += width


def _words(view: StudyView, panel: tuple[Level, ...], canvas: Canvas) -> list[str]:
    """A row's levels in words, on as many lines as they need."""
    pairs = zip(view.panel_factors, panel, strict=True)
    text = capitalise(", ".join(factor.setting(level) for factor, level in pairs))
    return wrapped(text, canvas.width, LABEL)


def _draw_tile(plot: Plot, layout: _Layout, column: int, y: float, tile: Tile | None) -> Box:
    """One tile, or an empty frame where the plan has no cell; where it stands."""
    from matplotlib.patches import Rectangle

    x = layout.left + column * layout.side + GAP / 2
    y += layout.row - TILE - GAP
    width = layout.side - GAP
    if tile is None:
        frame = Rectangle((x + 0.5, y + 0.5), width - 1, TILE - 1, fill=False, ec=MUTED, ls=":")
        plot.add(frame)
        return x, y, width, TILE
    plot.add(Rectangle((x, y), width, TILE, fc=tile.fill, ec="none"))
    if tile.edge:
        frame = Rectangle((x + 1, y + 1), width - 2, TILE - 2, fill=False, ec=tile.edge, lw=2)
        plot.add(frame)
    size = min(SMALL, (width - 2) / max(0.56 * len(tile.text), 1))
    plot.text(
        x + width / 2,
        y + TILE / 2,
        tile.text,
        ha="center",
        va="center",
        size=max(size, 6.5),
        color=tile.ink,
    )
    return x, y, width, TILE


def _legend_rows(keys: Sequence[Key], width: float) -> list[list[tuple[float, Key]]]:
    """The legend's entries with their place, wrapped to the width."""
    rows: list[list[tuple[float, Key]]] = []
    x = width
    for key in keys:
        need = 22 + text_width(key.label) + 14
        if x + need > width + 14:
            rows.append([])
            x = 0.0
        rows[-1].append((x, key))
        x += need
    return rows


def _draw_legend(plot: Plot, rows: list[list[tuple[float, Key]]], y: float) -> None:
    """Small tiles with their meaning."""
    from matplotlib.patches import Rectangle

    for row in rows:
        for x, key in row:
            edge = {"ec": key.edge, "lw": 2} if key.edge else {"ec": "none"}
            plot.add(Rectangle((x + 1, y - 6), 14, 12, fc=key.fill, **edge))
            plot.text(x + 21, y, key.label, va="center", size=SMALL, color=INK)
        y += 20
