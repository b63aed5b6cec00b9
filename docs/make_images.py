"""Draw images of the README and the pages from studies.

    python docs/make_images.py STUDY
    python docs/make_images.py STUDY --beside SECOND --claim ID --claim ID ...
    python docs/make_images.py STUDY --gallery

The figures are the report's own, drawn by its code from the claims, in its light colours. The first
is named after the study, the other, where both studies say each claim, after the second
(SECOND-beside.png). Those of the gallery are what `export --figures` writes at 5 inches, each named
after its figure. The same studies give the same bytes.
"""

from __future__ import annotations

import argparse
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vggstudy.report.page.building import study_view
from vggstudy.report.page.document import TEMPLATES
from vggstudy.report.page.figures.accuracy import draw_accuracy
from vggstudy.report.page.figures.forest import ForestGroup, draw_forest
from vggstudy.report.page.figures.style import INK, MUTED, VARIABLES, WIDE, blank, drawing
from vggstudy.report.page.paper import paper_figures
from vggstudy.report.page.sections.rows import forest_row
from vggstudy.report.words.display import confidence_text, display
from vggstudy.report.words.names import capitalise, in_words
from vggstudy.study.analyze import analyze_source
from vggstudy.study.context import report_context
from vggstudy.study.sources import open_source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vggstudy.analysis import AnalysisResult, ClaimSet
    from vggstudy.report.page.context import ReportContext
    from vggstudy.report.page.view import Cell, Factor, StudyView

SCALE = 2
MARGIN = 24
COLOURS = 128
TEXT_ROW = 34.0
SPACE = 14.0
GALLERY = (
    "levels-0",
    "accuracy",
    "accuracy.diff",
    "converged",
    "converged.cells",
    "switch-converged",
    "interactions",
    "needed",
    "curves-0",
    "curve-differences-0",
)
"""Figures on the page gallery.md."""
GALLERY_WIDTH = 5.0
"""Inches: from here on a figure has its wide form."""
FOREST_CELLS = 12
"""Cells above which a row for each is too long for a README."""


