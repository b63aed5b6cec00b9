"""What a protocol's hypotheses ask, as plain data: one class a kind, composed into a conjunction.

The same fields as in the protocol, without its reader: a caller without a protocol states
hypotheses with these classes directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vggstudy.analysis.data.levels import Level
from vggstudy.analysis.notes import Note

Direction = Literal["above", "below"]
Adjustment = Literal["cell", "pair"]
Scale = Literal["log2", "linear"]

Held = Mapping[str, Level]
"""Factor to the level at which it is held."""


@dataclass(frozen=True, slots=True)
class ClaimPart:
    """A claim's interval lies above, or below, a threshold.

    Attributes
    ----------
    claim : str
        Id of any mean, difference or difference in differences.
    direction : str
    threshold : float
    """

    claim: str
    direction: Direction
    threshold: float


@dataclass(frozen=True, slots=True)
class EquivalencePart:
    """A difference of means of converged runs lies within a margin (TOST).

    Attributes
    ----------
    claim : str
        Id of a difference.
    margin : float
        Positive, in the outcome's unit.
    adjust : str
        ``cell``: by the cells' own means and variances; ``pair``: by replicates that two cells
        share.
    """

    claim: str
    margin: float
    adjust: Adjustment = "cell"


@dataclass(frozen=True, slots=True)
class SlopePart:
    """The log odds of converging rise, or fall, along a numeric factor (Firth).

    Attributes
    ----------
    along : str
    direction : str
    threshold : float
        On the log odds, per unit of the axis: per doubling where the levels are positive.
    at : mapping
        Factors held at a level; the others enter the model.
    scale : str or None
        Of the axis; log2 where its levels are positive.
    interactions : tuple of (str, str)
        Pairs of factors that interact in the model.
    """

    along: str
    direction: Direction
    threshold: float = 0.0
    at: Held = field(default_factory=dict)
    scale: Scale | None = None
    interactions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NeededPart:
    """The level needed to converge in half of the runs is larger under one level than another.

    Attributes
    ----------
    along : str
        Numeric factor whose needed level is compared.
    compare : str
        Factor; its later level minus its earlier one.
    direction : str
    threshold : float
        On the axis' scale: doublings where the levels are positive.
    levels : (Level, Level) or None
        Earlier and later level; first and last by default.
    at : mapping
    scale : str or None
    interactions : tuple of (str, str)
    """

    along: str
    compare: str
    direction: Direction
    threshold: float = 0.0
    levels: tuple[Level, Level] | None = None
    at: Held = field(default_factory=dict)
    scale: Scale | None = None
    interactions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PeakPart:
    """Among converged runs the outcome rises along a factor to a peak and then falls.

    Attributes
    ----------
    along : str
    at : mapping
        Factors held at a level. Every combination of the others is a stratum and tested by itself,
        Holm over all of them.
    scale : str or None
    min_levels : int
        Levels with converged runs that a stratum needs.
    """

    along: str
    at: Held = field(default_factory=dict)
    scale: Scale | None = None
    min_levels: int = 4


@dataclass(frozen=True, slots=True)
class RankingPart:
    """Models stand in a stated order of their means, by simultaneous comparisons of all pairs.

    Attributes
    ----------
    factors : tuple of str
        Whose combinations are the models.
    outcome : str
        ``expected``, or ``accuracy`` for converged runs only.
    order : tuple of mappings
        Groups of models from best to worst: every model of a group stands above every model of
        the next. Without an order: the observed one, each model above the next.
    """

    factors: tuple[str, ...]
    outcome: str = "expected"
    order: tuple[Held, ...] = ()


Part = ClaimPart | EquivalencePart | SlopePart | NeededPart | PeakPart | RankingPart


@dataclass(frozen=True, slots=True)
class HypothesisSpec:
    """A hypothesis that a protocol states: all of its parts hold.

    Attributes
    ----------
    id : str
    text : str
        As registered.
    parts : tuple of Part
        One at least.
    registration : Note or None
        When it was stated, where that was not before all runs or is not known; None makes it a
        registered one.
    """

    id: str
    text: str
    parts: tuple[Part, ...]
    registration: Note | None = None
