from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.curves import axis_of
from vggstudy.analysis.data.design import Terms, build_design
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.models.failure import fit_failure_model
from vggstudy.analysis.models.failure_effects import average_slope, odds_ratio, risk_difference
from vggstudy.analysis.models.failure_result import FailureModel
from vggstudy.analysis.numbers.firth import SINGULAR
from vggstudy.errors import AnalysisError

Ledger = Callable[[str], RunTable]


def _m1(table: RunTable, *, center: float | None = None) -> tuple[Cells, FailureModel]:
    cells = Cells.from_table(table)
    axis = axis_of(table, "batch_size", "log2")
    interactions = (("depth", "batch_size"), ("data_norm", "batch_norm"))
    terms = Terms(axis, ("depth", "data_norm", "batch_norm"), interactions)
    return cells, fit_failure_model(cells, terms, confidence=0.95, center=center)


def _table(counts: dict[tuple[Any, ...], tuple[int, int]], factors: tuple[str, ...]) -> RunTable:
    rows = [
        (*levels, seed, "converged" if seed < k else "failed_to_learn", 0.9 if seed < k else 0.1)
        for levels, (k, n) in counts.items()
        for seed in range(n)
    ]
    frame = pd.DataFrame(rows, columns=[*factors, "seed", "label", "test_accuracy"])
    return RunTable.from_frame(frame, factors=factors)


TWO_BY_TWO = {("a", 1): (1, 6), ("a", 2): (3, 6), ("b", 1): (4, 6), ("b", 2): (6, 6)}


def test_saturated_two_by_two_effects_are_computed_by_hand() -> None:
    cells = Cells.from_table(_table(TWO_BY_TWO, ("kind", "dose")))
    terms = Terms(None, ("kind", "dose"), (("kind", "dose"),))
    found = fit_failure_model(cells, terms, confidence=0.95)
    # Firth in saturated cells: (k + 1/2) / (n + 1).
    p = (np.array([1, 3, 4, 6]) + 0.5) / 7
    assert found.fit.fitted == pytest.approx(p, rel=1e-9)
    kind = found.effects[0]
    assert kind.name == "kind: b against a"
    assert kind.odds_ratio.estimate == pytest.approx(
        np.exp((logit(p[2]) + logit(p[3]) - logit(p[0]) - logit(p[1])) / 2), rel=1e-8
    )
    assert kind.risk_difference is not None
    assert kind.risk_difference.estimate == pytest.approx((p[2] + p[3] - p[0] - p[1]) / 2)
    both = odds_ratio(found, cells, Contrast(("dose", "kind"), ((0, 1), (0, 1))))
    expected = logit(p[3]) - logit(p[2]) - logit(p[1]) + logit(p[0])
    assert np.log(both.estimate) == pytest.approx(expected, abs=1e-8)


def test_one_factor_of_two_levels_agrees_with_its_only_coefficient() -> None:
    cells = Cells.from_table(_table({("a",): (2, 9), ("b",): (7, 9)}, ("kind",)))
    found = fit_failure_model(cells, Terms(None, ("kind",)), confidence=0.95)
    effect, coefficient = found.effects[0].odds_ratio, found.coefficients[1].interval
    ends = np.exp([coefficient.low, coefficient.high])
    assert (effect.low, effect.high) == pytest.approx(tuple(ends), rel=1e-9)


@pytest.mark.parametrize("name", ["main", "degenerate", "monotone", "balanced30"])
def test_intervals_hold_their_estimates_and_stay_in_range(ledger: Ledger, name: str) -> None:
    _, found = _m1(ledger(name))
    assert found.fit.converged
    assert len(found.coefficients) == len(found.design.names)
    for coefficient in found.coefficients:
        x = coefficient.interval
        assert x.low < x.estimate < x.high
        assert (coefficient.test.p < 0.05) == (x.low > 0 or x.high < 0)
    for effect in found.effects:
        assert 0 < effect.odds_ratio.low < effect.odds_ratio.estimate < effect.odds_ratio.high
        risk = effect.risk_difference
        assert risk is not None
        assert -1 < risk.low < risk.estimate < risk.high < 1


def test_centring_the_axis_changes_no_effect(ledger: Ledger) -> None:
    cells, one = _m1(ledger("main"))
    _, other = _m1(ledger("main"), center=0.0)
    for left, right in zip(one.effects, other.effects, strict=True):
        assert left.odds_ratio.estimate == pytest.approx(right.odds_ratio.estimate, rel=1e-7)
        assert left.odds_ratio.low == pytest.approx(right.odds_ratio.low, rel=1e-7)
        assert left.risk_difference is not None
        assert right.risk_difference is not None
        assert left.risk_difference.high == pytest.approx(right.risk_difference.high, abs=1e-6)
    slope = average_slope(one, cells)
    assert slope.estimate == pytest.approx(average_slope(other, cells).estimate, rel=1e-7)


def test_the_average_slope_weights_the_levels_equally(ledger: Ledger) -> None:
    cells, found = _m1(ledger("main"))
    named = {c.term.name: c.interval.estimate for c in found.coefficients}
    expected = named["log2(batch_size)"] + named["depth=19:log2(batch_size)"] / 2
    assert average_slope(found, cells).estimate == pytest.approx(expected, rel=1e-9)


