"""A look at a study whose looks were fixed in advance: the level at which it may state things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vggstudy.analysis.numbers.fixed_width import fixed_width_level
from vggstudy.analysis.numbers.sequential import Spending, bounds, spent

Rule = Spending | Literal["fixed_width"]
"""How looks are allowed for: a spending function where verdicts stop the study, or the level of
`fixed_width_level` where the width of an interval does."""

STRICTEST = 1 - 1e-9
"""An early look of which a spending function leaves less error than this states nothing: with so
wide an interval the error of all looks grows by less than can be told."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look.

    Attributes
    ----------
    number : int
        From 1.
    replicates : tuple of int
        Runs of each cell at every look that was declared, the last the most there may be. Their
        shares of the last stand for shares of the information.
    rule : str
    """

    number: int
    replicates: tuple[int, ...]
    rule: Rule

    @property
    def shares(self) -> tuple[float, ...]:
        """Of the information at each look."""
        return tuple(runs / self.replicates[-1] for runs in self.replicates)

    def nominal(self, confidence: float) -> float:
        """Level of an interval at this look, so that all looks together hold `confidence`."""
        if self.rule == "fixed_width":
            return fixed_width_level(self.replicates, confidence)
        found = bounds(self.rule, self.shares, confidence).nominal[self.number - 1]
        return min(found, STRICTEST)

    def together(self, confidence: float) -> float:
        """The same for statements on several statistics at once, whose joint bounds are not known.

        Each look has the error that is newly spent there, so that the errors of all looks add up:
        valid however the looks depend on one another.
        """
        if self.rule == "fixed_width":
            return self.nominal(confidence)
        before = spent(self.rule, self.shares[self.number - 2], 1 - confidence)
        newly = self.spent(confidence) - (before if self.number > 1 else 0.0)
        return min(1 - newly, STRICTEST)

    def spent(self, confidence: float) -> float:
        """Two-sided error spent up to this look; all of it where nothing is spent on looks."""
        if self.rule == "fixed_width":
            return 1 - confidence
        return spent(self.rule, self.shares[self.number - 1], 1 - confidence)
