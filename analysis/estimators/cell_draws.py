"""Resamples of contrasts of cell means; a cell is resampled once for all its claims.

A cell takes part in dozens of claims. Its B resampled means are drawn once, from a stream that the
seed and the id of the cell's own mean name, and kept. A claim adds the deviations of its cells,
each cell's rotated by an offset from the claim's own stream.

The law of a claim's resamples is that of drawing runs for it alone. The B means of a cell are
independent and identically distributed, so that a rotation by an independent offset leaves their
joint law as it is; the streams of different cells are independent. What claims on the same cells
share is Monte Carlo error, and only in part. A claim's interval remains a function of the seed, its
id and its own cells: it does not matter which claim is made first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.resampling import Numbers, Strata, claim_generator, linear_deviations

KEPT_BYTES = 2**28
"""Memory of the resampled means that are kept; beyond it the oldest are drawn again when needed."""

_K = TypeVar("_K")
_Pools = dict[tuple[str, int, int, bytes], FloatArray]
_SHARED: ContextVar[_Pools | None] = ContextVar("shared", default=None)
"""Resampled means by the id of the cell's mean, seed, number, and the values of its runs."""


@contextmanager
def sharing_draws() -> Iterator[None]:
    """Inside, tables that differ in a few cells draw the others once.

    A cell's draws are a function of the seed, its id and its values, so that no number changes.
    """
    token = _SHARED.set({})
    try:
        yield
    finally:
        _SHARED.reset(token)


def contrast_deviations(
    cells: Cells,
    used: IntArray,
    weights: Numbers,
    *,
    claim_id: str,
    seed: int,
    resamples: int,
    inflate: bool,
    chunk_draws: int,
) -> Numbers:
    """Deviations of a weighted sum of cell means from its estimate, over resamples.

    Parameters
    ----------
    cells : Cells
        With two converged runs or more in every used cell.
    used : ndarray of shape (M,)
        Indices of cells.
    weights : ndarray of shape (M,)
        Real or complex.
    claim_id : str
    seed : int
    resamples : int
    inflate : bool
        As in `resampling.linear_deviations`.
    chunk_draws : int
        Draws held at a time; changes nothing but the memory.

    Returns
    -------
    ndarray of shape (resamples,)
    """
    n = cells.k[used]
    scale = weights * (np.sqrt(n / (n - 1)) if inflate else 1.0)
    offsets = claim_generator(seed, claim_id).integers(resamples, size=used.size)
    total: Numbers = np.zeros(resamples, dtype=weights.dtype)
    for cell, factor, offset in zip(used.tolist(), scale.tolist(), offsets.tolist(), strict=True):
        pool = _pool(cells, cell, seed=seed, resamples=resamples, chunk_draws=chunk_draws)
        total[offset:] += factor * pool[: resamples - offset]
        total[:offset] += factor * pool[resamples - offset :]
    return total


def strata_of_cells(cells: Cells, used: IntArray) -> Strata:
    """The converged runs of some cells, for resampling within them."""
    values = [cells.cell_values(cell) for cell in used.tolist()]
    return Strata(cells.k[used].astype(np.int64), np.concatenate(values))


def _pool(cells: Cells, cell: int, *, seed: int, resamples: int, chunk_draws: int) -> FloatArray:
    """Deviations of a cell's resampled means, drawn when first asked for; shape (resamples,)."""
    key = (cell, seed, resamples)
    pools = cells.pools
    if key not in pools:
        _make_room(pools, resamples)
        pools[key] = _drawn_pool(cells, cell, seed, resamples, chunk_draws)
    return pools[key]


def _drawn_pool(cells: Cells, cell: int, seed: int, resamples: int, chunk_draws: int) -> FloatArray:
    """The same, which tables that share their draws may have."""
    name, shared = _mean_id(cells, cell), _SHARED.get()
    key = (name, seed, resamples, cells.cell_values(cell).tobytes())
    if shared is not None and key in shared:
        return shared[key]
    drawn = linear_deviations(
        strata_of_cells(cells, np.array([cell])),
        np.ones(1),
        resamples=resamples,
        rng=claim_generator(seed, f"{name}#runs"),
        inflate=False,
        chunk_draws=chunk_draws,
    )
    if shared is not None:
        _make_room(shared, resamples)
        shared[key] = drawn
    return drawn


def _make_room(pools: dict[_K, FloatArray], resamples: int) -> None:
    """Forget the oldest of so many that one more would be too many."""
    while pools and (len(pools) + 1) * resamples * 8 > KEPT_BYTES:
        del pools[next(iter(pools))]


def _mean_id(cells: Cells, cell: int) -> str:
    """Id of the claim on a cell's mean."""
    table = cells.table
    held = sorted(zip(table.factors, cells.codes[cell].tolist(), strict=True))
    contrast = Contrast(conditions=tuple(Condition(name, (code,)) for name, code in held))
    return Estimand(table.outcome, "mean", contrast, table).id
