"""Hypotheses and sensitivity: verdicts as the analysis gives them, numbers on their true side."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.notes import say
from vggstudy.analysis.sensitivity import RuleResult, Sensitivity, Specification
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import s08_hypotheses, s11_sensitivity
from vggstudy.stated.hypotheses import ClaimPart, ConjunctionHypothesis

EFFECT = "converged.diff.batch_norm"


@pytest.fixture
def judged(make_runs: Callable[..., pd.DataFrame]) -> AnalysisResult:
    """A supported, a contradicted, and an impossible hypothesis."""
    table = RunTable.from_frame(make_runs(replicates=12), factors=["batch_norm", "lr"])
    specs = [
        ConjunctionHypothesis(
            id="H1",
            text="Runs converge with it.",
            kind="all",
            parts=[
                ClaimPart(
                    kind="claim",
                    claim="converged.p@batch_norm=true",
                    direction="above",
                    threshold=0.5,
                )
            ],
        ),
        ConjunctionHypothesis(
            id="H2",
            text="It costs runs.",
            kind="all",
            parts=[ClaimPart(kind="claim", claim=EFFECT, direction="below", threshold=-0.5)],
        ),
        ConjunctionHypothesis(
            id="H3",
            text="Depth helps.",
            kind="all",
            parts=[
                ClaimPart(
                    kind="claim", claim="accuracy.diff.depth", direction="above", threshold=0.0
                )
            ],
        ),
    ]
    return analyze(table, resamples=199, hypotheses=specs)


def test_every_hypothesis_has_its_text_and_verdict(judged: AnalysisResult) -> None:
    section = s08_hypotheses.build(study_view(judged, ReportContext()))
    assert section is not None
    found = [(name, verdict, text) for name, verdict, text, _ in section.values["verdicts"]]
    assert found == [
        ("H1", "supported", "Runs converge with it."),
        ("H2", "contradicted", "It costs runs."),
        ("H3", "not estimable", "Depth helps."),
    ]
    assert section.values["verdicts"][2][3]  # the reason


def test_printed_evidence_is_the_evidence(judged: AnalysisResult) -> None:
    page = render(judged).replace("\N{NO-BREAK SPACE}", " ")
    found = dict(re.findall(r'data-evidence="(H[^"]+)">\[([^\]]+)\]', page))
    assert set(found) == {"H1", "H2"}
    for result in judged.hypotheses[:2]:
        (evidence,) = result.parts
        low, high = (float(x.replace("−", "-")) for x in found[result.id].split(", "))
        assert evidence.low is not None
        assert evidence.high is not None
        assert low == pytest.approx(100 * evidence.low, abs=0.5)
        assert high == pytest.approx(100 * evidence.high, abs=0.5)


def test_no_printed_end_lies_on_the_wrong_side_of_a_threshold(judged: AnalysisResult) -> None:
    (result,) = (h for h in judged.hypotheses if h.id == "H1")
    (evidence,) = result.parts
    near = replace(evidence, low=0.5001)
    view = study_view(judged, ReportContext())
    (part,) = s08_hypotheses.parts_of(view, replace(result, parts=(near,)))
    assert part.shown is not None
    assert float(str(part.shown.rounded.low)) > 50


def test_a_report_without_hypotheses_or_other_rules_has_no_such_section(
    tiny: AnalysisResult,
) -> None:
    view = study_view(tiny, ReportContext())
    assert s08_hypotheses.build(view) is s11_sensitivity.build(view) is None


def test_changed_verdicts_are_counted_and_named(tiny: AnalysisResult) -> None:
    outcomes = tuple(
        RuleResult(
            specification=Specification(margin),
            converged=10,
            verdicts={EFFECT: verdict},
            estimates={EFFECT: (0.3, low, 0.6), "converged.p": None},
            changed=(EFFECT,) if verdict == "open" else (),
        )
        for margin, low, verdict in ((0.05, 0.1, "above"), (0.2, -0.1, "open"))
    )
    view = study_view(replace(tiny, sensitivity=Sensitivity(outcomes)), ReportContext())
    section = s11_sensitivity.build(view)
    assert section is not None
    values = section.values
    assert values["sentence"] == ("1 of 1 verdicts change under at least one of 2 label rules.")
    rows = [[entry.text for entry in row] for row in values["table"].rows]
    assert rows == [["Margin 0.05", "1", "10", "0", "–"], ["Margin 0.2", "1", "10", "1", EFFECT]]
    drawn = [[entry.text for entry in row] for row in values["curve"].table.rows]
    assert drawn[1] == [EFFECT, "Margin 0.2", "30 points", "[−10, 60]", "yes"]


def test_rules_that_agree_in_everything_share_a_row(tiny: AnalysisResult) -> None:
    def outcome(margin: float, low: float) -> RuleResult:
        estimates = {EFFECT: (0.3, low, 0.6)}
        return RuleResult(Specification(margin), 10, {EFFECT: "above"}, estimates, ())

    moved = s11_sensitivity.alike([outcome(0.02, 0.1), outcome(0.05, 0.1), outcome(0.2, 0.2)])
    assert [(one.name, one.count) for one in moved] == [
        ("margin 0.02 (and 1 more alike)", 2),
        ("margin 0.2", 1),
    ]
    view = study_view(
        replace(tiny, sensitivity=Sensitivity((outcome(0.02, 0.1), outcome(0.05, 0.1)))),
        ReportContext(),
    )
    section = s11_sensitivity.build(view)
    assert section is not None
    values = section.values
    assert str(values["sentence"]).endswith("All of these rules give every run the same label.")
    assert (values["table"], values["curve"]) == (None, None)


def test_what_could_not_be_varied_is_said(tiny: AnalysisResult) -> None:
    page = render(replace(tiny, sensitivity=Sensitivity((), say("no_other_rule"))))
    assert "No chance level is known, so no other label rule can be tried." in page
