"""Times to a target: the curves, their table, and words that do not say that a mean is of some."""

from __future__ import annotations

import html

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import target
from vggstudy.study.analyze import analyze

SLOW = [60, 70, 80, 90, 100]
"""Steps of the slow method; at the last of them its run had not reached the target."""


@pytest.fixture(scope="module")
def times() -> AnalysisResult:
    """Two methods of five runs; one run of the slow one ends without reaching the target."""
    rows = [("fast", i, 20 + 2 * i, "yes") for i in range(5)]
    rows += [("slow", i, steps, "no" if steps == 100 else "yes") for i, steps in enumerate(SLOW)]
    frame = pd.DataFrame(rows, columns=["method", "seed", "steps", "reached"])
    return analyze(
        frame, factors=["method"], time="steps", reached="reached", seeding="independent"
    )


def test_a_curve_falls_by_steps_to_the_share_that_never_reached_it(times: AnalysisResult) -> None:
    view = study_view(times, ReportContext())
    curves = times.survival()
    lines = target.lines_of(view)
    assert lines == ("fast", "slow")
    (fast, slow) = target._panel(view, curves, (), lines).bands
    assert fast is not None
    assert slow is not None
    assert fast.epochs[:6] == (0, 20, 20, 22, 22, 24)
    assert fast.middle[:6] == pytest.approx((100, 100, 80, 80, 60, 60))
    assert (fast.middle[-1], slow.middle[-1]) == pytest.approx((0, 20))
    corners = zip(slow.low, slow.middle, slow.high, strict=True)
    assert all(low <= share <= high for low, share, high in corners)


def test_the_table_has_every_claim_on_the_time(times: AnalysisResult) -> None:
    (picture,) = target.target_pictures(study_view(times, ReportContext()))
    assert picture.table.caption.endswith("to the target, counted up to 100")
    rows = {(row[0].text, row[1].text): row for row in picture.table.rows}
    slow = rows["Restricted mean", "Method slow"]
    assert (slow[2].text, slow[4].text) == ("80", "5")
    assert ("Difference of restricted means", "Method") in rows
    assert ("Ratio of rates, log-rank", "Method") in rows
    assert rows["Share that reached the target", "Method slow"][2].text == "80%"


def test_where_all_runs_reach_it_late_the_axis_begins_shortly_before(
    times: AnalysisResult,
) -> None:
    fast, slow = times.survival()
    assert target._begin([fast, slow]) == 0
    assert target._begin([slow]) == pytest.approx(60 - target.EARLIER * (100 - 60))


def test_a_restricted_mean_is_not_said_to_be_among_some_runs(times: AnalysisResult) -> None:
    page = html.unescape(render(times))
    assert "among runs that converged" not in page
    assert "How long do the runs take to the target" in page
    assert "9 of 10 runs reached the target" in page
