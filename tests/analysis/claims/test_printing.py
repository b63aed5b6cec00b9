"""Digits of the terminal's table: those of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from vggstudy.analysis import AnalysisResult, Claim, RunTable, analyze
from vggstudy.analysis.claims.printing import printed, printed_ends
from vggstudy.report.words.display import display

TableMaker = Callable[..., RunTable]


@pytest.fixture
def result(make_table: TableMaker) -> AnalysisResult:
    """Two arms in two cells, with the failures of one."""
    values = [0.7, 0.731, 0.7277, 0.69, 0.7412]
    cells = {
        (a, b): [value + 0.04 * a + 0.1 * b for value in values] for a in (0, 1) for b in (0, 1)
    }
    return analyze(make_table(cells), resamples=99)


@pytest.fixture
def claim(result: AnalysisResult) -> Claim:
    return result.claims["accuracy.diff.a"]


def test_a_number_without_a_unit_is_printed_as_the_report_prints_it(
    result: AnalysisResult,
) -> None:
    told = 0
    for one in result.claims.values():
        plain = replace(one, unit="steps")
        shown = display(plain)
        if shown is None or one.low is None or one.high is None or one.outcome == "best":
            continue
        assert printed(plain) == (shown.number, shown.ends)
        told += 1
    assert told > 5


def test_the_width_of_the_interval_gives_the_digits(claim: Claim) -> None:
    plain = replace(claim, unit="steps", reference=0.0)
    wide = replace(plain, estimate=1234.5678, low=-1021.3, high=3456.7)
    assert printed(wide) == ("1235", "[-1021, 3457]")
    narrow = replace(plain, estimate=0.123456, low=0.12211, high=0.12488)
    assert printed(narrow) == ("0.1235", "[0.1221, 0.1249]")
    tiny = replace(plain, estimate=2.34567e-8, low=1.2e-8, high=3.5e-8)
    assert printed(tiny) == ("2.346e-08", "[1.2e-08, 3.5e-08]")
    above = replace(plain, estimate=0.5, low=0.0004, high=0.9)
    assert printed(above) == ("0.5000", "[0.0004, 0.9000]"), "no end on 0 that lies beside it"
    open_end = replace(plain, estimate=None, low=None, high=1.5)
    assert printed(open_end) == ("-", "< 1.5")
    assert printed_ends(narrow, 0.1, 0.2) == "[0.10, 0.20]"
    assert printed_ends(narrow, 0.1, float("inf")) == "[0.1, inf]"


def test_the_summary_prints_these(result: AnalysisResult) -> None:
    lines = result.summary().splitlines()
    for one in result.headline():
        estimate, interval = printed(one)
        assert any(
            line.startswith(f"{one.id} ") and f" {estimate} " in line and interval in line
            for line in lines
        )
