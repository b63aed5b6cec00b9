"""What is measured on a run, beyond what its record says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from vggstudy.ledger import Attempt, RunRecord, StudyStore
from vggstudy.plan import make_plan
from vggstudy.protocol import Protocol, TrainerSettings, load_protocol
from vggstudy.study.outcomes import check_outcomes
from vggstudy.study.runs import FINAL, MEASURED, curve_stability, measured, study_frame
from vggstudy.training.results import CURVES, TEST_CURVES


def test_stability_is_the_spread_of_the_last_third_s_steps() -> None:
    # Nine epochs: the last three are 1.0, 0.5, 0.9; steps -0.5 and 0.4; SD 0.9 / sqrt(2).
    curve = [3.0, 9.0, 2.0, 2.0, 2.0, 2.0, 1.0, 0.5, 0.9]
    assert curve_stability(curve) == pytest.approx(0.9 / math.sqrt(2))


def test_a_straight_line_is_perfectly_stable() -> None:
    assert curve_stability([5 - 0.25 * i for i in range(20)]) == 0.0


@pytest.mark.parametrize(
    "curve", [[], [1.0, 2.0], [1.0, 2.0, None], [3.0, 2.0, 1.0, 0.9, None, 0.8]]
)
def test_a_curve_that_is_too_short_or_not_finite_has_none(curve: list[float | None]) -> None:
    assert curve_stability(curve) is None


def test_a_loss_that_was_not_finite_before_the_last_third_does_not_matter() -> None:
    assert curve_stability([None, 2.0, 1.0, 0.9, 0.7, 0.6, 0.3, 0.2, 0.0]) is not None


def test_every_measured_column_is_made() -> None:
    timings = {"train_s": 4.0, "evaluate_s": 2.0, "total_s": 9.0}
    row = measured({"curves": {"val_loss": [1.0, 0.5, 0.4]}, "epochs": 3}, timings)
    assert set(row) == set(MEASURED)
    assert row["curve_stability"] == pytest.approx(0.4 / math.sqrt(2))
    assert row["seconds_per_epoch"] == 2.0
    assert row["seconds"] == 9.0


def test_gaps_are_positive_where_training_is_better() -> None:
    metrics = {"train_accuracy": 0.9, "test_accuracy": 0.7, "train_loss": 0.25, "test_loss": 1.0}
    row = measured({"metrics": metrics}, {})
    assert row["generalisation_gap"] == pytest.approx(0.2)
    assert row["generalisation_gap_loss"] == 0.75


def test_every_curve_has_its_last_value() -> None:
    curves = {name: [2.0, 1.0] for name in (*CURVES, *TEST_CURVES)}
    row = measured({"curves": {**curves, "lr": [0.1, 0.01]}}, {})
    assert {f"final_{name}" for name in curves} == set(FINAL)
    assert all(row[name] == 1.0 for name in FINAL if name != "final_lr")
    assert (row["initial_lr"], row["final_lr"]) == (0.1, 0.01)


def test_the_worst_recall_leaves_out_classes_without_test_images() -> None:
    assert measured({"test_recall": [0.5, None, 0.25]}, {})["worst_recall"] == 0.25
    assert measured({"test_recall": [None, None]}, {})["worst_recall"] is None


def frame_of(
    tmp_path: Path, result: dict[str, Any], *, factors: dict[str, Any], outcomes: list[str]
) -> pd.DataFrame:
    """The table of a study of one recorded run."""
    protocol = Protocol.model_validate(
        {
            "schema": 1,
            "name": "x",
            "design": {"replicates": 1, "seed": 0, "factors": factors},
            "data": {"name": "digits"},
            "model": {"depth": 11},
            "analysis": {"outcomes": outcomes},
        }
    )
    plan = make_plan(protocol)
    store = StudyStore.create(tmp_path / "x", "", protocol.digest(), "x")
    run = plan.runs[0]
    attempt: Attempt = {
        "number": 1,
        "started_at": "2026-01-01T00:00:00Z",
        "duration_s": 1.0,
        "failure": None,
    }
    store.write_record(
        RunRecord(
            run_id=run.run_id, cell_id=run.cell_id, study_seed=0, replicate=0,
            seeding="independent", levels=run.levels, recipe={}, status="diverged",
            attempts=[attempt], result=result, timings={}, environment={},
        )
    )  # fmt: skip
    return study_frame(plan, store)


def test_recalls_of_single_classes_are_columns_where_a_protocol_asks_for_them(
    tmp_path: Path,
) -> None:
    result = {"test_recall": [0.1, 0.2, 0.75]}
    asked = ["class_2_recall", "class_12_recall", "worst_recall"]
    row = frame_of(tmp_path, result, factors={}, outcomes=asked).iloc[0]
    assert row["class_2_recall"] == 0.75
    assert row["class_12_recall"] is None or math.isnan(row["class_12_recall"])


def test_a_factor_keeps_its_name_where_something_measured_has_it_too(tmp_path: Path) -> None:
    frame = frame_of(tmp_path, {"epochs": 7}, factors={"epochs": [9, 18]}, outcomes=[])
    assert list(frame.columns).count("epochs") == 1
    assert frame["epochs"].tolist() == [9, 18]


def outcomes_of(quickstart: Protocol, outcome: str, *further: str) -> Protocol:
    analysis = quickstart.analysis.model_copy(
        update={"outcome": outcome, "outcomes": list(further)}
    )
    return quickstart.model_copy(update={"analysis": analysis})


def test_outcomes_that_no_run_records_are_said_before_training() -> None:
    protocol = load_protocol("quickstart").protocol
    assert check_outcomes(protocol) == []
    recorded = outcomes_of(protocol, "worst_recall", "class_3_recall", "ensemble_gain", "seconds")
    assert check_outcomes(recorded) == []
    first, second = check_outcomes(outcomes_of(protocol, "balanced_accuracy", "seconds", "f1"))
    assert first.startswith("analysis.outcome 'balanced_accuracy' is not recorded")
    assert first.endswith("(did you mean 'test_balanced_accuracy'?)")
    assert second.startswith("analysis.outcomes 'f1' is not recorded")


def test_what_a_trainer_of_one_s_own_reports_is_not_known_before_training() -> None:
    quickstart = load_protocol("quickstart").protocol
    own = quickstart.model_copy(update={"trainer": TrainerSettings(command=["train"])})
    assert check_outcomes(outcomes_of(own, "reward")) == []
