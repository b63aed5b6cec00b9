"""Which models an analysis fits: the numeric factor of their curves, and what interacts.

Where the caller says nothing, the curve runs along the numeric factor with the most levels. The
failure model then has main effects alone: a handful of replicates cannot tell more log odds apart.
The accuracy model then has a curve for each level of every other factor, and every two-factor
interaction that its cells tell apart.
"""

from __future__ import annotations

import itertools

from vggstudy.analysis.data.accuracy_design import ModelSpec, design_of
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import MIN_LEVELS, Axis, axis_for
from vggstudy.analysis.data.failure_design import Terms
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.ols import aliased_columns
from vggstudy.errors import AnalysisError
from vggstudy.stated.models import ModelRequest

MAX_TERMS = 60
"""Coefficients up to which interactions enter a model that nobody asked for."""


def axis_asked(table: RunTable, request: ModelRequest) -> Axis | None:
    """The curve's axis; None where nothing was asked for and no factor is long enough.

    Raises
    ------
    AnalysisError
        If the factor that was asked for is unknown or not numeric.
    """
    along = request.along
    if along is None:
        numeric = [
            name
            for name in table.factors
            if table.is_numeric(name) and len(table.levels[name]) >= MIN_LEVELS
        ]
        if not numeric:
            return None
        along = max(numeric, key=lambda name: len(table.levels[name]))
    return axis_for(table, along, request.scale)


def failure_terms(table: RunTable, request: ModelRequest) -> Terms:
    """The terms of the model of the probability of converging.

    Raises
    ------
    AnalysisError
        If the request names what is not there.
    """
    axis = axis_asked(table, request)
    named = [axis.factor] if axis else []
    factors = tuple(x for x in table.factors if x not in named and len(table.levels[x]) > 1)
    return Terms(axis, factors, request.pairs or ())


def accuracy_spec(cells: Cells, request: ModelRequest) -> ModelSpec | None:
    """The terms of the model of the outcome; None where no factor is long enough for a curve.

    Raises
    ------
    AnalysisError
        If the request names what is not there.
    """
    table = cells.table
    axis = axis_asked(table, request)
    if axis is None:
        return None
    if request.pairs is not None:
        return _spec(axis, request.pairs)
    kept: tuple[tuple[str, str], ...] = ()
    for pair in _pairs(table, axis):
        if _determined(cells, _spec(axis, (*kept, pair))):
            kept = (*kept, pair)
    return _spec(axis, kept)


def _pairs(table: RunTable, axis: Axis) -> list[tuple[str, str]]:
    """Pairs of factors with two levels or more, those with the axis first."""
    varied = [name for name in table.factors if len(table.levels[name]) > 1]
    others = [name for name in varied if name != axis.factor]
    own = [(name, axis.factor) for name in others]
    return [*own, *itertools.combinations(others, 2)]


def _spec(axis: Axis, pairs: tuple[tuple[str, str], ...]) -> ModelSpec:
    """Pairs with the axis as curves, the rest as interactions."""
    curves = [
        (set(pair) - {axis.factor}).pop()
        for pair in pairs
        if axis.factor in pair and len(set(pair)) == 2
    ]
    rest = tuple(pair for pair in pairs if axis.factor not in pair or len(set(pair)) < 2)
    return ModelSpec(axis.factor, axis.scale, tuple(curves), rest)


def _determined(cells: Cells, spec: ModelSpec) -> bool:
    """Whether the cells with converged runs tell all terms apart, with a cell to spare."""
    try:
        matrix = design_of(cells, spec).matrix[cells.k > 0]
    except AnalysisError:
        return False
    count = matrix.shape[1]
    if count > MAX_TERMS or count >= len(matrix):
        return False
    return not aliased_columns(matrix)
