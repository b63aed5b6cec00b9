"""What each factor does to the chance of converging, by a fitted failure model.

Odds ratios are geometric means over the grid's cells, risk differences are differences of mean
fitted probabilities; both weight the cells equally. An interaction has a ratio of odds ratios and a
difference in differences.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast, Pair
from vggstudy.analysis.data.design import DesignMatrix
from vggstudy.analysis.models.failure_result import Change, Effect, FailureModel
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.firth import Binomial
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.profile import profile_interval
from vggstudy.analysis.numbers.profile_function import function_interval
from vggstudy.errors import AnalysisError


def odds_ratio(found: FailureModel, cells: Cells, contrast: Contrast) -> Interval:
    """Geometric mean over the grid's cells of the odds ratio of two levels.

    Parameters
    ----------
    found : FailureModel
        Converged.
    cells : Cells
    contrast : Contrast
        A difference or an interaction; its conditions must lie inside the model's.

    Returns
    -------
    Interval
        Of ``exp(sum of signed mean log odds)``.
    """
    row = np.zeros(len(found.design.columns))
    for group in contrast.groups(cells):
        row += group.sign * found.design.rows_of(cells, group.cells).mean(axis=0)
    return _exponential(linear(found, row))


def risk_difference(found: FailureModel, cells: Cells, contrast: Contrast) -> Interval | None:
    """Difference of the mean fitted probabilities of two groups of the grid's cells.

    Parameters
    ----------
    found : FailureModel
        Converged.
    cells : Cells
    contrast : Contrast

    Returns
    -------
    Interval or None
        None where a limit could not be found.
    """
    groups = contrast.groups(cells)
    rows = np.vstack([found.design.rows_of(cells, group.cells) for group in groups])
    weights = np.concatenate([group.sign * group.weights for group in groups])

    def difference(coefficients: FloatArray) -> tuple[float, FloatArray]:
        p = 0.5 * (1 + np.tanh(0.5 * (rows @ coefficients)))
        return float(weights @ p), np.asarray(rows.T @ (weights * p * (1 - p)))

    model = Binomial(found.design.X, found.n)
    return function_interval(model, found.k, found.fit, difference, confidence=found.confidence)


def average_slope(found: FailureModel, cells: Cells) -> Interval:
    """Mean over the grid's cells of the change of the log odds per unit of the axis.

    Raises
    ------
    AnalysisError
        If the model has no axis.
    """
    if found.design.terms.axis is None:
        raise AnalysisError("the model has no numeric factor, and so no slope")
    index = Contrast(conditions=grid(found.design, cells, found.where)).groups(cells)[0].cells
    return linear(found, slope_row(found.design, cells, index))


def slope_row(design: DesignMatrix, cells: Cells, index: IntArray) -> FloatArray:
    """Weights of the coefficients that give the mean slope over some cells; shape (P,)."""
    codes = cells.codes[index]
    zero = np.zeros(len(index))
    return np.asarray((design.rows(codes, zero + 1) - design.rows(codes, zero)).mean(axis=0))


def grid(design: DesignMatrix, cells: Cells, where: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Conditions of the cells that a model averages over: levels without any runs are left out."""
    held = {condition.factor: condition.levels for condition in where}
    table = cells.table
    for name, used in zip(design.terms.factors, design.used_levels, strict=True):
        if len(used) < len(table.levels[name]):
            held[name] = used
    return tuple(Condition(name, held[name]) for name in sorted(held))


def linear(found: FailureModel, row: FloatArray) -> Interval:
    """Interval of a linear combination of the coefficients."""
    model = Binomial(found.design.X, found.n)
    return profile_interval(model, found.k, found.fit, row, confidence=found.confidence)


def _exponential(x: Interval) -> Interval:
    """From log odds to odds."""
    with np.errstate(over="ignore"):  # beyond 1e308 an end is infinite
        estimate, low, high = (float(v) for v in np.exp([x.estimate, x.low, x.high]))
    return replace(x, estimate=estimate, low=low, high=high)


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a factor: from its first level to another, or along the axis.

    Attributes
    ----------
    change : Change
    pair : (int, int)
        Earlier and later level; the ends of the axis.
    """

    change: Change
    pair: Pair


def effects_of(found: FailureModel, cells: Cells) -> tuple[Effect, ...]:
    """Every level against the first, the axis by unit, and the model's interactions."""
    terms = found.design.terms
    conditions = grid(found.design, cells, found.where)
    steps = {name: list(_steps(found, cells, name)) for name in terms.factors}
    if terms.axis:
        steps[terms.axis.factor] = [_along(found, conditions)]
    single = [(step,) for own in steps.values() for step in own]
    double = [
        pair
        for first, second in terms.interactions
        for pair in itertools.product(steps[first], steps[second])
    ]
    return tuple(_effect(found, cells, conditions, chosen) for chosen in (*single, *double))


def _steps(found: FailureModel, cells: Cells, factor: str) -> Iterator[_Step]:
    """Every level with runs against the first of them."""
    design, levels = found.design, cells.table.levels[factor]
    used = design.used_levels[design.terms.factors.index(factor)]
    for level in used[1:]:
        yield _Step(Change(factor, levels[used[0]], levels[level]), (used[0], level))


def _along(found: FailureModel, conditions: tuple[Condition, ...]) -> _Step:
    """From end to end of the axis."""
    axis = found.design.terms.axis
    if axis is None:
        raise ValueError("no axis")
    held = {c.factor: c.levels for c in conditions}.get(axis.factor)
    chosen = sorted(held or range(len(axis.levels)), key=lambda i: axis.levels[i])
    first, last = chosen[0], chosen[-1]
    per: Literal["doubling", "unit"] = "doubling" if axis.scale == "log2" else "unit"
    change = Change(axis.factor, axis.levels[first], axis.levels[last], per)
    return _Step(change, (first, last))


def _effect(
    found: FailureModel,
    cells: Cells,
    conditions: tuple[Condition, ...],
    chosen: tuple[_Step, ...],
) -> Effect:
    """One step of one factor, or of two at once."""
    ordered = sorted(chosen, key=lambda step: step.change.factor)
    named = tuple(step.change.factor for step in ordered)
    held = tuple(c for c in conditions if c.factor not in named)
    contrast = Contrast(named, tuple(step.pair for step in ordered), held)
    return Effect(
        tuple(step.change for step in chosen),
        _odds(found, cells, contrast),
        risk_difference(found, cells, contrast),
    )


def _odds(found: FailureModel, cells: Cells, contrast: Contrast) -> Interval:
    """Odds ratio of a contrast, per unit of the axis where the axis is among its factors."""
    axis = found.design.terms.axis
    if axis is None or axis.factor not in contrast.factors:
        return odds_ratio(found, cells, contrast)
    at = contrast.factors.index(axis.factor)
    if len(contrast.factors) == 1:
        return _exponential(average_slope(found, cells))
    rest = Contrast(
        (contrast.factors[1 - at],), (contrast.pairs[1 - at],), _with_axis(found, cells, contrast)
    )
    row = np.zeros(len(found.design.columns))
    for group in rest.groups(cells):
        row += group.sign * slope_row(found.design, cells, group.cells)
    return _exponential(linear(found, row))


def _with_axis(found: FailureModel, cells: Cells, contrast: Contrast) -> tuple[Condition, ...]:
    """A contrast's conditions with those of the model on the axis."""
    axis = found.design.terms.axis
    own = [c for c in grid(found.design, cells, found.where) if axis and c.factor == axis.factor]
    return tuple(sorted((*contrast.conditions, *own), key=lambda c: c.factor))
