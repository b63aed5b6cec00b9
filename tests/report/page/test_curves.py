"""Training curves: medians and ranges over the runs that converged, failed runs apart."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.analysis.estimators.mean_curves import CurveSet
from vggstudy.report import ReportContext, RunCurves
from vggstudy.report.page.building import study_view
from vggstudy.report.page.figures.curves import _limits
from vggstudy.report.page.sections import mean_curves, s09_curves
from vggstudy.report.page.sections.mean_curves import MOST_POINTS, band_of
from vggstudy.report.page.sections.s09_curves import _points
from vggstudy.report.page.sections.target import lines_of


def run(*values: float | None, outcome: str = "converged", **levels: object) -> RunCurves:
    return RunCurves(levels=levels, outcome=outcome, curves={"val_accuracy": values}, gap=0.02)


def test_a_band_is_drawn_around_the_mean_and_is_a_line_where_there_is_none() -> None:
    runs = [run(0.1, 0.5), run(0.2, 0.7), run(0.6, 0.6)]
    curve = CurveSet(tuple(runs), ()).mean("val_accuracy")
    band = band_of(curve, 100)
    assert band is not None
    assert [*band.epochs] == [1, 2]
    assert band.middle == pytest.approx((30, 60))
    assert band.low[0] < 30 < band.high[0]
    (alone,) = CurveSet((runs[0],), ()).every("val_accuracy", least=1).values()
    line = band_of(alone, 100)
    assert line is not None
    assert line.low == line.middle == line.high


def test_values_that_are_not_finite_have_no_point() -> None:
    assert _points([2.3, None, math.inf, 2.1], 1) == ((1, 4), (2.3, 2.1))


def test_long_curves_are_thinned_to_their_last_epoch() -> None:
    epochs, _ = _points([0.5] * 1000, 1)
    assert len(epochs) <= MOST_POINTS
    assert epochs[-1] == 1000


@pytest.fixture
def context() -> ReportContext:
    """Curves of every cell of the tiny study; one run of each plain cell fails."""
    runs = [
        run(
            *(0.1 * epoch if on or seed else 0.1 for epoch in range(1, 8)),
            outcome="converged" if on or seed else "failed_to_learn",
            batch_norm=on,
            lr=rate,
        )
        for on in (False, True)
        for rate in (0.001, 0.01)
        for seed in range(3)
    ]
    return ReportContext(curves=runs)


def test_failed_runs_stand_apart_in_their_panel(
    tiny: AnalysisResult, context: ReportContext
) -> None:
    view = study_view(tiny, context)
    assert view.axis is not None
    lines = lines_of(view)
    curves, _ = s09_curves._curves(view, context.curves, "val_accuracy", lines)
    panels = [
        s09_curves._panel(view, context.curves, curves, "val_accuracy", levels, lines, 100)
        for levels in view.panels
    ]
    assert [len(panel.failed) for panel in panels if panel is not None] == [2, 0]
    assert all(panel is not None and all(panel.bands) for panel in panels)


def test_the_table_says_how_long_how_restless_and_how_overfitted_each_cell_is(
    tiny: AnalysisResult, context: ReportContext
) -> None:
    section = s09_curves.build(study_view(tiny, context))
    assert section is not None
    picture, differences = section.values["pictures"]
    texts = [[entry.text for entry in row] for row in picture.table.rows]
    # Seven epochs that rise by 0.1: the last five have the standard deviation 0.1581.
    assert texts[0] == ["no", "0.001", "2", "7", "15.8 points", "2.0 points"]
    assert len(texts) == 4
    # Plain networks have two converged runs a cell: only learning rates differ in three and three.
    assert [row[0].text for row in differences.table.rows] == ["Learning rate 0.01 against 0.001"]


def test_a_study_that_measures_no_gap_has_no_column_of_it(
    tiny: AnalysisResult, context: ReportContext
) -> None:
    runs = [replace(run, gap=None) for run in context.curves]
    section = s09_curves.build(study_view(tiny, ReportContext(curves=runs)))
    assert section is not None
    table = section.values["pictures"][0].table
    assert [entry.text for entry in table.rows[0]] == ["no", "0.001", "2", "7", "15.8 points"]
    assert [column.label for column in table.columns][-1] == "Unrest"
    assert "gap" not in table.caption


def test_epochs_at_which_a_difference_is_told_are_counted(tiny: AnalysisResult) -> None:
    factor = study_view(tiny, ReportContext()).factors[0]
    runs = [run(0.1 + i / 100, 0.1 + i / 100 + a / 2, a=a) for a in (0, 1) for i in range(5)]
    curve = CurveSet(tuple(runs), ("a",)).difference("val_accuracy", "a")
    ((*_, last),) = mean_curves._table([(factor, curve)], 100).rows
    assert last.text == "1 of 2"


def test_curves_of_no_factor_make_one_panel(tiny: AnalysisResult, context: ReportContext) -> None:
    view = replace(study_view(tiny, context), factors=())
    curves, _ = s09_curves._curves(view, context.curves, "val_accuracy", (None,))
    panel = s09_curves._panel(view, context.curves, curves, "val_accuracy", (), (None,), 100)
    assert panel is not None
    assert len(panel.bands) == 1


def test_a_run_that_explodes_leaves_the_others_visible() -> None:
    low, high = _limits([0.1, 2.3], [2.3, 1e30], [-90.0])
    assert -2.5 < low < -2.0
    assert 2.3 < high < 5.0
    assert _limits([], [2.3, 2.4], [])[1] < 2.5
