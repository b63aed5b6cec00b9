"""The table of associations, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.report import ReportContext, render
from vggstudy.report.words.display import display


@pytest.fixture(scope="module")
def result() -> AnalysisResult:
    """Two cells of ten runs; the smoother of two runs is the more accurate one."""
    rng = np.random.default_rng(1)
    rough = rng.permuted(np.tile(np.arange(10.0), (2, 1)), axis=1)
    frame = pd.DataFrame(
        {
            "batch_norm": np.repeat([False, True], 10),
            "replicate": [*range(10), *range(10)],
            "label": "converged",
            "curve_stability": 0.1 + 0.01 * rough.ravel(),
            "test_accuracy": 0.8 - 0.01 * rough.ravel() + 0.002 * rng.random(20),
        }
    )
    main, further = (
        RunTable.from_frame(frame, factors=["batch_norm"], outcome=outcome)
        for outcome in ("test_accuracy", "curve_stability")
    )
    return analyze(main, further=[further], resamples=99)


def test_the_report_shows_the_associations_of_further_outcomes(result: AnalysisResult) -> None:
    page = render(result, context=ReportContext(source_name="runs.csv"))
    assert "What goes together with test accuracy?" in page
    assert 'data-claim="curve_stability.association@batch_norm=true"' in page
    assert "Rank correlation with test accuracy within cells" in page


def test_the_report_says_it_in_korean_with_the_same_claims(result: AnalysisResult) -> None:
    page = render(result, context=ReportContext(source_name="runs.csv"), language="ko")
    assert "무엇이 함께 움직이는가?" in page
    assert 'data-claim="curve_stability.association@batch_norm=true"' in page
    assert "Rank correlation" not in page


def test_a_study_without_further_outcomes_has_no_such_table(tiny: AnalysisResult) -> None:
    page = render(tiny, context=ReportContext(source_name="runs.csv"))
    assert "What goes together" not in page


def test_a_correlation_is_printed_as_itself_and_reaches_its_limit_only_there(
    result: AnalysisResult,
) -> None:
    shown = display(result.claims["curve_stability.association"])
    assert shown is not None
    assert shown.unit.suffix == ""
    assert shown.rounded.low == "-1.00"
    assert shown.rounded.estimate == "-1.00"
