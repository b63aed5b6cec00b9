"""How the claims of one analysis are estimated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from vggstudy.analysis.estimators.converged import ProbabilityInterval
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.numbers.looks import Look

Declared = Literal["rises", "falls"]
"""How convergence runs along a factor, as a protocol declares it."""


@dataclass(frozen=True, slots=True)
class How:
    """What every estimator is told besides the cells and the estimand.

    Attributes
    ----------
    confidence : float
        Of the intervals: at a look of several, that of this one alone.
    resampling : Resampling
    shared_seeds : bool
        Whether runs of one replicate share their seeds across cells, which are then blocks.
    probability_interval : str
        Of the probability of a single cell.
    learning : mapping of str to str
        By factor, whether convergence ``rises`` or ``falls`` along it, where that was declared.
    look : Look or None
        The look at which the runs are analysed, where looks were declared.
    overall : float or None
        Confidence of all looks together, where there are some.
    bounds : bool
        Whether means that compare survivors get bounds on selection.
    """

    confidence: float
    resampling: Resampling
    shared_seeds: bool = False
    probability_interval: ProbabilityInterval = "clopper_pearson"
    learning: Mapping[str, Declared] = field(default_factory=dict)
    look: Look | None = None
    overall: float | None = None
    bounds: bool = True

    def looking(self, look: Look | None) -> How:
        """The same at a look, where there is one."""
        if look is None:
            return self
        level = look.nominal(self.confidence)
        return replace(self, look=look, overall=self.confidence, confidence=level)

    def nominal(self, confidence: float) -> float:
        """Level of an interval now that holds with a confidence at all looks together."""
        return confidence if self.look is None else self.look.nominal(confidence)

    def together(self, confidence: float) -> float:
        """The same for several intervals that hold together."""
        return confidence if self.look is None else self.look.together(confidence)

    def at(self, confidence: float) -> How:
        """The same at another level of all looks together."""
        return replace(self, confidence=self.nominal(confidence))
