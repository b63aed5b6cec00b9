from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vggstudy.errors import LedgerError
from vggstudy.protocol import LabelRule
from vggstudy.study.labels import (
    Label,
    convergence_threshold,
    label_run,
    label_trained,
    theil_sen_upper,
)

RULE = LabelRule()
FLAT = [0.5] * 20
FALLING = [2.0 - 0.05 * epoch for epoch in range(20)]


def finished(**changes: Any) -> dict[str, Any]:
    """A run that reached the cap of 20 epochs; its best epoch was the fifth."""
    result: dict[str, Any] = {
        "status": "finished",
        "stop_reason": "epoch_cap",
        "epochs": 20,
        "selected_epoch": 5,
        "curves": {"train_loss": FLAT, "val_loss": [abs(epoch - 4) for epoch in range(20)]},
        "metrics": {"val_accuracy": 0.8},
        "final": {"val_accuracy": 0.1},
        "data": {"majority_rate": 0.1, "n_validation": 5000},
    }
    return {**result, **changes}


def label(result: dict[str, Any], rule: LabelRule = RULE, **given_: Any) -> Label:
    return label_run(result, rule, **{"comparisons": 64_000, "patience": 10, **given_})


def with_accuracy(accuracy: float, **data: Any) -> dict[str, Any]:
    return finished(
        metrics={"val_accuracy": accuracy},
        data={"majority_rate": 0.1, "n_validation": 5000, **data},
    )


def test_a_run_without_a_result_crashed() -> None:
    assert label({}).outcome == "crashed"
    assert label({"status": "crashed"}) == Label("crashed", None, None, "no attempt gave a result")


def test_divergence_comes_before_accuracy() -> None:
    found = label(finished(status="diverged", stop_reason="non_finite"))
    assert (found.outcome, found.completion, found.threshold) == ("diverged", None, None)


def test_the_margin_must_be_exceeded_not_met() -> None:
    assert label(with_accuracy(0.15)).outcome == "failed_to_learn"
    assert label(with_accuracy(0.1502)).outcome == "converged"
    assert label(with_accuracy(0.15)).threshold == pytest.approx(0.15, abs=1e-15)


@pytest.mark.parametrize("percent", range(1, 95))
def test_rounding_of_the_margin_decides_nothing(percent: int) -> None:
    """In binary 0.7 + 0.1 is below 0.8: an accuracy just at the threshold never exceeds it."""
    data = {"majority_rate": percent / 100, "n_validation": 100_000}
    at = label(with_accuracy((percent + 5) / 100, **data), comparisons=1)
    above = label(with_accuracy((percent + 5) / 100 + 1e-5, **data), comparisons=1)
    assert (at.outcome, above.outcome) == ("failed_to_learn", "converged")


def test_few_images_and_many_comparisons_raise_the_threshold() -> None:
    found = label(with_accuracy(0.25, n_validation=100)).threshold
    # By R: qbinom(0.01 / 64000, 100, 0.1, lower.tail = FALSE) = 28.
    assert found == 0.28
    assert label(with_accuracy(0.28, n_validation=100)).outcome == "failed_to_learn"
    assert label(with_accuracy(0.29, n_validation=100)).outcome == "converged"


