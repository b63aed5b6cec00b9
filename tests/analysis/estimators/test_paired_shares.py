from __future__ import annotations

import numpy as np
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.converged import estimate_converged
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.numbers.proportions import clopper_pearson, mover_sum
from vggstudy.analysis.numbers.student import student_t

DIFFERENCE = Contrast(("a",), ((0, 1),))


def table(learned: list[list[int | None]], shape: tuple[int, int]) -> RunTable:
    """Rows are cells, columns seeds; None where there was no run."""
    rows = [(c, g, x) for c, row in enumerate(learned) for g, x in enumerate(row) if x is not None]
    cell = np.array([row[0] for row in rows])
    label = np.array([1 - row[2] for row in rows])
    return RunTable(
        factors=("a", "b"),
        levels={"a": tuple(range(shape[0])), "b": tuple(range(shape[1]))},
        codes=np.stack(np.unravel_index(cell, shape), axis=1),
        replicate=tuple(str(row[1]) for row in rows),
        label=label,
        value=np.where(label == 0, 0.9, 0.1),
        outcome="test_accuracy",
        chance=0.1,
        label_rule="made",
    )


def shared(runs: RunTable, contrast: Contrast = DIFFERENCE) -> Finding:
    cells = Cells.from_table(runs)
    return estimate_converged(cells, contrast.groups(cells), confidence=0.95, shared_seeds=True)


OPPOSITE: list[list[int | None]] = [
    [1, 0, 1, 0, 1],
    [1, 0, 1, 0, 0],
    [0, 1, 0, 1, 1],
    [0, 1, 1, 1, 0],
]


def test_a_difference_has_students_interval_over_seeds() -> None:
    found = shared(table(OPPOSITE, (2, 2)))
    by_seed = np.array([-1.0, 1.0, -0.5, 1.0, 0.0])
    expected = student_t(by_seed, confidence=0.95)
    assert found.estimate == pytest.approx(by_seed.mean())
    assert found.interval is not None
    assert found.interval.low == pytest.approx(max(expected.low, -1))
    assert found.interval.high == pytest.approx(min(expected.high, 1))
    assert (found.interval.method, found.interval.df) == ("paired_seeds", 4)


def test_seeds_that_agree_leave_the_interval_of_pairs() -> None:
    """One of ten pairs differs in the one direction, none in the other."""
    found = shared(table([[1] * 5, [1] * 5, [1] * 5, [1] * 5], (2, 2))).interval
    none = clopper_pearson(0, 10, confidence=0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-none.high, none.high))
    runs: list[list[int | None]] = [[1, 1, 1, 1, 0], [1] * 5, [1] * 5, [1] * 5]
    one = shared(table(runs, (2, 2))).interval
    parts = [clopper_pearson(k, 10, confidence=0.95) for k in (1, 0)]
    pairs = mover_sum(parts, [1, -1], method="")
    over = student_t(np.array([0, 0, 0, 0, 0.5]), confidence=0.95)
    assert one is not None
    assert one.low == pytest.approx(min(pairs.low, over.low))
    assert one.high == pytest.approx(max(pairs.high, over.high))


def test_seeds_that_move_both_arms_alike_narrow_the_interval() -> None:
    alike: list[list[int | None]] = [[1, 0, 1, 0, 1, 0, 1, 0]] * 4
    runs = table(alike, (2, 2))
    cells = Cells.from_table(runs)
    apart = estimate_converged(cells, DIFFERENCE.groups(cells), confidence=0.95).interval
    found = shared(runs).interval
    assert apart is not None
    assert found is not None
    assert found.high - found.low < 0.6 * (apart.high - apart.low)


def test_a_difference_in_differences_is_of_seeds_too() -> None:
    found = shared(table(OPPOSITE, (2, 2)), Contrast(("a", "b"), ((0, 1), (0, 1))))
    values = np.array([[x or 0 for x in row] for row in OPPOSITE], dtype=float)
    by_seed = values[3] - values[1] - values[2] + values[0]
    expected = student_t(by_seed, confidence=0.95)
    assert found.estimate == pytest.approx(by_seed.mean())
    assert found.interval is not None
    assert found.interval.low <= expected.low
    assert found.interval.high >= expected.high


def test_seeds_that_did_not_run_everywhere_are_left_out_and_named() -> None:
    runs = [list(row) for row in OPPOSITE]
    runs[0][1] = None
    found = shared(table(runs, (2, 2)))
    assert found.estimate == pytest.approx(np.mean([-1.0, -0.5, 1.0, 0.0]))
    assert "1 of 5 seeds did not run in every cell and are left out" in [
        note.text for note in found.cautions
    ]
    assert "unbalanced" not in [note.code for note in found.cautions]
    runs[1][2] = runs[2][3] = None
    few = shared(table(runs, (2, 2))).interval
    assert few is not None
    assert few.method != "paired_seeds"  # two seeds are left: the arms count as independent
