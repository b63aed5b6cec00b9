"""How the claims of one analysis are estimated."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vggstudy.analysis.estimators.converged import ProbabilityInterval
from vggstudy.analysis.estimators.means import Resampling


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
    """

    confidence: float
    resampling: Resampling
    shared_seeds: bool = False
    probability_interval: ProbabilityInterval = "clopper_pearson"

    def at(self, confidence: float) -> How:
        """The same at another level."""
        return replace(self, confidence=confidence)
