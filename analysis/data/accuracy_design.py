"""Which model of the outcome is fitted, and its regressors on every cell of the grid.

Factors other than the curve's have one column a level after their first, whether their levels are
numbers or words.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import Axis, Scale, axis_of
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model is fitted.

    Attributes
    ----------
    factor : str
        The numeric factor of the curve.
    scale : str
        ``log2`` or ``linear``.
    curves : tuple of str
        Factors each level of which has a curve of its own.
    interactions : tuple of tuple of str
        Sets of other factors whose levels do not simply add.
    center : float or None
        Point on the scale at which main effects are read; None is the middle of the range.
    """

    factor: str
    scale: Scale
    curves: tuple[str, ...] = ()
    interactions: tuple[tuple[str, ...], ...] = ()
    center: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Regressors of every cell of the grid.

    Attributes
    ----------
    axis : Axis
    center : float
    term : str
        Name of the curve's slope at the center.
    names : tuple of str
        ``intercept``, ``depth[19]``, ``log2(batch_size)``, ``log2(batch_size)^2``,
        ``depth[19]*log2(batch_size)`` and so on; P of them.
    matrix : ndarray of shape (C, P)
    """

    axis: Axis
    center: float
    term: str
    names: tuple[str, ...]
    matrix: FloatArray


def design_of(cells: Cells, spec: ModelSpec) -> Design:
    """The design matrix on the full grid.

    Raises
    ------
    AnalysisError
        If the specification names what is not there.
    """
    table = cells.table
    axis = axis_of(table, spec.factor, spec.scale)
    others = [name for name in table.factors if name != spec.factor]
    _check_names(spec, others)
    x = axis.x
    center = float(x.min() + x.max()) / 2 if spec.center is None else spec.center
    z = (x - center)[cells.codes[:, table.factors.index(spec.factor)]]
    label = f"log2({spec.factor})" if spec.scale == "log2" else spec.factor
    powers = {label: z, f"{label}^2": z**2}
    columns = {"intercept": np.ones(len(cells))}
    dummies = {name: _dummies(cells, name) for name in others}
    for name in others:
        columns |= dummies[name]
    columns |= powers
    for name in spec.curves:
        columns |= _products(dummies[name], powers)
    for names in spec.interactions:
        product = dummies[names[0]]
        for name in names[1:]:
            product = _products(product, dummies[name])
        columns |= product
    return Design(axis, center, label, tuple(columns), np.column_stack(list(columns.values())))


def _check_names(spec: ModelSpec, others: list[str]) -> None:
    """Only other factors, and interactions of two or more different ones."""
    unknown = sorted({*spec.curves, *itertools.chain(*spec.interactions)} - set(others))
    if unknown:
        have = ", ".join(others) or "none"
        raise AnalysisError(
            f"the model of {spec.factor} names {', '.join(unknown)}; other factors are {have}"
        )
    for names in spec.interactions:
        if len(names) < 2 or len(set(names)) < len(names):
            text = "*".join(names) or "nothing"
            raise AnalysisError(f"an interaction needs two or more different factors, got {text}")


def _dummies(cells: Cells, factor: str) -> dict[str, FloatArray]:
    """One column a level after the first."""
    codes = cells.codes[:, cells.table.factors.index(factor)]
    return {
        f"{factor}[{write_level(level)}]": (codes == i).astype(np.float64)
        for i, level in enumerate(cells.table.levels[factor])
        if i > 0
    }


def _products(
    first: Mapping[str, FloatArray], second: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Every column times every other."""
    return {f"{a}*{b}": first[a] * second[b] for a in first for b in second}
