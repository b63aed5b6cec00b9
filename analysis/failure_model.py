"""Model M1: the probability of converging by a penalised logistic regression on cells.

Coefficients, equally weighted odds ratios and risk differences, each with profile penalised
likelihood limits, and a statement of what maximum likelihood could not have estimated. Averages
weight the cells of the grid equally, whatever their runs. Firth's fitted probabilities lean
towards one half: differences of probabilities without a model (`estimate_converged`) come first.

References
----------
.. [1] Heinze & Schemper (2002), Statistics in Medicine 21, 2409-2419.
.. [2] Puhr et al. (2017), Statistics in Medicine 36, 2302-2317 (bias of the probabilities).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vggstudy.analysis.arrays import FloatArray, IntArray
from vggstudy.analysis.cells import Cells
from vggstudy.analysis.contrasts import Condition, Contrast
from vggstudy.analysis.failure_design import Design, Terms, build_design
from vggstudy.analysis.failure_result import Coefficient, Effect, FailureModel
from vggstudy.analysis.firth import Binomial, LogisticFit, fit_logistic
from vggstudy.analysis.intervals import Interval
from vggstudy.analysis.levels import write_level
from vggstudy.analysis.profile import likelihood_ratio, profile_interval
from vggstudy.analysis.profile_function import function_interval
from vggstudy.analysis.separation import Separation, find_separation
from vggstudy.errors import AnalysisError


@dataclass(frozen=True, slots=True, eq=False)
class MaximumLikelihood:
    """A maximum likelihood fit that is only made where it exists.

    Attributes
    ----------
    fit : LogisticFit or None
        None under separation.
    separation : Separation
    """

    fit: LogisticFit | None
    separation: Separation


def fit_maximum_likelihood(X: FloatArray, k: FloatArray, n: FloatArray) -> MaximumLikelihood:
    """Ordinary logistic regression, refused under separation.

    Parameters
    ----------
    X : ndarray of shape (C, P)
    k, n : ndarray of shape (C,)
        Successes and trials, ``n > 0``.
    """
    found = find_separation(X, k, n)
    if found.separated:
        return MaximumLikelihood(None, found)
    return MaximumLikelihood(fit_logistic(Binomial(X, n, penalised=False), k), found)


def fit_failure_model(
    cells: Cells,
    terms: Terms,
    *,
    confidence: float,
    where: tuple[Condition, ...] = (),
    center: float | None = None,
) -> FailureModel:
    """Fit M1.

    Parameters
    ----------
    cells : Cells
    terms : Terms
        E.g. ``depth * z + s + k + s:k``.
    confidence : float
    where : tuple of Condition
        Part of the grid that the model is for, e.g. plain networks alone.
    center : float, optional
        See `build_design`.

    Returns
    -------
    FailureModel
        Without coefficients and effects where the fit did not converge; `fit.failure_reason`
        tells why.

    Raises
    ------
    AnalysisError
        If the cells cannot tell the terms apart.
    """
    terms = _without_constants(cells, terms, where)
    design = build_design(cells, terms, where=where, center=center)
    k, n = cells.k[design.cells], cells.n[design.cells]
    model = Binomial(design.X, n)
    fit = fit_logistic(model, k)
    found = FailureModel(
        design=design,
        k=k,
        n=n,
        fit=fit,
        separation=find_separation(design.X, k, n),
        confidence=confidence,
        where=where,
        coefficients=(),
        effects=(),
        joint=None,
    )
    if not fit.converged:
        return found
    slopes = np.eye(len(design.names))[1:]
    return replace(
        found,
        coefficients=_coefficients(found, model),
        effects=_effects(found, cells),
        joint=likelihood_ratio(model, k, fit, slopes) if len(slopes) else None,
    )


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
    row = np.zeros(len(found.design.names))
    for group in contrast.groups(cells):
        row += group.sign * found.design.rows_of(cells, group.cells).mean(axis=0)
    return _exponential(_linear(found, row))


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
    return _linear(found, slope_row(found.design, cells, index))


def slope_row(design: Design, cells: Cells, index: IntArray) -> FloatArray:
    """Weights of the coefficients that give the mean slope over some cells; shape (P,)."""
    codes = cells.codes[index]
    zero = np.zeros(len(index))
    return np.asarray((design.rows(codes, zero + 1) - design.rows(codes, zero)).mean(axis=0))


def grid(design: Design, cells: Cells, where: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Conditions of the cells that a model averages over: levels without any runs are left out."""
    held = {condition.factor: condition.levels for condition in where}
    table = cells.table
    for name, used in zip(design.terms.factors, design.used_levels, strict=True):
        if len(used) < len(table.levels[name]):
            held[name] = used
    return tuple(Condition(name, held[name]) for name in sorted(held))


