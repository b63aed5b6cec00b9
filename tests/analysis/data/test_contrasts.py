"""Which cells are compared, and what the claims are called."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import (
    Condition,
    Contrast,
    all_pairs,
    differences,
    headline_pairs,
    interactions,
    marginal_means,
)
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.subgrid import complete_part, largest_complete
from vggstudy.analysis.data.table import RunTable

SEEDS = range(3)


def _table(**levels: Sequence[object]) -> RunTable:
    names = list(levels)
    rows = [(*cell, seed, 0.8) for cell in itertools.product(*levels.values()) for seed in SEEDS]
    frame = pd.DataFrame(rows, columns=[*names, "seed", "test_accuracy"]).assign(label="converged")
    return RunTable.from_frame(frame, factors=names)


def _id(outcome: str, contrast: Contrast, table: RunTable) -> str:
    return Estimand.of(outcome, contrast, table).id


@pytest.fixture
def mixed() -> RunTable:
    """A factor of each kind."""
    return _table(
        batch_norm=[False, True], lr=[1e-4, 0.001, 0.1], optimizer=["sgd", "adam", "adamw"]
    )


def test_ids_follow_the_grammar(mixed: RunTable) -> None:
    at = (Condition("batch_norm", (1,)), Condition("lr", (0,)))
    names = {
        _id("converged", Contrast(), mixed): "converged.p",
        _id("converged", Contrast(conditions=at), mixed): ("converged.p@batch_norm=true,lr=0.0001"),
        _id("test_accuracy", Contrast(), mixed): "accuracy.mean",
        _id("val_loss", Contrast(), mixed): "val_loss.mean",
        _id("expected", Contrast(("batch_norm",), ((0, 1),)), mixed): ("expected.diff.batch_norm"),
        _id("test_accuracy", Contrast(("lr",), ((0, 2),)), mixed): "accuracy.diff.lr",
        _id("test_accuracy", Contrast(("lr",), ((1, 2),), at[:1]), mixed): (
            "accuracy.diff.lr@batch_norm=true,lr=0.001..0.1"
        ),
        _id("test_accuracy", Contrast(("optimizer",), ((0, 2),)), mixed): (
            "accuracy.diff.optimizer@optimizer=sgd..adamw"
        ),
        _id("converged", Contrast(("batch_norm", "lr"), ((0, 1), (0, 2))), mixed): (
            "converged.did.batch_norm*lr"
        ),
        _id(
            "test_accuracy", Contrast(conditions=(Condition("lr", (0, 2)),)), mixed
        ): "accuracy.mean@lr=0.0001+0.1",
    }
    assert all(found == expected for found, expected in names.items())


def test_ids_keep_hostile_names_apart() -> None:
    table = _table(**{"a,b=1": ("x..y", "x+y"), "c.d": (1, 2)})
    contrast = Contrast(("c.d",), ((0, 1),), (Condition("a,b=1", (0,)),))
    assert _id("my.acc", contrast, table) == "my%2Eacc.diff.c.d@a%2Cb%3D1=x%2E%2Ey"
    assert _id("my.acc", Contrast(conditions=(Condition("a,b=1", (1,)),)), table).endswith(
        "@a%2Cb%3D1=x%2By"
    )


def test_the_estimand_says_what_is_compared_and_averaged(mixed: RunTable) -> None:
    contrast = Contrast(("lr",), ((1, 2),), (Condition("batch_norm", (1,)),))
    assert Estimand.of("test_accuracy", contrast, mixed).words == (
        "difference in mean test_accuracy among converged runs, lr 0.1 minus 0.001, "
        "at batch_norm = true, averaged over optimizer with equal weights"
    )


def test_numeric_factors_compare_ends_and_neighbours_and_others_every_pair(mixed: RunTable) -> None:
    assert headline_pairs(mixed, "lr") == [(0, 2)]
    assert all_pairs(mixed, "lr") == [(0, 2), (0, 1), (1, 2)]
    assert all_pairs(mixed, "optimizer") == [(0, 1), (0, 2), (1, 2)]
    assert all_pairs(mixed, "batch_norm") == [(0, 1)]


def test_a_factor_with_one_level_has_no_difference() -> None:
    table = _table(depth=[11], lr=[1, 2])
    assert [contrast.factors for contrast in differences(table)] == [("lr",), ("lr",)]
    assert list(interactions(table)) == []


@pytest.mark.parametrize("outcome", ["converged", "test_accuracy"])
def test_ids_are_unique(mixed: RunTable, outcome: str) -> None:
    made = [*marginal_means(mixed), *differences(mixed), *interactions(mixed)]
    names = [_id(outcome, contrast, mixed) for contrast in made]
    # Differences: each pair alone, at each level of one other factor, and in each matched cell.
    means = 3 * 4 * 4
    batch_norm, lr, optimizer = 1 + 6 + 9, 3 + 5 + 6, 3 + 3 * (5 + 6)
    interactions_of_pairs = 1 + 3 + 3
    assert len(names) == len(set(names))
    assert len(names) == means + batch_norm + lr + optimizer + interactions_of_pairs


def test_every_margin_and_every_cell_has_a_mean(mixed: RunTable) -> None:
    found = {contrast.conditions for contrast in marginal_means(mixed)}
    assert len(found) == 3 * 4 * 4  # levels or averaged, for each factor
    assert sum(len(conditions) == 3 for conditions in found) == len(Cells.from_table(mixed))


def test_groups_are_signed_and_disjoint_and_weigh_cells_equally(mixed: RunTable) -> None:
    cells = Cells.from_table(mixed)
    for contrast in [*differences(mixed), *interactions(mixed)]:
        groups = contrast.groups(cells)
        used = np.concatenate([group.cells for group in groups])
        weights = np.concatenate([group.sign * group.weights for group in groups])
        assert len(set(used.tolist())) == used.size
        assert weights.sum() == pytest.approx(0, abs=1e-12)
        assert groups[0].sign == 1


def test_a_difference_is_the_later_level_minus_the_earlier(mixed: RunTable) -> None:
    cells = Cells.from_table(mixed)
    later, earlier = Contrast(("lr",), ((0, 2),)).groups(cells)
    assert (later.sign, earlier.sign) == (1, -1)
    assert set(cells.codes[later.cells][:, 1]) == {2}
    assert set(cells.codes[earlier.cells][:, 1]) == {0}


def test_a_difference_in_differences_has_the_signs_of_a_product(mixed: RunTable) -> None:
    cells = Cells.from_table(mixed)
    contrast = Contrast(("batch_norm", "lr"), ((0, 1), (0, 2)))
    signs = {
        tuple(cells.codes[group.cells[0]][:2].tolist()): group.sign
        for group in contrast.groups(cells)
    }
    assert signs == {(1, 2): 1, (0, 0): 1, (1, 0): -1, (0, 2): -1}


def test_very_large_grids_keep_cells_and_small_margins() -> None:
    table = _table(**dict.fromkeys("abcdefg", (0, 1, 2)))
    orders = {len(contrast.conditions) for contrast in marginal_means(table)}
    assert orders == {0, 1, 2, 7}


def _brute_force(usable: np.ndarray) -> int:
    best = 0
    axes = [
        [c for r in range(1, size + 1) for c in itertools.combinations(range(size), r)]
        for size in usable.shape
    ]
    for levels in itertools.product(*axes):
        part = usable[np.ix_(*levels)]
        if part.all():
            best = max(best, part.size)
    return best


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)).flatmap(
        lambda shape: arrays(bool, shape)
    )
)
def test_the_largest_complete_part_is_the_largest(usable: np.ndarray) -> None:
    found = largest_complete(usable)
    if found is None:
        assert not usable.any()
        return
    part = usable[np.ix_(*found)]
    assert part.all()
    assert part.size == _brute_force(usable)


def test_a_complete_part_never_gives_up_the_levels_compared(
    make_table: Callable[..., RunTable],
) -> None:
    good = [0.8, 0.81, 0.82]
    cells = Cells.from_table(
        make_table({(0, 0): good, (1, 0): [None] * 3, (0, 1): good, (1, 1): good, (1, 2): good})
    )
    part = complete_part(Contrast(("a",), ((0, 1),)), cells, cells.k >= 2)
    assert part == Contrast(("a",), ((0, 1),), (Condition("b", (1,)),))
    assert complete_part(Contrast(("b",), ((0, 2),)), cells, cells.k >= 2) is None
