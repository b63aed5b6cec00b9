"""Least squares over runs: R's values, identities of the covariances, diagnostics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.outliers_influence import OLSInfluence
from statsmodels.stats.stattools import jarque_bera

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.design import Terms
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.seeds import replicates
from vggstudy.analysis.models.accuracy import fit_accuracy_model
from vggstudy.analysis.models.accuracy_result import AccuracyModel
from vggstudy.analysis.numbers.ols import (
    CovarianceKind,
    OlsFit,
    aliased_columns,
    clustered_covariance,
    coefficient_intervals,
    covariance,
    diagnose,
    fit_ols,
    influence,
    lack_of_fit,
)

LEDGERS = ("main", "balanced30", "degenerate", "monotone")
MODELS = {
    "ols_converged": (("data_norm", "batch_norm"),),
    "ols_converged_rich": (("data_norm", "batch_norm"), ("depth", "batch_norm")),
}
TERMS = {
    "(Intercept)": "(intercept)",
    "depthf19": "depth=19",
    "lb": "log2(batch_size)",
    "I(lb^2)": "log2(batch_size)^2",
    "data_norm": "data_norm=1",
    "batch_norm": "batch_norm=1",
    "depthf19:lb": "depth=19:log2(batch_size)",
    "depthf19:I(lb^2)": "depth=19:log2(batch_size)^2",
    "data_norm:batch_norm": "data_norm=1:batch_norm=1",
    "depthf19:batch_norm": "depth=19:batch_norm=1",
}
# The powers of log2(batch size) are not centred in R: their condition number of 1e3 leaves 1e-10.
TIGHT = 1e-8


def _model(table: RunTable, key: str) -> AccuracyModel:
    axis = axis_of(table, "batch_size", "log2")
    pairs = (("depth", "batch_size"), *MODELS[key])
    terms = Terms(axis, ("depth", "data_norm", "batch_norm"), pairs, degree=2)
    model = fit_accuracy_model(Cells.from_table(table), terms, confidence=0.95, center=0.0)
    assert isinstance(model, AccuracyModel)
    return model


def _expected(reference: Path, name: str, key: str) -> dict[str, Any]:
    values = json.loads((reference / f"models_ledger_{name}.json").read_text())
    found: dict[str, Any] = values[key]
    return found


@pytest.mark.parametrize("key", MODELS)
@pytest.mark.parametrize("name", LEDGERS)
def test_the_model_equals_that_of_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str, key: str
) -> None:
    model, expected = _model(ledger(name), key), _expected(reference, name, key)
    found = dict(zip(model.design.names, model.fit.coefficients.tolist(), strict=True))
    assert found == pytest.approx(
        {TERMS[term]: value for term, value in expected["coefficients"].items()}, rel=TIGHT
    )
    fit = model.fit
    assert [fit.df, fit.rss, fit.variance**0.5, fit.r_squared, fit.leverage.max()] == pytest.approx(
        [expected[x] for x in ("df_residual", "rss", "sigma", "r2", "max_leverage")], rel=TIGHT
    )


@pytest.mark.parametrize("kind", ["classical", "hc0", "hc2", "hc3", "hc4", "clustered"])
@pytest.mark.parametrize("key", MODELS)
@pytest.mark.parametrize("name", LEDGERS)
def test_covariances_and_intervals_equal_those_of_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str, key: str, kind: Any
) -> None:
    table = ledger(name)
    model = _model(table, key)
    block = _expected(reference, name, key)["covariances"]
    rows = block["CR1S" if kind == "clustered" else kind.upper() if kind != "classical" else kind]
    order = [model.design.names.index(TERMS[term]) for term in rows["vcov"]["rows"]]
    if kind == "clustered":
        seeds = np.array([int(seed) for seed in replicates(Cells.from_table(table))])
        found = clustered_covariance(model.fit, seeds)
    else:
        found = covariance(model.fit, kind)
    expected = np.array(rows["vcov"]["data"])
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    # Relative to the standard errors: single covariances can cancel to nothing.
    assert np.allclose((found[np.ix_(order, order)] - expected) / scale, 0, atol=TIGHT)
    intervals = coefficient_intervals(
        model.fit.coefficients, found, rows["df"], confidence=0.95, method="x"
    )
    terms = rows["vcov"]["rows"]
    assert [intervals[i].low for i in order] == pytest.approx(
        [rows["lo"][term] for term in terms], rel=1e-7, abs=1e-12
    )
    assert [intervals[i].high for i in order] == pytest.approx(
        [rows["hi"][term] for term in terms], rel=1e-7, abs=1e-12
    )


@pytest.mark.parametrize("name", LEDGERS)
def test_lack_of_fit_is_the_f_of_both_sums_of_squares_in_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str
) -> None:
    found = _model(ledger(name), "ols_converged").lack_of_fit
    model = _expected(reference, name, "ols_converged")
    pure = _expected(reference, name, "variance_components")["converged_by_cell"]
    spare, left = pure["k"] - model["k"], pure["n"] - pure["k"]
    f = (model["rss"] - pure["ss_within"]) / spare / pure["ms_within"]
    assert found is not None
    assert (found.f, found.df_model, found.df_within) == pytest.approx((f, spare, left), rel=1e-8)
    assert found.p_value == pytest.approx(float(stats.f.sf(f, spare, left)), rel=1e-6)


def test_lack_of_fit_by_hand() -> None:
    # Three cells of two runs, means 0, 1, 0 against their mean 1/3: SS = 2 (1/9 + 4/9 + 1/9) = 4/3
    # on 2; within cells 3 * 2 * 0.01 = 0.06 on 3: F = (2/3) / 0.02.
    found = lack_of_fit(
        np.full(3, 2.0), np.array([0.0, 1, 0]), np.full(3, 1 / 3), within=0.06, n_parameters=1
    )
    assert found.f == pytest.approx(100 / 3)
    assert (found.df_model, found.df_within) == (2, 3)


@pytest.mark.parametrize(
    ("n", "within", "terms"), [([1, 1, 1], 1.0, 1), ([2, 2, 2], 1.0, 3), ([2, 2, 2], 0.0, 1)]
)
def test_lack_of_fit_needs_cells_and_runs_to_spare(
    n: list[float], within: float, terms: int
) -> None:
    with pytest.raises(ValueError, match="lack of fit needs"):
        lack_of_fit(np.array(n), np.zeros(3), np.zeros(3), within=within, n_parameters=terms)


def _one_hot(sizes: list[int], seed: int) -> tuple[OlsFit, np.ndarray]:
    index = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(seed).normal(size=index.size) * (1 + index)
    return fit_ols((index[:, None] == np.arange(len(sizes))).astype(float), values), index


@settings(deadline=None)
@given(st.lists(st.integers(2, 6), min_size=1, max_size=5), st.integers(0, 100))
def test_hc2_on_cell_means_is_the_variance_of_a_mean_and_hc3_is_larger(
    sizes: list[int], seed: int
) -> None:
    fit, index = _one_hot(sizes, seed)
    n = np.array(sizes, dtype=float)
    variances = np.array([fit.response[index == c].var(ddof=1) for c in range(n.size)])
    hc2 = covariance(fit, "hc2")
    assert np.allclose(hc2, np.diag(variances / n), rtol=1e-9, atol=1e-14)
    assert np.allclose(covariance(fit, "hc3"), np.diag(variances / (n - 1)), rtol=1e-9, atol=1e-14)
    assert np.allclose(covariance(fit, "hc0"), hc2 * (n - 1) / n, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("kind", ["hc2", "hc3", "hc4"])
def test_a_run_that_determines_its_own_fit_has_no_such_covariance(kind: CovarianceKind) -> None:
    fit, _ = _one_hot([1, 4], 0)
    with pytest.raises(ValueError, match="determines its own fit"):
        covariance(fit, kind)


def test_influence_and_diagnostics_equal_those_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    response = design @ [1.0, 2, -1] + rng.standard_t(3, size=40)
    fit, other = fit_ols(design, response), OLS(response, design).fit()
    assert np.allclose(fit.coefficients, other.params, rtol=1e-12)
    assert np.allclose(fit.unscaled, other.normalized_cov_params, rtol=1e-12, atol=1e-15)
    assert fit.r_squared == pytest.approx(other.rsquared, rel=1e-12)
    theirs = OLSInfluence(other)
    single, judged = influence(fit), diagnose(fit)
    assert np.allclose(single.studentized, theirs.resid_studentized_external, rtol=1e-9)
    assert np.allclose(single.cook, theirs.cooks_distance[0], rtol=1e-9)
    assert np.allclose(fit.leverage, theirs.hat_matrix_diag, rtol=1e-9)
    assert judged.equal_variance_p == pytest.approx(het_breuschpagan(fit.residuals, design)[1])
    _, p_value, skewness, kurtosis = jarque_bera(fit.residuals)
    assert judged.normality_p == pytest.approx(p_value)
    assert (judged.skewness, judged.excess_kurtosis + 3) == pytest.approx((skewness, kurtosis))
    assert judged.outlier == int(np.abs(theirs.resid_studentized_external).argmax())


def test_an_outlier_is_found_and_told_from_the_largest_of_many() -> None:
    rng = np.random.default_rng(4)
    design, clean = np.ones((60, 1)), rng.normal(size=60)
    spoilt = clean.copy()
    spoilt[17] += 8
    found = diagnose(fit_ols(design, spoilt))
    assert found.outlier == found.most_influential == 17
    assert found.outlier_p < 1e-6
    assert diagnose(fit_ols(design, clean)).outlier_p > 0.05


def test_runs_that_determine_their_own_fit_have_no_influence_on_the_others() -> None:
    fit, _ = _one_hot([1, 4], 0)
    found = influence(fit)
    assert found.determined.tolist() == [True, False, False, False, False]
    assert (found.studentized[0], found.cook[0]) == (0, 0)
    assert np.isfinite(found.studentized).all()


def test_a_run_beside_others_that_are_fitted_exactly_has_a_finite_residual() -> None:
    found = influence(fit_ols(np.ones((6, 1)), np.array([9 / 7 + 0.9, *[0.9] * 5])))
    assert found.studentized[0] > 1e6  # its square is 5 and a rounding, of 5 degrees of freedom
    assert np.isfinite(found.studentized).all()


def test_exact_fits_and_too_few_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="2 runs cannot determine 2 coefficients"):
        fit_ols(np.eye(2), np.ones(2))
    with pytest.raises(ValueError, match="exact"):
        influence(fit_ols(np.ones((4, 1)), np.zeros(4)))
    with pytest.raises(ValueError, match="one degree of freedom"):
        diagnose(fit_ols(np.ones((2, 1)), np.array([0.0, 1.0])))
    with pytest.raises(ValueError, match="two clusters"):
        clustered_covariance(_one_hot([4], 0)[0], np.zeros(4, dtype=int))


def test_aliased_columns_are_those_that_earlier_ones_explain() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(8, 3))
    design = np.column_stack([first, first @ [1e6, -2, 3], rng.normal(size=8), np.zeros(8)])
    assert aliased_columns(design) == [3, 5]
    assert aliased_columns(rng.normal(size=(2, 4))) == [2, 3]


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 5), st.floats(0.01, 100), st.integers(0, 50))
def test_coefficients_and_errors_follow_affine_changes_of_the_outcome(
    shift: float, factor: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(12), rng.normal(size=12)])
    response = rng.normal(size=12)
    before, after = fit_ols(design, response), fit_ols(design, shift + factor * response)
    assert np.allclose(after.coefficients, factor * before.coefficients + [shift, 0], atol=1e-10)
    assert np.allclose(
        covariance(after, "hc3"), factor**2 * covariance(before, "hc3"), rtol=1e-8, atol=1e-12
    )
