"""A variance is lent within a unit and a scale, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import analyze
from vggstudy.analysis.data.borrowing import lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable

Values = dict[tuple[object, object], Sequence[float]]
FACTORS = ["env", "algo"]
LUNAR = {"ppo": [-40.0, 160, 20, 240, -90], "dqn": [-40.0, 170, 40, 270, -50]}


def table_of(values: Values, outcome: str = "ret") -> RunTable:
    rows = [
        (*levels, seed, value, "converged")
        for levels, cell in values.items()
        for seed, value in enumerate(cell)
    ]
    frame = pd.DataFrame(rows, columns=[*FACTORS, "seed", outcome, "label"])
    return RunTable.from_frame(frame, factors=FACTORS, outcome=outcome, seeding="independent")


def lent(values: Values, outcome: str = "ret") -> dict[tuple[str, ...], float]:
    cells = Cells.from_table(table_of(values, outcome))
    found = lent_variance(cells)
    names = [
        tuple(part.split("=")[1] for part in cells.name(c).split(", ")) for c in range(len(cells))
    ]
    return dict(zip(names, found.variance.tolist(), strict=True))


def test_a_game_at_its_ceiling_has_no_interval_from_another_game() -> None:
    values: Values = {("CartPole", a): [500.0] * 5 for a in LUNAR}
    values |= {("LunarLander", a): v for a, v in LUNAR.items()}
    claims = analyze(table_of(values), resamples=99).claims
    for name in ("env=CartPole", "algo=dqn,env=CartPole", "algo=ppo,env=CartPole"):
        claim = claims[f"ret.mean@{name}"]
        assert (claim.estimate, claim.low, claim.reason) == (500, None, "no_variance")
        assert "no cell of the same unit and scale" in str(claim.reason_text)
    assert claims["ret.mean@env=LunarLander"].low is not None


def test_a_flat_cell_borrows_from_its_own_game_where_games_differ_in_scale() -> None:
    values: Values = {("CartPole", "ppo"): [500.0] * 5, ("CartPole", "dqn"): [480.0, 500, 490, 470]}
    values |= {("LunarLander", a): v for a, v in LUNAR.items()}
    found = lent(values)
    assert found["CartPole", "ppo"] == pytest.approx(np.var([480, 500, 490, 470], ddof=1))


def test_cells_of_one_scale_lend_together() -> None:
    values: Values = {
        ("a", "x"): [0.8] * 4,
        ("a", "y"): [0.79, 0.8, 0.81, 0.82],
        ("b", "x"): [0.7, 0.72, 0.73],
        ("b", "y"): [0.7, 0.705, 0.72, 0.73, 0.71],
    }
    every = [np.asarray(cell) for cell in values.values()]
    pooled = sum(((v - v.mean()) ** 2).sum() for v in every) / sum(v.size - 1 for v in every)
    assert lent(values, "test_accuracy")["a", "x"] == pytest.approx(pooled)
    assert lent(values)["a", "x"] == pytest.approx(pooled)


def test_a_fraction_has_one_unit_at_every_level_and_a_return_has_not() -> None:
    values: Values = {("a", 1): [0.8] * 4, ("b", 1): [0.79, 0.8, 0.81, 0.82]}
    assert lent(values, "test_accuracy")["a", "1"] > 0
    assert np.isnan(lent(values)["a", "1"])
    numbers: Values = {(1, 1): [0.8] * 4, (2, 1): [0.79, 0.8, 0.81, 0.82]}
    assert lent(numbers)["1", "1"] > 0  # no unit changes along a number


def test_a_fraction_borrows_nothing_where_the_scales_of_levels_differ() -> None:
    values: Values = {
        ("a", 1): [0.8] * 4,
        ("b", 1): [0.5, 0.9, 0.7, 0.6],
        ("c", 1): [0.9, 0.901, 0.902, 0.9],
    }
    assert np.isnan(lent(values, "test_accuracy")["a", "1"])


def test_a_significant_difference_of_scales_counts_although_it_is_small() -> None:
    rng = np.random.default_rng(3)
    values: Values = {("a", 1): [0.0] * 4, ("a", 2): rng.normal(0, 1, 200).tolist()}
    values |= {("b", k): rng.normal(0, 2, 200).tolist() for k in (1, 2)}
    assert lent(values)["a", "1"] == pytest.approx(np.var(values["a", 2], ddof=1))


def test_a_cell_that_varies_keeps_its_own_variance() -> None:
    values: Values = {("a", 1): [1.0, 2.0, 4.0], ("a", 2): [100.0, 300.0], ("b", 1): [5.0] * 3}
    found = lent(values)
    assert found["a", "1"] == pytest.approx(np.var([1, 2, 4], ddof=1))
    assert found["a", "2"] == pytest.approx(20_000)


def test_the_reason_names_the_cells_that_have_no_variance() -> None:
    cells = Cells.from_table(table_of({("a", 1): [5.0] * 3, ("b", 1): [1.0, 2.0, 3.0]}))
    found = lent_variance(cells)
    note = no_lender(cells, np.arange(2), found)
    assert note is not None
    assert note.text.startswith("the runs of env=a, algo=1 have one value")
    assert no_lender(cells, np.array([1]), found) is None
