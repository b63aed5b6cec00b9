"""The report's figures alone: by name, with their claims, in files that repeat."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from vggstudy.analysis import AnalysisResult
from vggstudy.errors import AnalysisError
from vggstudy.report import render
from vggstudy.report.page.figures import files
from vggstudy.report.page.figures.slopes import SlopePanel, draw_slopes
from vggstudy.report.page.figures.style import VARIABLES, Canvas
from vggstudy.report.page.paper import PaperFigure, chosen, paper_figures


@pytest.fixture(scope="module")
def figures(tiny: AnalysisResult) -> dict[str, PaperFigure]:
    return paper_figures(tiny)


def test_every_figure_of_the_report_has_a_name(
    tiny: AnalysisResult, figures: dict[str, PaperFigure]
) -> None:
    drawn = set(re.findall(r'<figure id="fig-([^"]+)"', render(tiny)))
    renamed = {"convergence-levels": "converged", "convergence-cells": "converged.cells"}
    assert {renamed.get(name, name) for name in drawn} <= set(figures)
    assert {"accuracy", "converged", "accuracy.diff", "converged.diff"} <= set(figures)


def test_a_figure_names_the_claims_that_it_shows(
    tiny: AnalysisResult, figures: dict[str, PaperFigure]
) -> None:
    assert "converged.p@batch_norm=true" in figures["converged"].claims
    assert "accuracy.diff.batch_norm" in figures["accuracy.diff"].claims
    assert "accuracy.mean@batch_norm=true,lr=0.01" in figures["accuracy"].claims
    for one in figures.values():
        assert {*one.claims} <= {*tiny.claims}


@pytest.mark.parametrize(("width", "font"), [(3.25, "sans"), (6.5, "serif")])
def test_a_file_has_the_width_that_was_asked_for(
    figures: dict[str, PaperFigure], width: float, font: str
) -> None:
    one = figures["converged"]
    found = {kind: one.printed(kind, width=width, font=font) for kind in ("pdf", "svg", "png")}  # type: ignore[arg-type]
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", found["pdf"])
    size = re.search(rb'<svg[^>]* width="([\d.]+)pt" height="([\d.]+)pt"', found["svg"])
    assert box is not None
    assert size is not None
    assert float(box[1]) == pytest.approx(72 * width)
    assert [float(x) for x in size.groups()] == pytest.approx(
        [float(x) for x in box.groups()], rel=1e-4
    )
    assert int.from_bytes(found["png"][16:20]) == pytest.approx(300 * width, abs=1)


def test_no_colour_of_the_page_is_left(figures: dict[str, PaperFigure]) -> None:
    texts = {name: one.printed("svg").decode() for name, one in figures.items()}
    for name, text in texts.items():
        assert not [sentinel for sentinel in VARIABLES if sentinel in text], name
    assert all("#4590c0" in texts[name] for name in ("accuracy", "converged", "accuracy.diff"))


def test_what_stands_behind_a_text_has_the_colour_of_paper() -> None:
    panel = SlopePanel("t", ((0.0, 50.0), (0.0, 50.0)), None, None, ())

    def draw(canvas: Canvas) -> Figure:
        return draw_slopes([panel], canvas, limits=(0.0, 100.0), percent=True)

    figure = files.draw_printed(draw, key="k", width=3.25, font="sans")
    boxes = [box for text in figure.findobj(Text) if (box := text.get_bbox_patch()) is not None]
    assert [to_hex(box.get_facecolor()) for box in boxes] == ["#ffffff"]


SCRIPT = """
import hashlib, sys
sys.path.insert(0, ".")
from tests.report.conftest import analysed, runs
result = analysed(runs())
from vggstudy.report.page.paper import paper_figures
one = paper_figures(result)["converged"]
for kind in ("pdf", "svg", "png"):
    print(hashlib.sha256(one.printed(kind, font="serif")).hexdigest())
"""


def test_bytes_repeat_in_another_process(figures: dict[str, PaperFigure], repository: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        cwd=str(repository),
    ).stdout.split()
    one = figures["converged"]
    kinds = ("pdf", "svg", "png")
    assert said == [hashlib.sha256(one.printed(k, font="serif")).hexdigest() for k in kinds]  # type: ignore[arg-type]


def test_a_result_plots_by_name(tiny: AnalysisResult) -> None:
    figure = tiny.plot("accuracy.diff", language="en")
    assert figure.artists
    with pytest.raises(AnalysisError, match=r"'acuracy' \(did you mean 'accuracy'"):
        tiny.plot("acuracy")


def test_a_pattern_that_fits_none_is_told(figures: dict[str, PaperFigure]) -> None:
    assert [one.name for one in chosen(figures, ["converged*"])] == [
        name for name in figures if name.startswith("converged")
    ]
    with pytest.raises(AnalysisError, match="no figure is named 'x'"):
        chosen(figures, ["accuracy", "x"])


def test_letters_that_no_font_has_are_told_of(
    tiny: AnalysisResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WITH_HANGUL", ())
    one = paper_figures(tiny, language="ko")["converged"]
    with pytest.raises(AnalysisError, match="no installed font has all letters of the figure"):
        one.printed("pdf")
