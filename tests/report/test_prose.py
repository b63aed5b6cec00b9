"""Sentences: the sign chooses the verb, and no share stands without its counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, ClaimSet
from vggstudy.report import ReportContext
from vggstudy.report.prose import claim_sentence
from vggstudy.report.study import study_view
from vggstudy.report.view import StudyView

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
