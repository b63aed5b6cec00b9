"""Whether there is a peak: slopes at the ends, Fieller's set inside, and the cross-fitted test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.curves import Axis, Curve, axis_of, curve_at, strata_of
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.peak import (
    PeakTest,
    cross_fit,
    fieller_p_value,
    peak_test,
    slopes_test,
)
from vggstudy.analysis.estimators.quadratic import Quadratic, fit_quadratic
from vggstudy.analysis.estimators.turning_point import set_at
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.student import t_quantile

BATCHES = (8, 16, 32, 64, 128, 256, 512, 1024)
TableMaker = Callable[..., RunTable]


def _cells(mean: Sequence[float], n: int, seed: int, sd: float = 0.004) -> Cells:
    rng = np.random.default_rng(seed)
    size = len(mean)
    code = np.repeat(np.arange(size), n)
    table = RunTable(
        factors=("batch_size",),
        levels={"batch_size": BATCHES[:size]},
        codes=code[:, None],
        replicate=tuple(str(i % n) for i in range(code.size)),
        label=np.zeros(code.size, dtype=np.int64),
        value=np.asarray(mean)[code] + sd * rng.normal(size=code.size),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="simulated",
    )
    return Cells.from_table(table)


def _axis(cells: Cells) -> Axis:
    return axis_of(cells.table, "batch_size", "log2")


def _curve(cells: Cells) -> Curve:
    found = curve_at(cells, _axis(cells), ())
    assert isinstance(found, Curve)
    return found


def _test(cells: Cells, *, seed: int = 0, shared: bool = False) -> PeakTest:
    found = peak_test(cells, _axis(cells), (), seed=seed, shared_seeds=shared)
    assert isinstance(found, PeakTest)
    return found


def _quadratic(seed: int, curvature: float) -> Quadratic:
    mean = 0.9 + curvature * (np.arange(8) - 3.5) ** 2
    return fit_quadratic(_curve(_cells(mean.tolist(), 4, seed)))


PEAK = (0.9 - 0.002 * (np.arange(8) - 3.5) ** 2).tolist()
PLATEAU = [0.86, 0.88, 0.892, 0.898, 0.9, 0.9, 0.9, 0.9]


@pytest.mark.parametrize("shared", [False, True])
def test_a_strong_peak_passes_all_three_tests(shared: bool) -> None:
    found = _test(_cells(PEAK, 5, 0), shared=shared)
    assert max(found.slopes.p_value, found.cross_fit.p_value, found.fieller_p) == found.p_value
    assert found.p_value < 0.01
    assert {half.peak for half in found.cross_fit.halves} <= {6, 7}


def test_a_valley_and_a_curve_that_rises_to_its_end_are_no_peaks() -> None:
    found = _test(_cells([1.7 - m for m in PEAK], 5, 0))
    assert (found.p_value, found.fieller_p) == (1, 1)
    assert _test(_cells([0.8 + 0.001 * i**2 for i in range(8)], 5, 0)).p_value == 1


def test_on_a_plateau_the_quadratic_believes_in_a_peak_and_the_cross_fit_does_not() -> None:
    tests = [_test(_cells(PLATEAU, 5, seed)) for seed in range(100)]
    slopes = np.mean([max(test.slopes.p_value, test.fieller_p) < 0.05 for test in tests])
    combined = np.mean([test.p_value < 0.05 for test in tests])
    assert slopes > 0.85
    # At most 5% in the long run: 12 of 100 have a probability of 0.4%.
    assert combined < 0.12


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([-0.002, -0.0006, -0.0002, 0.0003]))
def test_the_set_lies_inside_the_range_exactly_below_its_p_value(
    seed: int, curvature: float
) -> None:
    quadratic = _quadratic(seed, curvature)
    turn = quadratic.center - quadratic.b / (2 * quadratic.c)
    df = quadratic.spread(quadratic.slope_weights(turn)).df
    p_value = fieller_p_value(quadratic)
    for level in (0.5, 0.8, 0.95, 0.999):
        if abs(1 - level - p_value) < 1e-9:
            continue
        inside = set_at(quadratic, t_quantile(df, level)).inside(*quadratic.curve.range)
        assert (inside and quadratic.c < 0) == (p_value < 1 - level)


def test_the_slope_at_an_end_is_a_t_test_of_weighted_cell_means() -> None:
    quadratic = _quadratic(3, -0.001)
    curve, low = quadratic.curve, quadratic.curve.range[0]
    found = slopes_test(quadratic).low
    line = quadratic.b + 2 * quadratic.c * (low - quadratic.center)
    weights = quadratic.slope_weights(low)
    parts = weights**2 * curve.variance / curve.n
    df = parts.sum() ** 2 / (parts**2 / (curve.n - 1)).sum()
    assert found.estimate == pytest.approx(line)
    assert found.se == pytest.approx(parts.sum() ** 0.5)
    assert found.p_above == pytest.approx(float(stats.t.sf(line / found.se, df)))
    assert found.p_above + found.p_below == pytest.approx(1)
    both = slopes_test(quadratic)
    assert both.p_value == max(both.low.p_above, both.high.p_below)
    assert both.low.p_above != both.high.p_below


def test_the_cross_fit_by_hand() -> None:
    # The first half prefers level 2 of 4 and is tested on the second, and the other way round.
    values = [
        [0.0, 0.2, 0.1, 0.1],
        [1.0, 1.4, 1.2, 1.2],
        [2.0, 1.6, 1.9, 1.9],
        [0.5, 0.7, 0.4, 0.8],
    ]
    n = len(values[0])
    table = RunTable(
        factors=("batch_size",),
        levels={"batch_size": BATCHES[:4]},
        codes=np.repeat(np.arange(4), n)[:, None],
        replicate=tuple(str(i) for i in range(4 * n)),
        label=np.zeros(4 * n, dtype=np.int64),
        value=np.concatenate(values),
        outcome="score",
        chance=None,
        label_rule="by hand",
    )
    curve = _curve(Cells.from_table(table))
    ordered = np.sort(np.array(values), axis=1)  # as the curve holds them
    first = np.tile([True, False, True, False], 4)
    found = cross_fit(curve, first)
    variance = ordered.var(axis=1, ddof=1)

    def p_value(chosen: np.ndarray, tested: np.ndarray) -> float:
        peak = int(chosen.mean(axis=1).argmax())
        worst = 0.0
        for end in (0, 3):
            gap = tested[peak].mean() - tested[end].mean()
            parts = variance[[peak, end]] / 2
            df = parts.sum() ** 2 / (parts**2 / (n - 1)).sum()
            worst = max(worst, float(stats.t.sf(gap / parts.sum() ** 0.5, df)))
        return worst

    one, two = ordered[:, ::2], ordered[:, 1::2]
    assert [half.p_value for half in found.halves] == pytest.approx(
        [p_value(one, two), p_value(two, one)]
    )
    assert [half.peak for half in found.halves] == [5, 5]
    assert found.p_value == pytest.approx(2 * min(half.p_value for half in found.halves))


def test_a_peak_chosen_at_an_end_is_none() -> None:
    curve = _curve(_cells([0.8, 0.82, 0.84, 0.86, 0.88], 4, 0))
    found = cross_fit(curve, np.tile([True, False], 10))
    assert found.p_value == 1


def test_the_halves_depend_on_the_seed_and_not_on_the_values_or_their_order() -> None:
    cells = _cells(PEAK, 5, 0)
    again = [_test(cells, seed=seed).cross_fit for seed in (0, 0, 1, 2, 3)]
    assert again[0] == again[1]
    assert len({crossed.p_value for crossed in again[1:]}) > 1
    table = cells.table
    moved = RunTable(
        table.factors,
        table.levels,
        table.codes,
        table.replicate,
        table.label,
        table.value - 0.5,
        table.outcome,
        table.chance,
        table.label_rule,
    )
    other = _test(Cells.from_table(moved), seed=0)
    assert other.cross_fit.p_value == pytest.approx(again[0].p_value, rel=1e-6)


def test_a_shared_replicate_stays_on_one_side(
    make_table: TableMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    def spy(curve: Curve, first: np.ndarray) -> object:
        seen.append(first)
        return cross_fit(curve, first)

    monkeypatch.setattr("vggstudy.analysis.estimators.peak.cross_fit", spy)
    # The value tells the replicate, so that the order of the runs is known.
    values = [0.001 * i for i in range(6)]
    cells = Cells.from_table(
        make_table(
            {(b,): [m + v for v in values] for b, m in zip(BATCHES, PEAK, strict=True)},
            factors=("batch_size",),
        )
    )
    _test(cells, shared=True)
    first = seen[0].reshape(8, 6)
    assert (first == first[0]).all()
    assert first[0].sum() == 3
    _test(cells, shared=False)
    assert (seen[1].reshape(8, 6).sum(axis=1) == 3).all()


def test_fewer_than_four_converged_levels_and_unhalvable_seeds_are_refused(
    make_table: TableMaker,
) -> None:
    good = [0.8, 0.81, 0.82]
    three = Cells.from_table(make_table({(b,): good for b in (8, 16, 32)}, factors=("batch_size",)))
    found = peak_test(three, _axis(three), (), seed=0, shared_seeds=False)
    assert isinstance(found, Note)
    assert (found.code, "has 3" in found.text) == ("too_few_levels", True)
    # Cells of three shared seeds out of six, all twenty combinations of them: no halves suit all.
    content: dict[tuple[int], list[float | None]] = {}
    for level, kept in enumerate(itertools.combinations(range(6), 3)):
        content[level + 1,] = [0.8 + 0.01 * i if i in kept else None for i in range(6)]
    lost = Cells.from_table(make_table(content, factors=("batch_size",)))
    refused = peak_test(lost, _axis(lost), (), seed=0, shared_seeds=True)
    assert isinstance(refused, Note)
    assert refused.code == "too_few_seeds"
    independent = peak_test(lost, _axis(lost), (), seed=0, shared_seeds=False)
    assert isinstance(independent, PeakTest)


def test_peaks_of_the_ledgers_are_found_and_the_monotone_one_has_none(
    ledger: Callable[[str], RunTable],
) -> None:
    found = {}
    for name in ("balanced30", "monotone"):
        cells = Cells.from_table(ledger(name))
        tests = [
            peak_test(cells, _axis(cells), stratum, seed=0, shared_seeds=True)
            for stratum in strata_of(cells.table, _axis(cells))
        ]
        found[name] = [test.p_value for test in tests if isinstance(test, PeakTest)]
    assert len(found["balanced30"]) == 8
    assert max(found["balanced30"]) < 0.05
    assert len(found["monotone"]) >= 6
    assert min(found["monotone"]) > 0.5
