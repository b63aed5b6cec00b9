"""When a study may stop before its last replicate: looks fixed in advance, and a target."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from vggstudy.stated.base import Integral, Line, Settings
from vggstudy.stated.hypotheses import HYPOTHESIS_ID

if TYPE_CHECKING:
    from vggstudy.protocol.model.statement import Design

Replicates = Annotated[int, Field(ge=2, le=100_000), Integral]


class Stopping(Settings):
    """Looks at which the study may stop before design.replicates, which is then the maximum."""

    looks: Annotated[list[Replicates], Field(min_length=1, max_length=50)]
    """Replicates of every cell at each look, increasing; the maximum is the last look, whether it
    is named or not."""
    decided: list[Annotated[str, Field(pattern=HYPOTHESIS_ID)]] | None = Field(
        default=None, min_length=1, max_length=100
    )
    """Stop when these hypotheses, by their ids, are all supported or contradicted; instead of claim
    and half_width."""
    claim: Line | None = None
    """Stop when the interval of the claim with this id is short enough."""
    half_width: Annotated[float, Field(gt=0)] | None = None
    """Half of the length of that interval, in the claim's unit (a fraction for an accuracy)."""
    spending: Literal["obrien_fleming", "pocock"] | None = None
    """With decided: how the error is spent over the looks, by Lan and DeMets' function in the
    manner of O'Brien and Fleming (obrien_fleming, the default: little at early looks) or of Pocock
    (pocock: nearly as much at each look)."""

    @model_validator(mode="after")
    def _increasing(self) -> Stopping:
        """Looks come one after the other."""
        for before, after in pairwise(self.looks):
            if after <= before:
                does = "repeats" if after == before else "follows"
                msg = f"looks must increase: {after} {does} {before}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_target(self) -> Stopping:
        """Either hypotheses or the width of a claim."""
        width = [self.claim, self.half_width]
        if self.decided is None and None in width:
            msg = "stopping needs a target: decided = [...], or claim and half_width"
            raise ValueError(msg)
        if self.decided is not None and width != [None, None]:
            msg = "stopping has one target: decided, or claim and half_width"
            raise ValueError(msg)
        if self.decided is None and self.spending is not None:
            msg = "spending is of verdicts (decided): a half-width spends no error on looks"
            raise ValueError(msg)
        return self

    def replicates(self, design: Design) -> tuple[int, ...]:
        """Replicates of every cell at each look, the maximum included."""
        return tuple(sorted({*self.looks, design.replicates}))


def stopping_conflicts(design: Design) -> Iterator[str]:
    """What in a design keeps its looks from being taken."""
    if design.stopping is None:
        return
    last = design.stopping.looks[-1]
    if last > design.replicates:
        most = design.replicates
        yield f"the last look, {last} replicates, lies beyond design.replicates = {most}, the most"
    if design.seeding == "crossed":
        yield "crossed seeds are complete at the last replicate only: there can be no looks"
