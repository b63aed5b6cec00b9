"""The target whose reaching is timed: a value of a curve that runs record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vggstudy.stated.base import Settings

Curve = Literal[
    "val_accuracy", "val_loss", "test_accuracy", "test_loss", "train_accuracy", "train_loss"
]


class Target(Settings):
    """When a run has reached what is asked of it."""

    value: float
    """Value of the curve that a run must reach: at least this for an accuracy, at most for a
    loss."""
    curve: Curve = "val_accuracy"
    """Curve that is watched, one value an epoch."""
    time: Literal["epochs", "steps", "seconds"] = "epochs"
    """What is counted until then: seconds are those of training and evaluation, every
    epoch of a run at their mean."""
    horizon: Annotated[float, Field(gt=0)] | None = None
    """Time up to which means count; by default the end of the shortest budget of any cell with a
    run that did not reach the target."""

    @property
    def columns(self) -> tuple[str, str]:
        """Of a table of runs: the time, and whether the target was reached."""
        return f"{self.time}_to_target", "target_reached"
