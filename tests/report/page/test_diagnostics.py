"""Diagnostics: a check fails on its side of the limit, and then stands before the abstract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import s00_abstract, s10_diagnostics
from vggstudy.report.page.sections.diagnostics import Check, checks, monte_carlo_share

MONTE_CARLO = "Largest Monte Carlo error"


def with_errors(result: AnalysisResult, share: float) -> AnalysisResult:
    """Every drawn interval has that Monte Carlo error at both ends, in shares of its width."""
    claims = []
    for claim in result.claims.values():
        if claim.mc_error_low is not None and claim.low is not None and claim.high is not None:
            error = share * (claim.high - claim.low)
            claims.append(replace(claim, mc_error_low=error, mc_error_high=error / 2))
        else:
            claims.append(claim)
    return replace(result, claims=ClaimSet(claims))


def found(result: AnalysisResult, name: str) -> Check:
    view = study_view(result, ReportContext())
    return next(check for check in checks(view) if check.name.startswith(name))


@pytest.mark.parametrize(("share", "passed"), [(0.019, True), (0.021, False)])
def test_too_few_resamples_are_told(tiny: AnalysisResult, share: float, passed: bool) -> None:
    check = found(with_errors(tiny, share), MONTE_CARLO)
    assert check.passed is passed
    assert check.value == f"{100 * share:.1f}%"


def test_a_failed_check_stands_before_the_abstract(tiny: AnalysisResult) -> None:
    def warnings(share: float) -> list[str]:
        view = study_view(with_errors(tiny, share), ReportContext())
        listed: list[str] = s00_abstract.build(view).values["warnings"]
        return [text for text in listed if "Monte Carlo error" in text]

    assert warnings(0.01) == []
    (told,) = warnings(0.03)
    assert "up to 3.0% of the interval's width, above the limit of 2%" in told
    assert told.endswith("(analysis.resamples in the protocol, here 199).")
    assert "did not pass: 1" in render(with_errors(tiny, 0.03))


def test_inexact_intervals_are_counted_and_listed(tiny: AnalysisResult) -> None:
    result = with_errors(tiny, 0.01)
    drawn = [c.id for c in result.claims.values() if monte_carlo_share(c) is not None]
    headline = "accuracy.diff.batch_norm"
    assert headline in drawn
    for worst, where in ((headline, "1 of them stands in the summary."), (None, "None of them")):
        inexact = worst or next(c for c in drawn if c.startswith("accuracy.iqm"))
        claims = [
            replace(c, mc_error_low=0.05 * (float(c.high or 0) - float(c.low or 0)))
            if c.id == inexact
            else c
            for c in result.claims.values()
        ]
        changed = replace(result, claims=ClaimSet(claims))
        check = found(changed, MONTE_CARLO)
        assert check.meaning.startswith(f"In 1 of {len(drawn)} resampled intervals the ends")
        assert where in check.meaning
        (row,) = s10_diagnostics.build(study_view(changed, ReportContext())).values["moving"].rows
        assert [entry.text for entry in row][::2] == [inexact, "5.0%"]


def test_a_kept_check_means_nothing_and_lists_nothing(tiny: AnalysisResult) -> None:
    view = study_view(with_errors(tiny, 0.01), ReportContext())
    assert [check.meaning for check in checks(view) if check.passed] == [""] * 3
    assert s10_diagnostics.build(view).values["moving"] is None


def test_a_cell_without_runs_fails_its_check(
    tiny: AnalysisResult, with_losses: AnalysisResult
) -> None:
    assert found(tiny, "Fewest labelled runs").passed
    check = found(with_losses, "Fewest labelled runs")
    assert not check.passed
    assert check.meaning == ""  # the analysis warns of cells without runs


def test_a_cell_with_few_runs_is_told(
    make_runs: Callable[..., pd.DataFrame], make_result: Callable[..., AnalysisResult]
) -> None:
    check = found(make_result(make_runs().drop(index=0)), "Fewest labelled runs")
    assert (check.passed, check.value) == (False, "2")
    assert check.meaning == "1 of 4 cells has fewer than 3 labelled runs: alone it says little."


def test_residuals_sum_to_zero_within_cells(tiny: AnalysisResult) -> None:
    view = study_view(tiny, ReportContext())
    picture = s10_diagnostics.build(view).values["residuals"]
    (row,) = picture.table.rows
    # Replicates 0.013 apart: two of them scatter by 0.013 / sqrt(2), three by 0.013.
    assert [entry.text for entry in row] == ["0.92", "1.11", "1.30", "4"]
    written = unquote(picture.data.href).splitlines()[1:]
    points = [tuple(map(float, line.split(","))) for line in written]
    assert all(len(text) < 14 for line in written for text in line.split(","))
    for mean in {mean for mean, _ in points}:
        assert sum(away for one, away in points if one == mean) == pytest.approx(0, abs=1e-9)


def test_without_converged_runs_there_are_no_residuals(all_failed: AnalysisResult) -> None:
    assert "fig-residuals" not in render(all_failed)
