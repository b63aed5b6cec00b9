"""Reports of anybody's table: without labels, and of levels in words."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.analysis.data.table import Seeding
from vggstudy.report import ReportContext
from vggstudy.report.page.building import study_view
from vggstudy.report.page.document import render
from vggstudy.report.page.sections import s00_abstract
from vggstudy.report.page.sections.effects import factor_effects
from vggstudy.report.page.sections.headline import MOST_PAIRS
from vggstudy.report.words.instead import OTHER_OUTCOMES, TIMES, UNJUDGED
from vggstudy.study.analyze import analyze

CATALOGUE = Path(__file__).parents[3] / "report" / "locale" / "messages.pot"


@pytest.fixture(scope="module")
def losses() -> AnalysisResult:
    """A loss without labels, along three learning rates and with and without a switch."""
    rows = [
        (lr, on, seed, lr * 10 + 0.1 * on + 0.01 * seed + (0.7 * seed * lr) % 0.03)
        for lr in (0.1, 0.2, 0.4)
        for on in (False, True)
        for seed in range(4)
    ]
    frame = pd.DataFrame(rows, columns=["lr", "warm", "run", "val_loss"])
    return analyze(frame, factors=["lr", "warm"], outcomes=["val_loss"], replicate="run")


@pytest.mark.parametrize(("language", "word"), [("en", "converge"), ("ko", "수렴")])
def test_where_nothing_is_judged_the_report_does_not_speak_of_converging(
    losses: AnalysisResult, language: str, word: str
) -> None:
    page = render(losses, language=language)
    text = re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)
    assert word not in text.lower()
    assert 'id="convergence"' not in page
    assert 'id="sensitivity"' not in page
    assert 'id="accuracy"' in page


def test_a_table_s_outcome_gives_its_name_to_the_report(losses: AnalysisResult) -> None:
    assert "Validation loss against learning rate" in render(losses)


def test_no_difference_is_a_line_and_no_percentage_where_the_outcome_is_none(
    losses: AnalysisResult,
) -> None:
    view = study_view(losses, ReportContext())
    panels = s00_abstract._panels(view, factor_effects(view))
    assert [panel.axis for panel in panels] == ["validation loss"]
    assert "percentage points" not in render(losses)


def test_messages_that_others_stand_for_are_messages_of_the_report() -> None:
    text = re.sub(r'"\n"', "", CATALOGUE.read_text("utf-8"))
    known = {one.replace('\\"', '"') for one in re.findall(r'msgid "(.*)"', text)}
    for stands in (UNJUDGED, OTHER_OUTCOMES, TIMES):
        assert {*stands, *stands.values()} <= known


def methods(count: int) -> AnalysisResult:
    """One way, with so many levels in words, and as many runs as the level's place and three."""
    rows = [
        (f"m{i}", seed, 10 * i + (seed * 0.37) % 1)
        for i in range(count)
        for seed in range(100 * i, 100 * i + 3 + i)
    ]
    frame = pd.DataFrame(rows, columns=["method", "seed", "score"])
    return analyze(frame, factors=["method"], outcomes=["score"])


def test_every_two_methods_are_in_the_table_the_abstract_and_a_figure() -> None:
    """Trial 07: one way, unbalanced."""
    result = methods(4)
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    lines = result.summary().splitlines()
    for i, j in pairs:
        (line,) = [x for x in lines if x.startswith(f"score.diff.method@method=m{i}..m{j}")]
        assert "not available" not in line
    page = render(result)
    abstract = page.split('id="abstract"')[1].split("</section>")[0]
    levels = page.split('id="levels"')[1].split("</section>")[0]
    for i, j in pairs:
        assert f"method m{j} minus m{i}" in abstract
        assert f"m{j} against m{i}" in abstract.split("</svg>")[0]
        assert f"m{j} against m{i}" in "".join(re.findall(r"<svg.*?</svg>", levels, re.DOTALL))
    assert "further differences" not in abstract


def test_of_many_methods_the_abstract_says_how_many_differences_stand_elsewhere() -> None:
    page = render(methods(7))
    abstract = page.split('id="abstract"')[1].split("</section>")[0]
    assert abstract.count("minus m") >= MOST_PAIRS
    assert "And 6 further differences between levels" in abstract


def test_one_run_a_cell_has_no_interval_for_want_of_replicates() -> None:
    """Trial 18: no cell is missing."""
    rows = [
        (a, d, 0, 0.7 + 0.1 * i + 0.01 * j) for i, a in enumerate("ab") for j, d in enumerate("xyz")
    ]
    frame = pd.DataFrame(rows, columns=["algo", "data", "seed", "test_accuracy"])
    ways: tuple[Seeding, ...] = ("auto", "independent")
    for seeding in ways:
        result = analyze(frame.assign(label="converged"), factors=["algo", "data"], seeding=seeding)
        for name in ("accuracy.mean", "accuracy.diff.algo", "expected.mean"):
            refusal = result.claims[name].refusal
            assert refusal is not None
            assert refusal.code == "too_few_runs"
            assert "one run in each of its 6 cells" in refusal.text
