"""What is measured on a run, beyond what its record says."""

from __future__ import annotations

import math

import pytest

from vggstudy.outcomes import MEASURED, curve_stability, measured


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
    row = measured({"curves": {"val_loss": [1.0, 0.5, 0.4]}, "epochs": 3}, {"total_s": 6.0})
    assert set(row) == set(MEASURED)
    assert row["curve_stability"] == pytest.approx(0.4 / math.sqrt(2))
    assert row["seconds_per_epoch"] == 2.0
