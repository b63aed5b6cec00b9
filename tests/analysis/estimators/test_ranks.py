"""Ranks and their intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.ranking import Ranking, rank_models

TableMaker = Callable[..., RunTable]
MODELS = ("depth", "data_norm", "batch_norm")


def rank(table: RunTable, factors: tuple[str, ...], outcome: str = "expected") -> Ranking:
    return rank_models(Cells.from_table(table), factors, outcome=outcome, confidence=0.95, seed=1)


@pytest.mark.parametrize("outcome", ["expected", "accuracy"])
def test_clearly_different_models_have_one_rank_each(outcome: str, make_table: TableMaker) -> None:
    rng = np.random.default_rng(1)
    table = make_table(
        {
            (a, b): list(m + 0.001 * rng.random(8))
            for a, m in ((0, 0.2), (1, 0.9), (2, 0.5))
            for b in (0, 1)
        }
    )
    found = rank(table, ("a",), outcome)
    assert found.reason is None
    assert [found.models[i].name for i in found.order] == ["a=1", "a=2", "a=0"]
    if outcome == "accuracy":  # `expected` allows for failures that 16 of 16 runs did not show
        assert found.rank_low == found.rank_high == (3, 1, 2)
    assert found.comparison(0, 1).estimate == pytest.approx(0.7, abs=0.01)
    assert found.comparison(1, 0).high == -found.comparison(0, 1).low


@pytest.mark.parametrize("outcome", ["expected", "accuracy"])
def test_models_that_cannot_be_told_apart_share_all_ranks(
    outcome: str, make_table: TableMaker
) -> None:
    values = [0.5, 0.6, 0.7, 0.8]
    found = rank(make_table({(a, 0): values for a in range(4)}), ("a",), outcome)
    assert found.rank_low == (1, 1, 1, 1)
    assert found.rank_high == (4, 4, 4, 4)


def test_models_of_main_are_ranked_as_the_truth_is(ledger: Callable[[str], RunTable]) -> None:
    found = rank(ledger("main"), MODELS)
    names = [found.models[i].name for i in found.order]
    assert names[0].startswith("batch_norm=1")
    assert names[-1] == "batch_norm=0, data_norm=0, depth=19"
    for i, model in enumerate(found.models):
        assert found.rank_low[i] <= names.index(model.name) + 1 <= found.rank_high[i]


def test_simultaneous_pairs_are_wider_than_single_ones(
    ledger: Callable[[str], RunTable], analysed: Callable[..., object]
) -> None:
    table = ledger("main")
    found = rank(table, ("batch_norm", "depth"))
    single = rank(table, ("batch_norm",))
    assert found.comparisons[0].interval.method == "max_t_mover"
    pair = found.comparison(0, 1)
    assert pair.mc_error_low is not None
    assert len(single.comparisons) == 1


def test_a_model_without_runs_is_named_in_the_refusal(make_table: TableMaker) -> None:
    table = make_table(
        {(0, 0): [0.5, 0.6], (0, 1): [0.6, 0.7], (1, 0): [None, None], (1, 1): [0.8, 0.9]}
    )
    refused = rank(table, ("a",), "accuracy")
    assert refused.reason is not None
    assert "a=1, b=0" in refused.reason.text
    assert rank(table, ("a",)).reason is None


def test_one_model_is_no_ranking(make_table: TableMaker) -> None:
    refused = rank(make_table({(0, 0): [0.5, 0.6]}), ("a",))
    assert refused.reason is not None
    assert "compares 2 to 200" in refused.reason.text


@pytest.mark.coverage
def test_rank_intervals_hold_the_true_ranks_together(simulated: Callable[..., None]) -> None:
    rng = np.random.default_rng(9)
    runs, hits = 600, 0
    means, shares = [0.5, 0.6, 0.62, 0.8], [0.4, 0.9, 0.9, 1.0]
    truth = np.array([s * m + (1 - s) * 0.1 for m, s in zip(means, shares, strict=True)])
    true_rank = (-truth).argsort().argsort() + 1
    for _ in range(runs):
        rows = []
        for a, (mean, share) in enumerate(zip(means, shares, strict=True)):
            for seed in range(30):
                learned = rng.random() < share
                value = mean + 0.02 * rng.standard_normal() if learned else 0.1
                rows.append((a, seed, "converged" if learned else "failed_to_learn", value))
        frame = pd.DataFrame(rows, columns=["a", "seed", "label", "test_accuracy"])
        found = rank(RunTable.from_frame(frame, factors=("a",)), ("a",))
        low, high = np.array(found.rank_low), np.array(found.rank_high)
        hits += bool(((low <= true_rank) & (true_rank <= high)).all())
    simulated("simultaneous intervals", "ranks of four models", hits / runs, runs, least=0.95)
