"""From a drawn figure to SVG that can stand inside the page beside others."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from vggstudy.report.figures.style import CANVASES, VARIABLES, Canvas, drawing
from vggstudy.report.tables import Download, Table
from vggstudy.report.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BYTES = 120_000


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
        Canvas suffix and SVG source.
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


def picture(
    draw: Callable[[Canvas], Figure],
    *,
    key: str,
    question: str,
    caption: str,
    description: str,
    table: Table,
    data: Download,
) -> Picture:
    """Draw a figure once for every canvas.

    Parameters
    ----------
    draw : callable
        From a canvas to a matplotlib figure of its width.
    description : str
        What a reader who cannot see the figure needs to know.
    """
    svgs = []
    for canvas in CANVASES:
        name = f"{key}-{canvas.suffix}"
        with drawing(name):
            svgs.append((canvas.suffix, finish(draw(canvas), name, question, description)))
    return Picture(key, question, caption, tuple(svgs), table, data)


def finish(figure: Figure, key: str, title: str, description: str) -> str:
    """Inline SVG with prefixed ids, scoped style, CSS colours, a title and a description.

    Raises
    ------
    ValueError
        If the SVG is larger than `MAX_BYTES`: more than a page should carry.
    """
    source = _adapt(_shorten(_save(figure)), key)
    width, height = figure.get_size_inches() * figure.dpi
    head = (
        f'<svg id="{key}" class="plot" role="img" aria-labelledby="{key}-title {key}-desc" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{key}-title">{escape(clean(title))}</title>'
        f'<desc id="{key}-desc">{escape(clean(description))}</desc>'
    )
    finished = head + source
    if len(finished.encode()) > MAX_BYTES:
        msg = f"figure {key} takes {len(finished.encode())} bytes, more than {MAX_BYTES}"
        raise ValueError(msg)
    return finished


def _save(figure: Figure) -> str:
    """Matplotlib's SVG from its first element on, without a date."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # The browser sets the text: what glyphs matplotlib's own font lacks is of no interest.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return re.sub(r"\A.*?<svg\b[^>]*>\s*", "", buffer.getvalue(), flags=re.DOTALL)


def _shorten(source: str) -> str:
    """Drop what a page does not need: line breaks, fonts, unused ids, identity transforms."""
    source = re.sub(r">\s+<", "><", source)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', source))

    def tag(text: str) -> str:
        text = re.sub(r"\n\s*", " ", text)
        text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
        text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
        return re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", text)

    return _each_tag(source, tag)


def _adapt(source: str, key: str) -> str:
    """Prefix ids and what refers to them, scope the style, name colours by CSS variables."""

    def tag(text: str) -> str:
        text = text.replace(' id="', f' id="{key}-').replace('href="#', f'href="#{key}-')
        text = text.replace("url(#", f"url(#{key}-")
        for sentinel, variable in VARIABLES.items():
            text = text.replace(sentinel, f"var({variable})")
        return text

    return re.sub(r"(<style[^>]*>)\*\{", rf"\1#{key} *{{", _each_tag(source, tag))


def _each_tag(source: str, change: Callable[[str], str]) -> str:
    """Change tags and leave the text between them alone: it may be anybody's."""
    return re.sub(r"<[^>]*>", lambda match: change(match[0]), source)