def _without_constants(cells: Cells, terms: Terms, where: tuple[Condition, ...]) -> Terms:
    """The terms without factors that have one level only inside the model's cells."""
    fixed = {condition.factor for condition in where if len(condition.levels) == 1}
    levels = cells.table.levels
    fixed |= {name for name in terms.factors if len(levels.get(name, (0, 1))) == 1}
    kept = tuple(name for name in terms.factors if name not in fixed)
    pairs = tuple(pair for pair in terms.interactions if not fixed.intersection(pair))
    return Terms(terms.axis, kept, pairs)


def _linear(found: FailureModel, row: FloatArray) -> Interval:
    """Interval of a linear combination of the coefficients."""
    model = Binomial(found.design.X, found.n)
    return profile_interval(model, found.k, found.fit, row, confidence=found.confidence)


def _exponential(x: Interval) -> Interval:
    """From log odds to odds."""
    estimate, low, high = (float(v) for v in np.exp([x.estimate, x.low, x.high]))
    return replace(x, estimate=estimate, low=low, high=high)


def _coefficients(found: FailureModel, model: Binomial) -> tuple[Coefficient, ...]:
    """One row a column of the design."""
    identity = np.eye(len(found.design.names))
    return tuple(
        Coefficient(
            term=name,
            se=float(found.fit.se[j]),
            interval=_linear(found, identity[j]),
            test=likelihood_ratio(model, found.k, found.fit, identity[j : j + 1]),
            infinite_without_penalty=bool(found.separation.infinite[j]),
        )
        for j, name in enumerate(found.design.names)
    )


def _effects(found: FailureModel, cells: Cells) -> tuple[Effect, ...]:
    """Every level against the first, and the axis: odds by unit, risk from end to end."""
    design, table = found.design, cells.table
    conditions = grid(design, cells, found.where)
    made = []
    for name, used in zip(design.terms.factors, design.used_levels, strict=True):
        held = tuple(c for c in conditions if c.factor != name)
        for level in used[1:]:
            contrast = Contrast((name,), ((used[0], level),), held)
            words = [write_level(table.levels[name][i]) for i in (level, used[0])]
            made.append(
                Effect(
                    f"{name}: {words[0]} against {words[1]}",
                    odds_ratio(found, cells, contrast),
                    risk_difference(found, cells, contrast),
                )
            )
    if design.terms.axis:
        made.append(_axis_effect(found, cells, conditions))
    return tuple(made)


def _axis_effect(found: FailureModel, cells: Cells, conditions: tuple[Condition, ...]) -> Effect:
    """Odds ratio of one unit, risk difference between the ends of the axis."""
    axis = found.design.terms.axis
    if axis is None:
        raise ValueError("no axis")
    levels = {c.factor: c.levels for c in conditions}.get(axis.factor)
    first, last = (levels[0], levels[-1]) if levels else (0, len(axis.levels) - 1)
    held = tuple(c for c in conditions if c.factor != axis.factor)
    contrast = Contrast((axis.factor,), ((first, last),), held)
    unit = "doubling" if axis.scale == "log2" else "unit"
    ends = f"{axis.levels[last]:g} against {axis.levels[first]:g}"
    return Effect(
        f"{axis.factor}: odds per {unit}, risk {ends}",
        _exponential(average_slope(found, cells)),
        risk_difference(found, cells, contrast),
    )
