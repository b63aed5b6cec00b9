"""Which cells a quantity averages and compares: marginal means, differences, interactions.

Every quantity is a signed sum of groups of cells; within a group all cells weigh the same, however
many runs they have (the saturated model).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray

MOST_KEPT = 4_096
"""Cells of a grid whose groups are kept."""

MAX_MARGINS = 5_000
"""Marginal means are made for every combination of conditions up to this number of them."""

Pair = tuple[int, int]
"""Indices of the earlier and the later level."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A factor held at one level, or averaged over some of its levels only.

    Attributes
    ----------
    factor : str
    levels : tuple of int
        Level indices, ascending.
    """

    factor: str
    levels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Contrast:
    """A marginal mean (no factor), a difference (one) or a difference in differences (two).

    Attributes
    ----------
    factors : tuple of str
        Factors whose levels are compared, sorted by name.
    pairs : tuple of (int, int)
        Earlier and later level of each of them.
    conditions : tuple of Condition
        Sorted by factor; every factor named nowhere is averaged over all its levels.
    """

    factors: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def allowed(self, table: RunTable) -> list[tuple[int, ...]]:
        """Levels of each factor that enter, in the order of the table's factors."""
        return self.among(table.factors, [len(table.levels[name]) for name in table.factors])

    def among(self, factors: Sequence[str], shape: Sequence[int]) -> list[tuple[int, ...]]:
        """The same, from the factors and how many levels each has."""
        held = {condition.factor: condition.levels for condition in self.conditions}
        held.update(dict(zip(self.factors, self.pairs, strict=True)))
        pairs = zip(factors, shape, strict=True)
        return [held.get(name, tuple(range(size))) for name, size in pairs]

    def groups(self, cells: Cells) -> list[Group]:
        """Signed groups of cells; the first has sign +1.

        Cells run through the factors in the order of their names, whatever the order in the table,
        so that a claim's draws meet the same cells.
        """
        make = _groups if len(cells) <= MOST_KEPT else _groups.__wrapped__
        return list(make(self, tuple(cells.table.factors), cells.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Cells that are averaged with equal weights.

    Attributes
    ----------
    sign : int
        +1 or -1.
    cells : ndarray of shape (M,)
        Indices into `Cells`.
    """

    sign: int
    cells: IntArray

    @property
    def weights(self) -> FloatArray:
        """Equal weights that sum to one; shape (M,)."""
        return np.full(self.cells.size, 1 / self.cells.size)


@lru_cache(maxsize=1024)
def _groups(
    contrast: Contrast, factors: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[Group, ...]:
    """`Contrast.groups`, which a claim asks for several times and every analysis of a study."""
    by_name = np.argsort(factors)
    allowed = contrast.among(factors, shape)
    found = []
    for later in itertools.product((True, False), repeat=len(contrast.factors)):
        chosen = list(allowed)
        for name, pair, is_later in zip(contrast.factors, contrast.pairs, later, strict=True):
            chosen[factors.index(name)] = (pair[1] if is_later else pair[0],)
        index = np.ravel_multi_index(np.ix_(*chosen), shape).transpose(by_name)
        used = index.ravel().astype(np.int64)
        used.flags.writeable = False
        found.append(Group(-1 if later.count(False) % 2 else 1, used))
    return tuple(found)


def headline_pairs(table: RunTable, factor: str) -> list[Pair]:
    """First against last level of a numeric or two-level factor; otherwise every pair."""
    size = len(table.levels[factor])
    if size == 2 or table.is_numeric(factor):
        return [(0, size - 1)] if size > 1 else []
    return list(itertools.combinations(range(size), 2))


def count_pairs(table: RunTable, factor: str) -> int:
    """How many headline pairs there are."""
    size = len(table.levels[factor])
    return int(size > 1) if size == 2 or table.is_numeric(factor) else math.comb(size, 2)


def all_pairs(table: RunTable, factor: str) -> list[Pair]:
    """The headline pairs, then neighbouring levels of a numeric factor."""
    found = headline_pairs(table, factor)
    if table.is_numeric(factor):
        found += [(i, i + 1) for i in range(len(table.levels[factor]) - 1)]
    return list(dict.fromkeys(found))


def is_headline(table: RunTable, factor: str, pair: Pair) -> bool:
    """Whether the factor's name alone says which levels are compared."""
    size = len(table.levels[factor])
    return pair == (0, size - 1) and (size == 2 or table.is_numeric(factor))


def marginal_means(table: RunTable, orders: Collection[int] | None = None) -> Iterator[Contrast]:
    """Means on every cell and every margin, the grand mean first.

    Beyond `MAX_MARGINS` combinations: the cells, and margins of at most two factors.

    Parameters
    ----------
    table : RunTable
    orders : collection of int, optional
        Numbers of factors that are held; by default all.
    """
    total = math.prod(len(table.levels[name]) + 1 for name in table.factors)
    count = len(table.factors)
    made = set(range(count + 1)) if total <= MAX_MARGINS else {0, 1, min(2, count), count}
    for order in sorted(made if orders is None else made.intersection(orders)):
        for names in itertools.combinations(table.factors, order):
            yield from (Contrast(conditions=c) for c in _conditions(table, names))


def differences(table: RunTable) -> Iterator[Contrast]:
    """Main effects; simple effects at each level of one other factor; matched cells."""
    for factor in table.factors:
        yield from main_effects(table, factor)
        yield from simple_effects(table, factor)


def main_effects(table: RunTable, factor: str) -> Iterator[Contrast]:
    """Differences between levels of a factor, averaged over all others."""
    for pair in all_pairs(table, factor):
        yield Contrast((factor,), (pair,))


def simple_effects(table: RunTable, factor: str) -> Iterator[Contrast]:
    """The headline pairs of a factor at each level of one other factor, and in matched cells."""
    others = [name for name in table.factors if name != factor]
    orders = sorted({1, len(others)} - {0}) if others else []
    for order, pair in itertools.product(orders, headline_pairs(table, factor)):
        for names in itertools.combinations(others, order):
            yield from (Contrast((factor,), (pair,), held) for held in _conditions(table, names))


def interactions(table: RunTable, most: int | None = None) -> Iterator[Contrast]:
    """Differences in differences of every two factors, averaged over the others.

    Parameters
    ----------
    table : RunTable
    most : int, optional
        Of two factors with more of them there are none.
    """
    for names in itertools.combinations(sorted(table.factors), 2):
        if most is not None and math.prod(count_pairs(table, name) for name in names) > most:
            continue
        choices = [headline_pairs(table, name) for name in names]
        for pairs in itertools.product(*choices):
            yield Contrast(names, pairs)


def _conditions(table: RunTable, names: Sequence[str]) -> Iterator[tuple[Condition, ...]]:
    """Every combination of levels of the named factors, conditions sorted by name."""
    ordered = sorted(names)
    for levels in itertools.product(*(range(len(table.levels[name])) for name in ordered)):
        yield tuple(Condition(name, (i,)) for name, i in zip(ordered, levels, strict=True))
