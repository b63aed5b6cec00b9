"""Sentences: the sign chooses the verb, and no share stands without its counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet, RunTable, analyze
from vggstudy.analysis.notes import Note
from vggstudy.report import ReportContext
from vggstudy.report.page.building import study_view
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.notes import spoken
from vggstudy.report.words.prose import claim_sentence, interaction_sentence

EFFECT = "converged.diff.batch_norm"


def view_with(result: AnalysisResult, **changes: object) -> StudyView:
    """The view of a study whose effect on convergence has hand-made numbers."""
    claims = dict(result.claims)
    claims[EFFECT] = replace(claims[EFFECT], **changes)  # type: ignore[arg-type]
    for level, estimate, k in (("false", 0.61, 73), ("true", 0.84, 101)):
        name = f"converged.p@batch_norm={level}"
        claims[name] = replace(claims[name], estimate=estimate, k=k, n=120)
    return study_view(replace(result, claims=ClaimSet(claims.values())), ReportContext())


def sentence(view: StudyView, claim_id: str = EFFECT) -> str:
    """The sentence of an effect of the first factor."""
    claim = view.claims.effect(claim_id.split(".")[0], view.factors[0])
    assert claim is not None
    return claim_sentence(view, claim, factor=view.factors[0]).text


def test_a_positive_difference_is_more(tiny: AnalysisResult) -> None:
    view = view_with(tiny, estimate=0.23, low=0.12, high=0.34, n=240)
    assert sentence(view) == (
        "With batch normalisation, 84% of runs converged against 61% without: "
        "23 points more, 95% CI [12, 34], n = 240."
    )


def test_a_negative_difference_is_fewer(tiny: AnalysisResult) -> None:
    view = view_with(tiny, estimate=-0.23, low=-0.34, high=-0.12, n=240)
    assert "23 points fewer, 95% CI [−34, −12], n = 240." in sentence(view)


@pytest.mark.parametrize("high", [0.01, 0.0])
def test_an_interval_that_reaches_zero_is_said_to_include_no_difference(
    tiny: AnalysisResult, high: float
) -> None:
    view = view_with(tiny, estimate=-0.02, low=-0.05, high=high)
    assert sentence(view).endswith("The interval includes no difference.")


def test_a_share_of_all_or_none_is_told_as_counts(tiny: AnalysisResult) -> None:
    view = study_view(tiny, ReportContext())
    assert "With batch normalisation, 6 of 6 runs converged against 67% without" in sentence(view)


def test_levels_are_rounded_like_their_difference(tiny: AnalysisResult) -> None:
    view = view_with(tiny, estimate=0.2312, low=0.2211, high=0.2413)
    assert "84.0% of runs converged against 61.0% without: 23.1 points more" in sentence(view)


def test_an_effect_that_is_not_available_gives_its_reason(all_failed: AnalysisResult) -> None:
    text = sentence(study_view(all_failed, ReportContext()), "accuracy.diff.batch_norm")
    assert text.startswith(
        "Test accuracy among runs that converged, with batch normalisation against without batch "
        "normalisation: not available, because "
    )


def test_a_part_of_the_grid_is_named(
    make_runs: Callable[..., pd.DataFrame], make_result: Callable[..., AnalysisResult]
) -> None:
    frame = make_runs(replicates=4)
    frame.loc[(~frame["batch_norm"]) & (frame["lr"] == 0.01), "label"] = "failed_to_learn"
    view = study_view(make_result(frame), ReportContext())
    effect = view.claims.effect("accuracy", view.factors[0])
    assert effect is not None
    offered = view.claims.offered(effect)
    text = claim_sentence(view, offered, factor=view.factors[0]).text
    assert text.startswith("Among runs that converged, mean test accuracy was ")
    assert text.endswith(
        "Only learning rate 0.001: elsewhere, too few runs converged in some cells."
    )


def test_a_level_s_claim_is_told_as_counts_and_speaks_of_no_difference(
    all_failed: AnalysisResult,
) -> None:
    view = study_view(all_failed, ReportContext())
    claim = all_failed.claims["converged.p@batch_norm=true"]
    text = claim_sentence(view, claim).text
    assert text.startswith("Probability of converging, at batch normalisation = yes, ")
    assert "equal weights: 0 of 6 runs, 95% CI [0, " in text
    assert text.endswith("]%.")


@pytest.mark.parametrize(
    ("estimate", "words"), [(0.01, "1 point more"), (-0.01, "1 point fewer"), (0.02, "2 points")]
)
def test_one_point_is_in_the_singular(tiny: AnalysisResult, estimate: float, words: str) -> None:
    view = view_with(tiny, estimate=estimate, low=-0.2, high=0.2)
    assert f": {words}" in sentence(view)


def test_an_interaction_that_may_be_none_says_so(tiny: AnalysisResult) -> None:
    name = "converged.did.batch_norm*lr"
    for low, said in ((-0.1, True), (0.1, False)):
        claim = replace(tiny.claims[name], estimate=0.2, low=low, high=0.5)
        text = interaction_sentence(study_view(tiny, ReportContext()), claim).text
        assert text.endswith("The interval includes no difference.") is said


@pytest.fixture(scope="module")
def sizes() -> StudyView:
    """A study of four batch sizes."""
    rows = [(size, seed, "converged", 0.8) for size in (8, 16, 32, 64) for seed in range(2)]
    frame = pd.DataFrame(rows, columns=["batch_size", "seed", "label", "test_accuracy"])
    table = RunTable.from_frame(frame, factors=["batch_size"])
    return study_view(analyze(table, resamples=99), ReportContext())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("converged.p@batch_size=8+16+32", "batch size 8 to 32"),
        ("converged.p@batch_size=8+32+64", "batch size 8, 32 and 64"),
        ("converged.p@batch_size=8+16", "batch size 8 and 16"),
        ("converged.p@batch_size=64", "batch size 64"),
        ("converged.diff.batch_size@batch_size=8..32", "batch size 32 against 8"),
        ("converged.diff.batch_size@batch_size=32..8", "batch size 8 against 32"),
        ("converged.diff.batch_size", ""),
    ],
)
def test_levels_that_a_claim_keeps_are_told_without_a_gap(
    sizes: StudyView, asked: str, words: str
) -> None:
    claim = replace(sizes.result.claims["converged.p"], id=asked)
    assert sizes.place(claim) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 runs: the interval is wide", "1 run: the interval is wide"),
        ("11 runs: the interval is wide", "11 runs: the interval is wide"),
        ("only 1 converged runs in a cell", "only 1 converged run in a cell"),
        ("0 of 1 runs converged", "0 of 1 runs converged"),
    ],
)
def test_one_run_is_in_the_singular(text: str, shown: str) -> None:
    assert spoken(Note.written("", text)) == shown
