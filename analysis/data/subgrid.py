"""The largest complete part of a grid with holes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.numbers.arrays import BoolArray

MAX_NODES = 20_000
"""Sub-grids looked at; the search is exhaustive for all but grids with very many holes."""

Levels = tuple[tuple[int, ...], ...]


def largest_complete(usable: BoolArray) -> Levels | None:
    """The largest product of subsets of levels on which every cell is usable.

    Branch and bound: any complete part leaves out one of the levels of a given hole.

    Parameters
    ----------
    usable : ndarray of bool, one axis a factor

    Returns
    -------
    tuple of tuple of int, or None
        Kept indices on each axis; None if no cell is usable. Among equally large parts the first
        in the order of the search, which depends on `usable` alone.
    """
    return _largest(usable.shape, usable.tobytes())


@lru_cache(maxsize=256)
def _largest(shape: tuple[int, ...], cells: bytes) -> Levels | None:
    """The same; many contrasts, and many label rules, ask for one grid."""
    usable = np.frombuffer(cells, dtype=np.bool_).reshape(shape)
    best: Levels | None = None
    best_size = 0
    seen: set[Levels] = set()
    stack: list[Levels] = [tuple(tuple(range(size)) for size in usable.shape)]
    while stack and len(seen) < MAX_NODES:
        levels = stack.pop()
        part = usable[np.ix_(*levels)]
        if levels in seen or part.size <= best_size:
            continue
        seen.add(levels)
        if part.all():
            best, best_size = levels, part.size
        else:
            stack.extend(_without_a_hole(levels, part))
    return best


def _without_a_hole(levels: Levels, part: BoolArray) -> list[Levels]:
    """The parts that avoid the hole whose lines have the most holes; the most promising last."""
    holes = np.argwhere(~part)
    lines = [
        (~part).sum(axis=tuple(a for a in range(part.ndim) if a != axis))
        for axis in range(part.ndim)
    ]
    load = np.stack([lines[axis][holes[:, axis]] for axis in range(part.ndim)], axis=1)
    hole = holes[int(np.argmax(load.sum(axis=1)))]
    found = []
    for axis, position in enumerate(hole.tolist()):
        if len(levels[axis]) > 1:
            kept = tuple(x for i, x in enumerate(levels[axis]) if i != position)
            left = part.size // len(levels[axis]) * len(kept)
            found.append((lines[axis][position] / (part.size - left), axis, kept))
    found.sort(key=lambda item: (item[0], -item[1]))
    return [(*levels[:axis], kept, *levels[axis + 1 :]) for _, axis, kept in found]


def complete_part(contrast: Contrast, cells: Cells, usable: BoolArray) -> Contrast | None:
    """The same contrast on the largest sub-grid whose cells are all usable.

    Parameters
    ----------
    contrast : Contrast
    cells : Cells
    usable : ndarray of bool, shape (C,)

    Returns
    -------
    Contrast or None
        With a condition for every factor that lost levels; None if nothing is left. The levels
        that are compared are never given up.
    """
    table = cells.table
    allowed = contrast.allowed(table)
    grid = usable.reshape(cells.shape)[np.ix_(*allowed)]
    compared = tuple(table.factors.index(name) for name in contrast.factors)
    blocks = np.asarray(grid.all(axis=compared, keepdims=True) if compared else grid)
    kept = largest_complete(blocks)
    if kept is None:
        return None
    conditions = []
    for axis, name in enumerate(table.factors):
        if name in contrast.factors:
            continue
        levels = tuple(allowed[axis][i] for i in kept[axis])
        if len(levels) < len(table.levels[name]):
            conditions.append(Condition(name, levels))
    return Contrast(
        contrast.factors, contrast.pairs, tuple(sorted(conditions, key=lambda c: c.factor))
    )
