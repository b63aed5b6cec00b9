"""Hypotheses of a protocol: what each kind states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from vggstudy.protocol.model.settings import ONE_LINE, PROSE, Integer, Integral, Line, Settings

Level = bool | Integer | float | str

HYPOTHESIS_ID = r"^[A-Za-z][A-Za-z0-9_.-]{0,31}$"
"""Short and speakable: H1, H5b."""

PartKind = Literal["claim", "equivalence", "slope", "threshold_order", "peak", "ranking"]

NEEDED: Mapping[str, tuple[str, ...]] = {
    "claim": ("claim", "direction", "threshold"),
    "equivalence": ("claim", "margin"),
    "slope": ("along", "direction"),
    "threshold_order": ("along", "compare", "direction"),
    "peak": ("along",),
    "ranking": ("factors",),
    "all": ("parts",),
}
"""Keys that each kind must have."""

ALLOWED: Mapping[str, tuple[str, ...]] = {
    "claim": (),
    "equivalence": ("adjust",),
    "slope": ("threshold", "at", "scale", "interactions"),
    "threshold_order": ("threshold", "levels", "at", "scale", "interactions"),
    "peak": ("at", "scale", "min_levels"),
    "ranking": ("outcome", "order"),
    "all": (),
}
"""Keys that each kind may have besides."""


class HypothesisPart(Settings):
    """One statement. Which keys it has depends on its kind."""

    kind: PartKind
    """claim: an interval beyond a threshold | equivalence: a difference within a margin |
    slope: of the log odds of converging | threshold_order: the level needed to converge, compared |
    peak: a rise and a fall among converged runs | ranking: the order of models."""
    claim: Line | None = None
    """claim, equivalence: id of the claim, e.g. "accuracy.diff.batch_norm@depth=19"."""
    direction: Literal["above", "below"] | None = None
    """claim, slope, threshold_order: where the interval must lie."""
    threshold: float | None = None
    """claim, slope, threshold_order: of what (0 by default, but for a claim)."""
    margin: Annotated[float, Field(gt=0)] | None = None
    """equivalence: largest difference that counts as none, in the outcome's unit."""
    adjust: Literal["cell", "pair"] | None = None
    """equivalence: by cell (default; by seed where cells share seeds), or paired by seed: one
    difference a replicate, in which all cells weigh alike."""
    along: Line | None = None
    """slope, threshold_order, peak: the numeric factor."""
    compare: Line | None = None
    """threshold_order: the factor whose later level is set against its earlier one."""
    levels: Annotated[list[Level], Field(min_length=2, max_length=2)] | None = None
    """threshold_order: its earlier and later level; first and last by default."""
    at: dict[str, Level] = Field(default_factory=dict)
    """slope, threshold_order, peak: factors held at a level; a peak is tested in every stratum of
    the others."""
    scale: Literal["log2", "linear"] | None = None
    """slope, threshold_order, peak: of the numeric factor; log2 where its levels are positive."""
    interactions: list[Line] = Field(default_factory=list)
    """slope, threshold_order: interactions in the model, e.g. "depth*batch_size"; none by
    default."""
    min_levels: Annotated[int, Field(ge=3, le=1000), Integral] | None = None
    """peak: levels with converged runs that a stratum needs; 4 by default."""
    factors: list[Line] = Field(default_factory=list)
    """ranking: factors whose combinations are the models."""
    outcome: Literal["expected", "accuracy"] | None = None
    """ranking: mean over all runs (default), or over converged ones."""
    order: list[dict[str, Level]] = Field(default_factory=list, max_length=1000)
    """ranking: groups of models from best to worst, each by its levels."""


class Hypothesis(HypothesisPart):
    """A registered hypothesis: one statement, or all of several parts."""

    id: str = Field(pattern=HYPOTHESIS_ID)
    """Short name, e.g. H1."""
    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=PROSE)]
    """The hypothesis in words, shown in the report."""
    kind: PartKind | Literal["all"]  # type: ignore[assignment]
    """A kind of part, or all: every part must hold; contradicted when one part is."""
    parts: list[HypothesisPart] = Field(default_factory=list, max_length=50)
    """all: the parts."""
    source: Annotated[str, Field(max_length=2000, pattern=ONE_LINE)] = ""
    """What the source study found, shown beside the verdict."""
