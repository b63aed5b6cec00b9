"""Cells of a table by block: which of them are compared within each, and what each one holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.failed_values import outcome_of_all
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Blocked:
    """Cells by block, by what is compared, and by all other factors, as far as all of these ran.

    Attributes
    ----------
    block : ndarray of shape (B,)
        Level of every block in which something can be compared.
    cell : ndarray of shape (B, L, R)
        Indices of cells.
    weight : ndarray of shape (B, R)
        Equal within a block over the levels of other factors at which all L have a number, 0 at
        others.
    left_out : int
        Blocks in which nothing can be compared.
    """

    block: IntArray
    cell: IntArray
    weight: FloatArray
    left_out: int

    def means(self, score: FloatArray) -> FloatArray:
        """Means over other factors of what every cell holds, shape (C,); of shape (B, L)."""
        inside = np.where(self.weight[:, None, :] > 0, score[self.cell], 0.0)
        return np.asarray(np.einsum("blr,br->bl", inside, self.weight))


def ranked_factors(contrast: Contrast, table: RunTable) -> tuple[str, ...]:
    """The factors whose combinations are ranked: those held at one level, but for the block."""
    held = (c for c in contrast.conditions if c.factor != table.block)
    return tuple(c.factor for c in held if len(c.levels) == 1)


def can_compare(contrast: Contrast, table: RunTable, *, ranks: bool) -> bool:
    """Whether a contrast compares within blocks, several of them."""
    if table.block is None or table.block in contrast.factors:
        return False
    blocks = contrast.allowed(table)[table.factors.index(table.block)]
    return len(blocks) > 1 and (not ranks or bool(ranked_factors(contrast, table)))


def compared(cells: Cells, contrast: Contrast, score: FloatArray) -> Blocked:
    """The earlier and the later level of the factor that a contrast compares; L = 2."""
    allowed = dict(zip(cells.table.factors, contrast.allowed(cells.table), strict=True))
    return _matched(_grid(cells, allowed, contrast.factors), allowed, cells.table, score)


def of_all_levels(
    cells: Cells, contrast: Contrast, factors: tuple[str, ...], score: FloatArray
) -> tuple[Blocked, BoolArray]:
    """All combinations of levels of some factors, and which of these take part; shape (all,).

    A combination that has a number in fewer than half of the blocks is left out, and then every
    block that lacks one of the others.
    """
    table = cells.table
    allowed = dict(zip(table.factors, contrast.allowed(table), strict=True))
    allowed |= {name: tuple(range(len(table.levels[name]))) for name in factors}
    grid = _grid(cells, allowed, factors)
    has = np.any(_known(score, grid), axis=2)
    some = has[has.any(axis=1)]
    taken = some.mean(axis=0) >= 0.5 if some.size else np.zeros(grid.shape[1], dtype=bool)
    return _matched(grid[:, taken], allowed, table, score), taken


def ranges(cells: Cells, contrast: Contrast, score: FloatArray, blocks: IntArray) -> FloatArray:
    """Between the lowest and the highest mean of all levels of the compared factor; shape (B,)."""
    table = cells.table
    allowed = dict(zip(table.factors, contrast.allowed(table), strict=True))
    factor = contrast.factors[0]
    allowed[factor] = tuple(range(len(table.levels[factor])))
    grid = _grid(cells, allowed, (factor,))[np.searchsorted(allowed[str(table.block)], blocks)]
    known = _known(score, grid)
    total = np.where(known, score[grid], 0.0).sum(axis=2)
    with np.errstate(invalid="ignore"):
        mean = total / known.sum(axis=2)
    return np.asarray(np.nanmax(mean, axis=1) - np.nanmin(mean, axis=1))


def _known(score: FloatArray, grid: IntArray) -> BoolArray:
    """Which cells of a grid hold a number."""
    return np.asarray(~np.isnan(score[grid]))


def _grid(cells: Cells, allowed: dict[str, tuple[int, ...]], factors: tuple[str, ...]) -> IntArray:
    """Indices of cells, shape (B, L, R), the levels of `factors` as they stand in `allowed`."""
    table = cells.table
    index = np.arange(len(cells)).reshape(cells.shape)[np.ix_(*(allowed[x] for x in table.factors))]
    first = [str(table.block), *factors]
    order = [table.factors.index(name) for name in first]
    order += [at for at, name in enumerate(table.factors) if name not in first]
    size = math.prod(len(allowed[name]) for name in factors)
    return index.transpose(order).reshape(len(allowed[first[0]]), size, -1)


def _matched(
    grid: IntArray, allowed: dict[str, tuple[int, ...]], table: RunTable, score: FloatArray
) -> Blocked:
    """The blocks with some level of the other factors at which everything compared ran."""
    both = np.all(_known(score, grid), axis=1)
    if not grid.shape[1]:  # nothing is compared
        both = np.zeros_like(both)
    kept = both.any(axis=1)
    count = both[kept].sum(axis=1, keepdims=True)
    block = np.array(allowed[str(table.block)], dtype=np.int64)[kept]
    return Blocked(block, grid[kept], both[kept] / np.maximum(count, 1), int((~kept).sum()))


@lru_cache(maxsize=16)
def scores(cells: Cells, outcome: str) -> FloatArray:
    """What every cell holds of an outcome, NaN where nothing; shape (C,).

    The share of converged runs, the mean of all labelled runs, or the mean of converged ones.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        if outcome == "converged":
            return cells.k / cells.n
        if outcome != "expected":
            return cells.mean
        ran = cells.table.labelled
        total = np.bincount(
            cells.run_cell[ran], weights=outcome_of_all(cells)[ran], minlength=len(cells)
        )
        return np.asarray(total / cells.n)


def lower_is_better(cells: Cells, outcome: str) -> bool:
    """Whether less of an outcome is better; more convergence always is."""
    return cells.table.lower_is_better and outcome != "converged"


@lru_cache(maxsize=4)
def values_by_seed(cells: Cells) -> FloatArray:
    """Outcome of the converged run of every seed in every cell, NaN where none; shape (G, C)."""
    learned = np.flatnonzero(cells.table.converged)
    found = np.full((len(cells.seed_names), len(cells)), np.nan)
    found[cells.run_seed[learned], cells.run_cell[learned]] = cells.table.value[learned]
    return found
