"""Photograph a study's report for the README: python docs/make_screenshots.py STUDY [docs/images].

Needs the system's Chromium. Each picture is taken in light and in dark colours: the first screen of
the report, and one of its figures. Fonts and Chromium are the machine's, so another machine gives
other pixels.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image
from playwright.sync_api import sync_playwright

from vggstudy.report import write_report
from vggstudy.study.analyze import analyze_source
from vggstudy.study.context import report_context
from vggstudy.study.sources import open_source

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Scheme = Literal["light", "dark"]

WIDTH = 1200
FIRST_SCREEN = 830
SCALE = 2
COLOURS = 96
MARGIN = 16
TEXT_WIDTH = 1010
"""Where the report's text ends, with a margin as wide as that on its left."""
FIGURES = {"report-accuracy": "#fig-accuracy"}
"""Name of a picture, and the figure of the report that it shows with its question."""


def main() -> None:
    """Read the arguments, render the report, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "images")
    arguments = parser.parse_args()
    source = open_source(arguments.study)
    arguments.folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page = Path(folder) / "report.html"
        write_report(analyze_source(source), page, context=report_context(source))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for scheme in ("light", "dark"):
            take_pictures(browser, page, arguments.folder, scheme)
        browser.close()


def take_pictures(browser: Browser, report: Path, folder: Path, scheme: Scheme) -> None:
    """The first screen and the figures, in one colour scheme."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": FIRST_SCREEN},
        color_scheme=scheme,
        device_scale_factor=SCALE,
    )
    page.goto(report.as_uri())
    first = {"x": 0.0, "y": 0.0, "width": float(TEXT_WIDTH), "height": float(FIRST_SCREEN)}
    keep(page.screenshot(clip=first), folder / f"report-{scheme}.png")
    for name, figure in FIGURES.items():
        keep(figure_of(page, figure), folder / f"{name}-{scheme}.png")
    page.close()


def figure_of(page: Page, selector: str) -> bytes:
    """A figure from its question to its caption, with a margin."""
    page.set_viewport_size({"width": WIDTH, "height": 2 * WIDTH})
    heading = page.locator(f"h3:has(+ {selector})").bounding_box()
    figure = page.locator(selector).bounding_box()
    if heading is None or figure is None:
        raise SystemExit(f"the report has no figure {selector}")
    top = heading["y"] - MARGIN
    return page.screenshot(
        full_page=True,
        clip={
            "x": figure["x"] - MARGIN,
            "y": top,
            "width": figure["width"] + 2 * MARGIN,
            "height": figure["y"] + figure["height"] + MARGIN / 2 - top,
        },
    )


def keep(png: bytes, path: Path) -> None:
    """Write a picture with as many colours as such a page needs."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
