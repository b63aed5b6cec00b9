"""Figures as files for a paper: their colours on white, their size, and bytes that repeat.

A figure is drawn at the report's own size and scaled, so that its proportions stay: at a width of
3.25 inches its letters are 8 points high.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from vggstudy.errors import AnalysisError
from vggstudy.report.page.figures.style import (
    BAR,
    BLUE,
    DPI,
    GREEN,
    GRID,
    INK,
    MUTED,
    NARROW,
    PAPER,
    POINT,
    PURPLE,
    SHADE,
    TINT,
    VERMILLION,
    WIDE,
    Canvas,
    drawing,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["pdf", "svg", "png"]
Font = Literal["sans", "serif"]

ON_WHITE = {
    INK: "#1b1d1f",
    MUTED: "#5a6067",
    GRID: "#dfe2e5",
    PAPER: "#ffffff",
    SHADE: "#f4f5f6",
    TINT: "#d3e5f1",
    BLUE: "#0072b2",
    VERMILLION: "#c24e00",
    GREEN: "#00795a",
    PURPLE: "#a8548a",
    BAR: "#4590c0",
    POINT: "#002a45",
}
"""What is drawn for what: the report's colours in the light (`report.css`)."""

FONTS = {"sans": "DejaVu Sans", "serif": "DejaVu Serif"}
"""Both come with matplotlib."""

WITH_HANGUL = (
    "Noto Sans CJK KR",
    "Noto Serif CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "UnDotum",
)
"""Fonts that have what matplotlib's own lack; the first that is installed is taken."""

PIXELS = 300
"""An inch of a PNG."""

TWO_COLUMNS = 5.0
"""Inches from which on a figure has room for what a wide page shows."""


@contextmanager
def as_printed(salt: str, font: Font) -> Iterator[None]:
    """Matplotlib's settings for a file: letters as outlines, or embedded."""
    import matplotlib as mpl

    families = [FONTS[font], *_installed(WITH_HANGUL)[:1]]
    with (
        drawing(salt),
        mpl.rc_context({"font.family": families, "svg.fonttype": "path", "pdf.fonttype": 42}),
    ):
        yield


def _installed(names: tuple[str, ...]) -> list[str]:
    """Those fonts that matplotlib finds."""
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    return [name for name in names if name in known]


def draw_printed(draw: Callable[[Canvas], Figure], *, key: str, width: float, font: Font) -> Figure:
    """A figure with the colours of paper, of the size at which its letters are 12 pixels high.

    Parameters
    ----------
    draw : callable
        From a canvas to a figure of its width.
    key : str
        Names the figure in its bytes.
    width : float
        Inches that it is to be printed at: a narrow one has its words above its bars.
    font : str
    """
    canvas = WIDE if width >= TWO_COLUMNS else NARROW
    with as_printed(key, font):
        figure = draw(canvas)
        figure.canvas.draw()  # ticks are made when they are drawn
    _recolour(figure)
    return figure


def _recolour(figure: Figure) -> None:
    """Put real colours in the places of the report's."""
    from matplotlib.artist import Artist
    from matplotlib.colors import to_hex, to_rgba
    from matplotlib.text import Text

    def real(value: Any) -> Any:
        if isinstance(value, str) and value.lower() in ("none", "auto"):
            return value
        try:
            red, green, blue, alpha = to_rgba(value)
        except (ValueError, TypeError):
            return [real(one) for one in value] if len(value) else value
        found = ON_WHITE.get(to_hex((red, green, blue)))
        if found is None or isinstance(value, str):  # a name leaves the artist's own opacity
            return found or value
        return to_rgba(found, alpha)

    artists = figure.findobj(Artist)
    # What stands behind a text is no child of its.
    artists += [box for text in figure.findobj(Text) if (box := text.get_bbox_patch()) is not None]
    for artist in artists:
        for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            get, put = (getattr(artist, f"{verb}_{name}", None) for verb in ("get", "set"))
            if get is not None and put is not None:
                put(real(get()))


def printed(figure: Figure, kind: Format, *, key: str, width: float, font: Font) -> bytes:
    """A figure as a file, of that width in inches; equal figures give equal bytes.

    Raises
    ------
    AnalysisError
        If no installed font has a letter of its texts.
    """
    scale = width / float(figure.get_figwidth())
    buffer = io.BytesIO()
    with as_printed(key, font), warnings.catch_warnings():
        warnings.filterwarnings("error", message=r"Glyph .* missing from", category=UserWarning)
        try:
            _SAVE[kind](figure, buffer, scale)
        except UserWarning as error:
            msg = (
                f"no installed font has all letters of the figure {key} ({error}): "
                f"install one of {', '.join(WITH_HANGUL)}"
            )
            raise AnalysisError(msg) from None
    return buffer.getvalue()


def _pdf(figure: Figure, buffer: io.BytesIO, scale: float) -> None:
    """PDF without a date, its page and all that is on it scaled."""
    from matplotlib.backends.backend_pdf import Op, PdfFile, PdfPages

    class Scaled(PdfFile):
        def newPage(self, width: float, height: float) -> None:  # noqa: N802 -- matplotlib's
            super().newPage(width * scale, height * scale)  # type: ignore[no-untyped-call]
            self.output(scale, 0, 0, scale, 0, 0, Op.concat_matrix)  # type: ignore[no-untyped-call]

    nothing = dict.fromkeys(("CreationDate", "Creator", "Producer"))
    with PdfPages(buffer, metadata=nothing) as pages:
        # The only way to scale lines and letters along with the page.
        pages._file = Scaled(buffer, metadata=nothing)  # type: ignore[no-untyped-call]
        figure.savefig(pages, format="pdf")


def _svg(figure: Figure, buffer: io.BytesIO, scale: float) -> None:
    """SVG without a date: the size at its root, the picture as it is."""
    inside = io.StringIO()
    figure.savefig(
        inside, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    text = inside.getvalue()
    width, height = (float(x) * DPI for x in figure.get_size_inches())
    for name, value in (("width", width), ("height", height)):
        text = text.replace(f'{name}="{value:.6g}pt"', f'{name}="{value * scale:.6g}pt"', 1)
    buffer.write(text.encode())


def _png(figure: Figure, buffer: io.BytesIO, scale: float) -> None:
    """PNG on white."""
    figure.patch.set_visible(True)
    figure.savefig(
        buffer,
        format="png",
        dpi=PIXELS * scale,
        facecolor="white",
        metadata={"Software": None},
        pil_kwargs={"dpi": (PIXELS, PIXELS)},
    )


_SAVE: dict[Format, Callable[[Figure, io.BytesIO, float], None]] = {
    "pdf": _pdf,
    "svg": _svg,
    "png": _png,
}