@pytest.mark.parametrize("n", [1, 7, 100, 5000, 1_000_000])
@pytest.mark.parametrize("p", [0.0, 0.001, 0.1, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("tail", [0.5, 0.01, 1e-7, 1e-18])
def test_the_binomial_bound_is_the_smallest_with_that_tail(n: int, p: float, tail: float) -> None:
    found = convergence_threshold(
        majority_rate=p, n_validation=n, margin=-1.0, alpha=tail, comparisons=1
    )
    k = round(found * n)
    assert stats.binom.sf(k, n, p) <= tail
    if k > 0:
        assert stats.binom.sf(k - 1, n, p) > tail


def test_a_study_of_guessing_runs_has_hardly_a_converged_one() -> None:
    """Chance at most alpha that the best of 500 guesses exceeds the bound, by the exact tail."""
    bound = convergence_threshold(
        majority_rate=0.1, n_validation=360, margin=0.0, alpha=0.01, comparisons=500
    )
    one = stats.binom.sf(round(bound * 360), 360, 0.1)
    assert -math.expm1(500 * math.log1p(-one)) <= 0.01


def test_a_threshold_above_one_cannot_be_exceeded() -> None:
    found = label(with_accuracy(1.0, majority_rate=0.97))
    assert found.outcome == "failed_to_learn"
    assert found.threshold is not None
    assert found.threshold > 1


def test_the_rule_says_whose_weights_are_judged() -> None:
    assert label(finished(), LabelRule(checkpoint="best")).outcome == "converged"
    assert label(finished(), LabelRule(checkpoint="final")).outcome == "failed_to_learn"


def test_another_margin_gives_another_label_from_the_same_curves() -> None:
    result = with_accuracy(0.18)
    outcomes = [label(result, LabelRule(margin=margin)).outcome for margin in (0.02, 0.05, 0.1)]
    assert outcomes == ["converged", "converged", "failed_to_learn"]


def test_a_run_that_stopped_early_is_stopped_even_while_its_loss_falls() -> None:
    result = finished(stop_reason="early_stopping", curves={"train_loss": FALLING})
    assert label(result).completion == "stopped"


@pytest.mark.parametrize(
    ("best", "patience", "completion"),
    [
        (20, 10, "unfinished"),
        (11, 10, "unfinished"),  # nine epochs without improvement: it would have gone on
        (10, 10, "stopped"),  # ten: early stopping would have ended it here
        (1, 10, "stopped"),
        (20, None, "stopped"),  # without patience the slope alone tells
    ],
)
def test_a_best_epoch_within_patience_of_the_cap_is_unfinished(
    best: int, patience: int | None, completion: str
) -> None:
    assert label(finished(selected_epoch=best), patience=patience).completion == completion


def test_a_falling_training_loss_at_the_cap_is_unfinished() -> None:
    falling = finished(curves={"train_loss": FALLING})
    assert label(falling).completion == "unfinished"
    assert label(falling, patience=None).completion == "unfinished"
    rising = finished(curves={"train_loss": FALLING[::-1]})
    assert label(rising).completion == "stopped"


def test_only_the_last_ten_epochs_count() -> None:
    flattened = finished(curves={"train_loss": FALLING[:10] + [FALLING[9]] * 10})
    assert label(flattened).completion == "stopped"
    late = finished(curves={"train_loss": [5.0] * 10 + FALLING[:10]})
    assert label(late).completion == "unfinished"


@pytest.mark.parametrize(
    ("losses", "completion"),
    [
        ([1.0], "unfinished"),  # a single epoch cannot show that improvement had ended
        ([1.0, 0.9], "unfinished"),
        ([1.0, 1.0], "stopped"),
        ([1.0, 0.9, 0.8, 0.7], "unfinished"),
        ([1.0, 0.9, 0.95, 0.7], "stopped"),
        ([1.0, 1.0, 0.9, 0.8, 0.7, 0.6], "unfinished"),
        ([1.0] * 6, "stopped"),
        ([1.0, 0.8, 0.9, 0.7, 0.8, 0.7], "stopped"),
    ],
)
def test_short_tied_and_constant_curves_are_defined(losses: list[float], completion: str) -> None:
    result = finished(epochs=len(losses), selected_epoch=1, curves={"train_loss": losses})
    assert label(result, patience=None).completion == completion


def test_a_monitored_curve_marks_the_best_epoch_where_the_last_is_selected() -> None:
    result = finished(selected_epoch=20)
    assert label(result).completion == "unfinished"
    assert label(result, monitor="val_loss").completion == "stopped"
    accuracies = {"train_loss": FLAT, "val_accuracy": [None, *FALLING[1:19], 9.0]}
    found = label(finished(curves=accuracies), monitor="val_accuracy")
    assert found.completion == "unfinished"


def test_the_outcome_and_the_completion_do_not_depend_on_one_another() -> None:
    falling = with_accuracy(0.1) | {"curves": {"train_loss": FALLING}}
    assert (label(falling).outcome, label(falling).completion) == ("failed_to_learn", "unfinished")


def test_labelling_changes_nothing_and_repeats_itself() -> None:
    result = finished(curves={"train_loss": FALLING})
    before = repr(result)
    assert label(result) == label(result)
    assert repr(result) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": None}, "the record's result has no data"),
        ({"data": {"n_validation": 100}}, "majority_rate must be a number .* got None"),
        ({"data": {"majority_rate": 0.1, "n_validation": 0}}, "got 0 images"),
        ({"data": {"majority_rate": 1.5, "n_validation": 9}}, "a share of 1.5"),
        ({"metrics": {"val_accuracy": None}}, "val_accuracy must be a number"),
        ({"metrics": {"val_accuracy": True}}, "val_accuracy must be a number"),
        ({"curves": {}}, "no curve of train_loss"),
        ({"curves": []}, "the record's result has no curves"),
        ({"selected_epoch": None}, "selected_epoch must be a number"),
    ],
)
def test_a_record_that_cannot_be_labelled_is_one_sentence(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(LedgerError, match=message):
        label(finished(**changes))


def test_a_missing_monitor_is_named() -> None:
    with pytest.raises(LedgerError, match="no curve of val_accuracy"):
        label(finished(), monitor="val_accuracy")


def test_there_is_at_least_one_comparison() -> None:
    with pytest.raises(ValueError, match="comparisons must be at least 1, got 0"):
        label(finished(), comparisons=0)


@given(
    st.one_of(
        st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12),
        st.lists(st.integers(0, 3).map(float), min_size=2, max_size=12),  # many ties
    )
)
def test_the_upper_end_of_the_slope_is_that_of_scipy(values: list[float]) -> None:
    # The same divisions of the same differences: equal but for the sign of zero.
    assert theil_sen_upper(values) == stats.theilslopes(values, alpha=0.95).high_slope


