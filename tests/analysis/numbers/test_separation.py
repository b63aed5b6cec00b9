from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import Binomial, fit_logistic
from vggstudy.analysis.numbers.separation import find_separation

X_LINE = np.column_stack([np.ones(6), np.arange(6.0)])
TWO = np.full(6, 2.0)


def _found(k: list[float]) -> tuple[bool, bool, list[bool], list[int]]:
    found = find_separation(X_LINE, np.array(k), TWO)
    return found.separated, found.complete, found.infinite.tolist(), found.sign.tolist()


def test_an_overlap_is_no_separation() -> None:
    found = find_separation(X_LINE, np.array([0.0, 1, 0, 2, 1, 2]), TWO)
    assert not found.separated
    assert not found.infinite.any()
    assert not found.rows.any()
    assert "all maximum likelihood estimates are finite" in found.describe(("a", "b")).text


def test_a_step_separates_completely() -> None:
    # a + b x changes sign between 2 and 3: a falls and b rises without end.
    assert _found([0, 0, 0, 2, 2, 2]) == (True, True, [True, True], [-1, 1])


def test_a_step_through_a_mixed_cell_separates_quasi_completely() -> None:
    assert _found([0, 0, 1, 2, 2, 2]) == (True, False, [True, True], [-1, 1])


def test_data_without_a_failure_are_separated_by_the_intercept() -> None:
    found = find_separation(X_LINE, TWO, TWO)
    assert found.complete
    # The slope can go either way, or stay.
    assert found.sign.tolist() == [1, 0]
    assert found.describe(("a", "b")).text == (
        "complete separation: no finite maximum likelihood estimate of a (to +infinity), b"
    )


def test_a_group_without_failures_leaves_the_other_coefficients_finite() -> None:
    x, group = np.tile(np.arange(4.0), 2), np.repeat([0.0, 1.0], 4)
    design = np.column_stack([np.ones(8), x, group])
    k = np.array([0.0, 1, 1, 2, 2, 2, 2, 2])
    found = find_separation(design, k, np.full(8, 2.0))
    assert found.infinite.tolist() == [False, False, True]
    assert found.rows.tolist() == [False] * 4 + [True] * 4
    assert found.direction == pytest.approx([0, 0, 1], abs=1e-9)


def test_scaling_a_column_changes_no_answer() -> None:
    k = np.array([0.0, 0, 1, 2, 2, 2])
    for scale in (1e-6, 1.0, 1e6):
        found = find_separation(X_LINE * [1.0, scale], k, TWO)
        assert (found.infinite.tolist(), found.sign.tolist()) == ([True, True], [-1, 1])


def _line_separates(k: FloatArray) -> bool:
    """By looking at every threshold and both directions; 0/0 cells cannot occur."""
    for cut, rising in itertools.product(np.arange(-0.5, 6), (True, False)):
        for at in (cut, cut + 0.5):
            side = np.sign(X_LINE[:, 1] - at) * (1 if rising else -1)
            wrong = ((side > 0) & (k < 2)) | ((side < 0) & (k > 0))
            if not wrong.any() and side.any():
                return True
    return False


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=6, max_size=6))
def test_separation_on_a_line_is_what_thresholds_show(k: list[float]) -> None:
    counts = np.array(k)
    assert find_separation(X_LINE, counts, TWO).separated == _line_separates(counts)


@given(st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_maximum_likelihood_converges_exactly_without_separation(k: list[int]) -> None:
    counts = np.array(k, dtype=float)
    fit = fit_logistic(Binomial(X_LINE, TWO, penalised=False), counts)
    if not find_separation(X_LINE, counts, TWO).separated:
        assert fit.converged
        assert fit.se.max() < 50
    elif fit.converged:  # the likelihood is flat to rounding, far out
        assert fit.se.max() > 50
