"""Compact SVG: fewer bytes, the same marks in the same places."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.report.page.figures.compact import compact
from vggstudy.report.page.figures.path import shorten
from vggstudy.report.page.figures.plot import blank
from vggstudy.report.page.figures.style import BLUE, INK, drawing
from vggstudy.report.page.figures.svg import finish

STEP = re.compile(r"([A-Za-z])|(-?(?:\d+\.?\d*|\.\d+))")
POINTS = st.lists(
    st.tuples(st.floats(-2000, 9999), st.floats(-2000, 9999)), min_size=1, max_size=12
)


def followed(data: str) -> list[tuple[float, float]]:
    """The points that a path in relative commands visits."""
    tokens = [letter or number for letter, number in STEP.findall(data)]
    x = y = 0.0
    start, letter, place, points = (0.0, 0.0), "", 0, []
    while place < len(tokens):
        if tokens[place].isalpha():
            letter = tokens[place]
            place += 1
        if letter == "z":
            x, y = start
            continue
        count = {"h": 1, "v": 1}.get(letter, 2)
        values = [float(token) for token in tokens[place : place + count]]
        place += count
        dx, dy = {"h": (values[0], 0.0), "v": (0.0, values[0])}.get(letter, tuple(values[:2]))
        x, y = (dx, dy) if letter == "M" else (x + dx, y + dy)
        if letter in "Mm":
            start = (x, y)
        points.append((x, y))
    return points


@given(POINTS)
def test_a_shortened_path_visits_every_point_to_a_twentieth_of_a_pixel(
    points: list[tuple[float, float]],
) -> None:
    data = " ".join(f"{'L' if i else 'M'} {x:f} {y:f}" for i, (x, y) in enumerate(points))
    found = followed(shorten(data))
    # Steps of no length after the first are left out.
    rounded = [(round(10 * x), round(10 * y)) for x, y in points]
    kept = [p for i, p in enumerate(points) if i < 2 or rounded[i] != rounded[i - 1]]
    assert len(found) == len(kept)
    # Half a tenth, and the error of adding up twelve decimal steps.
    assert all(
        math.dist(one, two) <= math.hypot(0.05, 0.05) + 1e-6
        for one, two in zip(found, kept, strict=True)
    )


@pytest.mark.parametrize(
    ("data", "short"),
    [
        ("M 1 1 L 3 1 L 3 4 L 1 4 z", "M1 1h2v3h-2z"),
        ("M 0 0 L 0.5 -0.25 ", "M0 0l.5-.2"),
        ("M 0 0 L 1 1 L 2 2 M 5 5 L 5 6", "M0 0l1 1 1 1m3 3v1"),
        ("M 0 1 C 1 2 3 4 5 6 ", "M0 1c1 1 3 3 5 5"),
        ("M 1 1 z M 4 4 L 5 4", "M1 1zm3 3h1"),
        ("M 1 1 A 2 2 0 0 1 3 3", "M 1 1 A 2 2 0 0 1 3 3"),
    ],
)
def test_paths_known_by_hand(data: str, short: str) -> None:
    assert shorten(data) == short


def drawn() -> ET.Element:
    """Two lines alike, one unlike, dots, and text that looks like markup."""
    with drawing("k"):
        figure, plot = blank(100, 100)
        plot.line([10, 20], [10, 10], color=INK, lw=1)
        plot.line([10, 20], [30, 30], color=INK, lw=1)
        plot.line([10, 20], [50, 50], color=BLUE, lw=1)
        plot.line([40, 60], [40, 60], ls="none", marker="o", ms=4, mfc=INK, mec="none", alpha=0.5)
        plot.text(5, 90, "/> <path d='M 0 0'/> #010101 url(#x)")
        return ET.fromstring(finish(figure, "k", "t", "d"))


def test_lines_drawn_alike_become_one_path_and_others_stay_apart() -> None:
    found = [e.get("d") for e in drawn().iter() if e.tag.endswith("path")]
    assert found == ["M10 10h10m-10 20h10", "M10 50h10", "M40 40h0", "M60 60h0"]


def test_round_markers_become_dots_of_their_size_that_still_shine_through() -> None:
    group = next(e for e in drawn().iter() if e.tag.endswith("}g") and len(e) == 2)
    style = dict(part.split(":") for part in str(group.get("style")).split(";"))
    assert style == {
        "stroke": "var(--ink)",
        "stroke-width": "4",
        "stroke-opacity": "0.5",
        "stroke-linecap": "round",
    }


def test_text_stays_as_it_is() -> None:
    texts = [e.text for e in drawn().iter() if e.tag.endswith("}text")]
    assert texts == ["/> <path d='M 0 0'/> #010101 url(#x)"]


def test_control_characters_in_text_do_not_stop_a_figure() -> None:
    source = (
        '<svg xmlns="http://www.w3.org/2000/svg"><text style="fill: #1">a\x00\x1bb</text></svg>'
    )
    assert ">ab</text>" in compact(source, "k", {}).replace("\ufffd", "")


def test_a_line_without_a_point_is_left_out() -> None:
    with drawing("empty"):
        figure, plot = blank(100, 50)
        for values in ([math.nan] * 2, [10.0, 20.0]):
            plot.line([1.0, 2.0], values, color=INK, lw=2)
        source = finish(figure, "empty", "An empty line", "None.")
    assert "None" not in source.replace("None.", "")
    assert source.count("<path") == 1