def test_the_upper_end_of_ten_values_is_the_34th_smallest_slope() -> None:
    """By hand from Sen (1968): N = 45, sigma = sqrt(125), rank (45 + 1.96 * 11.18) / 2 = 33.5."""
    values = [float(value) for value in (9, 8, 6, 7, 4, 5, 3, 1, 2, 0)]
    slopes = sorted((values[j] - values[i]) / (j - i) for j in range(10) for i in range(j))
    assert theil_sen_upper(values) == slopes[33]


def test_a_slope_takes_two_values() -> None:
    with pytest.raises(ValueError, match="at least two values, got 1"):
        theil_sen_upper([1.0])


def test_pure_noise_is_rarely_taken_for_improvement() -> None:
    """One side of a 95% interval: 2.5% nominally; 4,000 draws have a standard error of 0.25%."""
    source = random.Random(0)
    draws = 4000
    falling = sum(
        theil_sen_upper([source.gauss(0, 1) for _ in range(10)]) < 0 for _ in range(draws)
    )
    assert 0.01 < falling / draws < 0.04


def test_many_runs_are_labelled_in_seconds() -> None:
    """The dearest runs: each at the cap with a slope to find, over 40 thresholds."""
    results = [with_accuracy(0.3, n_validation=1000 + number) for number in range(40)]
    start = time.perf_counter()
    for number in range(4000):
        label(results[number % 40], patience=None)
    # 100,000 runs take 25 times as long; the bound leaves a busy machine a factor of ten.
    assert time.perf_counter() - start < 4


def test_loading_the_labels_loads_no_numerical_library(repository: Path) -> None:
    program = (
        "import sys, vggstudy.study.labels;"
        "heavy = {'torch', 'numpy', 'scipy', 'pandas', 'pydantic'} & set(sys.modules);"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


TRAINED = {
    "status": "finished",
    "epochs": 3,
    "curves": {"val_loss": [3.0, 2.0, 1.5]},
    "metrics": {"val_loss": 1.0, "val_accuracy": 0.2},
    "data": {"majority_rate": 0.1, "n_validation": 500},
}


@pytest.mark.parametrize(
    ("rule", "learned"),
    [
        ({}, True),
        ({"rule": "none"}, True),
        ({"succeeds": "val_loss < 1"}, False),
        ({"succeeds": "val_loss <= 1"}, True),
        ({"succeeds": "val_loss > 1"}, False),
        ({"succeeds": "val_loss>=1e0"}, True),
        ({"succeeds": "final_val_loss < 1.2"}, False),  # of the last epoch, not of the end
        ({"succeeds": "epochs >= 3"}, True),
        ({"rule": "accuracy"}, True),
        ({"rule": "accuracy", "margin": 0.15}, False),
    ],
)
def test_a_trainer_s_run_is_labelled_by_what_it_reported(
    rule: dict[str, Any], learned: bool
) -> None:
    found = label_trained(TRAINED, LabelRule(**rule))
    assert found.outcome == ("converged" if learned else "failed_to_learn")
    assert label_trained({**TRAINED, "status": "diverged"}, LabelRule(**rule)).outcome == "diverged"
    assert label_trained({}, LabelRule(**rule)).outcome == "crashed"
