"""The quadratic model of the outcome: design, refusals, notes, turning points against R."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import Scale, axis_of
from vggstudy.analysis.data.design import Terms, Variable, design_on
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.seeds import replicates
from vggstudy.analysis.models.accuracy import fit_accuracy_model
from vggstudy.analysis.models.accuracy_result import AccuracyModel
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.fieller import turning_set
from vggstudy.errors import AnalysisError

LEDGERS = ("main", "balanced30", "degenerate", "monotone")
TableMaker = Callable[..., RunTable]


def _fit(cells: Cells, terms: Terms) -> AccuracyModel:
    model = fit_accuracy_model(cells, terms, confidence=0.95)
    assert isinstance(model, AccuracyModel)
    return model


def _refusal(cells: Cells, terms: Terms) -> Note:
    found = fit_accuracy_model(cells, terms, confidence=0.95)
    assert isinstance(found, Note)
    return found


def _terms(table: RunTable, along: str, scale: Scale, *pairs: tuple[str, ...]) -> Terms:
    """A curve along a factor, all other factors, and these interactions."""
    others = tuple(name for name in table.factors if name != along)
    return Terms(axis_of(table, along, scale), others, pairs, degree=2)


def _curve_weights(model: AccuracyModel, level: str) -> FloatArray:
    """Weights of the coefficients that give the slope at the center and the curvature."""
    rows = []
    for power in (1, 2):
        along = Variable(model.axis.factor, scale=model.axis.scale, power=power)
        rows.append([float(_is_of(x.variables, along, level)) for x in model.design.columns])
    return np.array(rows)


def _is_of(variables: tuple[Variable, ...], along: Variable, level: str) -> bool:
    """Whether a term is a power of the axis, by itself or at the level of another factor."""
    others = [x for x in variables if x != along]
    return along in variables and all(str(x.level) == level for x in others)


@pytest.mark.parametrize("kind", ["classical_t", "HC3_t", "CR1S_t", "classical_z", "HC3_z"])
@pytest.mark.parametrize("key", ["ols_converged", "ols_converged_rich"])
@pytest.mark.parametrize("name", LEDGERS)
def test_turning_points_of_the_model_equal_those_of_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str, key: str, kind: str
) -> None:
    values = json.loads((reference / f"models_ledger_{name}.json").read_text())[key]
    cells = Cells.from_table(ledger(name))
    pairs = [("depth", "batch_size"), ("data_norm", "batch_norm")]
    if key.endswith("rich"):
        pairs.append(("depth", "batch_norm"))
    terms = _terms(cells.table, "batch_size", "log2", *pairs)
    robust = {"classical": "classical", "HC3": "hc3", "CR1S": "clustered"}[kind[:-2]]
    seeds = np.array([int(seed) for seed in replicates(cells)])
    model = fit_accuracy_model(cells, terms, confidence=0.95, robust=robust, clusters=seeds)  # type: ignore[arg-type] # from the table above
    assert isinstance(model, AccuracyModel)
    for row in values["turning_points"][kind]:
        weights = _curve_weights(model, str(row["depth"]))
        b, c = weights @ model.fit.coefficients
        matrix = weights @ model.covariance @ weights.T
        center = model.design.center
        found = turning_set(b, c, matrix, center=center, critical=row["crit"])
        # Monotone, depth 11: c is 1e-6 with a standard error of 1e-4, so that eight digits of the
        # cell means leave six of the estimate.
        tight = 1e-6 if name == "monotone" else 1e-8
        assert center - b / (2 * c) == pytest.approx(row["estimate"], rel=tight)
        assert c == pytest.approx(row["c"], rel=tight)
        assert found.shape == row["fieller_type"]
        assert found.g == pytest.approx(row["fieller_g"], rel=2 * tight)
        ends = (row["fieller_r1"], row["fieller_r2"])
        assert (found.first, found.second) == pytest.approx(ends, rel=1e-7)
        assert found.ends == pytest.approx((float(row["fieller_lo"]), float(row["fieller_hi"])))


def test_the_design_has_one_column_a_level_and_every_product(make_table: TableMaker) -> None:
    good = [0.8, 0.81, 0.79]
    table = make_table(
        {(a, b, x): good for a in ("p", "q", "r") for b in (False, True) for x in (1, 2, 4)},
        factors=("a", "b", "x"),
    )
    cells, terms = Cells.from_table(table), _terms(table, "x", "log2", ("b", "x"), ("a", "b"))
    found = design_on(cells, terms, np.arange(len(cells)), center=1)
    assert found.names == (
        "(intercept)",
        "log2(x)",
        "log2(x)^2",
        "a=q",
        "a=r",
        "b=true",
        "b=true:log2(x)",
        "b=true:log2(x)^2",
        "a=q:b=true",
        "a=r:b=true",
    )
    cell = found.X[-1]  # a = r, b = true, x = 4: one above the center
    assert cell.tolist() == [1, 1, 1, 0, 1, 1, 1, 1, 0, 1]
    assert found.rows_of(cells, np.array([len(cells) - 1])).tolist() == [cell.tolist()]


def test_the_model_meets_data_that_follow_it(make_table: TableMaker) -> None:
    noise = np.array([-0.001, 0.0, 0.001])
    cells = {
        (a, x): (0.8 + 0.02 * a - (0.001 + 0.001 * a) * (x - 5 + a) ** 2 + noise).tolist()
        for a in (0, 1)
        for x in range(1, 9)
    }
    table = make_table(cells, factors=("a", "x"))
    model = _fit(Cells.from_table(table), _terms(table, "x", "linear", ("a", "x")))
    assert model.design.center == 4.5  # the middle of the range
    assert model.lack_of_fit is not None
    assert model.lack_of_fit.p_value == pytest.approx(1)
    curves = [_curve_weights(model, level) @ model.fit.coefficients for level in ("0", "1")]
    turns = [model.design.center - b / (2 * c) for b, c in curves]
    assert turns == pytest.approx([5, 4], rel=1e-9)
    frame = model.to_frame().set_index("term")
    assert frame.loc["a=1:x^2", "estimate"] == pytest.approx(-0.001)
    assert (frame["low"] < frame["high"]).all()


@pytest.mark.parametrize(
    ("along", "scale", "pairs", "message"),
    [
        ("depht", "log2", [], "no factor 'depht'"),
        ("kind", "linear", [], "'kind' has levels in words"),
        ("zero", "log2", [], "zero has 0: use the linear scale"),
        ("depth", "log2", [("depth", "width")], "names 'width', no term"),
        ("depth", "log2", [("kind", "kind")], "got kind\\*kind"),
        ("depth", "log2", [("kind",)], "two or more different factors, got kind"),
        ("depth", "log2", [()], "two or more different factors, got nothing"),
    ],
)
def test_models_of_what_is_not_there_are_named(
    make_table: TableMaker, along: str, scale: Scale, pairs: list[tuple[str, ...]], message: str
) -> None:
    table = make_table(
        {(11, "a", 0): [0.8], (19, "b", 1): [0.8]}, factors=("depth", "kind", "zero")
    )
    with pytest.raises(AnalysisError, match=message):
        _terms(table, along, scale, *pairs)


def test_a_model_of_the_outcome_needs_an_axis(make_table: TableMaker) -> None:
    table = make_table({(11,): [0.8], (19,): [0.9]}, factors=("depth",))
    with pytest.raises(AnalysisError, match="needs a numeric factor"):
        fit_accuracy_model(Cells.from_table(table), Terms(None, ("depth",)), confidence=0.95)


def test_degenerate_tables_are_refused_with_their_reason(make_table: TableMaker) -> None:
    good: list[float | None] = [0.8, 0.81, 0.79]

    def refused(content: dict[int, list[float | None]]) -> Note:
        values = {(x,): values for x, values in content.items()}
        cells = Cells.from_table(make_table(values, factors=("x",)))
        return _refusal(cells, _terms(cells.table, "x", "linear"))

    assert refused({1: [None], 2: [None]}).code == "none_converged"
    two = refused({1: good, 2: good, 3: [None]})
    assert (two.code, "x^2" in two.text) == ("not_estimable", True)
    few = refused({1: [0.8], 2: [0.81], 3: [0.8]})
    assert (few.code, few.text[:16]) == ("too_few_runs", "3 converged runs")
    assert refused({x: [0.8] * 3 for x in (1, 2, 3)}).code == "no_variance"


def test_a_run_that_determines_its_own_fit_is_given_the_others_variance(
    make_table: TableMaker,
) -> None:
    cells = Cells.from_table(
        make_table({(1,): [0.8, 0.81], (2,): [0.82, 0.84], (3,): [0.8]}, factors=("x",))
    )
    model = _fit(cells, _terms(cells.table, "x", "linear"))
    assert model.method == "classical_t"
    assert [note.code for note in model.cautions] == ["pooled_variance"]
    assert model.lack_of_fit is None
    assert all(x.low < x.estimate < x.high for x in model.coefficients)


def test_a_jump_is_a_lack_of_fit(make_table: TableMaker) -> None:
    noise = [-0.001, 0.0, 0.001]
    cells = {(x,): [0.8 + 0.02 * (x % 2) + e for e in noise] for x in range(8)}
    table = make_table(cells, factors=("x",))
    model = _fit(Cells.from_table(table), _terms(table, "x", "linear"))
    assert "lack_of_fit" in [note.code for note in model.cautions]


def test_clusters_must_be_given_for_every_run(ledger: Callable[[str], RunTable]) -> None:
    cells = Cells.from_table(ledger("main"))
    with pytest.raises(ValueError, match="cluster of every converged run"):
        fit_accuracy_model(
            cells,
            _terms(cells.table, "batch_size", "log2"),
            confidence=0.95,
            robust="clustered",
        )
