"""The summary says what the claims say: the answer to the title, and every factor's effect."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.cards import card_of
from vggstudy.report.page.sections import s00_abstract
from vggstudy.report.page.sections.effects import factor_effects
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.display import display, read
from vggstudy.stated.hypotheses import ClaimPart, ConjunctionHypothesis

TITLE = ReportContext(title="Does depth help?")


@pytest.fixture(scope="module")
def averaged_away() -> AnalysisResult:
    """Deep networks learn with normalisation alone; the batch size does most, but not that."""
    rows = [
        (depth, size, norm, seed, depth == 11 or norm, 0.9 - 0.1 * (depth == 19) + size / 999)
        for depth in (11, 19)
        for size in (32, 64)
        for norm in (False, True)
        for seed in range(5)
    ]
    frame = pd.DataFrame(rows, columns=["depth", "batch_size", "batch_norm", "seed", "ok", "acc"])
    frame["label"] = frame["ok"].map({True: "converged", False: "failed_to_learn"})
    frame["test_accuracy"] = frame["acc"] / 2 + frame["seed"] / 1000
    table = RunTable.from_frame(frame, factors=["depth", "batch_size", "batch_norm"])
    return analyze(table, resamples=99, seeding="independent")


def summary(result: AnalysisResult, context: ReportContext = TITLE) -> tuple[StudyView, dict]:  # type: ignore[type-arg]
    view = study_view(result, context)
    return view, s00_abstract.build(view).values


def test_an_interaction_that_an_average_hides_leads(averaged_away: AnalysisResult) -> None:
    view, values = summary(averaged_away)
    claim = view.claims.get("converged.diff.depth@batch_norm=false")
    assert claim is not None
    assert claim.estimate == -1
    shown = display(claim)
    assert shown is not None
    assert values["answer"].claim == claim.id
    assert values["answer"].text == (
        "Without batch normalisation: At depth 19, 0 of 10 runs converged against 10 of 10 at "
        f"depth 11: 100 points fewer, {read(shown.interval)}, n = 20."
    )
    assert values["beside"] == "With batch normalisation: 10 of 10 against 10 of 10."


def test_every_factor_has_its_row_and_each_row_its_claims_numbers(
    averaged_away: AnalysisResult,
) -> None:
    view, _ = summary(averaged_away)
    effects = factor_effects(view)
    assert {one.factor.name for one in effects} == {"depth", "batch_size", "batch_norm"}
    assert effects[0].factor.name == "depth"  # the title asks about it
    decides = {one.factor.name: one.decides and one.decides.name for one in effects}
    assert decides == {"depth": "batch_norm", "batch_norm": "depth", "batch_size": None}
    for effect in effects:
        rows = [row for row in s00_abstract._rows(view, effect) if row.cells]
        for row, drawn in zip(effect.rows, rows, strict=True):
            for claim, cell in zip(row.claims, drawn.cells, strict=True):
                if claim is None or claim.estimate is None:
                    assert cell.low is None
                    continue
                assert (cell.estimate, cell.low, cell.high) == pytest.approx(
                    (100 * claim.estimate, 100 * (claim.low or 0), 100 * (claim.high or 0))
                )
                known = display(claim)
                assert known is not None
                assert cell.numbers.startswith(f"{read(known.number)} {read(known.ends)}")


def test_without_a_question_the_largest_effect_leads(
    make_runs: Callable[..., pd.DataFrame], make_result: Callable[..., AnalysisResult]
) -> None:
    _, values = summary(make_result(make_runs()), ReportContext())
    assert values["answer"].claim == "converged.diff.batch_norm"


def test_an_interaction_smaller_than_its_average_is_averaged_over(tiny: AnalysisResult) -> None:
    assert [one.decides for one in factor_effects(summary(tiny)[0])] == [None, None]


def test_the_words_of_a_figure_are_whole(averaged_away: AnalysisResult) -> None:
    page = render(averaged_away, context=TITLE)
    figure = page.split('<figure id="fig-headline">')[1].split("</figure>")[0]
    assert "…" not in figure
    for words in ("without batch normalisation", "Batch size: 64 against 32", "depth 19"):
        assert figure.count(words) >= 2  # wide and narrow


def test_the_verdict_counts_the_hypotheses(averaged_away: AnalysisResult) -> None:
    def stated(name: str, direction: str) -> ConjunctionHypothesis:
        part = ClaimPart(
            kind="claim",
            claim="converged.diff.depth@batch_norm=false",
            direction=direction,  # type: ignore[arg-type]
            threshold=0.0,
        )
        return ConjunctionHypothesis(id=name, text="Depth hurts.", kind="all", parts=[part])

    def verdict(*specs: ConjunctionHypothesis) -> str:
        result = analyze(averaged_away.table, resamples=99, hypotheses=specs, headline_only=True)
        return s00_abstract.hypotheses_sentence(study_view(result, TITLE))

    assert verdict(stated("H1", "below"), stated("H2", "above"), stated("H3", "below")) == (
        "3 hypotheses: 2 supported (H1, H3), 1 contradicted (H2)."
    )
    assert verdict(stated("H1", "below")) == "“Depth hurts.” Supported."
    assert s00_abstract.hypotheses_sentence(study_view(averaged_away, TITLE)) == ""


def test_a_card_holds_how_a_claim_was_made_and_how_it_is_cited(
    averaged_away: AnalysisResult,
) -> None:
    view, values = summary(averaged_away)
    card = card_of(view, values["answer"].claim)
    claim = averaged_away.claims[card.id]
    assert dict(card.facts)["n"] == "20"
    assert [name for name, _ in card.forms] == ["APA", "LaTeX", "Markdown"]
    shown = display(claim)
    assert shown is not None
    assert read(shown.interval) in dict(card.forms)["APA"]
    refused = next(c for c in averaged_away.claims.values() if not c.available)
    assert card_of(view, refused.id).forms == ()


def test_rows_of_told_claims_lead_back_to_the_text(averaged_away: AnalysisResult) -> None:
    page = render(averaged_away, context=TITLE)
    name = "claim-converged.diff.depth@batch_norm=false"
    assert page.count(f'id="said-{name}"') == page.count(f'href="#said-{name}"') == 1
    assert f'href="#{name}"' in page


def test_every_heading_and_figure_has_a_link_to_itself(averaged_away: AnalysisResult) -> None:
    page = render(averaged_away, context=TITLE)
    headings = page.count("<h2 ") + page.count("<h3")
    assert page.count('class="here"') == headings > 10
