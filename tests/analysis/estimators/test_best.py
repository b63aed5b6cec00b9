"""The set of best levels: by hand, against a search by t tests, by seeds, and as a claim."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vggstudy.analysis.api import analyze
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import axis_for
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.best import BestLevels, best_levels
from vggstudy.analysis.notes import Note
from vggstudy.report.words.display import display
from vggstudy.stated.hypotheses import PeakHypothesis

Values = Sequence[Sequence[float | None]]
PEAKED = (0.80, 0.86, 0.90, 0.895, 0.87, 0.84)
NOISE = (-0.004, -0.001, 0.0, 0.002, 0.003)


def _table(values: Values, outcome: str = "test_accuracy") -> RunTable:
    """Runs at learning rates 1, 2, 4, ..., numbered within each."""
    rows = [
        (2**level, seed, "failed_to_learn" if x is None else "converged", 0.1 if x is None else x)
        for level, cell in enumerate(values)
        for seed, x in enumerate(cell)
    ]
    frame = pd.DataFrame(rows, columns=["x", "replicate", "label", outcome])
    return RunTable.from_frame(frame, factors=("x",), outcome=outcome, seeding="independent")


def _set(values: Values, confidence: float = 0.95, *, shared: bool = False) -> BestLevels:
    cells = Cells.from_table(_table(values))
    axis = axis_for(cells.table, "x", None)
    found = best_levels(cells, axis, (), confidence=confidence, shared_seeds=shared)
    assert isinstance(found, BestLevels)
    return found


def _claim(values: Values, **options: Any) -> Claim:
    return analyze(_table(values), resamples=99, **options).claims["best.x"]


def _noisy(means: Sequence[float], spread: Sequence[float], n: int, seed: int) -> list[list[float]]:
    rng = np.random.default_rng(seed)
    return [(m + s * rng.normal(size=n)).tolist() for m, s in zip(means, spread, strict=True)]


@pytest.mark.parametrize("seed", range(8))
def test_a_level_is_out_where_a_welch_test_at_sidaks_level_finds_a_better_one(seed: int) -> None:
    values = _noisy(PEAKED, np.geomspace(0.005, 0.04, 6).tolist(), 4, seed)
    level = 1 - 0.95 ** (1 / 5)
    expected = [
        all(
            stats.ttest_ind(other, cell, equal_var=False, alternative="greater").pvalue >= level
            for other in values
            if other is not cell
        )
        for cell in values
    ]
    assert _set(values).held.tolist() == expected


def test_the_set_is_a_claim_with_its_ends_and_its_levels_as_data() -> None:
    claim = _claim([[m + 2 * e for e in NOISE] for m in PEAKED])
    assert (claim.estimate, claim.low, claim.high) == (4.0, 4.0, 8.0)
    shown = display(claim)
    assert shown is not None
    assert (shown.estimate, shown.ends) == ("4", "[4, 8]")
    assert (claim.outcome, claim.quantity, claim.method) == ("best", "x", "best_by_comparisons")
    assert claim.levels_run == (1.0, 32.0)
    assert claim.estimand == "x of the best mean test_accuracy among converged runs"
    (note,) = claim.warnings
    assert (note.code, note.values["levels"]) == ("best_set", ("4", "8"))
    assert note.text == "with 95% confidence the best x is one of 4, 8"
    again = ClaimSet.from_json(ClaimSet([claim]).to_json())
    assert again["best.x"] == ClaimSet([claim])["best.x"]


def test_a_set_with_gaps_says_so() -> None:
    means = (0.9, 0.8, 0.9, 0.85, 0.8, 0.8)
    claim = _claim([[m + e for e in NOISE] for m in means])
    assert (claim.low, claim.high) == (1.0, 4.0)
    assert [note.code for note in claim.warnings] == ["best_set", "gaps"]
    assert claim.warnings[0].values["levels"] == ("1", "4")


def test_lower_losses_are_better() -> None:
    values = [[m + e for e in NOISE] for m in PEAKED]
    high = _claim(values)
    low = _claim([[1 - x for x in cell] for cell in values], lower_is_better=True)
    assert (high.estimate, high.low, high.high) == (low.estimate, low.low, low.high)
    assert _claim(values, lower_is_better=True).estimate == 1.0


def test_a_higher_confidence_keeps_more_levels() -> None:
    values = _noisy(PEAKED, [0.02] * 6, 5, 3)
    sets = [_set(values, c).held for c in (0.6, 0.9, 0.99, 0.99999)]
    assert all((less <= more).all() for less, more in itertools.pairwise(sets))
    assert sets[0].sum() < sets[-1].sum()


def test_shared_seeds_are_compared_within_seeds() -> None:
    rng = np.random.default_rng(5)
    block = 0.05 * rng.normal(size=6)
    values = [(m + block + 0.001 * rng.normal(size=6)).tolist() for m in PEAKED]
    apart, paired = _set(values), _set(values, shared=True)
    assert apart.held.sum() > 3
    assert paired.held.tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("seed", range(8))
def test_a_level_is_out_where_a_paired_test_at_bonferronis_level_finds_a_better_one(
    seed: int,
) -> None:
    values = _noisy(PEAKED, [0.03] * 6, 6, seed)
    expected = [
        all(
            stats.ttest_rel(other, cell, alternative="greater").pvalue >= 0.05 / 5
            for other in values
            if other is not cell
        )
        for cell in values
    ]
    assert _set(values, shared=True).held.tolist() == expected


def test_where_levels_differ_in_runs_degrees_of_freedom_are_cautious() -> None:
    values = [[0.895, 0.9, 0.905], [0.85 + 0.01 * e for e in range(-7, 8)], [0.7, 0.71, 0.72]]
    welch = stats.ttest_ind(values[0], values[1], equal_var=False, alternative="greater")
    assert welch.pvalue < 1 - 0.999 ** (1 / 2)
    assert _set(values, 0.999).held.tolist() == [True, True, False]


def test_the_best_mean_stays_where_the_seeds_in_common_say_otherwise() -> None:
    values: list[list[float | None]] = [
        [0.5, 0.51, 0.49, 0.9, 0.91],
        [0.6, 0.612, 0.588, None, None],
        [0.1, 0.11, 0.1, 0.12, 0.1],
    ]
    assert _set(values, shared=True).held.tolist() == [True, True, False]


def test_levels_with_fewer_than_three_seeds_in_common_both_stay() -> None:
    low, high = [0.5, 0.5001, 0.4999], [0.9, 0.9001, 0.8999]
    values: list[list[float | None]] = [
        [*low, None, None, None],
        [None, None, None, *high],
        [*low, None, None, None],
    ]
    assert _set(values).held.tolist() == [False, True, False]
    assert _set(values, shared=True).held.tolist() == [True, True, True]


def test_what_no_curve_can_be_drawn_through_has_no_best_level() -> None:
    cells = Cells.from_table(_table([[0.5, 0.6, 0.7], [None] * 3, [None] * 3, [0.4, 0.5]]))
    found = best_levels(
        cells, axis_for(cells.table, "x", None), (), confidence=0.95, shared_seeds=False
    )
    assert isinstance(found, Note)
    assert found.code == "too_few_levels"


def _judged(means: Sequence[float], **options: Any) -> tuple[str, str]:
    """The verdict on a peak, and what stands beside it."""
    values = [[m + e for e in NOISE] for m in means]
    spec = PeakHypothesis(id="H", text="There is a peak.", kind="peak", along="x")
    table = replace(_table(values))
    (found,) = analyze(table, resamples=99, hypotheses=[spec], **options).hypotheses
    (stratum,) = found.parts[0].parts
    return found.verdict.value, stratum.cautions[-1].text


def test_a_peak_with_a_kink_is_supported_and_not_contradicted() -> None:
    # The quadratic through these means falls from the first level on.
    verdict, text = _judged((0.80, 0.86, 0.90, 0.895, 0.89, 0.885, 0.88, 0.875))
    assert verdict == "supported"
    assert text == "with 95% confidence the best x is one of 4, 8"


@pytest.mark.parametrize(
    "means", [(0.8, 0.84, 0.87, 0.89, 0.9, 0.92), (0.92, 0.9, 0.8, 0.8, 0.9, 0.92)]
)
def test_what_is_best_at_an_end_is_no_peak(means: Sequence[float]) -> None:
    assert _judged(means)[0] == "contradicted"


def test_a_plateau_that_reaches_the_end_is_neither() -> None:
    assert _judged((0.8, 0.86, 0.89, 0.9, 0.9, 0.9))[0] == "inconclusive"
