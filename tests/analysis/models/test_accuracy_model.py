"""The quadratic model of the outcome: design, refusals, notes, turning points against R."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vggstudy.analysis.data.accuracy_design import ModelSpec, design_of
from vggstudy.analysis.data.cells import Cells
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


def _fit(cells: Cells, spec: ModelSpec) -> AccuracyModel:
    model = fit_accuracy_model(cells, spec, confidence=0.95)
    assert isinstance(model, AccuracyModel)
    return model


def _refusal(cells: Cells, spec: ModelSpec) -> Note:
    found = fit_accuracy_model(cells, spec, confidence=0.95)
    assert isinstance(found, Note)
    return found


def _curve_weights(model: AccuracyModel, level: str) -> FloatArray:
    """Weights of the coefficients that give the slope at the center and the curvature."""
    term = model.design.term
    held = {f"{factor}[{level}]*" for factor in model.spec.curves} | {""}
    wanted = [{prefix + power for prefix in held} for power in (term, f"{term}^2")]
    return np.array([[float(name in row) for name in model.design.names] for row in wanted])


@pytest.mark.parametrize("kind", ["classical_t", "HC3_t", "CR1S_t", "classical_z", "HC3_z"])
@pytest.mark.parametrize("key", ["ols_converged", "ols_converged_rich"])
@pytest.mark.parametrize("name", LEDGERS)
def test_turning_points_of_the_model_equal_those_of_r(
    ledger: Callable[[str], RunTable], reference: Path, name: str, key: str, kind: str
) -> None:
    values = json.loads((reference / f"models_ledger_{name}.json").read_text())[key]
    cells = Cells.from_table(ledger(name))
    rich = (("depth", "batch_norm"),) if key.endswith("rich") else ()
    spec = ModelSpec("batch_size", "log2", ("depth",), (("data_norm", "batch_norm"), *rich))
    robust = {"classical": "classical", "HC3": "hc3", "CR1S": "clustered"}[kind[:-2]]
    seeds = np.array([int(seed) for seed in replicates(cells)])
    model = fit_accuracy_model(cells, spec, confidence=0.95, robust=robust, clusters=seeds)  # type: ignore[arg-type] # from the table above
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
    found = design_of(Cells.from_table(table), ModelSpec("x", "log2", ("b",), (("a", "b"),)))
    assert found.names == (
        "intercept",
        "a[q]",
        "a[r]",
        "b[true]",
        "log2(x)",
        "log2(x)^2",
        "b[true]*log2(x)",
        "b[true]*log2(x)^2",
        "a[q]*b[true]",
        "a[r]*b[true]",
    )
    assert found.center == 1
    cell = found.matrix[-1]  # a = r, b = true, x = 4: one above the center
    assert cell.tolist() == [1, 0, 1, 1, 1, 1, 1, 1, 0, 1]


def test_the_model_meets_data_that_follow_it(make_table: TableMaker) -> None:
    noise = np.array([-0.001, 0.0, 0.001])
    cells = {
        (a, x): (0.8 + 0.02 * a - (0.001 + 0.001 * a) * (x - 5 + a) ** 2 + noise).tolist()
        for a in (0, 1)
        for x in range(1, 9)
    }
    model = _fit(
        Cells.from_table(make_table(cells, factors=("a", "x"))), ModelSpec("x", "linear", ("a",))
    )
    assert model.lack_of_fit is not None
    assert model.lack_of_fit.p_value == pytest.approx(1)
    curves = [_curve_weights(model, level) @ model.fit.coefficients for level in ("0", "1")]
    turns = [model.design.center - b / (2 * c) for b, c in curves]
    assert turns == pytest.approx([5, 4], rel=1e-9)
    frame = model.to_frame().set_index("term")
    assert frame.loc["a[1]*x^2", "estimate"] == pytest.approx(-0.001)
    assert (frame["low"] < frame["high"]).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ModelSpec("depht", "log2"), "no factor 'depht'"),
        (ModelSpec("kind", "linear"), "'kind' has levels in words"),
        (ModelSpec("zero", "log2"), "zero has 0: use the linear scale"),
        (ModelSpec("depth", "log2", ("depth",)), "names depth; other factors are kind, zero"),
        (ModelSpec("depth", "log2", (), (("kind", "kind"),)), "got kind\\*kind"),
        (ModelSpec("depth", "log2", (), (("kind",),)), "two or more different factors, got kind"),
    ],
)
def test_models_of_what_is_not_there_are_named(
    make_table: TableMaker, spec: ModelSpec, message: str
) -> None:
    table = make_table(
        {(11, "a", 0): [0.8], (19, "b", 1): [0.8]}, factors=("depth", "kind", "zero")
    )
    with pytest.raises(AnalysisError, match=message):
        design_of(Cells.from_table(table), spec)


def test_degenerate_tables_are_refused_with_their_reason(make_table: TableMaker) -> None:
    spec = ModelSpec("x", "linear")
    good: list[float | None] = [0.8, 0.81, 0.79]

    def cells(content: dict[int, list[float | None]]) -> Cells:
        return Cells.from_table(
            make_table({(x,): values for x, values in content.items()}, factors=("x",))
        )

    assert _refusal(cells({1: [None], 2: [None]}), spec).code == "none_converged"
    two = _refusal(cells({1: good, 2: good, 3: [None]}), spec)
    assert (two.code, "x^2" in two.text) == ("not_estimable", True)
    few = _refusal(cells({1: [0.8], 2: [0.81], 3: [0.8]}), spec)
    assert (few.code, few.text[:16]) == ("too_few_runs", "3 converged runs")
    assert _refusal(cells({x: [0.8] * 3 for x in (1, 2, 3)}), spec).code == "no_variance"


def test_a_run_that_determines_its_own_fit_is_given_the_others_variance(
    make_table: TableMaker,
) -> None:
    cells = Cells.from_table(
        make_table({(1,): [0.8, 0.81], (2,): [0.82, 0.84], (3,): [0.8]}, factors=("x",))
    )
    model = _fit(cells, ModelSpec("x", "linear"))
    assert model.method == "classical_t"
    assert [note.code for note in model.cautions] == ["pooled_variance"]
    assert model.lack_of_fit is None
    assert all(x.low < x.estimate < x.high for x in model.coefficients)


def test_a_jump_is_a_lack_of_fit(make_table: TableMaker) -> None:
    noise = [-0.001, 0.0, 0.001]
    cells = {(x,): [0.8 + 0.02 * (x % 2) + e for e in noise] for x in range(8)}
    model = _fit(Cells.from_table(make_table(cells, factors=("x",))), ModelSpec("x", "linear"))
    assert "lack_of_fit" in [note.code for note in model.cautions]


def test_clusters_must_be_given_for_every_run(ledger: Callable[[str], RunTable]) -> None:
    cells = Cells.from_table(ledger("main"))
    with pytest.raises(ValueError, match="cluster of every converged run"):
        fit_accuracy_model(
            cells, ModelSpec("batch_size", "log2"), confidence=0.95, robust="clustered"
        )
