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
        Canvas suffix and SVG source; none where one would take more than `MAX_BYTES`.
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
    fits = all(len(source.encode()) <= MAX_BYTES for _, source in svgs)
    return Picture(key, question, caption, tuple(svgs) if fits else (), table, data)


def finish(figure: Figure, key: str, title: str, description: str) -> str:
    """Inline SVG with prefixed ids, scoped style, CSS colours, a title and a description."""
    source = _adapt(_shorten(_save(figure)), key)
    width, height = figure.get_size_inches() * figure.dpi
    head = (
        f'<svg id="{key}" class="plot" role="img" aria-labelledby="{key}-title {key}-desc" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        'xmlns="http://www.w3.org/2000/svg">'
        f'<title id="{key}-title">{escape(clean(title))}</title>'
        f'<desc id="{key}-desc">{escape(clean(description))}</desc>'
    )
    return head + source


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
    """Drop what a page does not need: line breaks, fonts, unused ids, digits below 0.01 px."""
    source = re.sub(r">\s+<", "><", source)
    names: dict[str, str] = {}
    for used in re.findall(r'(?:href="#|url\(#)([^")]+)', source):
        names.setdefault(used, f"i{len(names)}")

    def tag(text: str) -> str:
        text = re.sub(r"\n\s*", " ", text)
        text = re.sub(r"font-family: [^;\"]*;? ?", "", text)
        text = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", text)
        text = re.sub(r"(\d+\.\d{2})\d+", r"\1", text)
        text = text.replace("xlink:href", "href")
        text = re.sub(
            r' id="([^"]*)"', lambda m: f' id="{names[m[1]]}"' if m[1] in names else "", text
        )
        return re.sub(r'(href="#|url\(#)([^")]+)', lambda m: m[1] + names[m[2]], text)

    return re.sub(
        r'<g( clip-path="[^"]*")?>((?:<use [^>]*>(?:</use>)?)+)</g>', _hoist, _each_tag(source, tag)
    )


def _hoist(match: re.Match[str]) -> str:
    """Give a style that all markers of a group share to the group."""
    styles = set(re.findall(r' style="([^"]*)"', match[2]))
    if len(styles) != 1 or match[2].count(" style=") != match[2].count("<use "):
        return match[0]
    bare = re.sub(r' style="[^"]*"', "", match[2])
    return f'<g{match[1] or ""} style="{styles.pop()}">{bare}</g>'


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
