"""Design matrices on cells: a numeric factor, treatment-coded factors, chosen interactions.

Built here and not from a formula, which would resolve names in the caller's frame. The numeric
factor enters as a polynomial on its scale, every other one with a column a level after its first,
whether its levels are numbers or words.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.curves import Axis, Scale
from vggstudy.analysis.data.levels import Level, write_level
from vggstudy.analysis.notes import NotedError, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.ols import aliased_columns
from vggstudy.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Variable:
    """What one factor adds to a term.

    Attributes
    ----------
    factor : str
    level : Level or None
        The level that is set against the first; None for a position on the scale.
    scale : str or None
        Of the positions.
    power : int
        To which they are raised.
    """

    factor: str
    level: Level | None = None
    scale: Scale | None = None
    power: int = 1

    @property
    def name(self) -> str:
        """``depth=19``, ``log2(batch_size)``, ``log2(batch_size)^2``."""
        return self.named(self.factor)

    def named(self, factor: str) -> str:
        """The same with another name for the factor."""
        if self.level is not None:
            return f"{factor}={write_level(self.level)}"
        position = f"log2({factor})" if self.scale == "log2" else factor
        return position if self.power == 1 else f"{position}^{self.power}"


@dataclass(frozen=True, slots=True)
class Term:
    """A column of a design: the product of its variables; the intercept has none.

    Attributes
    ----------
    variables : tuple of Variable
    """

    variables: tuple[Variable, ...] = ()

    @property
    def name(self) -> str:
        """``(intercept)``, ``depth=19``, ``depth=19:log2(batch_size)^2``."""
        return ":".join(variable.name for variable in self.variables) or "(intercept)"


@dataclass(frozen=True, slots=True)
class Terms:
    """What enters the linear predictor.

    Attributes
    ----------
    axis : Axis or None
        The numeric factor that enters on its scale.
    factors : tuple of str
        Other factors, as differences from their first level.
    interactions : tuple of tuple of str
        Sets of two or more among `axis.factor` and `factors`.
    degree : int
        Of the polynomial along the axis: 1 for a line, 2 for a curve.
    """

    axis: Axis | None
    factors: tuple[str, ...]
    interactions: tuple[tuple[str, ...], ...] = ()
    degree: int = 1

    def __post_init__(self) -> None:
        named = {*self.factors, *([self.axis.factor] if self.axis else [])}
        if self.axis and self.axis.factor in self.factors:
            raise AnalysisError(f"{self.axis.factor} cannot be both a line and a set of levels")
        for together in self.interactions:
            text = "*".join(together)
            for name in together:
                if name not in named:
                    raise AnalysisError(f"the interaction {text} names {name!r}, no term")
            if len(together) < 2 or len(set(together)) < len(together):
                msg = f"an interaction needs two or more different factors, got {text or 'nothing'}"
                raise AnalysisError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class DesignMatrix:
    """The design of some cells.

    Attributes
    ----------
    terms : Terms
    table_factors : tuple of str
        Of the table; the columns of `codes`.
    used_levels : tuple of tuple of int
        Levels that the cells have of each of `terms.factors`; the first is the reference.
    center : float
        Subtracted from the axis' positions; 0 without an axis.
    columns : tuple of Term
        P of them: intercept, axis, factors, interactions.
    cells : ndarray of shape (M,)
        Indices into `Cells`.
    X : ndarray of shape (M, P)
    """

    terms: Terms
    table_factors: tuple[str, ...]
    used_levels: tuple[tuple[int, ...], ...]
    center: float
    columns: tuple[Term, ...]
    cells: IntArray
    X: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(term.name for term in self.columns)

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
) -> DesignMatrix:
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
        ones; every such column is named.
    """
    inside = np.sort(Contrast(conditions=where).groups(cells)[0].cells)
    used = inside[cells.n[inside] > 0]
    if not used.size:
        raise NotedError(say("no_cell_of_model"))
    design = design_on(cells, terms, used, center=center)
    if lost := aliased_columns(design.X):
        raise NotedError(say("terms_aliased", terms=[design.names[j] for j in lost]))
    return design


def design_on(
    cells: Cells, terms: Terms, index: IntArray, *, center: float | None = None
) -> DesignMatrix:
    """The design of chosen cells, with or without runs, whatever its rank.

    Raises
    ------
    AnalysisError
        If a factor is unknown.
    """
    table = cells.table
    for name in terms.factors:
        if name not in table.factors:
            raise NotedError(say("no_factor", name=name, names=table.factors))
    codes = cells.codes[index]
    levels = tuple(
        tuple(int(i) for i in np.unique(codes[:, table.factors.index(name)]))
        for name in terms.factors
    )
    x = positions(terms.axis, cells, index)
    middle = float(np.unique(x).mean()) if center is None else center
    X = _columns(terms, table.factors, levels, codes, x - middle)
    return DesignMatrix(
        terms, table.factors, levels, middle, _terms(terms, cells, levels), index, X
    )


def positions(axis: Axis | None, cells: Cells, index: IntArray) -> FloatArray:
    """Positions of cells on an axis' scale, shape (M,); zeros without an axis."""
    if axis is None:
        return np.zeros(len(index))
    return np.asarray(axis.x[cells.codes[index, cells.table.factors.index(axis.factor)]])


def _columns(
    terms: Terms,
    table_factors: tuple[str, ...],
    levels: tuple[tuple[int, ...], ...],
    codes: IntArray,
    z: FloatArray,
) -> FloatArray:
    """Intercept, axis, main effects, interactions; shape (M, P)."""
    blocks: dict[str, FloatArray] = {}
    if terms.axis:
        blocks[terms.axis.factor] = np.column_stack([z**p for p in range(1, terms.degree + 1)])
    for name, used in zip(terms.factors, levels, strict=True):
        own = codes[:, table_factors.index(name)]
        if not np.isin(own, used).all():
            raise AnalysisError(f"a level of {name} has no runs: the model does not know it")
        blocks[name] = (own[:, None] == np.array(used[1:], dtype=np.int64)).astype(np.float64)
    parts = [np.ones((len(z), 1)), *blocks.values()]
    for together in terms.interactions:
        product = blocks[together[0]]
        for name in together[1:]:
            product = (product[:, :, None] * blocks[name][:, None, :]).reshape(len(z), -1)
        parts.append(product)
    return np.hstack(parts)


def _terms(terms: Terms, cells: Cells, levels: tuple[tuple[int, ...], ...]) -> tuple[Term, ...]:
    """The columns in the order of `_columns`."""
    blocks: dict[str, list[Variable]] = {}
    if terms.axis:
        factor, scale = terms.axis.factor, terms.axis.scale
        powers = range(1, terms.degree + 1)
        blocks[factor] = [Variable(factor, scale=scale, power=power) for power in powers]
    for name, used in zip(terms.factors, levels, strict=True):
        known = cells.table.levels[name]
        blocks[name] = [Variable(name, known[i]) for i in used[1:]]
    alone = [(variable,) for variable in itertools.chain(*blocks.values())]
    joined = (itertools.product(*(blocks[name] for name in x)) for x in terms.interactions)
    return tuple(Term(tuple(x)) for x in [(), *alone, *itertools.chain(*joined)])
