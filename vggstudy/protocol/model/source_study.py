"""The study that a protocol repeats: what it asked, and the figures it reported."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vggstudy.stated.base import PROSE, Line, Settings


class SourceFigure(Settings):
    """One number or finding of the source study, and the claim of this study that answers it."""

    claim: Line
    """Id of the claim that it is set against, e.g. "accuracy.mean@depth=19"."""
    value: float | Line
    """What the source reports: a number in the claim's unit (a fraction for accuracies and
    probabilities), or its finding in words."""
    where: Line
    """Where it is reported, or of what it is: "table 2", "best of 3 runs"."""


class SourceStudy(Settings):
    """The study that this one repeats; its figures are shown beside this study's, never used."""

    title: Line
    """What the source is, in a few words."""
    summary: Annotated[str, Field(max_length=5000, pattern=PROSE)] = ""
    """What it asked, how, and what it found."""
    figures: list[SourceFigure] = Field(default_factory=list, max_length=200)
    """What it reported."""
