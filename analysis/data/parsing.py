"""From a claim's id back to what it asks for: the inverse of `estimands`."""

from __future__ import annotations

from dataclasses import dataclass

from vggstudy.analysis.data.contrasts import Condition, Contrast, all_pairs, is_headline
from vggstudy.analysis.data.estimands import quantity_of
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.outcomes import outcome_id
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import NotedError, say
from vggstudy.errors import AnalysisError
from vggstudy.identity import ClaimName, HeldFactor, split_claim_id

LARGEST_NAMED = 6
"""Levels named in a message."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An outcome and a contrast of it.

    Attributes
    ----------
    outcome : str
        ``converged``, ``expected``, or the column.
    contrast : Contrast
    """

    outcome: str
    contrast: Contrast


def parse_claim(text: str, table: RunTable) -> Asked:
    """What a claim's id asks of a table.

    Parameters
    ----------
    text : str
        A mean, difference or difference in differences of any part of the grid, whether or not
        the analysis makes it by itself.
    table : RunTable

    Raises
    ------
    AnalysisError
        If the id is none, or names an outcome, factor or level that the table does not have.
    """
    try:
        name = split_claim_id(text)
    except ValueError as error:
        raise AnalysisError(str(error)) from None
    outcome = _outcome(name, table, text)
    held = {part.factor: part for part in name.held}
    conditions = tuple(
        Condition(part.factor, _levels(part, table))
        for part in sorted(name.held, key=lambda part: part.factor)
        if not part.compared
    )
    factors = tuple(sorted(name.factors))
    pairs = tuple(_pair(factor, held.get(factor), table) for factor in factors)
    contrast = Contrast(factors, pairs, conditions)
    if len(factors) > 2 or quantity_of(outcome, contrast) != name.quantity:
        raise NotedError(say("no_quantity", claim=text, name=name.quantity))
    return Asked(outcome, contrast)


def _outcome(name: ClaimName, table: RunTable, text: str) -> str:
    """The outcome as the estimators know it."""
    known = {"converged": "converged", outcome_id(table.outcome): table.outcome}
    if table.bounds is not None:
        known["expected"] = "expected"
    if name.outcome not in known:
        raise NotedError(say("no_outcome", claim=text, name=name.outcome, names=known))
    return known[name.outcome]


def level_index(factor: str, text: str, table: RunTable) -> int:
    """Index of a level, given as it is written in an id.

    Truth values stand for 1 and 0 where a table holds these, and the other way round.

    Raises
    ------
    AnalysisError
        If the table has no such factor or level.
    """
    if factor not in table.factors:
        raise NotedError(say("no_factor", name=factor, names=table.factors))
    written = [write_level(level) for level in table.levels[factor]]
    spelled = _number_as_written(text, table, factor)
    if spelled not in written:
        found = "no_level_of_many" if len(written) > LARGEST_NAMED else "no_level"
        shown = written[:LARGEST_NAMED]
        raise NotedError(say(found, factor=factor, level=text, levels=shown))
    return written.index(spelled)


def _levels(part: HeldFactor, table: RunTable) -> tuple[int, ...]:
    """Indices of the levels that a factor is held at."""
    return tuple(sorted(level_index(part.factor, level, table) for level in part.levels))


def _number_as_written(text: str, table: RunTable, factor: str) -> str:
    """Truth values where a table holds 0 and 1, and the other way round."""
    written = {write_level(level) for level in table.levels[factor]}
    other = {"true": "1", "false": "0", "1": "true", "0": "false"}.get(text, text)
    return other if text not in written and other in written else text


def _pair(factor: str, held: HeldFactor | None, table: RunTable) -> tuple[int, int]:
    """Earlier and later level of a compared factor."""
    if factor not in table.factors:
        raise NotedError(say("no_factor", name=factor, names=table.factors))
    if held is not None:
        earlier, later = (level_index(factor, level, table) for level in held.levels)
        return earlier, later
    headline = [pair for pair in all_pairs(table, factor) if is_headline(table, factor, pair)]
    if not headline:
        count = len(table.levels[factor])
        raise NotedError(say("which_two_levels", factor=factor, n=count, name=factor))
    return headline[0]
