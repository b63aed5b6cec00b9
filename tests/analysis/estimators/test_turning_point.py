"""Turning points: Fieller's set within cells, what is shown when it is not bounded, refusals."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import Curve, axis_of, curve_at, strata_of
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.quadratic import fit_quadratic, sign_test
from vggstudy.analysis.estimators.turning_point import (
    TurningPoint,
    estimate_turning_point,
    set_at,
    turning_point_of,
)
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.fieller import fieller_set
from vggstudy.analysis.numbers.student import t_quantile
from vggstudy.errors import AnalysisError

RESAMPLING = Resampling("calibrated", 999, 0, 131_072)
BATCHES = (8, 16, 32, 64, 128, 256, 512, 1024)
NOISE = np.array([-1.0, 0.2, 0.5, -0.4, 0.7]) * 0.004
TableMaker = Callable[..., RunTable]
Values = Sequence[Sequence[float | None]]


@pytest.fixture
def cells_of(make_table: TableMaker) -> Callable[..., Cells]:
    """One curve over batch sizes."""

    def make(
        values: Values, levels: Sequence[float] = BATCHES, outcome: str = "test_accuracy"
    ) -> Cells:
        content = {(level,): list(cell) for level, cell in zip(levels, values, strict=True)}
        return Cells.from_table(make_table(content, factors=("batch_size",), outcome=outcome))

    return make


def _turn(cells: Cells, scale: str = "log2") -> TurningPoint | Note:
    axis = axis_of(cells.table, "batch_size", scale)  # type: ignore[arg-type] # one of two words
    return estimate_turning_point(cells, axis, (), confidence=0.95, resampling=RESAMPLING)


def _point(cells: Cells, scale: str = "log2") -> TurningPoint:
    found = _turn(cells, scale)
    assert isinstance(found, TurningPoint)
    return found


def _peaked(vertex: float = 6.0, curvature: float = -0.002) -> list[list[float]]:
    x = np.log2(BATCHES)
    rolled = [np.roll(NOISE, i) * (1 + 0.1 * i) for i in range(8)]
    mean = 0.9 + curvature * (x - vertex) ** 2
    return [(m + e).tolist() for m, e in zip(mean, rolled, strict=True)]


def _simulated(seed: int, curvature: float) -> Curve:
    rng = np.random.default_rng(seed)
    x = np.repeat(np.arange(8.0), 4)
    table = RunTable(
        factors=("batch_size",),
        levels={"batch_size": tuple(2**i for i in range(8))},
        codes=x.astype(np.int64)[:, None],
        replicate=tuple(str(i) for i in range(x.size)),
        label=np.zeros(x.size, dtype=np.int64),
        value=0.9 + curvature * (x - 3) ** 2 + 0.004 * rng.normal(size=x.size),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="simulated",
    )
    found = curve_at(Cells.from_table(table), axis_of(table, "batch_size", "log2"), ())
    assert isinstance(found, Curve)
    return found


def test_a_peak_is_found_on_the_datas_scale(cells_of: Callable[..., Cells]) -> None:
    point = _point(cells_of(_peaked()))
    finding = point.finding()
    assert (point.kind, point.in_range, point.set.shape) == ("maximum", True, "bounded")
    assert finding.interval is not None
    assert finding.interval.low < 64 < finding.interval.high
    assert finding.estimate == pytest.approx(2**point.estimate)
    assert finding.interval.low == pytest.approx(2 ** point.set.ends[0])
    assert finding.interval.method == "fieller_cell"
    assert finding.cautions == ()


def test_the_bootstrap_beside_is_as_wide_as_fieller_where_the_curve_is_strong() -> None:
    curve = _simulated(0, -0.02)
    found = turning_point_of(
        fit_quadratic(curve),
        claim_id="x",
        confidence=0.95,
        resampling=Resampling("calibrated", 40_000, 0, 131_072),
    )
    assert isinstance(found, TurningPoint)
    assert found.bootstrap is not None
    low, high = found.set.ends
    # Four runs a cell: without sqrt(4 / 3) it were 13% narrower, without t / z 7%. The width's
    # Monte Carlo error is 0.5%, and eight cells are normal enough for 2%.
    ratio = (found.bootstrap.high - found.bootstrap.low) / (high - low)
    assert ratio == pytest.approx(1, abs=0.03)
    assert found.bootstrap.estimate == found.estimate


def test_the_bootstrap_moves_to_the_datas_scale_with_its_monte_carlo_error(
    cells_of: Callable[..., Cells],
) -> None:
    point = _point(cells_of(_peaked()))
    finding = point.finding()
    (beside,), drawn = finding.alternatives, point.bootstrap
    assert drawn is not None
    assert drawn.mc_error_low is not None
    assert drawn.mc_error_high is not None
    assert finding.resamples == 999
    assert (beside.low, beside.high) == pytest.approx((2**drawn.low, 2**drawn.high))
    assert (beside.mc_error_low, beside.mc_error_high) == pytest.approx(
        (
            drawn.mc_error_low * math.log(2) * beside.low,
            drawn.mc_error_high * math.log(2) * beside.high,
        )
    )


def test_the_quadratic_is_least_squares_over_runs() -> None:
    curve = _simulated(0, -0.001)
    found = fit_quadratic(curve)
    x = np.repeat(curve.x, curve.strata.sizes) - found.center
    expected = np.polynomial.polynomial.polyfit(x, curve.strata.values, 2)
    assert found.coefficients == pytest.approx(expected, rel=1e-9)


def test_unequal_cells_weigh_as_their_runs(cells_of: Callable[..., Cells]) -> None:
    values: list[list[float | None]] = [[*cell] for cell in _peaked()]
    for i in (0, 3):
        values[i][0] = None
    point = _point(cells_of(values))
    curve = point.curve
    x = np.repeat(curve.x, curve.strata.sizes) - point.quadratic.center
    expected = np.polynomial.polynomial.polyfit(x, curve.strata.values, 2)
    assert point.quadratic.coefficients == pytest.approx(expected, rel=1e-9)
    # Variance of b by hand: sum of squared weights of single runs times their cell's variance.
    pseudo = np.linalg.pinv(np.vander(x, 3, increasing=True))
    own = np.repeat(curve.variance, curve.strata.sizes)
    assert point.quadratic.covariance == pytest.approx((pseudo[1:] * own) @ pseudo[1:].T, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([-0.003, -0.0004, 0.0, 0.0005]))
def test_the_ends_solve_the_t_equation_and_members_fail_to_reject(
    seed: int, curvature: float
) -> None:
    quadratic = fit_quadratic(_simulated(seed, curvature))
    critical = t_quantile(20, 0.95)
    found = set_at(quadratic, critical)

    def t(x: float) -> float:
        weights = quadratic.slope_weights(x)
        return abs(sign_test(quadratic, weights).estimate) / quadratic.spread(weights).se

    for end in (found.first, found.second):
        assert end is None or t(end) == pytest.approx(critical, rel=1e-6)
    for x in np.linspace(-10, 17, 28).tolist():
        if abs(t(x) - critical) > 1e-6:
            assert found.contains(x) == (t(x) < critical)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(-3, 3),
    st.floats(0.1, 50),
    st.integers(-6, 6),
    st.booleans(),
)
def test_affine_outcomes_change_nothing_and_shifted_levels_shift_the_set(
    seed: int, offset: float, factor: float, shift: int, turned: bool
) -> None:
    curve = _simulated(seed, -0.002)
    sign = -1.0 if turned else 1.0
    moved = dataclasses.replace(
        curve,
        x=curve.x + shift,
        mean=offset + sign * factor * curve.mean,
        variance=factor**2 * curve.variance,
    )
    before, after = fit_quadratic(curve), fit_quadratic(moved)
    critical = t_quantile(20, 0.95)
    first, second = set_at(before, critical), set_at(after, critical)
    assume(first.g < 0.99)  # near one the ends move without bounds
    assert second.shape == first.shape
    assert second.ends == pytest.approx([end + shift for end in first.ends], rel=1e-6, abs=1e-6)


def test_a_wider_level_gives_a_larger_set() -> None:
    quadratic = fit_quadratic(_simulated(1, -0.002))
    sets = [set_at(quadratic, t_quantile(20, level)).ends for level in (0.8, 0.9, 0.95, 0.99)]
    assert all(a[0] > b[0] and a[1] < b[1] for a, b in itertools.pairwise(sets))


@pytest.mark.parametrize(
    ("intercept", "slope", "variances", "shape", "ends"),
    [
        # (i + s x)^2 <= 4 (1 + x^2 v): roots by hand.
        (0.0, 2.0, (1.0, 0.0), "bounded", (-1.0, 1.0)),
        (4.0, 1.0, (1.0, 1.0), "exclusive", (-2 / 3 * 1.0, 6.0)),
        (1.0, 1.0, (1.0, 1.0), "all_real", None),
        (1.0, 2.0, (1.0, 1.0), "all_real", None),
    ],
)
def test_sets_of_all_shapes(
    intercept: float,
    slope: float,
    variances: tuple[float, float],
    shape: str,
    ends: tuple[float, float] | None,
) -> None:
    found = fieller_set(intercept, slope, np.diag(variances), 2.0)
    assert found.shape == shape
    if ends is None:
        assert (found.first, found.second) == (None, None)
        assert found.contains(1e9)
        assert found.ends == (-math.inf, math.inf)
    else:
        for end in (found.first, found.second):
            assert end is not None
            left = (intercept + slope * end) ** 2
            assert left == pytest.approx(4 * (variances[0] + variances[1] * end**2))
        if shape == "bounded":
            assert (found.first, found.second) == pytest.approx(ends)
        assert found.inside(-9, 9) == (shape == "bounded")


def _stratum(cells: Cells, depth: int, data_norm: int, batch_norm: int) -> TurningPoint:
    axis = axis_of(cells.table, "batch_size", "log2")
    wanted = f"peak.batch_size@batch_norm={batch_norm},data_norm={data_norm},depth={depth}"
    held = Estimand.parse(wanted, cells.table).contrast.conditions
    found = estimate_turning_point(cells, axis, held, confidence=0.95, resampling=RESAMPLING)
    assert isinstance(found, TurningPoint)
    return found


@pytest.mark.parametrize("data_norm", [0, 1])
@pytest.mark.parametrize("batch_norm", [0, 1])
def test_an_exclusive_set_is_said_in_words_and_not_hidden(
    ledger: Callable[[str], RunTable], data_norm: int, batch_norm: int
) -> None:
    # Accuracy at depth 11 is exactly linear in this ledger.
    found = _stratum(Cells.from_table(ledger("monotone")), 11, data_norm, batch_norm)
    finding = found.finding()
    assert found.set.shape == "exclusive"
    assert (finding.interval, finding.alternatives) == (None, ())
    assert finding.reason is not None
    assert finding.reason.code == "unbounded"
    assert "the 95% set is not bounded: every batch_size up to" in finding.reason.text
    assert "curvature_not_significant" in {note.code for note in finding.cautions}


def test_the_truth_of_the_simulated_ledger_lies_in_the_sets(
    ledger: Callable[[str], RunTable],
) -> None:
    # Vertices 6.0 (depth 11) and 6.8 (depth 19) on log2; four curves each, of which one may miss.
    cells = Cells.from_table(ledger("main"))
    for depth, vertex in ((11, 6.0), (19, 6.8)):
        points = [_stratum(cells, depth, dn, bn) for dn in (0, 1) for bn in (0, 1)]
        assert sum(point.set.contains(vertex) for point in points) >= 3


def test_a_minimum_and_a_point_outside_the_range_are_no_claims(
    cells_of: Callable[..., Cells],
) -> None:
    valley = _point(cells_of(_peaked(curvature=0.002)))
    assert valley.kind == "minimum"
    beyond = _point(cells_of(_peaked(vertex=12, curvature=-0.001)))
    assert not beyond.in_range
    for point, code in ((valley, "minimum"), (beyond, "outside_range")):
        assert point.set.shape == "bounded"
        found = point.finding()
        assert (found.estimate, found.interval) == (None, None)
        assert found.reason is not None
        assert found.reason.code == code


def test_levels_with_one_or_two_converged_runs_are_left_out_and_named(
    cells_of: Callable[..., Cells],
) -> None:
    values: list[list[float | None]] = [[*cell] for cell in _peaked()]
    values[0] = [None] * 5
    values[1] = [0.8, None, None, None, None]
    values[2] = [0.81, 0.82, 0.83, None, None]
    point = _point(cells_of(values))
    assert point.curve.range == pytest.approx((5, 10))
    notes = {note.code: note.text for note in point.finding().cautions}
    assert notes["few_runs"] == "only 3 converged runs in a cell"
    assert notes["levels_left_out"] == "batch_size 16: fewer than 3 converged runs, left out"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([[None] * 3] * 8, "none_converged"),
        ([[0.8, 0.81]] * 8, "too_few_levels"),
        ([[0.8, 0.81, 0.82]] * 2 + [[None] * 3] * 6, "too_few_levels"),
        ([[0.8] * 3] * 8, "no_variance"),
    ],
)
def test_curves_that_cannot_be_fitted_have_their_reason(
    make_table: TableMaker, values: Values, code: str
) -> None:
    content = {("a", level): list(cell) for level, cell in zip(BATCHES, values, strict=True)}
    content |= {("b", level): [0.9, 0.9, 0.9] for level in BATCHES}
    table = make_table(content, factors=("arm", "batch_size"))
    cells = Cells.from_table(table)
    axis = axis_of(table, "batch_size", "log2")
    found = curve_at(cells, axis, strata_of(table, axis)[0])
    assert isinstance(found, Note)
    assert found.code == code


def test_a_cell_that_does_not_vary_takes_the_pooled_variance_and_no_bootstrap(
    cells_of: Callable[..., Cells],
) -> None:
    values = _peaked()
    values[4] = [0.9] * 5
    point = _point(cells_of(values))
    assert (point.curve.variance > 0).all()
    assert point.bootstrap is None
    assert "zero_variance" in {note.code for note in point.finding().cautions}
    assert point.finding().interval is not None


def test_a_straight_line_of_means_has_no_turning_point(cells_of: Callable[..., Cells]) -> None:
    values = [[level + e for e in (-0.25, 0.0, 0.25)] for level in (0.0, 1.0, 2.0)]
    quadratic = fit_quadratic(_curve(cells_of(values, (1, 2, 3), "score")))
    straight = dataclasses.replace(quadratic, coefficients=np.array([1.0, 1.0, 0.0]))
    found = turning_point_of(straight, claim_id="x", confidence=0.95, resampling=RESAMPLING)
    assert isinstance(found, Note)
    assert found.code == "no_curvature"


def _curve(cells: Cells) -> Curve:
    found = curve_at(cells, axis_of(cells.table, "batch_size", "linear"), ())
    assert isinstance(found, Curve)
    return found


def test_a_stratum_without_runs_is_told_from_one_that_failed(make_table: TableMaker) -> None:
    good = [0.8, 0.81, 0.82]
    table = make_table(
        {(a, a, x): good for a in (0, 1) for x in (1, 2, 4)}, factors=("a", "b", "x")
    )
    axis = axis_of(table, "x", "log2")
    codes = []
    for stratum in strata_of(table, axis):
        found = curve_at(Cells.from_table(table), axis, stratum)
        codes.append(found.code if isinstance(found, Note) else "")
    assert codes == ["", "no_runs", "no_runs", ""]


def test_a_turning_point_beyond_all_numbers_is_not_an_infinite_claim(
    cells_of: Callable[..., Cells],
) -> None:
    x = np.log2(BATCHES)
    values = [[0.5 + 0.01 * m - 1e-9 * m**2 + e for e in NOISE] for m in x.tolist()]
    finding = _point(cells_of(values)).finding()
    assert finding.estimate is None
    assert finding.interval is None


def test_three_levels_suffice_and_lack_of_fit_is_not_asked(cells_of: Callable[..., Cells]) -> None:
    values = [[m + e for e in NOISE] for m in (0.8, 0.9, 0.85)]
    assert _point(cells_of(values, (8, 16, 32))).fit is None


def test_the_vertex_of_a_curve_that_does_not_fit_is_no_claim(
    cells_of: Callable[..., Cells],
) -> None:
    values = [[m + (0.01 if i % 2 else 0) for m in cell] for i, cell in enumerate(_peaked())]
    found = _point(cells_of(values)).finding()
    assert (found.estimate, found.interval) == (None, None)
    assert found.reason is not None
    assert found.reason.code == "lack_of_fit"


def test_levels_declared_in_another_order_change_nothing(cells_of: Callable[..., Cells]) -> None:
    cells = cells_of(_peaked())
    frame = cells.table.to_frame().rename(columns={"outcome": "label"})
    turned = RunTable.from_frame(
        frame, factors=("batch_size",), levels={"batch_size": list(reversed(BATCHES))}
    )
    before, after = _point(cells), _point(Cells.from_table(turned))
    assert after.curve.x.tolist() == before.curve.x.tolist()
    assert after.set == before.set
    assert after.bootstrap == before.bootstrap


def test_a_curve_needs_one_level_of_every_other_factor(make_table: TableMaker) -> None:
    table = make_table({(a, x): [0.8, 0.81, 0.82] for a in (0, 1) for x in (1, 2, 4)})
    cells = Cells.from_table(table)
    with pytest.raises(ValueError, match="one level of every factor"):
        curve_at(cells, axis_of(table, "b", "log2"), ())
    with pytest.raises(AnalysisError, match="no factor 'c'; there are a, b"):
        axis_of(table, "c", "log2")


def test_the_bootstrap_depends_on_the_claims_id_and_seed_only(
    cells_of: Callable[..., Cells],
) -> None:
    cells = cells_of(_peaked())
    axis = axis_of(cells.table, "batch_size", "log2")
    found = [
        estimate_turning_point(
            cells, axis, (), confidence=0.95, resampling=Resampling("calibrated", 999, seed, chunk)
        )
        for seed, chunk in ((0, 100), (0, 131_072), (1, 131_072))
    ]
    ends = [point.bootstrap for point in found if isinstance(point, TurningPoint)]
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]
