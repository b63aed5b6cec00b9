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

from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.design import Terms, build_design
from vggstudy.analysis.models.failure_effects import effects_of, linear
from vggstudy.analysis.models.failure_result import Coefficient, FailureModel
from vggstudy.analysis.numbers.firth import Binomial, fit_logistic
from vggstudy.analysis.numbers.profile import likelihood_ratio
from vggstudy.analysis.numbers.separation import find_separation


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
    slopes = np.eye(len(design.columns))[1:]
    return replace(
        found,
        coefficients=_coefficients(found, model),
        effects=effects_of(found, cells),
        joint=likelihood_ratio(model, k, fit, slopes) if len(slopes) else None,
    )


def _without_constants(cells: Cells, terms: Terms, where: tuple[Condition, ...]) -> Terms:
    """The terms without factors that have one level only inside the model's cells."""
    fixed = {condition.factor for condition in where if len(condition.levels) == 1}
    levels = cells.table.levels
    fixed |= {name for name in terms.factors if len(levels.get(name, (0, 1))) == 1}
    kept = tuple(name for name in terms.factors if name not in fixed)
    pairs = tuple(pair for pair in terms.interactions if not fixed.intersection(pair))
    return replace(terms, factors=kept, interactions=pairs)


def _coefficients(found: FailureModel, model: Binomial) -> tuple[Coefficient, ...]:
    """One row a column of the design."""
    identity = np.eye(len(found.design.columns))
    return tuple(
        Coefficient(
            term=term,
            se=float(found.fit.se[j]),
            interval=linear(found, identity[j]),
            test=likelihood_ratio(model, found.k, found.fit, identity[j : j + 1]),
            infinite_without_penalty=bool(found.separation.infinite[j]),
        )
        for j, term in enumerate(found.design.columns)
    )
