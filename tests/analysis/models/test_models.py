"""The fitted models that a result carries: against R, their words, their reasons."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vggstudy.analysis import AnalysisResult, ModelRequest, ModelRequests, RunTable, analyze
from vggstudy.analysis.models.accuracy_result import AccuracyModel
from vggstudy.analysis.models.failure_result import FailureModel
from vggstudy.analysis.notes import Note
from vggstudy.errors import AnalysisError

CURVES = ["depth*batch_size"]
PLANNED = ModelRequests(
    failure=ModelRequest(interactions=CURVES),
    accuracy=ModelRequest(interactions=[*CURVES, "data_norm*batch_norm"]),
)
"""The models that R fitted, but for the point on the axis at which main effects are read."""

SAME = 1e-7
"""Relative agreement with R: both stop at about 1e-10 of the likelihood."""

TableMaker = Callable[..., RunTable]


def _models(result: AnalysisResult) -> tuple[FailureModel, AccuracyModel]:
    assert result.models is not None
    failure, accuracy = result.models.failure, result.models.accuracy
    assert isinstance(failure, FailureModel)
    assert isinstance(accuracy, AccuracyModel)
    return failure, accuracy


@pytest.fixture(scope="module")
def planned(ledger: Callable[[str], RunTable]) -> AnalysisResult:
    """The main ledger with the models of the analysis plan."""
    return analyze(ledger("main"), resamples=99, models=PLANNED)


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_standard_errors_of_the_accuracy_model_equal_those_of_r(
    planned: AnalysisResult, reference: Path, kind: str
) -> None:
    values = json.loads((reference / "models_ledger_main.json").read_text())["ols_converged"]
    matrix = values["covariances"][kind]["vcov"]
    errors = dict(zip(matrix["rows"], np.sqrt(np.diag(np.array(matrix["data"]))), strict=True))
    frame = _models(planned)[1].to_frame().set_index("term")
    # Terms that do not depend on where the axis is centred.
    for ours, theirs in (
        ("data_norm=1", "data_norm"),
        ("batch_norm=1", "batch_norm"),
        ("log2(batch_size)^2", "I(lb^2)"),
        ("data_norm=1:batch_norm=1", "data_norm:batch_norm"),
    ):
        assert frame.loc[ours, f"se_{kind.lower()}"] == pytest.approx(errors[theirs], rel=SAME)


def test_odds_ratios_of_the_result_are_the_profile_limits_of_r(
    planned: AnalysisResult, reference: Path
) -> None:
    values = json.loads((reference / "oracle_logistic.json").read_text())["main"]["firth_full"]
    r = {row["term"]: row for row in values["coefficients"]}
    effects = {"*".join(e.factors): e.odds_ratio for e in _models(planned)[0].effects}
    # The interaction's odds ratio is the ratio of two odds ratios a doubling.
    for ours, theirs in (
        ("data_norm", "data_norm"),
        ("batch_norm", "batch_norm"),
        ("depth*batch_size", "lb:depthf19"),
    ):
        found, row = effects[ours], r[theirs]
        expected = [row["estimate"], row["profile_lo"], row["profile_hi"]]
        logs = [math.log(x) for x in (found.estimate, found.low, found.high)]
        assert logs == pytest.approx(expected, rel=1e-6)


def test_risk_difference_of_an_interaction_is_a_difference_in_differences(
    planned: AnalysisResult,
) -> None:
    failure, _ = _models(planned)
    table = planned.table
    interaction = next(e for e in failure.effects if e.factors == ("depth", "batch_size"))
    p = failure.fit.fitted.reshape([len(table.levels[name]) for name in table.factors])
    by_hand = (p[1, -1] - p[0, -1] - p[1, 0] + p[0, 0]).mean()
    assert interaction.risk_difference is not None
    assert interaction.risk_difference.estimate == pytest.approx(by_hand, abs=1e-9)


def test_without_a_request_the_failure_model_is_additive_and_the_curves_are_free(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    failure, accuracy = _models(analysed("main"))
    assert failure.design.terms.interactions == ()
    assert accuracy.axis.factor == "batch_size"
    pairs = accuracy.design.terms.interactions
    assert {x for x, along in pairs[:3] if along == "batch_size"} == {
        "depth",
        "data_norm",
        "batch_norm",
    }
    assert len(pairs) == 6


@pytest.mark.parametrize("name", ["main", "balanced30", "degenerate", "monotone"])
def test_models_print_and_turn_into_json_without_a_bare_nan(
    analysed: Callable[[str], AnalysisResult], name: str
) -> None:
    result = analysed(name)
    assert result.models is not None
    json.dumps(result.to_dict()["models"], allow_nan=False)
    text = result.models.summary() + result.summary()
    assert "nan" not in text
    assert "odds ratio" in text
    frame = result.models.to_frame()
    assert set(frame["model"]) == {"failure", "accuracy", "components"}
    assert frame[["estimate", "low", "high"]].notna().all(axis=None)
    assert result.models._repr_html_().startswith("<pre>")


def test_models_that_cannot_be_fitted_are_reasons(make_table: TableMaker) -> None:
    table = make_table({("x", 1): [None, None, None], ("y", 1): [None, None, None]})
    models = analyze(table, resamples=99).models
    assert models is not None
    assert isinstance(models.accuracy, Note)
    assert models.accuracy.code == "too_few_levels"
    assert isinstance(models.components.cells, Note)
    assert json.dumps(models.to_dict(), allow_nan=False)
    assert "not available" in analyze(table, resamples=99).summary()


def test_factor_with_too_many_levels_is_refused_with_their_number(make_table: TableMaker) -> None:
    table = make_table({(f"l{i}", 1): [0.5, 0.6] for i in range(70)})
    models = analyze(table, resamples=99).models
    assert models is not None
    assert isinstance(models.failure, Note)
    assert "69 levels" in models.failure.text


def test_nested_factor_loses_the_interactions_that_its_cells_cannot_tell(
    make_table: TableMaker,
) -> None:
    # "rate" is nested in "optimizer": sgd has 1 and 2, adam 3 and 4 only.
    rng = np.random.default_rng(1)
    cells: dict[tuple[Any, ...], list[float]] = {
        (optimizer, rate, size): rng.normal(0.8, 0.01, 4).tolist()
        for optimizer, rates in (("adam", ("c", "d")), ("sgd", ("a", "b")))
        for rate in rates
        for size in (8, 16, 32, 64)
    }
    table = make_table(cells, factors=("optimizer", "rate", "size"))
    models = analyze(table, resamples=99).models
    assert models is not None
    assert isinstance(models.accuracy, Note)  # rate says which optimizer it is
    assert "do not determine" in models.accuracy.text
    assert isinstance(models.failure, Note)
    assert models.failure.code == "not_estimable"


@pytest.mark.parametrize(
    "request_",
    [
        ModelRequest(along="kernel"),
        ModelRequest(interactions=["depth*kernel"]),
        ModelRequest(interactions=["depth*depth"]),
    ],
)
def test_model_that_names_what_is_not_there_is_an_error(
    ledger: Callable[[str], RunTable], request_: ModelRequest
) -> None:
    for requests in (ModelRequests(failure=request_), ModelRequests(accuracy=request_)):
        with pytest.raises(AnalysisError, match=r"kernel|two.*factors"):
            analyze(ledger("main"), resamples=99, models=requests)


def test_shared_seeds_make_the_accuracy_model_s_covariance_clustered(
    ledger: Callable[[str], RunTable],
) -> None:
    result = analyze(ledger("main"), resamples=99, seeding="shared")
    _, accuracy = _models(result)
    assert accuracy.method == "clustered_t"
    assert accuracy.df == 4  # five seeds
    assert result.models is not None
    assert [note.code for note in result.models.cautions] == ["taken_as_independent"]
    assert result.models.components.seeds is not None


def test_no_odds_of_failing_are_made_where_no_run_failed(make_table: TableMaker) -> None:
    every = {(a, b): [0.5, 0.6, 0.7] for a in (1, 2, 3) for b in (1, 2)}
    models = analyze(make_table(every), resamples=99).models
    assert models is not None
    assert isinstance(models.failure, Note)
    assert models.failure.text == "no run failed, so there are no odds of failing to compare"
    assert "odds ratio" not in models.summary()
    one = analyze(make_table({**every, (1, 1): [0.5, None]}), resamples=99).models
    assert one is not None
    assert "odds ratio" in one.summary()