def test_separation_is_stated_in_words(ledger: Ledger) -> None:
    _, found = _m1(ledger("main"))
    assert found.statement().text.startswith(
        "quasi-complete separation: no finite maximum likelihood"
    )
    assert "batch_norm=1 (to +infinity)" in found.statement().text
    flagged = {c.term.name for c in found.coefficients if c.infinite_without_penalty}
    assert flagged == {"batch_norm=1", "data_norm=1:batch_norm=1"}


def test_a_condition_removes_the_factor_that_it_holds(ledger: Ledger) -> None:
    table = ledger("main")
    cells = Cells.from_table(table)
    terms = Terms(axis_of(table, "batch_size", "log2"), ("depth", "batch_norm"))
    plain = (Condition("batch_norm", (0,)),)
    found = fit_failure_model(cells, terms, confidence=0.95, where=plain)
    assert found.design.names == ("(intercept)", "log2(batch_size)", "depth=19")
    assert found.n.sum() == 160


def test_the_reference_is_the_first_level_that_has_runs() -> None:
    counts = {("a", 1): (2, 4), ("b", 1): (3, 4), ("c", 1): (1, 4)}
    table = _table(counts, ("kind", "dose"))
    crashed = replace(table, label=np.where(table.codes[:, 0] == 0, 3, table.label))
    found = fit_failure_model(Cells.from_table(crashed), Terms(None, ("kind",)), confidence=0.95)
    assert found.design.names == ("(intercept)", "kind=c")
    with pytest.raises(AnalysisError, match="a level of kind has no runs"):
        risk_difference(found, Cells.from_table(crashed), Contrast(("kind",), ((0, 1),)))


def test_columns_that_depend_on_earlier_ones_are_named() -> None:
    counts = {("a", 1): (2, 4), ("b", 2): (3, 4), ("a", 3): (1, 4)}
    cells = Cells.from_table(_table(counts, ("kind", "dose")))
    with pytest.raises(AnalysisError, match=r"cannot tell dose=2 from the terms before"):
        build_design(cells, Terms(None, ("kind", "dose")))


def test_terms_that_do_not_exist_are_refused(ledger: Ledger) -> None:
    table = ledger("main")
    axis = axis_of(table, "batch_size", "log2")
    with pytest.raises(AnalysisError, match="no factor 'width'"):
        build_design(Cells.from_table(table), Terms(axis, ("width",)))
    with pytest.raises(AnalysisError, match="both a line and a set"):
        Terms(axis, ("batch_size",))
    with pytest.raises(AnalysisError, match="names 'depth'"):
        Terms(axis, ("data_norm",), (("data_norm", "depth"),))
    with pytest.raises(AnalysisError, match="two or more different factors, got depth\\*depth"):
        Terms(axis, ("depth",), (("depth", "depth"),))
    nobody = Cells.from_table(replace(table, label=np.full(len(table), 3)))
    with pytest.raises(AnalysisError, match="no cell of the model"):
        build_design(nobody, Terms(axis, ()))
    cells = Cells.from_table(table)
    found = fit_failure_model(cells, Terms(None, ("depth",)), confidence=0.9)
    with pytest.raises(AnalysisError, match="no numeric factor"):
        average_slope(found, cells)


def test_a_failed_fit_has_a_reason_and_no_numbers(ledger: Ledger) -> None:
    _, found = _m1(ledger("main"))
    fit = replace(found.fit, converged=False, failure_reason=SINGULAR)
    failed = replace(found, fit=fit, coefficients=(), effects=())
    assert failed.statement().text == f"the penalised fit failed: {SINGULAR}"
    assert failed.to_dict()["coefficients"] == []


def test_the_result_prints_and_serialises(ledger: Ledger) -> None:
    _, found = _m1(ledger("degenerate"))
    text = found.summary()
    assert "128 of 167 runs converged, 30 cells" in text
    assert "batch_size: odds per doubling, risk 512 against 8" in text
    json.dumps(found.to_dict(), allow_nan=False)
    assert list(found.to_frame()["term"]) == list(found.design.names)
    assert len(found.effects_frame()) == len(found.effects)
    assert found._repr_html_().count("<tr>") == len(found.coefficients) + len(found.effects) + 2


def test_a_linear_axis_predicts_with_its_own_unit() -> None:
    counts = {(x,): (x, 5) for x in range(6)}
    table = _table(counts, ("dose",))
    cells = Cells.from_table(table)
    found = fit_failure_model(cells, Terms(axis_of(table, "dose", "linear"), ()), confidence=0.95)
    assert found.design.names == ("(intercept)", "dose")
    assert found.design.center == 2.5
    # Symmetric counts: even odds in the middle.
    assert found.fit.coefficients[0] == pytest.approx(0, abs=1e-9)
    ends = expit(found.design.X @ found.fit.coefficients)[[0, -1]]
    effect = found.effects[0]
    assert effect.name == "dose: odds per unit, risk 5 against 0"
    assert effect.risk_difference is not None
    assert effect.risk_difference.estimate == pytest.approx(ends[1] - ends[0], rel=1e-9)
