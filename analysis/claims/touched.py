"""Which claims a change of the protocol touches: their numbers, or their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.data.outcomes import outcome_id
from vggstudy.analysis.notes import Note, say

LEARNING = ("needed", "tolerated")
"""Quantities that the declared direction of learning decides on."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change of the protocol touches.

    Attributes
    ----------
    everything : bool
        All claims, as where other runs are planned, or runs are labelled otherwise.
    kept : mapping of str to frozenset of str
        By a factor whose levels changed, those that stayed: claims that hold it at one of them keep
        their cells.
    outcomes : tuple of str
        Columns that came or went.
    learning : bool
        Whether levels needed or tolerated are.
    models : bool
        Whether a fitted model is.
    verdicts : bool
        Whether hypotheses came, changed or went: all verdicts share one error rate.
    named : tuple of str
        Ids of claims that those hypotheses name.
    """

    everything: bool = False
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    outcomes: tuple[str, ...] = ()
    learning: bool = False
    models: bool = False
    verdicts: bool = False
    named: tuple[str, ...] = ()

    def holds(self, claim: Claim) -> bool:
        """Whether it touches a claim."""
        return (
            self.everything
            or claim.id in self.named
            or (self.verdicts and claim.verdict is not None)
            or any(not {claim.conditions.get(f)} <= kept for f, kept in self.kept.items())
            or claim.id.partition(".")[0] in {outcome_id(name) for name in self.outcomes}
            or (self.learning and claim.outcome in LEARNING)
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """What it touches, in words."""
        if self.everything:
            return (say("touches_all"),)
        return (
            *(say("touches_factor", factor=factor) for factor in self.kept),
            *(say("touches_outcome", factor=name) for name in self.outcomes),
            *((say("touches_learning"),) if self.learning else ()),
            *((say("touches_models"),) if self.models else ()),
            *(say("touches_claim", claim=name) for name in self.named),
            *((say("touches_verdicts"),) if self.verdicts else ()),
        )
