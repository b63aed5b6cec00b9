from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import axis_of, strata_of
from vggstudy.analysis.data.design import Terms, build_design
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.needed import (
    Needed,
    Threshold,
    estimate_threshold,
)
from vggstudy.analysis.estimators.threshold import (
    Direction,
    Limits,
    limits_of,
    separate_lines,
    shared_lines,
)
from vggstudy.analysis.estimators.threshold_difference import Shift, Sides, shift_of, sides_of
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.arrays import FloatArray

Ledger = Callable[[str], RunTable]
BATCHES = tuple(2**i for i in range(3, 11))
CHI = 3.841458820694124


def _table(rows: dict[Any, list[int]], n: int = 5, factor: str = "batch_size") -> RunTable:
    """Strata with their converged runs at each batch size."""
    frame = pd.DataFrame(
        [
            (stratum, batch, seed, "converged" if seed < k else "failed_to_learn", 0.5)
            for stratum, counts in rows.items()
            for batch, k in zip(BATCHES, counts, strict=False)
            for seed in range(n)
        ],
        columns=["kind", factor, "seed", "label", "test_accuracy"],
    )
    return RunTable.from_frame(frame, factors=("kind", factor))


def _thresholds(
    table: RunTable, probability: float = 0.5, direction: Direction = "increasing"
) -> list[Threshold]:
    cells, needed = Cells.from_table(table), _needed(table, probability, direction)
    found = [
        estimate_threshold(cells, needed, conditions, confidence=0.95)
        for conditions in strata_of(table, needed.axis)
    ]
    assert not any(isinstance(x, Note) for x in found)
    return [x for x in found if isinstance(x, Threshold)]


def _needed(
    table: RunTable, probability: float = 0.5, direction: Direction = "increasing"
) -> Needed:
    return Needed(axis_of(table, table.factors[-1], "log2"), probability, direction)


def _only(counts: list[int], *, n: int = 5, **options: Any) -> Threshold:
    return _thresholds(_table({"a": counts}, n), **options)[0]


def _objective(a: FloatArray, b: FloatArray, t: float, k: FloatArray, n: float) -> FloatArray:
    """Penalised log-likelihood of lines through 0 at t; a is unused but for its shape."""
    x = np.arange(3.0, 3.0 + len(k))
    eta = a[:, None] + b[:, None] * (x - t)
    p = expit(eta)
    w = n * p * (1 - p)
    i0, i1, i2 = w.sum(1), (w * x).sum(1), (w * x * x).sum(1)
    ll = (k * -np.logaddexp(0, -eta) + (n - k) * -np.logaddexp(0, eta)).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(ll + 0.5 * np.log(i0 * i2 - i1**2))


def test_limits_are_those_of_a_search_over_slopes() -> None:
    # Every slope from 0 up, at levels just inside and just outside of the limits.
    k = [0, 1, 0, 2, 4, 3, 5, 5]
    found = _only(k).limits
    slopes = np.linspace(0, 8, 80_001)
    counts = np.array(k, float)
    top = -min(
        float(-_objective(np.zeros(len(slopes)), slopes, t, counts, 5).max())
        for t in np.linspace(found.estimate - 1e-3, found.estimate + 1e-3, 5)  # type: ignore[operator]
    )
    for end, outside in ((found.low, -1), (found.high, 1)):
        drops = [
            2 * (top - float(_objective(np.zeros(len(slopes)), slopes, t, counts, 5).max()))
            for t in (end - outside * 1e-4, end + outside * 1e-4)
        ]
        # The grid of slopes is fine enough for 1e-7 of the likelihood.
        assert drops[0] < CHI < drops[1]


def test_mirrored_counts_have_their_threshold_in_the_middle() -> None:
    found = _only([0, 0, 1, 2, 3, 4, 5, 5])
    assert found.limits.estimate == pytest.approx(6.5, abs=1e-8)
    assert found.estimate == pytest.approx(2**6.5, rel=1e-8)
    assert found.limits.low + found.limits.high == pytest.approx(13, abs=1e-6)
    assert found.finding().interval is not None


