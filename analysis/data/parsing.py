"""Levels and pairs of levels as ids and callers write them, in the indices of a table."""

from __future__ import annotations

from collections.abc import Mapping

from vggstudy.analysis.data.contrasts import Condition, Pair, all_pairs, is_headline
from vggstudy.analysis.data.levels import Level, write_level
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import NotedError, say
from vggstudy.claim_ids import HeldFactor

LARGEST_NAMED = 6
"""Levels named in a message."""


def level_index(factor: str, text: str, table: RunTable) -> int:
    """Index of a level, given as it is written in an id.

    Truth values stand for 1 and 0 where a table holds these, and the other way round.

    Raises
    ------
    AnalysisError
        If the table has no such factor or level.
    """
    check_factor(factor, table)
    written = [write_level(level) for level in table.levels[factor]]
    other = {"true": "1", "false": "0", "1": "true", "0": "false"}.get(text, text)
    spelled = other if text not in written and other in written else text
    if spelled not in written:
        found = "no_level_of_many" if len(written) > LARGEST_NAMED else "no_level"
        shown = written[:LARGEST_NAMED]
        raise NotedError(say(found, factor=factor, level=text, levels=shown))
    return written.index(spelled)


def check_factor(name: str, table: RunTable) -> None:
    """Refuse a name that is no factor.

    Raises
    ------
    AnalysisError
        If the table has no such factor.
    """
    if name not in table.factors:
        raise NotedError(say("no_factor", name=name, names=table.factors))


def conditions_at(levels: Mapping[str, Level], table: RunTable) -> tuple[Condition, ...]:
    """Factors held at one level each, sorted by factor.

    Raises
    ------
    AnalysisError
        If the table has no such factor or level.
    """
    return tuple(
        Condition(name, (level_index(name, write_level(levels[name]), table),))
        for name in sorted(levels)
    )


def conditions_of(held: Mapping[str, HeldFactor], table: RunTable) -> tuple[Condition, ...]:
    """What an id holds, or averages over some levels only; not what it compares."""
    return tuple(
        Condition(name, tuple(sorted(level_index(name, x, table) for x in held[name].levels)))
        for name in sorted(held)
        if not held[name].compared
    )


def pair_of(factor: str, held: HeldFactor | None, table: RunTable) -> Pair:
    """Earlier and later level of a compared factor.

    Raises
    ------
    AnalysisError
        If the factor or a level is unknown, or nothing says which levels are compared.
    """
    check_factor(factor, table)
    if held is not None:
        earlier, later = (level_index(factor, level, table) for level in held.levels)
        return earlier, later
    headline = [pair for pair in all_pairs(table, factor) if is_headline(table, factor, pair)]
    if not headline:
        count = len(table.levels[factor])
        raise NotedError(say("which_two_levels", factor=factor, n=count, name=factor))
    return headline[0]
