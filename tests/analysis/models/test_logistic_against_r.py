"""Logistic regressions against R: glm, Firth by hand and by brglm2, Fieller's sets.

Reference columns are those of the R formulas ``y ~ lb * depthf + data_norm (+ batch_norm)`` with lb
not centred. Both sides iterate to about 1e-11; 1e-6 relative is what the plan asks for, and 1e-8 is
what both reach.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.design import DesignMatrix, Terms, build_design
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.threshold import limits_of, shared_lines
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.fieller import fieller_set
from vggstudy.analysis.numbers.firth import Binomial, LogisticFit, fit_logistic
from vggstudy.analysis.numbers.profile import likelihood_ratio, profile_interval
from vggstudy.analysis.numbers.separation import find_separation

LEDGERS = ("main", "balanced30", "degenerate", "monotone")
MODELS = ("plain", "full")
CASES = list(itertools.product(LEDGERS, MODELS))
SAME = 1e-8
PLAIN = (Condition("batch_norm", (0,)),)
TERMS = {  # the names that R gives to the columns
    "(intercept)": "(Intercept)",
    "log2(batch_size)": "lb",
    "data_norm=1": "data_norm",
    "batch_norm=1": "batch_norm",
}

Ledger = Callable[[str], RunTable]


@pytest.fixture(scope="module")
def logistic(reference: Path) -> dict[str, Any]:
    """R's values by ledger and key."""
    values: dict[str, Any] = json.loads((reference / "oracle_logistic.json").read_text())
    return values


@dataclass(frozen=True, eq=False)
class Case:
    cells: Cells
    design: DesignMatrix
    k: FloatArray
    n: FloatArray

    @property
    def terms(self) -> list[str]:
        return [_r_name(name) for name in self.design.names]

    def model(self, *, penalised: bool = True) -> Binomial:
        return Binomial(self.design.X, self.n, penalised)

    def fit(self, *, penalised: bool = True) -> LogisticFit:
        return _fit(self, penalised)


@functools.cache
def _fit(case: Case, penalised: bool) -> LogisticFit:
    return fit_logistic(case.model(penalised=penalised), case.k)


def _r_name(name: str) -> str:
    parts = [TERMS.get(part, part.replace("depth=", "depthf")) for part in name.split(":")]
    return ":".join(parts)


@functools.cache
def _case(table: RunTable, model: str) -> Case:
    cells = Cells.from_table(table)
    axis = axis_of(table, "batch_size", "log2")
    factors = ("depth", "data_norm") + (("batch_norm",) if model == "full" else ())
    terms = Terms(axis, factors, (("batch_size", "depth"),))
    design = build_design(cells, terms, where=() if model == "full" else PLAIN, center=0.0)
    return Case(cells, design, cells.k[design.cells], cells.n[design.cells])


def _rows(block: dict[str, Any], case: Case) -> list[dict[str, Any]]:
    by_term = {row["term"]: row for row in block["coefficients"]}
    assert set(by_term) == set(case.terms)
    return [by_term[term] for term in case.terms]


@pytest.mark.parametrize(("name", "model"), CASES)
def test_firth_estimates_errors_and_likelihood_equal_those_of_r(
    ledger: Ledger, logistic: dict[str, Any], name: str, model: str
) -> None:
    case, block = _case(ledger(name), model), logistic[name][f"firth_{model}"]
    rows, fit = _rows(block, case), case.fit()
    assert fit.converged
    assert fit.coefficients == pytest.approx([r["estimate"] for r in rows], rel=SAME)
    assert fit.se == pytest.approx([r["se"] for r in rows], rel=SAME)
    assert fit.log_likelihood == pytest.approx(block["loglik"], rel=SAME)
    assert fit.penalised_log_likelihood == pytest.approx(block["penalized_loglik"], rel=SAME)
    # brglm2 stops at 1e-12 of its own criterion.
    assert fit.coefficients == pytest.approx([block["brglm2_AS_mean"][t] for t in case.terms], 1e-6)
    order = [block["vcov"]["rows"].index(term) for term in case.terms]
    expected = np.array(block["vcov"]["data"])[np.ix_(order, order)]
    # R's vcov is asymmetric at about 1e-14 of its largest entry.
    assert fit.covariance == pytest.approx(expected, rel=SAME, abs=1e-9)


@pytest.mark.parametrize(("name", "model"), CASES)
def test_firth_profiles_and_likelihood_ratios_equal_those_of_r(
    ledger: Ledger, logistic: dict[str, Any], name: str, model: str
) -> None:
    case, block = _case(ledger(name), model), logistic[name][f"firth_{model}"]
    fit, identity = case.fit(), np.eye(len(case.terms))
    for j, row in enumerate(_rows(block, case)):
        found = profile_interval(case.model(), case.k, fit, identity[j], confidence=0.95)
        expected = (row["profile_lo"], row["profile_hi"])
        assert (found.low, found.high) == pytest.approx(expected, rel=SAME)
        test = likelihood_ratio(case.model(), case.k, fit, identity[j : j + 1])
        # A difference of log-likelihoods near 40 is exact to about 1e-13.
        assert test.chisq == pytest.approx(row["plr_chisq"], rel=SAME, abs=1e-11)
        assert test.p == pytest.approx(row["plr_p"], rel=1e-6)
    joint = likelihood_ratio(case.model(), case.k, fit, identity[1:])
    assert (joint.chisq, joint.df) == pytest.approx((block["joint_chisq"], block["joint_df"]), SAME)
    slopes = fit.coefficients[1:]
    wald = slopes @ np.linalg.solve(fit.covariance[1:, 1:], slopes)
    assert wald == pytest.approx(block["joint_wald_chisq"], rel=SAME)


