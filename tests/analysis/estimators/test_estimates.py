"""Estimators on small tables: values by hand, refusals, degenerate cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.converged import estimate_converged
from vggstudy.analysis.estimators.expected import estimate_expected
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.means import Resampling, estimate_mean
from vggstudy.analysis.notes import Reason
from vggstudy.analysis.numbers.proportions import clopper_pearson, mid_p
from vggstudy.analysis.numbers.student import student_t

TableMaker = Callable[..., RunTable]
SPREAD = [0.80, 0.81, 0.83, 0.84, 0.82, 0.85, 0.79, 0.86]
DIFFERENCE = Contrast(("b",), ((0, 1),))
FEW = Resampling("calibrated", 1_999, 1, 100_000)


def _at(a: int = 0, b: int = 0) -> Contrast:
    return Contrast(conditions=(Condition("a", (a,)), Condition("b", (b,))))


def _mean(cells: Cells, contrast: Contrast, resampling: Resampling = FEW) -> Finding:
    return estimate_mean(
        cells, contrast.groups(cells), claim_id="x", confidence=0.95, resampling=resampling
    )


def _converged(cells: Cells, contrast: Contrast) -> Finding:
    return estimate_converged(cells, contrast.groups(cells), confidence=0.95)


def _expected(cells: Cells, contrast: Contrast) -> Finding:
    return estimate_expected(cells, contrast.groups(cells), confidence=0.95)


def _cells(make_table: TableMaker, *columns: Sequence[float | None]) -> Cells:
    """One row of cells: factor b has a level a column."""
    return Cells.from_table(make_table({(0, b): values for b, values in enumerate(columns)}))


def _codes(finding: Finding) -> set[str]:
    return {note.code for note in finding.cautions}


def test_a_probability_of_a_cell_is_clopper_pearsons(make_table: TableMaker) -> None:
    cells = _cells(make_table, [*SPREAD[:3], None, None], [None] * 5)
    found = _converged(cells, _at()).interval
    expected = clopper_pearson(3, 5, confidence=0.95)
    assert found == expected
    none = _converged(cells, _at(b=1)).interval
    assert none is not None
    assert (none.estimate, none.low) == (0, 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 5))


def test_mid_p_is_for_single_cells_where_it_is_asked_for(make_table: TableMaker) -> None:
    cells = _cells(make_table, [*SPREAD[:3], None, None], SPREAD[:5])

    def asked(contrast: Contrast) -> Finding:
        groups = contrast.groups(cells)
        return estimate_converged(cells, groups, confidence=0.95, single="mid_p")

    found, exact = asked(_at()).interval, _converged(cells, _at()).interval
    assert found == mid_p(3, 5, confidence=0.95)
    assert exact is not None
    assert found is not None
    assert exact.low < found.low < found.high < exact.high
    for contrast in (Contrast(), DIFFERENCE):
        assert asked(contrast) == _converged(cells, contrast)


def test_a_difference_of_two_probabilities_is_exact(make_table: TableMaker) -> None:
    cells = _cells(make_table, [*SPREAD[:3], None, None], SPREAD)
    found = _converged(cells, DIFFERENCE).interval
    assert found is not None
    assert found.estimate == pytest.approx(0.4)
    assert found.method == "exact_difference"
    # Of 8 of 8 less 3 of 5. Newcombe's (-0.030, 0.769) is inside: it does not cover everywhere.
    assert (found.low, found.high) == pytest.approx((-0.0783, 0.8534), abs=1e-3)


def test_a_mean_probability_weighs_cells_and_not_runs(make_table: TableMaker) -> None:
    cells = _cells(make_table, [None, None], [*SPREAD, 0.9, 0.9])
    found = _converged(cells, Contrast())
    assert found.estimate == pytest.approx(0.5)  # by runs it would be 10 / 12
    assert "unbalanced" in _codes(found)


def test_two_cells_and_one_cell_have_the_usual_t_intervals_beside(make_table: TableMaker) -> None:
    cells = _cells(make_table, SPREAD, [x / 2 for x in SPREAD])
    one, two = _mean(cells, _at()), _mean(cells, DIFFERENCE)
    first, second = (cells.cell_values(c) for c in (0, 1))
    assert one.alternatives == (student_t(first, confidence=0.95),)
    expected = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    (found,) = two.alternatives
    assert found.method == "welch"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_the_calibrated_interval_of_a_mean_follows_its_definition(make_table: TableMaker) -> None:
    cells = _cells(make_table, SPREAD)
    many = Resampling("calibrated", 99_999, 1, 100_000)
    found = _mean(cells, _at(), many).interval
    assert found is not None
    rng = np.random.default_rng(1)
    values = np.array(SPREAD)
    drawn = values[rng.integers(0, 8, (99_999, 8))].mean(axis=1) - values.mean()
    factor = np.sqrt(8 / 7) * stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)
    expected = values.mean() + factor * np.quantile(drawn, [0.025, 0.975])
    # Two simulations of 99,999; the ends have a Monte Carlo error of about 1e-4.
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=8e-4)


@pytest.mark.parametrize("method", ["percentile", "basic", "bca", "studentized"])
def test_plain_methods_warn_with_few_runs(make_table: TableMaker, method: str) -> None:
    cells = _cells(make_table, SPREAD)
    plain = _mean(cells, _at(), Resampling(method, 999, 1, 100_000))  # type: ignore[arg-type]
    assert "plain_bootstrap" in _codes(plain)
    assert plain.interval is not None
    assert plain.interval.method == f"{method}_bootstrap"
    assert "plain_bootstrap" not in _codes(_mean(cells, _at()))


@pytest.mark.parametrize(
    ("values", "reason"), [([0.8, 0.81], "too_few_runs"), ([None] * 4, "none_converged")]
)
def test_a_mean_of_too_few_runs_is_refused_with_its_reason(
    make_table: TableMaker, values: list[float | None], reason: str
) -> None:
    found = _mean(_cells(make_table, values, SPREAD), _at())
    assert found.interval is None
    assert found.reason is not None
    assert found.reason.code == reason
    if reason == "too_few_runs":
        assert found.estimate == pytest.approx(0.805)
        assert "at least 3 converged runs, has 2" in found.reason.text


def test_an_average_over_a_cell_without_converged_runs_names_the_cell(
    make_table: TableMaker,
) -> None:
    found = _mean(_cells(make_table, SPREAD, [None] * 3, [0.8, None]), Contrast())
    assert found.reason is not None
    assert found.reason.code == "missing_cells"
    assert "2 of its 3 cells" in found.reason.text
    assert "a=0, b=1; a=0, b=2" in found.reason.text
    assert found.estimate is None


@pytest.mark.parametrize("contrast", [_at(), DIFFERENCE, Contrast()])
def test_cells_of_one_value_take_the_pooled_variance(
    make_table: TableMaker, contrast: Contrast
) -> None:
    cells = _cells(make_table, [0.1 + 0.7] * 6, SPREAD)
    found = _mean(cells, contrast)
    assert found.interval is not None
    assert found.interval.low < found.interval.estimate < found.interval.high
    assert "zero_variance" in _codes(found)
    assert found.resamples is None


def test_the_pooled_variance_of_a_flat_cell_by_hand(make_table: TableMaker) -> None:
    cells = _cells(make_table, [0.8] * 6, SPREAD)
    found = _mean(cells, _at()).interval
    pooled = (
        7 * np.var(SPREAD, ddof=1) / 12
    )  # 5 degrees of freedom of the flat cell, 7 of the other
    half = stats.t.ppf(0.975, 12) * np.sqrt(pooled / 6)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.8 - half, 0.8 + half))


def test_no_variance_anywhere_is_refused(make_table: TableMaker) -> None:
    found = _mean(_cells(make_table, [0.8] * 6, [0.9] * 6), DIFFERENCE)
    assert found.reason is not None
    assert found.reason.code == "no_variance"
    assert found.estimate == pytest.approx(0.1)


def test_intervals_of_an_accuracy_stay_in_its_range(make_table: TableMaker) -> None:
    cells = _cells(make_table, [0.2, 0.9, 1.0], [0.99, 1.0, 0.4])
    one, two = _mean(cells, _at()).interval, _mean(cells, DIFFERENCE).interval
    assert one is not None
    assert two is not None
    assert (one.low, one.high) == (0, 1)
    assert -1 <= two.low < two.high <= 1


def test_other_outcomes_have_no_range(make_table: TableMaker) -> None:
    table = make_table({(0, 0): [3.0, 400.0, 2.0, 5.0], (0, 1): [1.0, 2.0, 3.0]}, outcome="seconds")
    found = _mean(Cells.from_table(table), _at()).interval
    assert found is not None
    assert found.low < 0


def test_expected_accuracy_of_a_cell_by_hand(make_table: TableMaker) -> None:
    values = SPREAD[:6]
    cells = _cells(make_table, [*values, None, None, None, None])
    found = _expected(cells, _at()).interval
    share, mean = 0.6, float(np.mean(values))
    gain = mean - 0.1  # failed runs are at 0.1, without spread
    p = clopper_pearson(6, 10, confidence=0.95)
    half = stats.t.ppf(0.975, 5) * np.std(values, ddof=1) / np.sqrt(6)
    theta = 0.1 + share * gain
    low = theta - np.hypot(gain * (share - p.low), share * half)
    high = theta + np.hypot(gain * (p.high - share), share * half)
    assert found is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((theta, low, high))


def test_expected_accuracy_without_failures_ends_at_the_mean_of_converged_runs(
    make_table: TableMaker,
) -> None:
    cells = _cells(make_table, SPREAD, [None, *SPREAD])
    found = _expected(cells, _at()).interval
    mean = student_t(np.array(SPREAD), confidence=0.95)
    assert found is not None
    assert found.high == pytest.approx(mean.high)
    assert found.low < mean.low - 0.1


def test_expected_accuracy_without_successes_reaches_up_to_what_could_have_been(
    make_table: TableMaker,
) -> None:
    cells = _cells(make_table, [None] * 5, SPREAD)
    found = _expected(cells, _at())
    upper = 1 - 0.025 ** (1 / 5)
    assert found.interval is not None
    assert (found.interval.estimate, found.interval.low) == pytest.approx((0.1, 0.1))
    assert found.interval.high == pytest.approx(0.1 + upper * 0.9)
    assert _codes(found) == {"few_converged"}


def test_expected_accuracy_of_one_converged_run_borrows_the_pooled_spread(
    make_table: TableMaker,
) -> None:
    cells = _cells(make_table, [0.8, None, None], SPREAD)
    found = _expected(cells, _at())
    assert found.interval is not None
    assert found.interval.low < 0.1 + 0.7 / 3 < found.interval.high
    assert _codes(found) == {"few_converged"}


def test_failed_runs_above_converged_ones_are_no_two_part_outcome(make_table: TableMaker) -> None:
    found = _expected(_cells(make_table, [0.05, 0.05, None]), _at())
    assert found.reason is not None
    assert found.reason.code == "failed_above_converged"


def test_an_outcome_without_range_has_no_expected_value(make_table: TableMaker) -> None:
    table = make_table({(0, 0): [1.0, 2.0, 3.0]}, outcome="seconds")
    with pytest.raises(ValueError, match="no bounds"):
        _expected(Cells.from_table(table), _at())


@pytest.mark.parametrize("estimate", [_converged, _expected, _mean])
def test_a_contrast_of_identical_cells_is_zero(
    make_table: TableMaker, estimate: Callable[[Cells, Contrast], Finding]
) -> None:
    cells = _cells(make_table, [*SPREAD, None], [*SPREAD, None])
    found = estimate(cells, DIFFERENCE)
    assert found.estimate == pytest.approx(0, abs=1e-15)
    assert found.interval is not None
    assert found.interval.low < 0 < found.interval.high


def test_a_finding_needs_an_interval_or_a_reason() -> None:
    with pytest.raises(ValueError, match="interval or a reason"):
        Finding(1.0, None)


@pytest.mark.parametrize("others", [1, 10])
def test_one_run_of_a_cell_has_no_expected_interval(make_table: TableMaker, others: int) -> None:
    """It shows no spread, and the spread of cells that vary less is not its own."""
    rest = [0.8 + 0.001 * i for i in range(others)]
    cells = Cells.from_table(make_table({(0,): [0.7], (1,): rest, (2,): rest}, factors=("a",)))
    whole = _expected(cells, Contrast())
    assert whole.interval is None
    assert whole.reason is not None
    assert whole.reason.code == (Reason.MISSING_CELLS if others > 1 else Reason.TOO_FEW_RUNS)
    said = "fewer than 2 labelled runs: a=0" if others > 1 else "one run in each of its 3 cells"
    assert said in whole.reason.text
    alone = _expected(cells, Contrast(conditions=(Condition("a", (0,)),)))
    assert alone.reason is not None
    assert alone.reason.text == "needs at least 2 labelled runs, has 1"


def test_one_failed_run_is_too_few_rather_than_none_converged(make_table: TableMaker) -> None:
    cells = Cells.from_table(make_table({(0,): [None]}, factors=("a",)))
    found = _expected(cells, Contrast())
    assert found.reason is not None
    assert found.reason.code == Reason.TOO_FEW_RUNS
