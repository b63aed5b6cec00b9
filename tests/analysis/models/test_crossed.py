"""Crossed seeds: components of variance against statsmodels and by hand, and what enters claims."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from vggstudy.analysis import RunTable, analyze
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.crossed import Crossed, crossed_components
from vggstudy.analysis.numbers.variance_intervals import (
    MeanSquare,
    component_interval,
    variance_interval,
)
from vggstudy.identity import crossed_pair, run_seeds

SIDE = 4


def _values(cells: int, side: int = SIDE, seed: int = 3) -> np.ndarray:
    """Tables with variance 4 between rows, 1 between columns and 0.25 of the rest, times 1e-4."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 0.02, (cells, side, 1)), rng.normal(0, 0.01, (cells, 1, side))
    return 0.8 + a + b + rng.normal(0, 0.005, (cells, side, side))


def _frame(values: np.ndarray) -> pd.DataFrame:
    """Runs as a study with crossed seeding lists them."""
    rows = []
    for cell, replicate in itertools.product(range(len(values)), range(values[0].size)):
        first, second = crossed_pair(replicate)
        rows.append((cell, replicate, first, second, "converged", values[cell, first, second]))
    names = ["depth", "replicate", "init_seed", "data_seed", "outcome", "test_accuracy"]
    return pd.DataFrame(rows, columns=names)


def _table(frame: pd.DataFrame) -> RunTable:
    return RunTable.from_frame(frame, factors=["depth"])


def test_mean_squares_equal_those_of_statsmodels() -> None:
    values = _values(1)
    found = crossed_components(values, confidence=0.95)
    assert isinstance(found, Crossed)
    table = anova_lm(ols("test_accuracy ~ C(init_seed) + C(data_seed)", _frame(values)).fit())
    for square, name in (
        (found.ms_first, "C(init_seed)"),
        (found.ms_second, "C(data_seed)"),
        (found.ms_residual, "Residual"),
    ):
        assert square.value == pytest.approx(table.loc[name, "mean_sq"], rel=1e-9)
        assert square.df == table.loc[name, "df"]
    assert found.p_first == pytest.approx(table.loc["C(init_seed)", "PR(>F)"], rel=1e-8)


def test_components_by_hand() -> None:
    # Rows differ by 2, columns by 1, and one residual contrast of 1/2 either way.
    table = np.array([[[0.5, 1.0], [2.0, 3.5]]])
    found = crossed_components(table, confidence=0.9)
    assert isinstance(found, Crossed)
    # Row means 0.75 and 2.75, column means 1.25 and 2.25, grand mean 1.75; residuals 1/4 each.
    assert (found.ms_first.value, found.ms_second.value) == pytest.approx((4.0, 1.0))
    assert found.ms_residual.value == pytest.approx(0.25)
    assert found.first.estimate == pytest.approx((4 - 0.25) / 2)
    assert found.second.estimate == pytest.approx((1 - 0.25) / 2)
    assert found.residual.low == pytest.approx(0.25 / stats.chi2.ppf(0.95, 1))


def test_limits_of_a_component_cross_zero_where_the_f_test_does() -> None:
    for large, small in ((4, 12), (9, 30), (2, 4)):
        for tail, end in ((0.975, "low"), (0.025, "high")):
            f = float(stats.f.ppf(tail, large, small))
            found = component_interval(
                MeanSquare(f, large), MeanSquare(1.0, small), 3.0, confidence=0.95
            )
            assert getattr(found, end) == pytest.approx(0, abs=1e-12)


def test_limits_of_a_component_hold_the_truth() -> None:
    rng, hits, studies = np.random.default_rng(7), 0, 2_000
    for _ in range(studies):
        large = MeanSquare(3 * rng.chisquare(4) / 4, 4)
        small = MeanSquare(rng.chisquare(16) / 16, 16)
        found = component_interval(large, small, 1.0, confidence=0.95)
        hits += found.low <= 2 <= found.high
    # Three Monte Carlo errors: 1.5 points.
    assert hits / studies == pytest.approx(0.95, abs=0.015)