def main() -> None:
    """Read the arguments, write the images."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "images")
    parser.add_argument("--beside", type=Path, metavar="SECOND")
    parser.add_argument("--gallery", action="store_true")
    parser.add_argument("--claim", action="append", default=[], metavar="ID")
    arguments = parser.parse_args()
    arguments.folder.mkdir(exist_ok=True)
    source = open_source(arguments.study)
    result = analyze_source(source)
    if arguments.gallery:
        write_gallery(result, report_context(source), arguments.folder / "gallery")
        return
    if arguments.beside is None:
        path = arguments.folder / f"{arguments.study.resolve().name}.png"
        write_overview(study_view(result, report_context(source)), path)
        return
    second = analyze_source(open_source(arguments.beside)).claims
    path = arguments.folder / f"{arguments.beside.resolve().name}-beside.png"
    write_beside(result, second, arguments.claim, path)


def write_overview(view: StudyView, path: Path) -> None:
    """Who converges, and how accurate those are: two figures, one below the other.

    Of a large grid the second alone, which counts the failed runs too.
    """
    if view.axis is None:
        raise SystemExit("the study has no factor: there is nothing to draw")
    level = confidence_text(float(view.settings["confidence"]))
    with drawing("images"):
        parts = [
            _heading("How accurate are the runs that converge?", f"mean with {level} interval"),
            draw_accuracy(view, view.axis, WIDE, unit=100),
        ]
        if len(view.cells) <= FOREST_CELLS:
            shares = _heading("How often do runs converge?", f"exact {level} intervals, in percent")
            parts = [shares, draw_forest(_groups(view), WIDE), *parts]
        _write(parts, path)


def write_beside(first: AnalysisResult, second: ClaimSet, claims: list[str], path: Path) -> None:
    """What two studies say of the same things: a group of two rows a claim."""
    groups = []
    for name in claims:
        claim = first.claims[name]
        printed = display(claim)
        unit = "" if printed is None else printed.unit.words.strip()
        scale = 1 if printed is None else printed.unit.scale
        rows = (forest_row(claim, "First study"), forest_row(second[name], "Second study"))
        none = () if claim.reference is None else (claim.reference * scale,)
        groups.append(
            ForestGroup(capitalise(in_words(claim.estimand)), unit, rows, references=none)
        )
    level = confidence_text(float(first.settings["confidence"]))
    with drawing("images"):
        heading = _heading("Does the second study say the same?", f"{level} intervals")
        _write([heading, draw_forest(groups, WIDE)], path)


def write_gallery(result: AnalysisResult, context: ReportContext, folder: Path) -> None:
    """A file for each figure of the gallery, as it is exported for a paper."""
    folder.mkdir(exist_ok=True)
    found = paper_figures(result, context=context)
    for name in GALLERY:
        image = Image.open(io.BytesIO(found[name].printed("png", width=GALLERY_WIDTH)))
        _save(image.convert("RGB"), folder / f"{name.replace('.', '-')}.png")


def _write(parts: list[Figure], path: Path) -> None:
    """The figures, one below the other, as one image."""
    pixels = np.concatenate([_pixels(part) for part in parts])
    framed = np.pad(pixels, ((0, MARGIN), (MARGIN, MARGIN), (0, 0)), constant_values=255)
    _save(Image.fromarray(framed), path)


def _save(image: Image.Image, path: Path) -> None:
    """An image with few colours: a figure has no more."""
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def _groups(view: StudyView) -> list[ForestGroup]:
    """The cells, grouped by the first switch among the factors, else by the first factor."""
    grouping = next((factor for factor in view.factors if factor.is_switch), view.factors[0])
    place = view.factors.index(grouping)
    rest = [(f, i) for i, f in enumerate(view.factors) if f is not grouping]
    groups = []
    for level in grouping.levels:
        cells = [cell for cell in view.cells if cell.levels[place] == level]
        rows = [
            forest_row(cell.probability, _label(rest, cell))
            for cell in cells
            if cell.probability is not None
        ]
        title = capitalise(grouping.phrase(level))
        groups.append(ForestGroup(title, "", tuple(rows), limits=(0.0, 100.0)))
    return groups


def _label(factors: list[tuple[Factor, int]], cell: Cell) -> str:
    """A cell in words and counts: "Depth 19, batch size 32: 0 of 5"."""
    words = ", ".join(factor.phrase(cell.levels[place]) for factor, place in factors)
    return f"{capitalise(words)}: {cell.k} of {cell.n}"


def _heading(question: str, what: str) -> Figure:
    """A line of text above a figure."""
    figure, axes = blank(WIDE.width, SPACE + TEXT_ROW)
    axes.text(0, SPACE + 12, question, va="center", size=15, weight="bold", color=INK)
    axes.text(WIDE.width, SPACE + 12, what, va="center", ha="right", size=12, color=MUTED)
    return figure


def _pixels(figure: Figure) -> np.ndarray:
    """The figure as an array of shape (height, width, 3), on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.patch.set(visible=True, facecolor="white")
    _recolour(figure)
    figure.set_dpi(SCALE * figure.dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # matplotlib's
    return pixels[:, :, :3].copy()


def _recolour(figure: Figure) -> None:
    """Give every artist the light colour that its sentinel stands for."""
    from matplotlib.colors import to_hex, to_rgba

    css = (TEMPLATES / "report.css").read_text("utf-8").partition("@media")[0]
    light = dict(re.findall(r"(--\w+): (#[0-9a-f]{6});", css))
    wanted = {sentinel: light[variable] for sentinel, variable in VARIABLES.items()}
    for artist in figure.findobj():
        for name in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            getter = getattr(artist, f"get_{name}", None)
            setter = getattr(artist, f"set_{name}", None)
            if getter is None or setter is None:
                continue
            colour = getter()
            if isinstance(colour, (str, tuple)) and to_hex(colour) in wanted:
                setter(to_rgba(wanted[to_hex(colour)], to_rgba(colour)[3]))


if __name__ == "__main__":
    main()
