"""What a fitted model is asked to hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from vggstudy.stated.base import ONE_LINE, Scale, Settings, pairs_of

Name = Annotated[str, Field(max_length=300, pattern=ONE_LINE)]


class ModelRequest(Settings):
    """What a fitted model holds; what is left out is chosen from the factors."""

    along: Name | None = None
    """Numeric factor along which its curve runs; by default the one with the most levels."""
    scale: Scale | None = None
    """Of that factor; by default log2 where all levels are positive."""
    interactions: Annotated[list[Name], Field(max_length=100)] | None = None
    """Pairs of factors that interact, as in "depth*batch_size". By default none in the failure
    model, and all that the runs tell apart in the accuracy model."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...] | None:
        """Both factors of each interaction; None where nothing was asked for.

        With `along` in a pair, each level of the other factor has a curve of its own.
        """
        return None if self.interactions is None else pairs_of(self.interactions)


class ModelRequests(Settings):
    """The models of one analysis."""

    failure: ModelRequest = ModelRequest()
    """Of the probability of converging."""
    accuracy: ModelRequest = ModelRequest()
    """Of the outcome among converged runs."""
