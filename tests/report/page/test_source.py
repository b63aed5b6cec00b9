"""The source study's numbers beside this study's intervals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vggstudy.analysis import AnalysisResult, analyze
from vggstudy.report import ReportContext, SourceClaim, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import s12_source
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.view import StudyView
from vggstudy.stated.hypotheses import ClaimHypothesis


def _pair(view: StudyView, theirs: SourceClaim) -> s12_source.Pair:
    ours = view.claims.get(theirs.claim)
    assert ours is not None
    return s12_source.Pair(theirs, ours, ())


def built(view: StudyView) -> Section:
    section = s12_source.build(view)
    assert section is not None
    return section


def test_their_number_stands_beside_ours_at_the_same_decimals(tiny: AnalysisResult) -> None:
    theirs = [
        SourceClaim(claim="converged.p", value=0.5, reference="table 2"),
        SourceClaim(claim="converged.q", value=0.5, reference="table 3"),
    ]
    view = study_view(tiny, ReportContext(source_claims=theirs))
    values = built(view).values
    (row,) = values["table"].rows
    assert [entry.text for entry in row[:3]] == [
        "Table 2: 50%",
        "Probability of convergence",
        "83%",
    ]
    assert row[3].claim == "converged.p"
    assert row[4].text == "✗\N{NO-BREAK SPACE}contradicts"
    (drawn,) = s12_source._group(view, [_pair(view, theirs[0])], "percent").rows
    assert drawn.references == (50.0,)
    assert values["picture"] is not None
    assert values["unmatched"] == ["converged.q"]


def test_without_a_source_study_there_is_no_such_section(tiny: AnalysisResult) -> None:
    assert s12_source.build(study_view(tiny, ReportContext())) is None


def test_a_finding_in_words_stands_beside_our_interval(tiny: AnalysisResult) -> None:
    words = SourceClaim(claim="converged.p", value="mostly <fails>", reference="text")
    context = ReportContext(source_claims=[words], source_words="An earlier study: 3 runs.")
    values = built(study_view(tiny, context)).values
    (row,) = values["table"].rows
    assert row[0].text == "Text: mostly <fails>"
    assert row[3].claim == "converged.p"
    assert row[4].text == "not tested"
    assert values["picture"] is None  # bars stand only where there is a number
    page = render(tiny, context=context)
    assert "An earlier study: 3 runs." in page
    assert "mostly &lt;fails&gt;" in page
    assert "<fails>" not in page


def test_words_have_the_verdict_of_the_hypothesis_on_the_same_claim(tiny: AnalysisResult) -> None:
    stated = ClaimHypothesis(
        id="H7", text="t", kind="claim", claim="converged.p", direction="below", threshold=0.2
    )
    result = analyze(tiny.table, resamples=99, hypotheses=[stated], headline_only=True)
    words = SourceClaim(claim="converged.p", value="hardly ever", reference="text")
    (row,) = built(study_view(result, ReportContext(source_claims=[words]))).values["table"].rows
    assert row[4].text == "✗\N{NO-BREAK SPACE}contradicted (H7)"


@pytest.mark.parametrize(
    ("number", "low", "high", "reference", "word"),
    [
        (0.3, 0.1, 0.5, None, "agrees"),
        (0.5, 0.1, 0.5, None, "agrees"),
        (0.6, 0.1, 0.5, None, "contradicts"),
        (0.3, 0.1, 0.5, 0.0, "agrees"),
        (0.3, -0.1, 0.5, 0.0, "undecided"),
        (0.0, -0.1, 0.5, 0.0, "agrees"),
        (-0.3, -0.5, -0.1, 0.0, "agrees"),
        (9.0, 0.1, None, None, "agrees"),
        (0.0, 0.1, None, None, "contradicts"),
        (0.0, None, None, 0.0, "undecided"),
    ],
)
def test_a_number_agrees_contradicts_or_is_undecided(
    tiny: AnalysisResult,
    number: float,
    low: float | None,
    high: float | None,
    reference: float | None,
    word: str,
) -> None:
    claim = replace(tiny.claims["converged.p"], low=low, high=high, reference=reference)
    assert s12_source.agreement(claim, number) == word
