"""The next run's value and the better of two runs, from tables to claims and hypotheses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.numbers.effects import cliffs_delta
from vggstudy.analysis.numbers.student import t_quantile
from vggstudy.stated.hypotheses import ClaimHypothesis

TableMaker = Callable[..., RunTable]
LATER, EARLIER = [0.9, 0.88, 0.93, None, 0.91], [0.89, 0.9, None, None, 0.86, 0.85]
CELLS = {(1, 0): LATER, (0, 0): EARLIER, (1, 1): [0.5, 0.6], (0, 1): [0.7, None]}


def _asked(table: RunTable, *ids: str, **settings: bool) -> AnalysisResult:
    return analyze(table, resamples=99, named=ids, headline_only=True, **settings)  # type: ignore[arg-type]


def test_a_failed_run_is_worse_than_any_and_as_good_as_another_failed_one(
    make_table: TableMaker,
) -> None:
    claim = _asked(make_table(CELLS), "expected.improvement.a@b=0").claims[
        "expected.improvement.a@b=0"
    ]
    first, second = ([-1.0 if x is None else x for x in side] for side in (LATER, EARLIER))
    u = mannwhitneyu(first, second).statistic
    assert claim.estimate == pytest.approx(u / 30)
    found = cliffs_delta(np.array(first), np.array(second), confidence=0.95)
    both = found.probability_of_improvement
    assert (claim.low, claim.high) == pytest.approx((both.low, both.high))
    assert (claim.n, claim.unit, claim.reference) == (11, "probability", 0.5)
    assert claim.estimand == (
        "probability that a run has the higher test_accuracy, failed runs being worst, a 1 minus "
        "0, at b = 0"
    )


def test_over_several_cells_it_is_the_mean_of_matched_cells(make_table: TableMaker) -> None:
    names = ("expected.improvement.a", *(f"expected.improvement.a@b={b}" for b in (0, 1)))
    claims = _asked(make_table(CELLS), *names).claims
    both, *each = (claims[name] for name in names)
    assert both.estimate == pytest.approx(np.mean([x.estimate for x in each]))
    below = [(x.estimate or 0) - (x.low or 0) for x in each]
    assert (both.estimate or 0) - (both.low or 0) == pytest.approx(np.hypot(below[0], below[1]) / 2)
    assert (both.low or 0) >= 0
    assert "averaged over b" in both.estimand


def test_less_is_better_where_it_is_and_failed_runs_stay_worst(make_table: TableMaker) -> None:
    table = make_table({(1,): [2.0, 3.0, None], (0,): [5.0, 6.0, 7.0]}, ("a",), outcome="loss")
    name = "expected.improvement.a"
    low = _asked(table, name, lower_is_better=True).claims[name]
    high = _asked(table, name, lower_is_better=False).claims[name]
    assert (low.estimate, high.estimate) == pytest.approx((6 / 9, 0))
    assert low.estimand.startswith("probability that a run has the lower loss")


def test_a_prediction_is_wider_than_the_mean_and_stays_within_bounds(
    make_table: TableMaker,
) -> None:
    name = "accuracy.prediction@a=0,b=0"
    claims = _asked(make_table(CELLS), name, "accuracy.mean@a=0,b=0").claims
    found, values = claims[name], np.array([0.89, 0.9, 0.86, 0.85])
    half = t_quantile(3, 0.95) * values.std(ddof=1) * np.sqrt(1.25)
    assert (found.low, found.high) == pytest.approx(
        (values.mean() - half, min(1, values.mean() + half))
    )
    assert (found.unit, found.reference, found.k) == ("fraction", None, 4)
    assert [note.code for note in found.warnings] == ["few_runs"]


def test_a_cell_of_equal_runs_borrows_and_one_with_two_groups_says_so(
    make_table: TableMaker,
) -> None:
    rng = np.random.default_rng(2)
    apart = [*(0.9 + 0.001 * rng.normal(size=8)), *(0.4 + 0.001 * rng.normal(size=3))]
    table = make_table({(0,): [0.5] * 4, (1,): apart}, ("a",))
    claims = _asked(table, "accuracy.prediction@a=0", "accuracy.prediction@a=1").claims
    flat, split = claims["accuracy.prediction@a=0"], claims["accuracy.prediction@a=1"]
    assert (flat.low or 1) < 0.5 < (flat.high or 0)
    assert "half_learned" in [note.code for note in split.warnings]


def test_two_converged_runs_are_too_few_to_predict(make_table: TableMaker) -> None:
    name = "accuracy.prediction@a=1,b=1"
    assert _asked(make_table(CELLS), name).claims[name].reason == "too_few_runs"


def test_hypotheses_may_name_both(make_table: TableMaker) -> None:
    rng = np.random.default_rng(1)
    table = make_table(
        {(a,): (0.7 + 0.1 * a + 0.01 * rng.normal(size=8)).tolist() for a in (0, 1)}, ("a",)
    )
    said = {"kind": "claim", "direction": "above", "text": "so it is"}
    both = [
        ClaimHypothesis(id="H1", claim="expected.improvement.a", threshold=0.5, **said),  # type: ignore[arg-type]
        ClaimHypothesis(id="H2", claim="accuracy.prediction@a=1", threshold=0.7, **said),  # type: ignore[arg-type]
    ]
    found = analyze(table, resamples=99, hypotheses=both, headline_only=True)
    assert [x.verdict for x in found.hypotheses] == ["supported", "supported"]


def test_a_time_without_bounds_has_an_improvement_of_all_runs() -> None:
    rows = [(a, i, "converged", 10.0 - 5 * a + i) for a in (0, 1) for i in range(3)]
    frame = pd.DataFrame(rows, columns=["a", "replicate", "label", "train_seconds"])
    table = RunTable.from_frame(frame, factors=("a",), outcome="train_seconds")
    found = _asked(table.directed(True), "expected.improvement.a").claims
    assert found["expected.improvement.a"].estimate == 1
