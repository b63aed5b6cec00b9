"""Which claims over blocks an analysis makes without being asked for any."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.block_effects import fitting
from vggstudy.analysis.estimators.block_ranks import block_ranks

PAIRED = 20
"""Levels of a factor beyond which pairs are compared over blocks when asked for."""


def compared_over_blocks(cells: Cells) -> list[tuple[str, str]]:
    """Outcomes and factors that are compared over blocks; of convergence where some run failed.

    Not factors that most blocks have one level of, such as splits that few data sets have.
    """
    table = cells.table
    if table.block is None:
        return []
    outcomes = [table.outcome, *(["converged"] if table.failed.any() else [])]
    pairs = product(outcomes, (x for x in table.factors if x != table.block))
    return [(y, x) for y, x in pairs if len(block_ranks(cells, (x,), y).names) > 1]


def over_blocks(cells: Cells) -> Iterator[Estimand]:
    """Ranks of every factor's levels over blocks, and up to `PAIRED` levels all pairs of them."""
    table = cells.table
    for outcome, factor in compared_over_blocks(cells):
        levels = range(len(table.levels[factor]))
        for level in levels if len(levels) > 2 else ():
            one = Contrast(conditions=(Condition(factor, (level,)),))
            yield Estimand(outcome, "block_rank", one, table)
        quantities = (fitting(cells, outcome, factor), "block_wins")
        pairs = combinations(levels, 2) if len(levels) <= PAIRED else ()
        for pair, quantity in product(pairs, quantities):
            yield Estimand(outcome, quantity, Contrast((factor,), (pair,)), table)
