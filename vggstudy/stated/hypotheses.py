"""Hypotheses: one class a kind, which a protocol is read into and the analysis judges.

A default is written as None where an explicit one means the same: a protocol's digest tells what
is said from what is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from vggstudy.stated.base import (
    ONE_LINE,
    PROSE,
    Integral,
    Level,
    Line,
    Scale,
    Settings,
    pairs_of,
)

HYPOTHESIS_ID = r"^[A-Za-z][A-Za-z0-9_.-]{0,31}$"
"""Short and speakable: H1, H5b."""

Direction = Literal["above", "below"]

Held = dict[str, Level]
"""Factor to the level at which it is held."""


class _OfClaim(Settings):
    """A statement on one claim."""

    claim: Line
    """id of the claim, e.g. "accuracy.diff.batch_norm@depth=19"."""


class _Directed(Settings):
    """An interval on one side of a threshold."""

    direction: Direction
    """where the interval must lie."""


class _Along(Settings):
    """A statement on a curve along a numeric factor."""

    along: Line
    """the numeric factor."""
    at: Held = Field(default_factory=dict)
    """factors held at a level; a peak is tested in every stratum of the others."""
    scale: Scale | None = None
    """of the numeric factor; log2 where its levels are positive."""


class _Fitted(_Directed, _Along):
    """A statement on the model of the log odds of converging, under Firth's penalty."""

    threshold: float | None = None
    """of what, on the model's scale: per doubling where the levels are positive; 0 by default."""
    interactions: list[Line] = Field(default_factory=list)
    """interactions in the model, e.g. "depth*batch_size"; none by default."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Both factors of each interaction."""
        return pairs_of(self.interactions)


class ClaimPart(_Directed, _OfClaim):
    """A claim's interval lies above, or below, a threshold."""

    kind: Literal["claim"]
    """an interval beyond a threshold"""
    threshold: float
    """of what."""


class EquivalencePart(_OfClaim):
    """A difference of means of converged runs lies within a margin (TOST)."""

    kind: Literal["equivalence"]
    """a difference within a margin"""
    margin: Annotated[float, Field(gt=0)]
    """largest difference that counts as none, in the outcome's unit."""
    adjust: Literal["cell", "pair"] | None = None
    """by cell (default; by seed where cells share seeds), or paired by seed: one difference a
    replicate, in which all cells weigh alike."""


class SlopePart(_Fitted):
    """The log odds of converging rise, or fall, along a numeric factor."""

    kind: Literal["slope"]
    """of the log odds of converging"""


class NeededPart(_Fitted):
    """The level needed to converge in half of the runs is larger under one level than another."""

    kind: Literal["threshold_order"]
    """the level needed to converge, compared"""
    quantity: Literal["needed", "tolerated"] | None = None
    """the level needed (default), where learning rises along the factor, or tolerated, where it
    falls; with the other direction, or none, the hypothesis is not estimable."""
    compare: Line
    """the factor whose later level is set against its earlier one."""
    levels: Annotated[list[Level], Field(min_length=2, max_length=2)] | None = None
    """its earlier and later level; first and last by default."""


class PeakPart(_Along):
    """Among converged runs the outcome rises along a factor to a peak and then falls."""

    kind: Literal["peak"]
    """a rise and a fall among converged runs"""
    min_levels: Annotated[int, Field(ge=3, le=1000), Integral] | None = None
    """levels with converged runs that a stratum needs; 4 by default."""


class RankingPart(Settings):
    """Models stand in a stated order of their means, by simultaneous comparisons of all pairs."""

    kind: Literal["ranking"]
    """the order of models"""
    factors: Annotated[list[Line], Field(min_length=1)]
    """factors whose combinations are the models."""
    outcome: Literal["expected", "accuracy", "converged"] | None = None
    """mean over all runs (default), or over converged ones, or the probability of converging."""
    order: list[Held] = Field(default_factory=list, max_length=1000)
    """groups of models from best to worst, each by its levels; the observed order by default."""


Part = Annotated[
    ClaimPart | EquivalencePart | SlopePart | NeededPart | PeakPart | RankingPart,
    Field(
        discriminator="kind", description="One statement. Which keys it has depends on its kind."
    ),
]


class Registered(Settings):
    """What every hypothesis has besides its statement."""

    id: str = Field(pattern=HYPOTHESIS_ID)
    """Short name, e.g. H1."""
    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=PROSE)]
    """The hypothesis in words, shown in the report."""
    source: Annotated[str, Field(max_length=2000, pattern=ONE_LINE)] = ""
    """What the source study found, shown beside the verdict."""


class ClaimHypothesis(ClaimPart, Registered):
    """A claim's interval lies above, or below, a threshold."""


class EquivalenceHypothesis(EquivalencePart, Registered):
    """A difference of means of converged runs lies within a margin (TOST)."""


class SlopeHypothesis(SlopePart, Registered):
    """The log odds of converging rise, or fall, along a numeric factor."""


class NeededHypothesis(NeededPart, Registered):
    """The level needed to converge in half of the runs is larger under one level than another."""


class PeakHypothesis(PeakPart, Registered):
    """Among converged runs the outcome rises along a factor to a peak and then falls."""


class RankingHypothesis(RankingPart, Registered):
    """Models stand in a stated order of their means, by simultaneous comparisons of all pairs."""


class ConjunctionHypothesis(Registered):
    """Several statements, all of which must hold."""

    kind: Literal["all"]
    """every part must hold; contradicted when one part is"""
    parts: Annotated[list[Part], Field(min_length=1, max_length=50)]
    """the parts."""


Hypothesis = Annotated[
    ClaimHypothesis
    | EquivalenceHypothesis
    | SlopeHypothesis
    | NeededHypothesis
    | PeakHypothesis
    | RankingHypothesis
    | ConjunctionHypothesis,
    Field(
        discriminator="kind",
        description="A registered hypothesis: one statement, or all of several parts.",
    ),
]


def parts_of(hypothesis: Hypothesis) -> tuple[Part, ...]:
    """The statements that a hypothesis comes to; one at least."""
    if isinstance(hypothesis, ConjunctionHypothesis):
        return tuple(hypothesis.parts)
    return (hypothesis,)


NEEDED: Mapping[str, tuple[str, ...]] = {
    get_args(model.model_fields["kind"].annotation)[0]: tuple(
        name
        for name, field in model.model_fields.items()
        if field.is_required() and name not in {"id", "text", "kind"}
    )
    for model in get_args(get_args(Hypothesis)[0])
}
"""Keys that each kind must have besides."""
