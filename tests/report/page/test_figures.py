"""Figures: ids that cannot clash, bytes that depend on the data alone, many points as an image."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from vggstudy.analysis import AnalysisResult
from vggstudy.report import ReportContext
from vggstudy.report.page.building import study_view
from vggstudy.report.page.document import TEMPLATES
from vggstudy.report.page.figures.accuracy import draw_accuracy
from vggstudy.report.page.figures.colours import _luminance, on_viridis
from vggstudy.report.page.figures.curves import BAND_EDGE, CurveBand, CurvePanel, draw_curves
from vggstudy.report.page.figures.dots import LEAST_HALF, half_width, spread
from vggstudy.report.page.figures.forest import ForestGroup, ForestRow, draw_forest
from vggstudy.report.page.figures.interaction import BAR_WIDTH, Panel, Point, draw_interactions
from vggstudy.report.page.figures.plot import blank
from vggstudy.report.page.figures.scales import names_of, scale_of, thin
from vggstudy.report.page.figures.style import (
    BLUE,
    GREEN,
    GRID,
    NARROW,
    PURPLE,
    VERMILLION,
    WIDE,
    drawing,
    text_width,
)
from vggstudy.report.page.figures.svg import MAX_BYTES, finish
from vggstudy.report.page.sections.rows import row_text
from vggstudy.report.page.view import Factor
from vggstudy.report.words.display import PLAIN, Display
from vggstudy.rounding import round_interval


def forest(key: str, label: str = "a") -> str:
    """A finished forest of one row."""
    group = ForestGroup("title", "axis", (ForestRow(label, "1 [0, 2]", 1.0, 0.0, 2.0),), (0.0,))
    with drawing(key):
        return finish(draw_forest([group], WIDE), key, "title", "description")


def test_a_figure_is_the_same_every_time() -> None:
    assert forest("k") == forest("k")


def test_two_figures_share_no_id_and_refer_only_to_their_own(tiny: AnalysisResult) -> None:
    view = study_view(tiny, ReportContext())
    assert view.axis is not None
    sources = []
    for key in ("one", "two"):
        with drawing(key):
            drawn = draw_accuracy(view, view.axis, WIDE, unit=100)
            sources.append(finish(drawn, key, "t", "d"))
    for key, source in zip(("one", "two"), sources, strict=True):
        ids = set(re.findall(r' id="([^"]*)"', source))
        assert all(name == key or name.startswith(f"{key}-") for name in ids)
        assert set(re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', source)) <= {
            pair for name in ids for pair in ((name, ""), ("", name))
        }


def test_the_style_of_a_figure_stays_inside_it() -> None:
    sheet = re.findall(r"<style>(.*?)</style>", forest("k"), re.DOTALL)
    rules = [rule for rule in sheet[0].split("}") if rule]
    assert len(sheet) == 1
    assert rules
    assert all(re.match(r"#k( \.\w+)?\{", rule) for rule in rules)


def test_text_from_data_is_neither_markup_nor_mathematics_nor_a_reference() -> None:
    label = '<b> $x_{$ url(#a) id="b" #010101'
    assert '&lt;b&gt; $x_{$ url(#a) id="b" #010101' in forest("k", label)


def test_a_forest_grows_with_its_rows() -> None:
    rows = tuple(ForestRow(str(i), "1 [0, 2]", 1.0, 0.0, 2.0) for i in range(6))
    with drawing("k"):
        few = draw_forest([ForestGroup("t", "", rows[:2], (0.0,))], NARROW).get_figheight()
        many = draw_forest([ForestGroup("t", "", rows, (0.0,))], NARROW).get_figheight()
    assert many > few


def test_a_row_without_an_estimate_draws_no_bar() -> None:
    rows = (ForestRow("a", "not available", None, None, None),)
    with drawing("k"):
        source = finish(draw_forest([ForestGroup("t", "", rows, (0.0,))], WIDE), "k", "t", "d")
    assert "var(--blue)" not in source


@pytest.mark.parametrize(
    ("levels", "logarithmic"),
    [
        ((8, 16, 1024), True),
        ((11, 13, 16), False),
        ((0.001, 0.01, 0.1), False),
        (("a", "b"), False),
    ],
)
def test_the_axis_is_logarithmic_where_levels_are_powers_of_two(
    levels: tuple[object, ...], logarithmic: bool
) -> None:
    scale = scale_of(Factor("f", levels))
    assert scale.logarithmic is logarithmic
    assert len(scale.positions) == len(levels)


@pytest.mark.parametrize(
    ("factors", "axis"),
    [
        ({"depth": [11, 13, 19], "batch_size": [32, 64]}, "depth"),
        ({"depth": [11, 19], "batch_size": [32, 64]}, "batch_size"),
        ({"width": [1.0, 1.5], "lr": [0.001, 0.1]}, "lr"),
        ({"kind": ["a", "b", "c"], "depth": [11, 19]}, "depth"),
    ],
)
def test_the_axis_is_the_number_with_most_levels_then_powers_of_two_then_the_widest_range(
    factors: dict[str, list[object]], axis: str, make_result: Callable[..., AnalysisResult]
) -> None:
    cells = [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]
    rows = [{**cell, "replicate": i, "label": "converged"} for cell in cells for i in range(2)]
    frame = pd.DataFrame(rows).assign(test_accuracy=lambda f: 0.6 + 0.01 * f["replicate"])
    chosen = study_view(make_result(frame, list(factors)), ReportContext()).axis
    assert chosen is not None
    assert chosen.name == axis


@pytest.mark.parametrize(
    ("levels", "width", "shown"),
    [
        ((8, 16, 32, 64), 200, ["8", "16", "32", "64"]),
        ((8, 16, 32, 64), 60, ["", "16", "", "64"]),
        ((0.001, 0.003, 0.01, 0.03), 216, ["", "0.003", "0.01", "0.03"]),
    ],
)
def test_numbers_below_an_axis_do_not_touch(
    levels: tuple[int | float | str, ...], width: float, shown: list[str]
) -> None:
    scale = scale_of(Factor("x", levels))
    assert thin(scale, width) == shown
    pixels = width / scale.span
    placed = [(p * pixels, x) for p, x in zip(scale.positions, shown, strict=True) if x]
    for (left, one), (right, other) in pairwise(placed):
        assert right - left >= (text_width(one) + text_width(other)) / 2


@pytest.mark.parametrize(
    ("levels", "width", "shown", "turned"),
    [
        (("old", "new"), 150, ["old", "new"], False),
        (
            ("an_older_method", "a_newer_method"),
            180,
            ["an_older_\nmethod", "a_newer_\nmethod"],
            False,
        ),
        (("an_older_method", "a_newer_method"), 80, ["an_older_method", "a_newer_method"], True),
        (("the_first_of_all_methods", "x"), 80, ["the_first_…l_methods", "x"], True),
    ],
)
def test_words_below_an_axis_are_never_left_out(
    levels: tuple[str, ...], width: float, shown: list[str], *, turned: bool
) -> None:
    names = names_of(scale_of(Factor("x", levels)), width)
    assert [*names.labels] == shown
    assert names.turned is turned


def test_dots_stand_where_their_values_say_in_whatever_order_they_come() -> None:
    rng = np.random.default_rng(0)
    values = np.round(rng.standard_normal(80), 3)
    order = rng.permutation(80)
    placed = np.array(spread(values.tolist()))
    assert spread(values.tolist()) == placed.tolist()
    assert sorted(zip(values[order], spread(values[order].tolist()), strict=True)) == sorted(
        zip(values, placed, strict=True)
    )
    assert np.abs(placed).max() <= 1


@pytest.mark.parametrize("count", [20, 45, 80, 300])
@pytest.mark.parametrize("kind", ["normal", "two humps", "sorted", "all alike"])
def test_dots_beside_each_other_make_no_arc(count: int, kind: str) -> None:
    rng = np.random.default_rng(count)
    values = {
        "normal": rng.standard_normal(count),
        "two humps": rng.standard_normal(count) + 5 * (np.arange(count) % 2),
        "sorted": np.linspace(0, 1, count),
        "all alike": np.full(count, 0.9),
    }[kind]
    placed = np.array(spread(values.tolist()))[np.argsort(values, kind="stable")]
    turns = np.sign(np.diff(placed))
    # An arc is a run of dots that drift one way: here every step goes back over the last.
    assert np.all(turns[1:] != turns[:-1])
    if kind in ("sorted", "all alike"):
        assert np.ptp(placed) > 1.5


def test_a_mean_is_seen_however_close_levels_stand() -> None:
    assert half_width(scale_of(Factor("steps", (3000, 3025, 8500))), 150) >= LEAST_HALF * 5000 / 150


@pytest.mark.parametrize(
    ("low", "estimate", "high", "markers", "marks"),
    [(9.0, 20.0, 40.0, "", 1), (1.0, 20.0, 40.0, "<", 1), (9.0, 80.0, 90.0, ">", 0)],
)
def test_what_lies_beyond_an_axis_ends_in_an_arrow_and_has_no_mark(
    low: float, estimate: float, high: float, markers: str, marks: int
) -> None:
    row = ForestRow("a", "numbers", estimate, low, high)
    with drawing("a"):
        figure = draw_forest((ForestGroup("title", "axis", (row,), limits=(8.0, 64.0)),), WIDE)
    lines = figure.findobj(Line2D)
    assert "".join(str(m) for line in lines if (m := line.get_marker()) in ("<", ">")) == markers
    assert sum(line.get_linewidth() == 2.5 for line in lines) == marks


def test_titles_that_differ_in_their_last_words_are_whole() -> None:
    row = ForestRow("a", "1 [0, 2]", 1.0, 0.0, 2.0)
    title = "A long title that goes on until the words in which it differs from its neighbour: " * 2
    with drawing("a"):
        long, short = (
            draw_forest((ForestGroup(t, "axis", (row,)),), WIDE) for t in (title, "title")
        )
    bold = [t.get_text() for t in long.findobj(Text) if t.get_fontweight() == "bold"]
    assert " ".join(bold).startswith(title.split(":")[0])
    assert long.get_figheight() > short.get_figheight()


def test_a_bound_beside_an_estimate_does_not_read_as_a_range() -> None:
    for low, high, words in ((None, 35.0, "16, up to 35"), (12.0, 35.0, "16 [12, 35]")):
        text = row_text(Display(round_interval(16.0, low, high), PLAIN, "95%"))
        assert text == words


def test_numbers_beside_the_bars_do_not_touch_them() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    rows = (ForestRow("11", "100% [83, 100]%", 100.0, 83.0, 100.0),)
    with drawing("k"):
        figure = draw_forest([ForestGroup("t", "", rows, limits=(0.0, 100.0))], WIDE)
        ends = [float(np.max(line.get_xdata())) for line in figure.findobj(Line2D)]
        numbers = next(t for t in figure.findobj(Text) if t.get_text() == rows[0].numbers)
        renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
        left = numbers.get_window_extent(renderer).x0
    assert left - max(ends) > 8  # pixels: a figure is drawn at one user unit a pixel


def test_more_than_a_thousand_runs_become_an_image(
    make_runs: Callable[..., pd.DataFrame], make_result: Callable[..., AnalysisResult]
) -> None:
    frame = make_runs(replicates=300)
    rng = np.random.default_rng(0)
    learned = frame["label"] == "converged"
    frame.loc[learned, "test_accuracy"] = 0.7 + 0.01 * rng.standard_normal(int(learned.sum()))
    view = study_view(make_result(frame), ReportContext())
    assert view.axis is not None
    with drawing("k"):
        source = finish(draw_accuracy(view, view.axis, WIDE, unit=100), "k", "t", "d")
    assert "data:image/png;base64," in source
    assert len(source.encode()) <= MAX_BYTES


def test_text_on_tiles_contrasts_with_them() -> None:
    assert on_viridis(0.0) == "#ffffff"
    assert on_viridis(1.0) == "#111111"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_figures_are_drawn_in_contrasts_with_the_page(scheme: str) -> None:
    css = (TEMPLATES / "report.css").read_text("utf-8")
    start = css.index("prefers-color-scheme: dark") if scheme == "dark" else 0
    colours = dict(re.findall(r"--(\w+): (#\w{6})", css[start : start + 900]))

    def contrast(one: str, other: str) -> float:
        darker, lighter = sorted(_luminance(colours[name]) for name in (one, other))
        return (lighter + 0.05) / (darker + 0.05)

    for name in ("ink", "muted"):
        assert min(contrast(name, "paper"), contrast(name, "shade")) >= 4.5
    for name in ("bar", "point", "blue", "vermillion", "green", "purple"):
        assert contrast(name, "paper") >= 3
    assert contrast("point", "bar") >= 3


def shown(figure: Figure, width: float) -> list[tuple[str, float]]:
    """Colour and opacity of the lines of that width, but for those of the grid."""
    return [
        (str(line.get_color()), float(line.get_alpha() or 1))
        for line in figure.findobj(Line2D)
        if line.get_linewidth() == width and line.get_color() != GRID
    ]


def test_bars_of_interactions_and_edges_of_bands_are_opaque_and_in_colours_that_contrast() -> None:
    told = [BLUE, VERMILLION, GREEN, PURPLE]  # 3 to 1 against the page: the test above
    points = (Point(50.0, 40.0, 60.0), Point(70.0, 60.0, 80.0))
    panel = Panel("t", "x", scale_of(Factor("x", (1, 2))), (("a", points), ("b", points)))
    band = CurveBand((1.0, 2.0), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4))
    with drawing("k"):
        lines = draw_interactions([panel], WIDE, limits=(0.0, 100.0))
        curves = draw_curves([CurvePanel(("t",), (band, band), ())], ["a", "b"], WIDE, percent=True)
    for found in (shown(lines, BAR_WIDTH), shown(curves, BAND_EDGE)):
        assert len(found) >= 2
        assert all(colour in told and opacity == 1 for colour, opacity in found)


def test_intervals_of_two_lines_stand_apart_by_more_than_they_are_wide() -> None:
    points = tuple(Point(50.0, 40.0, 60.0) for _ in range(8))
    scale = scale_of(Factor("batch_size", (8, 16, 32, 64, 128, 256, 512, 1024)))
    panel = Panel("t", "x", scale, (("a", points), ("b", points)))
    for canvas in (WIDE, NARROW):
        with drawing("k"):
            figure = draw_interactions([panel] * 3, canvas, limits=(0.0, 100.0))
        bars = [x for x in figure.findobj(Line2D) if x.get_linewidth() == BAR_WIDTH]
        first, second = (bar.get_window_extent().x0 for bar in bars[:2])
        assert second - first > BAR_WIDTH + 1


def test_an_empty_canvas_has_the_size_it_was_asked_for() -> None:
    figure, _ = blank(704, 90)
    assert tuple(figure.get_size_inches() * figure.dpi) == pytest.approx((704, 90))
