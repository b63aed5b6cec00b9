"""Sections on factors: levels compared, switches matched cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.figures.contrasts import (
    ContrastPanel,
    difference_limits,
    draw_contrasts,
)
from vggstudy.report.page.figures.dots import Stack
from vggstudy.report.page.figures.scales import scale_of
from vggstudy.report.page.figures.style import WIDE, drawing
from vggstudy.report.page.figures.svg import collecting
from vggstudy.report.page.sections import estimation, s05_levels, s06_switches, s07_interactions
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.contrasts import pair_label
from vggstudy.report.page.sections.estimation import estimation_picture
from vggstudy.report.page.view import Factor, StudyView

MakeRuns = Callable[..., pd.DataFrame]
MakeResult = Callable[..., AnalysisResult]


@pytest.fixture
def view(make_runs: MakeRuns, make_result: MakeResult) -> StudyView:
    """Three depths beside a switch and two learning rates."""
    frame = pd.concat([make_runs().assign(depth=depth) for depth in (11, 13, 19)])
    frame["kind"] = frame["lr"].map({0.001: "a", 0.01: "b"})
    return study_view(make_result(frame, ["depth", "batch_norm", "kind"]), ReportContext())


def built(view: StudyView, module: object) -> Section:
    section: Section = module.build(view)  # type: ignore[attr-defined]
    return section


def test_every_factor_with_levels_but_the_axis_and_the_switches_is_compared(
    view: StudyView,
) -> None:
    section = built(view, s05_levels)
    assert view.axis is not None
    assert view.axis.name == "depth"
    assert section.title == "Kind"
    assert [part["label"] for part in section.values["parts"]] == ["Kind"]


def panels_of(view: StudyView, factor: Factor) -> list[ContrastPanel]:
    """What the figure of a factor draws."""
    made: list[ContrastPanel] = []

    def draw(panels: list[ContrastPanel], *_: object) -> Figure:
        made[:] = panels
        return Figure()

    with pytest.MonkeyPatch.context() as patch, collecting() as found:
        patch.setattr(estimation, "draw_contrasts", draw)
        assert estimation_picture(view, factor) is not None
        found[0].draw(WIDE)
    return made


def test_every_run_stands_above_and_the_difference_from_the_first_level_below_it(
    view: StudyView,
) -> None:
    factor = view.factors[0]
    shares, runs, every = panels_of(view, factor)
    for index, level in enumerate(factor.levels):
        cells = [cell for cell in view.cells if cell.levels[0] == level]
        assert len(shares.above[index].values) == len(cells)
        assert len(every.above[index].values) == sum(cell.n for cell in cells)
        assert len(runs.above[index].values) == sum(cell.k for cell in cells)
    assert [panel.below[0] for panel in (shares, runs, every)] == [None] * 3
    claim = view.claims.difference("expected", factor.name, (0, 2), {})
    drawn = every.below[2]
    assert claim is not None
    assert drawn is not None
    ends = (claim.estimate, claim.low, claim.high)
    assert (drawn.estimate, drawn.low, drawn.high) == tuple(100 * (end or 0.0) for end in ends)


def test_a_difference_on_a_part_of_the_grid_stands_under_the_runs_of_that_part(
    make_runs: MakeRuns, make_result: MakeResult
) -> None:
    frame = pd.concat([make_runs().assign(depth=depth) for depth in (11, 19)])
    lost = (frame["depth"] == 19) & ~frame["batch_norm"] & (frame["lr"] == 0.01)
    frame.loc[lost, "label"] = "failed_to_learn"
    view = study_view(make_result(frame, ["lr", "batch_norm", "depth"]), ReportContext())
    factor = view.factors[2]
    panel = next(p for p in panels_of(view, factor) if p.title.endswith("*"))
    claim = view.claims.difference(view.outcome, "depth", (0, 1), {})
    assert claim is not None
    shown = view.claims.offered(claim)
    assert shown is not claim
    assert len(panel.above[0].values) + len(panel.above[1].values) == shown.k
    without, with_ = (stack.estimate for stack in panel.above)
    assert without is not None
    assert with_ is not None
    assert with_ - without == pytest.approx(100 * (shown.estimate or 0.0))


def test_a_difference_stands_in_the_column_of_its_level(view: StudyView) -> None:
    factor = view.factors[0]
    panels = panels_of(view, factor)
    scale = scale_of(Factor("f", ("a", "b", "c")))
    with drawing("k"):
        figure = draw_contrasts(panels, scale, WIDE)
    bars = [line for line in figure.findobj(Line2D) if line.get_linewidth() == 6]
    assert len(bars) == 2 * len(panels)
    for raw, below in zip(bars[::2], bars[1::2], strict=True):
        assert columns_of(below) == columns_of(raw)[1:]


def columns_of(line: Line2D) -> list[float]:
    """Where strokes stand, in pixels."""
    x, y = (np.asarray(given, dtype=float) for given in line.get_data())
    pixels = line.get_transform().transform(np.column_stack([x, y]))[:, 0]
    return sorted({round(float(one), 6) for one in pixels[~np.isnan(x)]})


def test_differences_of_a_unit_share_an_axis_unless_one_could_not_be_read_on_it() -> None:
    wide, other, thin = Stack((), -8, -14, -2), Stack((), 3, 1, 5), Stack((), 2.5, 2.4, 2.6)
    alike = difference_limits([("points", (None, wide)), ("points", (None, other))])
    assert alike[0] == alike[1]
    apart = difference_limits([("points", (None, wide)), ("points", (None, thin))])
    assert apart[0] != apart[1]
    assert apart[1][0] < 0 < 2.6 < apart[1][1]
    assert difference_limits([("points", (wide,)), ("loss", (other,))])[1][0] > -1


def test_what_is_not_told_has_no_section(make_runs: MakeRuns, make_result: MakeResult) -> None:
    frame = make_runs(replicates=1)
    frame["kind"] = frame["lr"].map({0.001: "a", 0.01: "b"})
    frame = frame[frame["batch_norm"] != (frame["kind"] == "a")]
    view = study_view(make_result(frame, ["kind", "batch_norm"]), ReportContext())
    assert s06_switches.build(view) is None
    assert s05_levels.build(view) is None


def test_contrasts_are_named_by_the_levels_that_they_compare(view: StudyView) -> None:
    factor = view.factors[0]
    labels = [pair_label(view, factor, c) for c in view.claims.contrasts("converged", factor)]
    assert labels == ["19 against 11", "13 against 11", "19 against 13"]


def test_matched_cells_differ_in_the_switch_alone(view: StudyView) -> None:
    switch = view.factors[1]
    found = list(s06_switches.matches(view, switch, "converged"))
    assert len(found) == len(view.cells) // 2
    for match in found:
        a, b = match.without.levels, match.with_.levels
        assert [x != y for x, y in zip(a, b, strict=True)] == [False, True, False]
        assert match.claim is not None
        assert match.claim.estimate == pytest.approx(
            match.with_.k / match.with_.n - match.without.k / match.without.n
        )


def test_lines_are_drawn_only_between_cells_that_have_a_mean(
    make_runs: MakeRuns, make_result: MakeResult
) -> None:
    frame = make_runs(replicates=4)
    frame.loc[(~frame["batch_norm"]) & (frame["lr"] == 0.01), "label"] = "failed_to_learn"
    view = study_view(make_result(frame), ReportContext())
    pictures = built(view, s06_switches).values["pictures"]
    assert [picture.key for picture in pictures] == ["fig-switch-converged", "fig-switch-outcome"]
    assert "of 1 matched pairs" in pictures[1].svgs[0][1]
    assert "of 2 matched pairs" in pictures[0].svgs[0][1]


def test_sections_on_what_a_grid_does_not_have_are_left_out(make_result: MakeResult) -> None:
    rows = [
        {"depth": depth, "replicate": i, "label": "converged", "test_accuracy": 0.8 + i / 100}
        for depth in (11, 19)
        for i in range(3)
    ]
    page = render(make_result(pd.DataFrame(rows), ["depth"]))
    left_out = ("switches", "levels", "interactions", "hypotheses", "curves", "source")
    assert [key for key in left_out if f'id="{key}"' in page] == []


def test_an_interaction_is_told_as_a_change_of_a_difference(tiny: AnalysisResult) -> None:
    view = study_view(tiny, ReportContext())
    section = built(view, s07_interactions)
    assert section.values["sentences"][0].text.startswith(
        "The difference that batch normalisation makes to the probability of convergence is "
        "estimated to be the same at learning rate 0.01 and at learning rate 0.001: 0 points of "
        "difference, 95% CI ["
    )
    labels = [row[0].text for row in section.values["contrasts"].table.rows]
    assert labels[0].startswith("Batch normalisation × learning rate 0.01 against 0.001, ")


def test_lines_of_an_interaction_are_the_claims_about_two_levels(tiny: AnalysisResult) -> None:
    view = study_view(tiny, ReportContext())
    table = built(view, s07_interactions).values["lines"].table
    printed = [entry.claim for row in table.rows for entry in row if entry.claim]
    assert sorted(printed) == sorted(
        claim.id
        for claim in view.claims
        if claim.outcome == "converged" and len(claim.conditions) == 2
    )


def test_names_and_levels_that_ids_encode_are_printed_as_the_data_write_them() -> None:
    rows = [
        (kind, size, seed, "converged" if seed < size // 8 else "failed_to_learn", 0.8 + seed / 99)
        for kind in ("x+y", "50%", "c..d")
        for size in (8, 16, 32, 64)
        for seed in range(6)
    ]
    frame = pd.DataFrame(rows, columns=["kind", "n*m", "seed", "label", "test_accuracy"])
    table = RunTable.from_frame(frame, factors=["kind", "n*m"])
    result = analyze(table, resamples=99)
    view = study_view(result, ReportContext())
    labels = [
        pair_label(view, view.factors[0], c)
        for c in view.claims.contrasts("converged", view.factors[0])
    ]
    assert labels == ["50% against x+y", "c..d against x+y", "c..d against 50%"]
    needed = view.claims.of_quantity("needed")
    assert [view.place(claim) for claim in needed] == ["kind x+y", "kind 50%", "kind c..d"]
    assert 'data-claim="needed.n%2Am@kind=x%2By"' in render(result, context=ReportContext())
