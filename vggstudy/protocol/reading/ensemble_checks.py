"""Whether a protocol that asks for ensembles keeps what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vggstudy.errors import Problem
from vggstudy.protocol.model.recipe import AnyRecipe, Recipe

if TYPE_CHECKING:
    from vggstudy.protocol.grid.cells import CellRecipe
    from vggstudy.protocol.model.statement import Statement

ENSEMBLE_OUTCOMES = ("ensemble_accuracy", "ensemble_gain")
"""Outcomes of groups of runs; they can only be further outcomes, as a run has none of them."""


def ensemble_problems(protocol: Statement, cells: Sequence[CellRecipe]) -> Iterator[Problem]:
    """What stands in the way of the ensembles that an analysis asks for.

    Parameters
    ----------
    protocol : Statement
    cells : sequence of CellRecipe
        The protocol's grid.
    """
    analysis, replicates = protocol.analysis, protocol.design.replicates
    if analysis.outcome in ENSEMBLE_OUTCOMES:
        message = f"analysis.outcome is measured on every run: put {analysis.outcome} in outcomes"
        yield Problem(message, path=("analysis", "outcome"))
    if not set(ENSEMBLE_OUTCOMES) & set(analysis.outcomes):
        return
    place = ("analysis", "outcomes")
    if not all(_keeps_probabilities(cell.recipe) for cell in cells):
        message = "ensembles need training.store_probabilities = true in every cell"
        if protocol.trainer is not None:
            message = "ensembles need the probabilities of networks that are trained here"
        yield Problem(message, path=place)
    if analysis.ensemble_size > replicates:
        message = (
            f"an ensemble of {analysis.ensemble_size} runs needs as many replicates, "
            f"got {replicates}: set analysis.ensemble_size or design.replicates"
        )
        yield Problem(message, path=place)


def _keeps_probabilities(recipe: AnyRecipe) -> bool:
    """Whether runs record what ensembles are made of."""
    return isinstance(recipe, Recipe) and recipe.training.store_probabilities