def test_without_failures_the_level_needed_is_below_the_smallest() -> None:
    found = _only([5] * 8)
    assert (found.estimate, found.low, found.high) == (None, None, 8.0)
    assert found.limits.position == "below"
    finding = found.finding()
    assert finding.estimate is None
    assert finding.interval is not None
    assert (finding.interval.low, finding.interval.high) == (-math.inf, 8.0)
    assert finding.cautions[0].text == "the batch_size needed is < 8, outside those run"


def test_without_successes_the_level_needed_is_above_the_largest() -> None:
    found = _only([0] * 8)
    assert (found.estimate, found.low, found.high) == (None, 1024.0, None)
    assert found.limits.position == "above"


def test_few_runs_that_all_fail_exclude_less() -> None:
    found = _thresholds(_table({"a": [0] * 8}, n=1))[0]
    assert found.limits.position == "above"
    assert found.low is not None
    # Eight failures leave room for a step inside the range.
    assert 8 < found.low < 1024


def test_a_success_at_the_largest_level_alone_leaves_the_upper_end_open() -> None:
    found = _only([0, 0, 0, 0, 0, 0, 0, 2])
    assert found.high is None
    assert found.low is not None


@pytest.mark.parametrize("k", [[2] * 8, [3] * 8, [2, 3] * 4])
def test_counts_near_one_half_everywhere_bound_nothing(k: list[int]) -> None:
    found = _only(k)
    assert (found.low, found.high) == (None, None)
    finding = found.finding()
    assert finding.reason is not None
    assert finding.reason.code == "unbounded"
    assert (found.limits.low, found.limits.high) == (-math.inf, math.inf)


def test_exact_halves_have_their_threshold_nowhere() -> None:
    found = _thresholds(_table({"a": [2] * 8}, n=4))[0]
    assert found.limits.estimate is None
    assert (found.estimate, found.limits.position) == (None, "nowhere")
    assert "is 0.5 at every batch_size" in found.finding().cautions[0].text


def test_a_falling_line_does_not_become_a_threshold() -> None:
    # Declared as increasing, the best line is flat; the share decides on which side.
    mostly = _only([5, 5, 5, 5, 5, 4, 4, 3])
    assert mostly.limits.position == "below"
    rarely = _only([2, 1, 1, 0, 0, 0, 0, 0])
    assert rarely.limits.position == "above"


@given(st.lists(st.integers(0, 5), min_size=8, max_size=8))
@settings(max_examples=30, deadline=None)
def test_reversing_the_direction_reverses_the_axis(k: list[int]) -> None:
    one = _only(k).limits
    other = _only(k[::-1], direction="decreasing").limits
    _near(other.low, 13 - one.high)
    _near(other.high, 13 - one.low)
    if one.estimate is not None and other.estimate is not None:
        _near(other.estimate, 13 - one.estimate)


@given(st.lists(st.integers(0, 5), min_size=8, max_size=8))
@settings(max_examples=30, deadline=None)
def test_a_higher_probability_needs_no_smaller_level(k: list[int]) -> None:
    half, most = _only(k).limits, _only(k, probability=0.9).limits
    if half.estimate is not None and most.estimate is not None:
        assert most.estimate >= half.estimate - 1e-6
    assert half.low <= half.high


@given(st.lists(st.integers(0, 5), min_size=8, max_size=8))
@settings(max_examples=30, deadline=None)
def test_limits_hold_their_estimate_and_widen_with_the_level(k: list[int]) -> None:
    table = _table({"a": k})
    cells, needed = Cells.from_table(table), _needed(table)
    lines = separate_lines(
        cells, needed.axis, ((Condition("kind", (0,)),),), probability=0.5, direction="increasing"
    )
    assert not isinstance(lines, Note)
    found = [limits_of(lines, 0, direction="increasing", confidence=c) for c in (0.8, 0.95)]
    narrow, wide = (x for x in found if isinstance(x, Limits))
    assert wide.low <= narrow.low + 1e-9
    assert narrow.high <= wide.high + 1e-9
    if narrow.estimate is not None:
        assert narrow.low - 1e-9 <= narrow.estimate <= narrow.high + 1e-9