def test_a_mean_square_s_interval_is_chi_squared() -> None:
    found = variance_interval(MeanSquare(2.0, 10), confidence=0.95)
    ends = tuple(20 / float(stats.chi2.ppf(p, 10)) for p in (0.975, 0.025))
    assert (found.low, found.high) == pytest.approx(ends, rel=1e-9)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((0, 3, 3)), "too_few_runs"),
        (np.ones((2, 1, 3)), "too_few_runs"),
        (np.add.outer(np.arange(3.0), np.arange(3.0))[None], "no_variance"),
    ],
)
def test_what_cannot_be_told_apart_is_a_reason(values: np.ndarray, reason: str) -> None:
    found = crossed_components(values, confidence=0.95)
    assert isinstance(found, Note)
    assert found.code == reason


def test_every_initialisation_meets_every_data_seed_and_more_replicates_only_add() -> None:
    for side in range(1, 9):
        pairs = {crossed_pair(r) for r in range(side * side)}
        assert pairs == set(itertools.product(range(side), range(side)))


def test_crossed_seeds_are_those_of_two_independent_replicates() -> None:
    named: dict[str, Any] = {"study_seed": 7}
    alone = [run_seeds("cell", replicate=i, **named) for i in range(4)]
    for replicate in range(16):
        first, second = crossed_pair(replicate)
        found = run_seeds("cell", replicate=replicate, seeding="crossed", **named)
        assert found.init == alone[first].init
        for name in ("order", "augmentation", "dropout", "split"):
            assert getattr(found, name) == getattr(alone[second], name)


def test_runs_that_share_no_seed_enter_the_estimates_and_all_the_components() -> None:
    values = _values(2)
    table = _table(_frame(values))
    result = analyze(table, resamples=99)
    claim = result.claims["accuracy.mean@depth=1"]
    assert (claim.n, claim.k) == (SIDE, SIDE)
    assert claim.estimate == pytest.approx(float(np.diag(values[1]).mean()))
    assert "8 of 32 runs, no two of a cell with a common seed" in result.warnings[0].text
    assert result.flow.planned == 32
    assert result.models is not None
    streams = result.models.components.streams
    expected = crossed_components(values, confidence=0.95)
    assert isinstance(streams, Crossed)
    assert isinstance(expected, Crossed)
    assert streams.first.estimate == pytest.approx(expected.first.estimate, rel=1e-12)
    names = [name for name, _ in result.models.components.intervals()]
    assert names[-3:] == [
        "between initialisations",
        "between orders of the data",
        "between runs beyond both",
    ]


def test_a_cell_with_a_failed_run_is_left_out_of_the_components() -> None:
    frame = _frame(_values(2))
    frame.loc[5, "outcome"] = "failed_to_learn"
    models = analyze(_table(frame), resamples=99).models
    assert models is not None
    assert isinstance(models.components.streams, Crossed)
    assert models.components.streams.n_cells == 1
    frame.loc[20, "outcome"] = "failed_to_learn"
    models = analyze(_table(frame), resamples=99).models
    assert models is not None
    assert isinstance(models.components.streams, Note)
    assert models.components.streams.code == "missing_cells"


def test_seeds_of_their_own_change_nothing() -> None:
    frame = _frame(_values(2)).drop(columns=["init_seed", "data_seed"])
    own = frame.assign(init_seed=range(len(frame)), data_seed=range(len(frame)))
    with_seeds, without = _table(own), _table(frame)
    assert len(with_seeds.independent()) == len(without.independent()) == len(frame)
    first = analyze(with_seeds, resamples=99).claims["accuracy.mean"]
    second = analyze(without, resamples=99).claims["accuracy.mean"]
    assert (first.low, first.high) == (second.low, second.high)