@pytest.mark.parametrize(("name", "model"), CASES)
def test_separation_is_found_where_r_finds_it(
    ledger: Ledger, logistic: dict[str, Any], name: str, model: str
) -> None:
    case, values = _case(ledger(name), model), logistic[name]
    block = values["glm_full_separation"] if model == "full" else values["glm_plain"]["separation"]
    found = find_separation(case.design.X, case.k, case.n)
    assert (found.separated, found.complete) == (block["separated"], block["complete"])
    expected = [block["direction"][term] != 0 for term in case.terms]
    assert found.infinite.tolist() == expected
    signs = [np.sign(block["direction"][term]) for term in case.terms]
    assert found.sign.tolist() == signs


@pytest.mark.parametrize(("name", "model"), CASES)
def test_maximum_likelihood_equals_glm_where_it_exists(
    ledger: Ledger, logistic: dict[str, Any], name: str, model: str
) -> None:
    case, block = _case(ledger(name), model), logistic[name][f"glm_{model}"]
    if "error" in block or block["separation"]["separated"]:
        assert find_separation(case.design.X, case.k, case.n).separated
        return
    rows, identity = _rows(block, case), np.eye(len(case.terms))
    model_ = case.model(penalised=False)
    fit = fit_logistic(model_, case.k)
    assert fit.coefficients == pytest.approx([r["estimate"] for r in rows], rel=SAME)
    # glm's own standard errors come from the weights of the last but one iteration.
    assert fit.se == pytest.approx([r["se"] for r in rows], rel=1e-6)
    assert -2 * fit.log_likelihood == pytest.approx(block["deviance"], rel=SAME)
    for j, row in enumerate(rows):
        found = profile_interval(model_, case.k, fit, identity[j], confidence=0.95)
        expected = (row["profile_lo"], row["profile_hi"])
        assert (found.low, found.high) == pytest.approx(expected, rel=SAME)
        test = likelihood_ratio(model_, case.k, fit, identity[j : j + 1])
        assert test.chisq == pytest.approx(row["lrt_chisq"], rel=SAME, abs=1e-11)
    joint = likelihood_ratio(model_, case.k, fit, identity[1:])
    assert (joint.chisq, joint.df) == pytest.approx((block["lr_chisq"], block["lr_df"]), rel=SAME)


@pytest.mark.parametrize("name", LEDGERS)
def test_thresholds_and_their_fieller_sets_equal_those_of_r(
    ledger: Ledger, logistic: dict[str, Any], name: str
) -> None:
    table, case = ledger(name), _case(ledger(name), "plain")
    rows = [r for r in logistic[name]["ed50_firth"]["values"] if r["data_norm"] != 0.5]
    for row in rows:
        lines = shared_lines(
            case.cells,
            case.design,
            (_plain_stratum(table, row),),
            probability=0.5,
            direction="increasing",
        )
        found = limits_of(lines, 0, direction="increasing", confidence=0.95)  # type: ignore[arg-type]
        assert found.estimate == pytest.approx(row["estimate"], rel=SAME)  # type: ignore[union-attr]
        _same_set(found.fieller, row)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["main", "balanced30", "monotone"])
def test_fieller_sets_of_glm_equal_those_of_r(
    ledger: Ledger, logistic: dict[str, Any], name: str
) -> None:
    case = _case(ledger(name), "plain")
    fit = case.fit(penalised=False)
    for row in logistic[name]["ed50_glm"]["values"]:
        weights = {"(Intercept)": 1.0, "data_norm": row["data_norm"]}
        slopes = {"lb": 1.0}
        deep = f"depthf{row['depth']}"
        weights[deep], slopes[f"lb:{deep}"] = 1.0, 1.0
        slopes[f"{deep}:lb"] = 1.0
        both = np.array(
            [[part.get(term, 0.0) for term in case.terms] for part in (weights, slopes)]
        )
        line, covariance = both @ fit.coefficients, both @ fit.covariance @ both.T
        found = fieller_set(float(line[0]), float(line[1]), covariance, row["crit"])
        assert -line[0] / line[1] == pytest.approx(row["estimate"], rel=SAME)
        _same_set(found, row)


def _same_set(found: Any, row: dict[str, Any]) -> None:
    assert found.shape == row["fieller_type"]
    assert found.g == pytest.approx(row["fieller_g"], rel=1e-6)
    expected = (row["fieller_r1"], row["fieller_r2"])
    assert (found.first, found.second) == pytest.approx(expected, rel=1e-6)


def _plain_stratum(table: RunTable, row: dict[str, Any]) -> tuple[Condition, ...]:
    levels = {"batch_norm": 0, "data_norm": row["data_norm"], "depth": row["depth"]}
    return tuple(
        Condition(name, ([float(x) for x in table.levels[name]].index(float(level)),))
        for name, level in levels.items()
    )