def test_separate_lines_are_the_model_with_every_interaction() -> None:
    table = _table({"a": [0, 0, 1, 2, 4, 5, 5, 5], "b": [0, 0, 0, 1, 1, 3, 4, 5]})
    cells, needed = Cells.from_table(table), _needed(table)
    strata = tuple(strata_of(table, needed.axis))
    terms = Terms(needed.axis, ("kind",), (("kind", "batch_size"),))
    asked: dict[str, Any] = {"probability": 0.5, "direction": "increasing"}
    lines = [
        separate_lines(cells, needed.axis, strata, **asked),
        shared_lines(cells, build_design(cells, terms), strata, **asked),
    ]
    shifts = []
    for model in lines:
        assert not isinstance(model, Note)
        found = shift_of(model, 1, 0, direction="increasing", confidence=0.95)
        assert isinstance(found, Shift)
        shifts.append(found)
    assert shifts[0].estimate == pytest.approx(shifts[1].estimate, rel=1e-7)
    # The best pair of levels is found to 1e-6.
    assert shifts[0].low == pytest.approx(shifts[1].low, abs=1e-4)
    assert shifts[0].high == pytest.approx(shifts[1].high, abs=1e-4)


def _shift(rows: dict[Any, list[int]], n: int = 5) -> Shift:
    table = _table(rows, n)
    needed = _needed(table)
    lines = separate_lines(
        Cells.from_table(table),
        needed.axis,
        tuple(strata_of(table, needed.axis)),
        probability=0.5,
        direction="increasing",
    )
    assert not isinstance(lines, Note)
    found = shift_of(lines, 1, 0, direction="increasing", confidence=0.95)
    assert isinstance(found, Shift)
    return found


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize(
    "rows",
    [
        {"a": [0, 0, 1, 2, 4, 5, 5, 5], "b": [0, 0, 0, 1, 1, 3, 4, 5]},
        {"a": [0, 1, 3, 4, 5, 5, 5, 5], "b": [0, 0, 0, 0, 0, 0, 1, 1]},  # b beyond its levels
        {"a": [4, 5, 5, 5, 5, 5, 5, 5], "b": [0, 0, 0, 0, 0, 1, 0, 2]},  # and a before them
        {"a": [0, 0, 0, 0, 0, 0, 0, 1], "b": [0, 0, 1, 2, 4, 5, 5, 5]},
    ],
)
def test_sides_of_a_difference_are_those_of_its_limits(rows: Any, falls: bool) -> None:
    table = _table({name: k[::-1] if falls else k for name, k in rows.items()})
    needed = _needed(table)
    direction: Any = "decreasing" if falls else "increasing"
    lines = separate_lines(
        Cells.from_table(table),
        needed.axis,
        tuple(strata_of(table, needed.axis)),
        probability=0.5,
        direction=direction,
    )
    assert not isinstance(lines, Note)
    for confidence in (0.5, 0.95):
        asked = {"direction": direction, "confidence": confidence}
        whole = shift_of(lines, 1, 0, **asked)
        assert isinstance(whole, Shift)
        for against in (-6.5, -4.0, -1.7, 0.0, 0.6, 1.7, 4.0, 6.5):
            sides = sides_of(lines, 1, 0, **asked, against=against)
            assert isinstance(sides, Sides)
            assert (sides.low > against, sides.high < against) == (
                whole.low > against,
                whole.high < against,
            )
            assert sides.estimate == pytest.approx(whole.estimate)


def test_the_delta_method_comes_to_the_profile_where_runs_are_many() -> None:
    """With 400 runs a cell the likelihood is nearly a parabola."""
    rows = {"a": [7, 48, 200, 352, 393, 399, 400, 400]}
    rows["b"] = [2, 7, 20, 48, 200, 352, 393, 399]
    table = _table(rows, 400)
    needed = _needed(table)
    strata = tuple(strata_of(table, needed.axis))
    cells = Cells.from_table(table)
    direction: Direction = "increasing"
    lines = separate_lines(cells, needed.axis, strata, direction=direction, probability=0.5)
    assert not isinstance(lines, Note)
    whole = shift_of(lines, 1, 0, direction=direction, confidence=0.95)
    sides = sides_of(lines, 1, 0, direction=direction, confidence=0.95, against=0.0)
    assert isinstance(whole, Shift)
    assert isinstance(sides, Sides)
    assert sides.se is not None
    assert (whole.high - whole.low) / 2 == pytest.approx(CHI**0.5 * sides.se, rel=0.03)


