"""Colours, sizes and the canvas that all figures share.

Colours are sentinels while matplotlib draws: `svg.finish` replaces each by a CSS variable, so that
one file serves light, dark and print. User units are CSS pixels at the figure's own width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#010101"
MUTED = "#020202"
GRID = "#030303"
PAPER = "#040404"
BLUE = "#050505"
VERMILLION = "#060606"
GREEN = "#070707"
PURPLE = "#080808"
SHADE = "#090909"
TINT = "#0a0a0a"
BAR = "#0b0b0b"
"""Intervals: 3 to 1 against the page."""
POINT = "#0c0c0c"
"""Estimates on them: 3 to 1 against the bar."""

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    BLUE: "--blue",
    VERMILLION: "--vermillion",
    GREEN: "--green",
    PURPLE: "--purple",
    SHADE: "--shade",
    TINT: "--tint",
    BAR: "--bar",
    POINT: "--point",
}

TEXT = 13.0
SMALL = 12.0
GENEROUS = 1.15 * SMALL
"""Size by which small labels are measured that stand next to each other."""
DPI = 72
RASTERISE_ABOVE = 1000
FEW_DOTS = 60
WIDTH_PER_CHARACTER = 0.54
WIDTH_PER_WIDE = 0.96
"""The same for Hangul and other characters that fill a square."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The space a figure is drawn for.

    Attributes
    ----------
    suffix : str
        Part of the ids of this variant.
    width : float
        CSS pixels.
    """

    suffix: str
    width: float

    @property
    def narrow(self) -> bool:
        """Whether labels must stand above what they name rather than beside it."""
        return self.width < 500


WIDE = Canvas("w", 704.0)
NARROW = Canvas("n", 358.0)
CANVASES = (WIDE, NARROW)


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Matplotlib settings under which a figure's bytes depend on its data alone."""
    import matplotlib as mpl

    settings: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "text.parse_math": False,
        "font.size": SMALL,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.linewidth": 1.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
    }
    with mpl.rc_context(settings):  # type: ignore[arg-type]  # its keys are literals
        yield


def dot_size(count: int) -> float:
    """How large a dot a run is, in points: few can be larger without covering each other."""
    return 3.6 if count > FEW_DOTS else 5.4


def name_below(figure: Figure, name: str, left: float) -> None:
    """The name of an x axis that panels share, in the middle of what `left` pixels leave."""
    width, height = figure.get_size_inches() * DPI
    place = 0.5 + left / 2 / width
    figure.text(place, 8 / height, name, ha="center", va="center", color=MUTED, fontsize=SMALL)


def text_width(text: str, size: float = SMALL) -> float:
    """A generous width in pixels of text in the report's sans-serif."""
    wide = sum(east_asian_width(character) in "WF" for character in text)
    return (WIDTH_PER_CHARACTER * (len(text) - wide) + WIDTH_PER_WIDE * wide) * size


def fit(text: str, width: float, size: float = SMALL) -> str:
    """The text, cut with an ellipsis where it would be wider than that."""
    if text_width(text, size) <= width or len(text) <= 2:
        return text
    kept = _head(text, width - size, size)  # an ellipsis is as wide as the text is high
    return kept.rstrip() + "…"


def wrapped(text: str, width: float, size: float = SMALL) -> list[str]:
    """The text on as many lines as it needs; a word that is wider than a line is broken."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer, size) <= width:
            lines[-1] = longer
            continue
        lines += [word] if lines[-1] else []
        lines[-1] = lines[-1] or word
        while text_width(lines[-1], size) > width:
            head = _head(lines[-1], width, size)
            lines[-1:] = [head, lines[-1][len(head) :]]
    return lines


def _head(text: str, width: float, size: float) -> str:
    """As many of the first characters as fit, one at least."""
    count = 1
    while count < len(text) and text_width(text[: count + 1], size) <= width:
        count += 1
    return text[:count]
