"""The source study's numbers beside this study's intervals."""

from __future__ import annotations

from vggstudy.analysis import AnalysisResult
from vggstudy.report import ReportContext, SourceClaim, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import s12_source
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.view import StudyView


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
    (row,) = values["picture"].table.rows
    assert [entry.text for entry in row[1:3]] == ["50%", "83%"]
    assert row[3].claim == "converged.p"
    assert row[0].text.endswith("(table 2)")
    assert values["unmatched"] == ["converged.q"]


def test_without_a_source_study_there_is_no_such_section(tiny: AnalysisResult) -> None:
    assert s12_source.build(study_view(tiny, ReportContext())) is None


def test_a_finding_in_words_stands_beside_our_interval(tiny: AnalysisResult) -> None:
    words = SourceClaim(claim="converged.p", value="mostly <fails>", reference="text")
    context = ReportContext(source_claims=[words], source_words="An earlier study: 3 runs.")
    values = built(study_view(tiny, context)).values
    (row,) = values["picture"].table.rows
    assert row[1].text == "mostly <fails>"
    assert row[3].claim == "converged.p"
    page = render(tiny, context=context)
    assert "An earlier study: 3 runs." in page
    assert "mostly &lt;fails&gt;" in page
    assert "<fails>" not in page
