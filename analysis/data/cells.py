"""What the analysis needs to know of each cell: counts, and the values of converged runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.outcomes import CONVERGED, FAILED, LABELS
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Levels, Named
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.shape import Look, looks
from vggstudy.errors import AnalysisError

MAX_CELLS = 200_000
"""Cells of the full grid of levels that are kept in memory."""

ZERO_SPREAD = 1e-10
"""A standard deviation below this share of the largest value is rounding: six 0.1 give 1.5e-17."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Sufficient statistics on the full grid of levels, first factor slowest.

    Attributes
    ----------
    table : RunTable
    shape : tuple of int
        Number of levels of each factor; their product is C.
    codes : ndarray of shape (C, F)
        Level indices of each cell.
    counts : ndarray of shape (C, 5)
        Planned runs by label, in the order of `LABELS`.
    n, k : ndarray of shape (C,)
        Labelled runs (crashed and missing ones are not data), and the converged among them.
    mean, variance : ndarray of shape (C,)
        Of the outcome among converged runs; variance with divisor k - 1, 0 where `flat`. NaN
        where there are too few.
    flat : ndarray of shape (C,)
        Whether two or more converged runs have the same value up to rounding.
    failed_n, failed_mean, failed_variance : ndarray of shape (C,)
        The same of failed runs whose outcome is known.
    values, start : ndarrays of shape (K,) and (C + 1,)
        Outcomes of converged runs, cell after cell and sorted within; cell c holds
        ``values[start[c]:start[c + 1]]``.
    run_cell, run_seed : ndarrays of shape (N,)
        Cell of every run, and the number of its replicate among the names of all.
    seed_names : tuple of str
        Distinct replicates, sorted as text.
    pools : dict
        Resampled means that `cell_draws` keeps, by cell, seed and their number: a store that
        only saves work.
    seen : dict
        What `look` found, by cell and strictness: another such store.
    """

    table: RunTable
    shape: tuple[int, ...]
    codes: IntArray
    counts: IntArray
    n: FloatArray
    k: FloatArray
    mean: FloatArray
    variance: FloatArray
    flat: BoolArray
    failed_n: FloatArray
    failed_mean: FloatArray
    failed_variance: FloatArray
    values: FloatArray
    start: IntArray
    run_cell: IntArray
    run_seed: IntArray
    seed_names: tuple[str, ...]
    pools: dict[tuple[int, int, int], FloatArray] = field(default_factory=dict, repr=False)
    seen: dict[tuple[int, float], Look | None] = field(default_factory=dict, repr=False)

    @classmethod
    def from_table(cls, table: RunTable) -> Cells:
        """Reduce a table to its cells.

        Raises
        ------
        AnalysisError
            If the full grid of levels has more than `MAX_CELLS` cells.
        """
        shape = tuple(len(table.levels[name]) for name in table.factors)
        size = math.prod(shape)
        if size > MAX_CELLS:
            raise AnalysisError(f"the levels span {size} cells; at most {MAX_CELLS} are supported")
        index = _cell_index(table, shape)
        flat_counts = np.bincount(index * len(LABELS) + table.label, minlength=size * len(LABELS))
        counts = flat_counts.reshape(size, len(LABELS)).astype(np.int64)
        converged = _Moments.of(index[table.converged], table.value[table.converged], size)
        known = table.failed & ~np.isnan(table.value)
        failed = _Moments.of(index[known], table.value[known], size)
        names, seed = np.unique(np.array(table.replicate, dtype=np.str_), return_inverse=True)
        return cls(
            table=table,
            shape=shape,
            codes=np.indices(shape).reshape(len(shape), size).T.astype(np.int64),
            counts=counts,
            n=counts[:, [CONVERGED, *FAILED]].sum(axis=1).astype(np.float64),
            k=counts[:, CONVERGED].astype(np.float64),
            mean=converged.mean,
            variance=converged.variance,
            flat=converged.flat,
            failed_n=failed.n,
            failed_mean=failed.mean,
            failed_variance=failed.variance,
            values=converged.values,
            start=converged.start,
            run_cell=index,
            run_seed=np.asarray(seed, dtype=np.int64),
            seed_names=tuple(names.tolist()),
        )

    def __reduce__(self) -> tuple[Callable[[RunTable], Cells], tuple[RunTable]]:
        """To another process goes the table alone; what was kept to save work stays here."""
        return Cells.from_table, (self.table,)

    def oriented(self) -> Cells:
        """The same cells, where lower is better with every value negated: best is then highest."""
        return _negated(self) if self.table.lower_is_better else self

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def planned(self) -> IntArray:
        """Planned runs of each cell, whatever became of them; shape (C,)."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    def cell_values(self, cell: int) -> FloatArray:
        """Outcomes of a cell's converged runs, sorted."""
        return self.values[self.start[cell] : self.start[cell + 1]]

    def look(self, cell: int, *, strict: float = 1.0) -> Look | None:
        """What is unusual about a cell's converged runs (`shape.looks`)."""
        key = (cell, strict)
        if key not in self.seen:
            self.seen[key] = looks(self.cell_values(cell), strict=strict)
        return self.seen[key]

    def name(self, cell: int) -> str:
        """``depth=19, batch_norm=true``."""
        return Named((self.levels_of(cell),)).text

    def levels_of(self, cell: int) -> Levels:
        """Each factor with the text of its level."""
        return tuple(
            (factor, write_level(self.table.levels[factor][code]))
            for factor, code in zip(self.table.factors, self.codes[cell].tolist(), strict=True)
        )

    @property
    def pooled(self) -> tuple[float, float]:
        """Pooled within-cell variance of converged runs, and its degrees of freedom (or 0, 0)."""
        return pool(self.variance, self.k)


@lru_cache(maxsize=8)
def _negated(cells: Cells) -> Cells:
    """`Cells.oriented`, made once for the many strata of a table."""
    return Cells.from_table(replace(cells.table, value=-cells.table.value))


def pool(variance: FloatArray, n: FloatArray) -> tuple[float, float]:
    """Variance pooled over cells with two or more runs, and its degrees of freedom."""
    used = n >= 2
    df = float((n[used] - 1).sum())
    return (float(((n[used] - 1) * variance[used]).sum()) / df, df) if df else (0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Counts, means and variances by cell, and the sorted values."""

    n: FloatArray
    mean: FloatArray
    variance: FloatArray
    flat: BoolArray
    values: FloatArray
    start: IntArray

    @classmethod
    def of(cls, index: IntArray, value: FloatArray, size: int) -> _Moments:
        """Two passes, so that equal values give a variance of rounding size at most."""
        order = np.lexsort((value, index))
        index, value = index[order], value[order]
        count = np.bincount(index, minlength=size)
        n = count.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(index, weights=value, minlength=size) / n
            squares = np.bincount(index, weights=(value - mean[index]) ** 2, minlength=size)
            variance = np.where(n >= 2, squares / (n - 1), np.nan)
        largest = float(np.abs(value).max()) if value.size else 0.0
        flat = (n >= 2) & (np.sqrt(np.nan_to_num(variance)) <= ZERO_SPREAD * largest)
        start = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return cls(n, mean, np.where(flat, 0.0, variance), flat, value, start)


def _cell_index(table: RunTable, shape: tuple[int, ...]) -> IntArray:
    """Cell of each run, shape (N,); all in the only cell where there is no factor."""
    if not shape:
        return np.zeros(len(table), dtype=np.int64)
    return np.asarray(np.ravel_multi_index(tuple(table.codes.T), shape), dtype=np.int64)