def test_a_difference_has_the_limits_of_a_search_over_pairs_of_levels() -> None:
    k = {"a": [0, 1, 3, 4, 5, 5, 5, 5], "b": [0, 0, 0, 1, 3, 4, 5, 5]}
    found = _shift(k)
    levels = np.linspace(0, 13, 521)
    slopes = np.linspace(0, 12, 1_201)
    profile = [
        np.array(
            [
                np.nanmax(_objective(np.zeros(len(slopes)), slopes, t, np.array(v, float), 5))
                for t in levels
            ]
        )
        for v in k.values()
    ]
    step = levels[1] - levels[0]
    both = profile[0][:, None] + profile[1][None, :]
    apart = levels[None, :] - levels[:, None]
    inside = apart[2 * (both.max() - both) <= CHI]
    # The grid of levels errs by one step at each of two thresholds.
    assert found.low == pytest.approx(inside.min(), abs=2 * step)
    assert found.high == pytest.approx(inside.max(), abs=2 * step)
    assert found.low < found.estimate < found.high  # type: ignore[operator]


def test_exchanging_the_strata_changes_the_sign_of_their_difference() -> None:
    one = _shift({"a": [0, 1, 3, 4, 5, 5, 5, 5], "b": [0, 0, 0, 1, 3, 4, 5, 5]})
    other = _shift({"a": [0, 0, 0, 1, 3, 4, 5, 5], "b": [0, 1, 3, 4, 5, 5, 5, 5]})
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-4)


def test_a_stratum_that_always_fails_bounds_the_difference_from_below_only() -> None:
    found = _shift({"a": [0, 0, 2, 4, 5, 5, 5, 5], "b": [0] * 8})
    assert found.estimate is None
    assert found.high == math.inf
    # Known: above 1024; at most: the other's upper limit.
    assert found.low <= 10 - found.parts[1].high + 1e-9
    assert found.low > 0


def test_a_stratum_that_always_converges_bounds_the_difference_from_below_only() -> None:
    found = _shift({"a": [5] * 8, "b": [0, 0, 2, 4, 5, 5, 5, 5]})
    assert (found.estimate, found.high) == (None, math.inf)
    # Known: below 8; at least: the other's lower limit.
    assert found.low == pytest.approx(found.parts[0].low - 3, abs=1e-6)


@pytest.mark.parametrize("k", [[0] * 8, [5] * 8])
def test_two_strata_beyond_the_same_end_say_nothing_of_their_difference(k: list[int]) -> None:
    found = _shift({"a": k, "b": k})
    assert (found.estimate, found.low, found.high) == (None, -math.inf, math.inf)


def test_strata_without_a_line_are_refused_with_a_reason() -> None:
    table = _table({"a": [1, 2, 3, 4, 5, 5, 5, 5], "b": [3]})
    cells, needed = Cells.from_table(table), _needed(table)
    found = estimate_threshold(cells, needed, (Condition("kind", (1,)),), confidence=0.95)
    assert isinstance(found, Note)
    assert found.code == "too_few_levels"
    crashed = replace(table, label=np.where(table.codes[:, 0] == 1, 3, table.label))
    nothing = estimate_threshold(
        Cells.from_table(crashed), needed, (Condition("kind", (1,)),), confidence=0.95
    )
    assert isinstance(nothing, Note)
    assert nothing.code == "no_runs"


def test_fieller_stands_beside_where_it_lies_among_the_levels_run() -> None:
    found = _only([0, 5, 10, 18, 25, 30, 36, 40], n=40)
    (beside,) = found.finding().alternatives
    assert beside.method == "fieller_firth"
    # `test_logistic_against_r` compares the sets themselves, on the scale of the model.
    assert (beside.low, beside.high) == pytest.approx(np.exp2(found.limits.fieller.ends))


@pytest.mark.parametrize("probability", [0.0, 1.0, 50.0])
def test_impossible_probabilities_are_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        _only([0, 0, 1, 2, 3, 4, 5, 5], probability=probability)


def _near(left: float, right: float) -> None:
    """Equal where it matters: far outside the range the likelihood is flat."""
    if max(abs(left), abs(right)) < 30:
        assert left == pytest.approx(right, abs=1e-5)
    else:
        assert math.copysign(1, left) == math.copysign(1, right)
