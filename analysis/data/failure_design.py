"""Design matrices on cells: a numeric factor, treatment-coded factors, chosen interactions.

Built here and not from a formula, which would resolve names in the caller's frame. Every column is
linear in the numeric factor, so that a level of it can be solved for.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.curves import Axis
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.notes import NotedError, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.errors import AnalysisError

INTERCEPT = "(intercept)"
DEPENDENT = 1e-9
"""A scaled column whose part outside the earlier ones is below this is a combination of them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What enters the linear predictor.

    Attributes
    ----------
    axis : Axis or None
        The numeric factor that enters as a line, on its scale.
    factors : tuple of str
        Other factors, as differences from their first level that has runs.
    interactions : tuple of (str, str)
        Pairs among `axis.factor` and `factors`.
    """

    axis: Axis | None
    factors: tuple[str, ...]
    interactions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        named = {*self.factors, *([self.axis.factor] if self.axis else [])}
        if self.axis and self.axis.factor in self.factors:
            raise AnalysisError(f"{self.axis.factor} cannot be both a line and a set of levels")
        for pair in self.interactions:
            for name in pair:
                if name not in named:
                    raise AnalysisError(f"the interaction {'*'.join(pair)} names {name!r}, no term")
            if len(set(pair)) < 2:
                raise AnalysisError(f"an interaction needs two factors, got {'*'.join(pair)}")


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The design of the cells that have runs.

    Attributes
    ----------
    terms : Terms
    table_factors : tuple of str
        Of the table; the columns of `codes`.
    used_levels : tuple of tuple of int
        Levels with runs of each of `terms.factors`; the first is the reference.
    center : float
        Subtracted from the axis' positions; 0 without an axis.
    names : tuple of str
        Of the P columns: ``(intercept)``, ``log2(batch_size)``, ``depth=19``,
        ``depth=19:log2(batch_size)``.
    cells : ndarray of shape (M,)
        Indices into `Cells`.
    X : ndarray of shape (M, P)
    """

    terms: Terms
    table_factors: tuple[str, ...]
    used_levels: tuple[tuple[int, ...], ...]
    center: float
    names: tuple[str, ...]
    cells: IntArray
    X: FloatArray

    def rows(self, codes: IntArray, x: FloatArray) -> FloatArray:
        """Rows for cells that need not have runs.

        Parameters
        ----------
        codes : ndarray of shape (M, F)
            Level indices, as in `Cells.codes`; those of the axis are not read.
        x : ndarray of shape (M,)
            Positions on the axis' scale.

        Raises
        ------
        AnalysisError
            If a level has no runs anywhere: its coefficient does not exist.
        """
        return _columns(self.terms, self.table_factors, self.used_levels, codes, x - self.center)

    def rows_of(self, cells: Cells, index: IntArray) -> FloatArray:
        """Rows of some cells of a grid; shape (M, P)."""
        return self.rows(cells.codes[index], positions(self.terms.axis, cells, index))


def build_design(
    cells: Cells,
    terms: Terms,
    *,
    where: tuple[Condition, ...] = (),
    center: float | None = None,
) -> Design:
    """The design of the cells with runs.

    Parameters
    ----------
    cells : Cells
    terms : Terms
    where : tuple of Condition
        Cells outside are left out.
    center : float, optional
        On the axis' scale; by default the mean of the axis' levels that have runs.

    Raises
    ------
    AnalysisError
        If no cell has runs, a factor is unknown, or a column is a linear combination of earlier
        ones; the column is named.
    """
    table = cells.table
    for name in terms.factors:
        if name not in table.factors:
            raise NotedError(say("no_factor", name=name, names=table.factors))
    inside = np.sort(Contrast(conditions=where).groups(cells)[0].cells)
    used = inside[cells.n[inside] > 0]
    if not used.size:
        raise NotedError(say("no_cell_of_model"))
    codes = cells.codes[used]
    levels = tuple(
        tuple(int(i) for i in np.unique(codes[:, table.factors.index(name)]))
        for name in terms.factors
    )
    x = positions(terms.axis, cells, used)
    middle = float(np.unique(x).mean()) if center is None else center
    X = _columns(terms, table.factors, levels, codes, x - middle)
    names = _names(terms, cells, levels)
    check_rank(X, names)
    return Design(terms, table.factors, levels, middle, names, used, X)


def positions(axis: Axis | None, cells: Cells, index: IntArray) -> FloatArray:
    """Positions of cells on an axis' scale, shape (M,); zeros without an axis."""
    if axis is None:
        return np.zeros(len(index))
    return np.asarray(axis.x[cells.codes[index, cells.table.factors.index(axis.factor)]])


def check_rank(X: FloatArray, names: tuple[str, ...]) -> None:
    """Refuse a design whose columns are linearly dependent.

    Raises
    ------
    AnalysisError
        Naming every column that is a combination of the columns before it.
    """
    kept: list[int] = []
    lost: list[str] = []
    scale = np.linalg.norm(X, axis=0)
    for j, name in enumerate(names):
        column = X[:, j] / scale[j] if scale[j] > 0 else X[:, j]
        if kept:
            basis = X[:, kept] / scale[kept]
            column = column - basis @ np.linalg.lstsq(basis, column, rcond=None)[0]
        if float(np.linalg.norm(column)) > DEPENDENT:
            kept.append(j)
        else:
            lost.append(name)
    if lost:
        raise NotedError(say("terms_aliased", terms=lost))


def _columns(
    terms: Terms,
    table_factors: tuple[str, ...],
    levels: tuple[tuple[int, ...], ...],
    codes: IntArray,
    z: FloatArray,
) -> FloatArray:
    """Intercept, line, main effects, interactions; shape (M, P)."""
    blocks: dict[str, FloatArray] = {}
    if terms.axis:
        blocks[terms.axis.factor] = z[:, None]
    for name, used in zip(terms.factors, levels, strict=True):
        own = codes[:, table_factors.index(name)]
        if not np.isin(own, used).all():
            raise AnalysisError(f"a level of {name} has no runs: the model does not know it")
        blocks[name] = (own[:, None] == np.array(used[1:], dtype=np.int64)).astype(np.float64)
    parts = [np.ones((len(z), 1)), *blocks.values()]
    for first, second in terms.interactions:
        a, b = blocks[first], blocks[second]
        parts.append((a[:, :, None] * b[:, None, :]).reshape(len(z), -1))
    return np.hstack(parts)


def _names(terms: Terms, cells: Cells, levels: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
    """Names of the columns, in the order of `_columns`."""
    blocks: dict[str, list[str]] = {}
    if terms.axis:
        log = terms.axis.scale == "log2"
        blocks[terms.axis.factor] = [f"log2({terms.axis.factor})" if log else terms.axis.factor]
    for name, used in zip(terms.factors, levels, strict=True):
        known = cells.table.levels[name]
        blocks[name] = [f"{name}={write_level(known[i])}" for i in used[1:]]
    parts = [[INTERCEPT], *blocks.values()]
    for first, second in terms.interactions:
        pairs = itertools.product(blocks[first], blocks[second])
        parts.append([f"{a}:{b}" for a, b in pairs])
    return tuple(itertools.chain.from_iterable(parts))
