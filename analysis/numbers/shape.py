"""What the values of a cell look like where the interval of their mean cannot be trusted.

Seeds that learned half, one run far below the others, runs that reach the highest value there is:
means of such values are far from normal with 5 to 20 runs, and no interval of a mean holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray

MIN_RUNS, MIN_TIED = 5, 4
"""Runs from which groups, and a ceiling, are looked for."""

TIED = 0.3
"""Share of runs with the highest value from which it is called a ceiling."""


class Shape(StrEnum):
    """What is unusual."""

    BELOW = "below"
    TWO_GROUPS = "two_groups"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class Look:
    """What is unusual about some values.

    Attributes
    ----------
    shape : Shape
    k, n : int
        Values that are low, or at the ceiling, of how many.
    """

    shape: Shape
    k: int
    n: int


def looks(ordered: FloatArray, *, strict: float = 1.0) -> Look | None:
    """What is unusual about the values of a cell, if something is.

    The values are cut at their largest gap. They form two groups where the groups' means are more
    than ``4 + 40 / (n - 2)^1.2`` standard deviations within groups apart, which about one in a
    hundred samples of a normal distribution reaches from five runs on (simulated in
    ``tests/analysis``); a skewed distribution more often, and rightly.

    Parameters
    ----------
    ordered : ndarray of shape (N,)
        In increasing order.
    strict : float
        Multiplies what two groups need; above 1 where many cells are looked at.
    """
    n = ordered.size
    if n >= MIN_TIED and ordered[0] < ordered[-1]:
        tied = int((ordered == ordered[-1]).sum())
        if tied >= max(3, TIED * n):
            return Look(Shape.CEILING, tied, n)
    if n < MIN_RUNS or not ordered[0] < ordered[-1]:
        return None
    cut = int(np.diff(ordered).argmax()) + 1
    low, high = ordered[:cut], ordered[cut:]
    squares = ((low - low.mean()) ** 2).sum() + ((high - high.mean()) ** 2).sum()
    within = float(np.sqrt(squares / (n - 2)))
    apart = float(high.mean() - low.mean())
    if high.size < 2 or apart <= strict * (4 + 40 / (n - 2) ** 1.2) * within:
        return None
    return Look(Shape.BELOW if cut == 1 else Shape.TWO_GROUPS, cut, n)
