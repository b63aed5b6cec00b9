"""Learning-rate schedules and early stopping, against torch's own and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.protocol.model.settings import EarlyStopping, Scheduler, TrainingSettings
from vggstudy.training.schedule import Patience, Schedule

EPOCHS = 40


def rates(scheduler: Scheduler, values: list[float], *, maximise: bool = False) -> list[float]:
    schedule = Schedule.start(scheduler, initial=0.1, epochs=EPOCHS, maximise=maximise)
    found = []
    for epoch, value in enumerate(values, start=1):
        found.append(schedule.rate)
        schedule.advance(epoch, value)
    return found


def torch_rates(make: object, values: list[float], *, watched: bool = False) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make(optimizer)  # type: ignore[operator]
    found = []
    for value in values:
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(value) if watched else schedule.step()
    return found


@given(
    values=st.lists(st.sampled_from([0.5, 0.9, 0.99995, 1.0, 1.2]), max_size=EPOCHS),
    patience=st.integers(1, 4),
    maximise=st.booleans(),
)
def test_plateau_is_torchs(values: list[float], patience: int, maximise: bool) -> None:
    settings = Scheduler(name="plateau", patience=patience, factor=0.5, min_lr=1e-3)
    expected = torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, "max" if maximise else "min", patience=patience, factor=0.5, min_lr=1e-3
        ),
        values,
        watched=True,
    )
    assert rates(settings, values, maximise=maximise) == expected


def test_step_is_torchs() -> None:
    expected = torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 7, gamma=0.3), [0.0] * EPOCHS
    )
    # torch multiplies step by step, which rounds differently from one power.
    found = rates(Scheduler(name="step", step_size=7, factor=0.3), [0.0] * EPOCHS)
    assert found == pytest.approx(expected, rel=1e-12)


def test_cosine_is_torchs() -> None:
    expected = torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS, 1e-3),
        [0.0] * EPOCHS,
    )
    # torch uses a recursion, whose rounding errors add up.
    found = rates(Scheduler(name="cosine", min_lr=1e-3), [0.0] * EPOCHS)
    assert found == pytest.approx(expected, rel=1e-9)


def test_no_schedule_keeps_the_rate() -> None:
    assert set(rates(Scheduler(), [1.0] * EPOCHS)) == {0.1}


def stop_epoch(values: list[float], **settings: object) -> int | None:
    patience = Patience.start(EarlyStopping.model_validate(settings))
    for epoch, value in enumerate(values, start=1):
        patience.advance(value)
        if patience.exhausted(epoch):
            return epoch
    return None


FALLING_THEN_FLAT = [5.0, 4.0, 3.0] + [3.0] * 20


def test_a_run_stops_after_patience_epochs_without_improvement() -> None:
    assert stop_epoch(FALLING_THEN_FLAT, patience=4) == 7


def test_a_run_does_not_stop_before_the_declared_minimum() -> None:
    assert stop_epoch(FALLING_THEN_FLAT, patience=4, min_epochs=10) == 10


def test_a_late_start_after_a_plateau_is_waited_for() -> None:
    late = [2.3] * 9 + [2.0, 1.5] + [1.0] * 10
    assert stop_epoch(late, patience=3) == 4
    assert stop_epoch(late, patience=3, min_epochs=11) == 15


def test_changes_below_min_delta_are_no_improvement() -> None:
    values = [1 - 0.01 * epoch for epoch in range(20)]
    assert stop_epoch(values, patience=3) is None
    assert stop_epoch(values, patience=3, min_delta=0.5) == 4


def test_small_improvements_add_up_to_min_delta() -> None:
    values = [1 - 0.02 * epoch for epoch in range(20)]
    assert stop_epoch(values, patience=4, min_delta=0.05) is None


def test_accuracies_are_maximised() -> None:
    assert stop_epoch([0.1, 0.2, 0.3], monitor="val_accuracy", patience=1) is None
    assert stop_epoch([0.3, 0.2, 0.1], monitor="val_accuracy", patience=2) == 3


def test_the_first_epoch_always_improves() -> None:
    assert Patience.start(EarlyStopping()).best == math.inf


@pytest.mark.parametrize(("scaling", "rate"), [("none", 0.02), ("linear", 0.08), ("sqrt", 0.04)])
def test_a_scaled_rate_is_that_of_the_reference_batch_times_the_ratio(
    scaling: str, rate: float
) -> None:
    settings = TrainingSettings.model_validate(
        {"lr": 0.02, "batch_size": 256, "lr_scaling": scaling, "lr_reference_batch": 64}
    )
    assert settings.initial_lr == rate


def test_at_the_reference_batch_every_scaling_leaves_the_rate() -> None:
    for scaling in ("none", "linear", "sqrt"):
        settings = TrainingSettings.model_validate({"lr": 1e-3, "lr_scaling": scaling})
        assert settings.initial_lr == 1e-3
