"""What a run leaves: plain numbers, lists and strings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

CURVES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", "gradient_norm")
TEST_CURVES = ("test_loss", "test_accuracy")


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One finished epoch.

    Attributes
    ----------
    epoch : int
        One-based.
    epochs : int
        Largest number of epochs.
    seconds : float
    values : mapping of str to float or None
        The epoch's entry in every curve; None where it is not finite.
    """

    epoch: int
    epochs: int
    seconds: float
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """One finished run.

    Attributes
    ----------
    result : dict
        Deterministic: the same for every execution of the run.
    timings : dict
        Seconds and bytes, over all parts of an interrupted run.
    numerics : dict
        Versions, device and switches that the bits depend on.
    execution : dict
        How the device was used: lanes, recorded or eager steps and why. The bits do not depend
        on it; empty where there was no choice.
    """

    result: dict[str, Any]
    timings: dict[str, Any]
    numerics: dict[str, Any]
    execution: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


def finite(value: float | None) -> float | None:
    """The value; None where it is not finite, as JSON has no text for it."""
    return value if value is not None and math.isfinite(value) else None
