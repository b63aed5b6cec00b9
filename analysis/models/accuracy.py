"""The outcome among converged runs as a quadratic in a numeric factor, shifted by the others.

The model describes; contrasts come from cell means, which no curve can bias. Categorical factors,
and numeric ones other than the curve's, have one coefficient a level after their first.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.design import DesignMatrix, Terms, design_on
from vggstudy.analysis.models.accuracy_result import AccuracyModel
from vggstudy.analysis.notes import Caution, ModelCaution, ModelReason, Named, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.ols import (
    FULL_LEVERAGE,
    Diagnostics,
    LackOfFit,
    OlsFit,
    aliased_columns,
    clustered_covariance,
    coefficient_intervals,
    covariance,
    diagnose,
    fit_ols,
    lack_of_fit,
)
from vggstudy.errors import AnalysisError

Robust = Literal["classical", "hc0", "hc2", "hc3", "hc4", "clustered"]

SIGNIFICANT = 0.05
"""Level of the tests behind warnings."""


def fit_accuracy_model(
    cells: Cells,
    terms: Terms,
    *,
    confidence: float,
    center: float | None = None,
    robust: Robust = "hc3",
    clusters: IntArray | None = None,
) -> AccuracyModel | Note:
    """Least squares among converged runs.

    Parameters
    ----------
    cells : Cells
    terms : Terms
        With an axis, and a column for every level of the other factors.
    confidence : float
    center : float, optional
        Point on the axis' scale at which main effects are read; by default the middle of its range.
    robust : str
        Covariance of the coefficients. ``clustered`` needs `clusters`.
    clusters : ndarray of shape (N,), optional
        Seed block of each converged run, in the order of ``cells.values``.

    Returns
    -------
    AccuracyModel or Note
        Refused with `Reason.NONE_CONVERGED`, `ModelReason.NOT_ESTIMABLE`, `Reason.TOO_FEW_RUNS`
        or `Reason.NO_VARIANCE`.

    Raises
    ------
    AnalysisError
        If the terms name what is not there, or have no axis.
    """
    if terms.axis is None:
        raise AnalysisError("a model of the outcome needs a numeric factor")
    x = terms.axis.x
    middle = float(x.min() + x.max()) / 2 if center is None else center
    design = design_on(cells, terms, np.arange(len(cells)), center=middle)
    problem = _refusal(cells, design)
    if problem:
        return problem
    cell = np.repeat(np.arange(len(cells)), cells.k.astype(np.int64))
    fit = fit_ols(design.X[cell], cells.values)
    if fit.rss <= 1e-20 * float(cells.values @ cells.values):
        return say("model_is_exact", Reason.NO_VARIANCE)
    determined = bool(fit.leverage.max() >= FULL_LEVERAGE) and robust in {"hc2", "hc3", "hc4"}
    kind: Robust = "classical" if determined else robust
    matrix, df = _covariance(fit, kind, clusters)
    tested = _lack_of_fit(cells, design, fit)
    judged = diagnose(fit) if fit.df >= 2 else None
    return AccuracyModel(
        axis=terms.axis,
        design=design,
        fit=fit,
        cell=cell,
        covariance=matrix,
        method=f"{kind}_t",
        df=df,
        coefficients=coefficient_intervals(
            fit.coefficients, matrix, df, confidence=confidence, method=f"{kind}_t"
        ),
        lack_of_fit=tested,
        diagnostics=judged,
        cautions=tuple(_cautions(cells, cell, tested, judged, determined=determined)),
        confidence=confidence,
    )


def _covariance(fit: OlsFit, kind: Robust, clusters: IntArray | None) -> tuple[FloatArray, int]:
    """Covariance matrix and degrees of freedom."""
    if kind != "clustered":
        return covariance(fit, kind), fit.df
    if clusters is None or clusters.shape != fit.response.shape:
        raise ValueError("a clustered covariance needs the cluster of every converged run")
    return clustered_covariance(fit, clusters), np.unique(clusters).size - 1


def _refusal(cells: Cells, design: DesignMatrix) -> Note | None:
    """Why the model cannot be fitted."""
    if not cells.k.any():
        return say("no_run_converged", Reason.NONE_CONVERGED)
    aliased = aliased_columns(design.X[cells.k > 0])
    if aliased:
        code, named = ModelReason.NOT_ESTIMABLE, [design.names[j] for j in aliased[:3]]
        if len(aliased) > 3:
            return say("more_terms_undetermined", code, terms=named, n=len(aliased) - 3)
        return say("terms_undetermined", code, terms=named)
    runs, terms = int(cells.k.sum()), len(design.names)
    if runs <= terms:
        return say("runs_below_terms", Reason.TOO_FEW_RUNS, runs=runs, terms=terms)
    return None


def _lack_of_fit(cells: Cells, design: DesignMatrix, fit: OlsFit) -> LackOfFit | None:
    """F test against cell means, where there is something to test with."""
    used = cells.k > 0
    n, mean = cells.k[used], cells.mean[used]
    within = float((np.where(cells.k >= 2, cells.k - 1, 0) * np.nan_to_num(cells.variance)).sum())
    terms = len(design.names)
    if n.size <= terms or n.sum() <= n.size or not within > 0:
        return None
    fitted = design.X[used] @ fit.coefficients
    return lack_of_fit(n, mean, fitted, within=within, n_parameters=terms)


def _cautions(
    cells: Cells,
    cell: IntArray,
    tested: LackOfFit | None,
    judged: Diagnostics | None,
    *,
    determined: bool,
) -> list[Note]:
    """Lack of fit, outliers, and runs that determine their own fit."""
    notes = []
    if tested is not None and tested.p_value < SIGNIFICANT:
        notes.append(say("curves_do_not_fit", ModelCaution.LACK_OF_FIT, p=tested.p_value))
    if judged is not None and judged.outlier_p < SIGNIFICANT:
        where = Named((cells.levels_of(int(cell[judged.outlier])),))
        notes.append(say("outlier", ModelCaution.OUTLIER, names=where, p=judged.outlier_p))
    if determined:
        notes.append(say("run_determines_fit", Caution.POOLED_VARIANCE))
    return notes
