"""Which models an analysis fits: the numeric factor of their curves, and what interacts.

Where the caller says nothing, the curve runs along the numeric factor with the most levels. The
failure model then has main effects alone: a handful of replicates cannot tell more log odds apart.
The accuracy model then has a curve for each level of every other factor, and every two-factor
interaction that its cells tell apart.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import MIN_LEVELS, Axis, axis_for
from vggstudy.analysis.data.design import Terms, design_on
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.ols import aliased_columns
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


def accuracy_terms(cells: Cells, request: ModelRequest) -> Terms | None:
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
    others = tuple(name for name in table.factors if name != axis.factor)
    if request.pairs is not None:
        return Terms(axis, others, request.pairs, degree=2)
    varied = [name for name in others if len(table.levels[name]) > 1]
    terms = Terms(axis, others, degree=2)
    for pair in [*((name, axis.factor) for name in varied), *itertools.combinations(varied, 2)]:
        more = replace(terms, interactions=(*terms.interactions, pair))
        if _determined(cells, more):
            terms = more
    return terms


def _determined(cells: Cells, terms: Terms) -> bool:
    """Whether the cells with converged runs tell all terms apart, with a cell to spare."""
    matrix = design_on(cells, terms, np.arange(len(cells))).X[cells.k > 0]
    count = matrix.shape[1]
    if count > MAX_TERMS or count >= len(matrix):
        return False
    return not aliased_columns(matrix)
