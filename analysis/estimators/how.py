"""How the claims of one analysis are estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from vggstudy.analysis.estimators.converged import ProbabilityInterval
from vggstudy.analysis.estimators.means import Resampling

Declared = Literal["rises", "falls"]
"""How convergence runs along a factor, as a protocol declares it."""


@dataclass(frozen=True, slots=True)
class How:
    """What every estimator is told besides the cells and the estimand.

    Attributes
    ----------
    confidence : float
    resampling : Resampling
    shared_seeds : bool
        Whether runs of one replicate share their seeds across cells, which are then blocks.
    probability_interval : str
        Of the probability of a single cell.
    learning : mapping of str to str
        By factor, whether convergence ``rises`` or ``falls`` along it, where that was declared.
    """

    confidence: float
    resampling: Resampling
    shared_seeds: bool = False
    probability_interval: ProbabilityInterval = "clopper_pearson"
    learning: Mapping[str, Declared] = field(default_factory=dict)

    def at(self, confidence: float) -> How:
        """The same at another level."""
        return replace(self, confidence=confidence)
