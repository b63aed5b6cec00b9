"""Hypotheses and sensitivity: verdicts as the analysis gives them, numbers on their true side."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import get_args
from urllib.parse import unquote

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.hypotheses.verdicts import Verdict
from vggstudy.analysis.notes import say
from vggstudy.analysis.sensitivity import (
    Checkpoint,
    RuleResult,
    Sensitivity,
    Specification,
    Unfinished,
)
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import s08_hypotheses, s11_sensitivity
from vggstudy.report.page.sections.evidence import parts_of, threshold_text
from vggstudy.stated.hypotheses import (
    ClaimPart,
    ConjunctionHypothesis,
    Hypothesis,
    NeededHypothesis,
    PeakHypothesis,
    RankingHypothesis,
    SlopeHypothesis,
)

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
    told = section.values["hypotheses"]
    assert [(one.id, one.sign, one.word, one.text) for one in told] == [
        ("H1", "✓", "Supported", "Runs converge with it."),
        ("H2", "✗", "Contradicted", "It costs runs."),
        ("H3", "–", "Not estimable", "Depth helps."),
    ]
    assert [one.reason for one in told] == [
        "The whole interval lies where it must.",
        "The whole interval lies where it must not.",
        "No factor 'depth'; there are batch normalisation, lr.",
    ]
    assert section.values["stated"].startswith("All 3 hypotheses were stated before any run.")


def test_thresholds_are_told_in_the_unit_of_their_interval(judged: AnalysisResult) -> None:
    view = study_view(judged, ReportContext())
    first, second, third = (next(parts_of(view, result)) for result in judged.hypotheses)
    assert (first.what, first.asked) == (
        "Probability of convergence, with batch normalisation",
        "must be above 50%",
    )
    assert (second.what, second.asked) == (
        "Probability of convergence, with batch normalisation against without",
        "must be below −50 points",
    )
    assert third.shown is None
    assert third.found.startswith("No factor 'depth'")
    section = s08_hypotheses.build(view)
    assert section is not None
    rows = section.values["forest"].table.rows
    assert [row[2].text for row in rows[:2]] == [first.asked, second.asked]
    drawn = [s08_hypotheses._row(part) for part in (first, second)]
    assert [row.references for row in drawn] == [(50.0,), (-50.0,)]
    assert (drawn[0].low, drawn[1].high) == (
        100 * (first.evidence.low or 0),
        100 * (second.evidence.high or 0),
    )
    assert s08_hypotheses._group([first]).title == "Percent"
    assert s08_hypotheses._group([second]).title == "Percentage points"


def test_a_threshold_is_printed_as_it_was_stated(judged: AnalysisResult) -> None:
    part = next(parts_of(study_view(judged, ReportContext()), judged.hypotheses[1]))
    for stated, shown in (
        (0.07, "7 points"),
        (0.01, "1 point"),
        (0.0012345678, "0.12345678 points"),
    ):
        evidence = replace(part.evidence, thresholds=(-stated, stated))
        assert threshold_text(evidence, part.unit) == shown
    assert threshold_text(replace(part.evidence, thresholds=(-0.0,)), part.unit) == "0"


def test_models_slopes_and_peaks_have_words(make_runs: Callable[..., pd.DataFrame]) -> None:
    frame = pd.concat([make_runs(replicates=6).assign(size=size) for size in (8, 16, 32, 64)])
    frame["test_accuracy"] += frame["size"] / 1000
    table = RunTable.from_frame(frame, factors=["batch_norm", "lr", "size"])
    specs: list[Hypothesis] = [
        SlopeHypothesis(id="S", text="s", kind="slope", along="size", direction="above"),
        NeededHypothesis(
            id="N", text="n", kind="threshold_order", along="size", compare="batch_norm",
            direction="above",
        ),
        PeakHypothesis(id="P", text="p", kind="peak", along="size"),
        RankingHypothesis(id="R", text="r", kind="ranking", factors=["batch_norm", "lr"]),
    ]  # fmt: skip
    result = analyze(table, resamples=99, hypotheses=specs, headline_only=True)
    view = study_view(result, ReportContext())
    section = s08_hypotheses.build(view)
    assert section is not None
    slope, needed, peak, ranked = section.values["hypotheses"]
    assert slope.parts[0].what == "Log odds of converging per doubling of size"
    assert slope.parts[0].axis == "log odds"
    if needed.parts[0].shown:
        assert needed.parts[0].axis == "doublings"
    assert peak.shared == "The outcome rises to a peak and falls, in every stratum"
    assert peak.parts[0].place == "Without batch normalisation, learning rate 0.001"
    assert peak.parts[0].asked == ""
    assert ranked.shared == "Expected test accuracy over all runs"
    assert " minus " in ranked.parts[0].place
    assert {part.asked for part in ranked.parts} == {"must be above 0"}
    assert "".join(part.id for part in ranked.parts) == ""


def test_of_many_parts_those_that_decide_are_told(judged: AnalysisResult) -> None:
    view = study_view(judged, ReportContext())
    result = judged.hypotheses[1]
    (contradicted,) = result.parts
    other = replace(contradicted, verdict=Verdict.SUPPORTED)
    many = replace(result, parts=(*[other] * 20, contradicted))
    told = s08_hypotheses._told(many, list(parts_of(view, many)))
    assert (told.parts[0].evidence, len(told.parts), told.more) == (contradicted, 12, 9)
    assert told.reason == (
        "Of its 21 parts: 20 supported, 1 contradicted. One part that is contradicted is enough."
    )


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
    (part,) = parts_of(view, replace(result, parts=(near,)))
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
    assert values["sentence"] == (
        "1 of 1 headline intervals change their side of their reference under at least one of 2 "
        "label rules, most of them (1) with margin 0.2."
    )
    curve = values["curve"]
    rows = [[entry.text for entry in row] for row in curve.table.rows]
    assert rows == [["Margin 0.05", "1", "10", "0", "–"], ["Margin 0.2", "1", "10", "1", EFFECT]]
    assert values["table"] is None  # it stands behind the curve, and there are no other rows
    drawn = s11_sensitivity._claim_curve(view, tiny.claims[EFFECT], outcomes)
    assert [(row.label, row.numbers) for row in drawn.rows] == [
        ("margin 0.05", "30 [10, 60]"),
        ("margin 0.2", "30 [−10, 60]"),
    ]
    assert (drawn.rows[1].low, drawn.rows[1].high, drawn.reference) == (-10.0, 60.0, 0.0)
    assert ",converged.p," in unquote(curve.data.href)  # the data have every claim
    choices = s11_sensitivity._choices([outcome.specification for outcome in outcomes])
    assert [(one.label, one.chosen) for one in choices] == [
        ("margin 0.05", (True, False)),
        ("margin 0.2", (False, True)),
    ]


RULES = [
    Specification(*parts)
    for parts in product((0.05, 0.1, 0.2), get_args(Checkpoint), get_args(Unfinished))
]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (lambda rule: rule.margin == 0.2, "margin 0.2"),
        (lambda rule: rule.margin > 0.05, "margin 0.1 or margin 0.2"),
        (
            lambda rule: rule.margin == 0.2 and rule.checkpoint == "final",
            "margin 0.2, final checkpoint",
        ),
        (lambda rule: True, "each of the 12 rules"),
        (lambda rule: rule == RULES[3], "margin 0.05, final checkpoint, unfinished as converged"),
        (
            lambda rule: rule in (RULES[0], RULES[11]),
            "margin 0.05, best checkpoint, unfinished as failed (and 1 more)",
        ),
    ],
)
def test_rules_are_named_by_what_they_share(
    chosen: Callable[[Specification], bool], words: str
) -> None:
    assert s11_sensitivity.rules_words([rule for rule in RULES if chosen(rule)], RULES) == words


def test_the_rule_that_changes_hypotheses_is_named(judged: AnalysisResult) -> None:
    def found(*changing: Specification) -> str:
        outcomes = tuple(
            RuleResult(rule, 10, {"H1": "supported", EFFECT: "above"}, {}, changed)
            for rule in RULES
            for changed in [("H1",) if rule in changing else ()]
        )
        view = study_view(replace(judged, sensitivity=Sensitivity(outcomes)), ReportContext())
        section = s11_sensitivity.build(view)
        assert section is not None
        return str(section.values["sentence"])

    assert found(*RULES[8:]).startswith(
        "1 of 3 hypotheses (H1) have another verdict under another label rule, and only with "
        "margin 0.2. No headline interval"
    )
    assert "No hypothesis has another verdict under any of 12 label rules." in found()


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
    assert str(values["sentence"]).startswith("All of these rules give every run the same label.")
    assert (values["table"], values["curve"]) == (None, None)


def test_what_could_not_be_varied_is_said(tiny: AnalysisResult) -> None:
    page = render(replace(tiny, sensitivity=Sensitivity((), say("no_other_rule"))))
    assert "No chance level is known, so no other label rule can be tried." in page
