"""Ranks of levels within blocks: their means over blocks, Friedman's test, all pairs together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vggstudy.analysis.data.blocks import (
    Blocked,
    lower_is_better,
    of_all_levels,
    ranked_factors,
    scores,
)
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.estimators.block_effects import FEW_BLOCKS, too_few
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.ranking import models_of
from vggstudy.analysis.notes import Caution, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.blocks import Friedman, friedman, mean_rank
from vggstudy.analysis.numbers.intervals import Interval


@dataclass(frozen=True, slots=True, eq=False)
class BlockRanks:
    """Ranks of combinations of levels within every block in which all of them ran.

    Attributes
    ----------
    names : tuple of str
        ``model=tabm``, of the L combinations that are ranked.
    conditions : tuple of tuple of Condition
        The same as what holds their factors.
    absent : int
        Combinations that ran in fewer than half of the blocks and are not ranked.
    blocks : Blocked
    blocks_named : tuple of str
        Their levels, B of them.
    ranks : ndarray of shape (B, L)
        1 is the best mean; ties have their average rank.
    """

    names: tuple[str, ...]
    conditions: tuple[tuple[Condition, ...], ...]
    absent: int
    blocks: Blocked
    blocks_named: tuple[str, ...]
    ranks: FloatArray

    @property
    def friedman(self) -> Friedman | None:
        """Whether all rank alike; None where nothing can be tested."""
        few = len(self.ranks) < 2 or len(self.names) < 2
        return None if few else friedman(self.ranks)

    def intervals(self, confidence: float) -> list[Interval]:
        """Every combination's mean rank, with its interval over blocks."""
        count = len(self.names)
        return [mean_rank(column, count, confidence=confidence) for column in self.ranks.T]


def block_ranks(
    cells: Cells, factors: tuple[str, ...], outcome: str, contrast: Contrast | None = None
) -> BlockRanks:
    """Rank all combinations of levels of some factors by their means within every block.

    Parameters
    ----------
    cells : Cells
        Of a table with a block.
    factors : tuple of str
    outcome : str
        ``converged``, ``expected`` or the column.
    contrast : Contrast, optional
        Its conditions on further factors restrict the cells that are averaged, and the blocks.
    """
    held = () if contrast is None else contrast.conditions
    others = tuple(x for x in held if x.factor not in factors)
    return _ranked(cells, tuple(sorted(factors)), outcome, others)


@lru_cache(maxsize=32)
def _ranked(
    cells: Cells, factors: tuple[str, ...], outcome: str, others: tuple[Condition, ...]
) -> BlockRanks:
    """`block_ranks`, once for the many claims on the same ranks."""
    from scipy.stats import rankdata  # costs more to import than everything else here

    score = scores(cells, outcome)
    blocks, taken = of_all_levels(cells, Contrast(conditions=others), factors, score)
    means, levels = blocks.means(score), cells.table.levels[str(cells.table.block)]
    order = means if lower_is_better(cells, outcome) else -means
    models = [m for m, kept in zip(models_of(cells.table, factors), taken, strict=True) if kept]
    return BlockRanks(
        tuple(model.name for model in models),
        tuple(model.contrast.conditions for model in models),
        int((~taken).sum()),
        blocks,
        tuple(write_level(levels[i]) for i in blocks.block.tolist()),
        np.asarray(rankdata(order, axis=1)) if order.size else order,
    )


def block_rank(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Mean rank of one combination of levels over blocks that could have been drawn."""
    factors = ranked_factors(asked.contrast, asked.table)
    found = block_ranks(cells, factors, asked.outcome, asked.contrast)
    own = tuple(x for x in asked.contrast.conditions if x.factor in factors)
    if own not in found.conditions:
        return refused(Reason.MISSING_CELLS, "not_ranked", factor=asked.table.block)
    if lost := too_few(found.blocks, asked):
        return Finding(None, None, lost)
    ranks = found.ranks[:, found.conditions.index(own)]
    interval = mean_rank(ranks, len(found.names), confidence=how.confidence)
    return Finding(interval.estimate, interval, cautions=rank_notes(found, asked.table.block))


def rank_notes(found: BlockRanks, block: str | None) -> tuple[Note, ...]:
    """Blocks and combinations that are left out, and that blocks are few."""
    count, left = len(found.ranks), found.blocks.left_out
    notes = []
    if count < FEW_BLOCKS:
        notes.append(say("few_blocks", Caution.FEW_BLOCKS, n=count, factor=block))
    if left:
        values = {"n": left, "all": count + left, "factor": block}
        notes.append(say("blocks_incomplete", Caution.BLOCKS_LEFT_OUT, **values))
    if found.absent:
        values = {"n": found.absent, "factor": block}
        notes.append(say("levels_absent", Caution.LEVELS_ABSENT, **values))
    return tuple(notes)
