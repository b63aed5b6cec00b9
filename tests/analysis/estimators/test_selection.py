"""Lee's bounds by hand, at their edges and under simulated selection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast, Group
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.selection import (
    LeeBounds,
    imbens_manski,
    lee_bounds,
    needs_bounds,
)

TableMaker = Callable[..., RunTable]


def bounds_of(table: RunTable, **changes: int) -> LeeBounds | None:
    cells = Cells.from_table(table)
    groups = Contrast(("b",), ((0, 1),)).groups(cells)
    settings = {"resamples": 400, "seed": 1, **changes}
    return lee_bounds(
        cells,
        groups,
        confidence=0.95,
        claim_id="accuracy.diff.b",
        resamples=settings["resamples"],
        seed=settings["seed"],
    )


def groups_of(table: RunTable) -> tuple[Cells, list[Group]]:
    cells = Cells.from_table(table)
    return cells, Contrast(("b",), ((0, 1),)).groups(cells)


def test_bounds_by_hand(make_table: TableMaker) -> None:
    # Later level: 4 of 4 converged; earlier: 2 of 4, so half of the later level is trimmed.
    table = make_table({(0, 0): [0.5, 0.7, None, None], (0, 1): [0.6, 0.7, 0.8, 0.9]})
    found = bounds_of(table)
    assert found is not None
    assert found.low == pytest.approx((0.6 + 0.7) / 2 - 0.6)
    assert found.high == pytest.approx((0.8 + 0.9) / 2 - 0.6)
    assert found.trimmed_share == pytest.approx(0.5)
    assert found.interval_low < found.low < found.high < found.interval_high


def test_a_run_on_the_edge_enters_with_part_of_its_weight(make_table: TableMaker) -> None:
    # 2 of 3 against 3 of 3: keep 2 of 3 runs of the later level; of 4 of 4: 2 2/3 runs.
    table = make_table({(0, 0): [0.5, 0.5001, None], (0, 1): [0.6, 0.7, 0.8, 0.9]})
    found = bounds_of(table)
    assert found is not None
    kept = 8 / 3
    low = (0.6 + 0.7 + 0.8 * 2 / 3) / kept
    high = (0.9 + 0.8 + 0.7 * 2 / 3) / kept
    assert found.low == pytest.approx(low - 0.50005)
    assert found.high == pytest.approx(high - 0.50005)


def test_without_selection_the_bounds_are_the_difference(make_table: TableMaker) -> None:
    table = make_table({(0, 0): [0.5, 0.6, 0.7], (0, 1): [0.6, 0.7, 0.9]})
    found = bounds_of(table)
    assert found is not None
    assert found.low == pytest.approx(found.high)
    assert found.low == pytest.approx(np.mean([0.6, 0.7, 0.9]) - 0.6)
    cells, groups = groups_of(table)
    assert not needs_bounds(cells, groups)


def test_bounds_are_asked_for_where_convergence_differs(make_table: TableMaker) -> None:
    nine = [0.5 + i / 100 for i in range(9)]
    full = [*nine, 0.6]
    one_lost = make_table({(0, 0): [*nine, None], (0, 1): full})
    assert needs_bounds(*groups_of(one_lost))
    half: list[float | None] = [*nine[:5], *[None] * 5]
    alike = make_table({(0, 0): half, (0, 1): half})
    assert not needs_bounds(*groups_of(alike))
    many = [0.5 + i / 1000 for i in range(100)]
    hardly = make_table({(0, 0): [*many, None], (0, 1): [*many, 0.6]})
    assert not needs_bounds(*groups_of(hardly))


def test_a_cell_without_survivors_has_no_bounds(make_table: TableMaker) -> None:
    assert bounds_of(make_table({(0, 0): [None, None], (0, 1): [0.6, 0.7]})) is None


def test_the_direction_of_trimming_follows_the_shares(make_table: TableMaker) -> None:
    one = make_table({(0, 0): [0.5, 0.7, None, None], (0, 1): [0.6, 0.7, 0.8, 0.9]})
    other = make_table({(0, 1): [0.5, 0.7, None, None], (0, 0): [0.6, 0.7, 0.8, 0.9]})
    first, second = bounds_of(one), bounds_of(other)
    assert first is not None
    assert second is not None
    assert (second.low, second.high) == pytest.approx((-first.high, -first.low))


def test_the_critical_value_lies_between_one_and_two_sided() -> None:
    assert imbens_manski(0.0, 1.0, 0.95) == pytest.approx(stats.norm.ppf(0.975), abs=1e-9)
    assert imbens_manski(100.0, 1.0, 0.95) == pytest.approx(stats.norm.ppf(0.95), abs=1e-9)
    assert imbens_manski(1.0, 0.0, 0.95) == 0.0


@pytest.mark.coverage
@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize(("n", "least"), [(10, 0.55), (20, 0.8), (40, 0.95)])
def test_bounds_are_shown_where_selection_biases(
    n: int, least: float, *, replaced: bool, simulated: Callable[..., None]
) -> None:
    """All runs of the one arm converge, the better nine tenths of the other's.

    Until convergence is seen to differ, with probability 0.9^n that it is not, there is nothing to
    show. Bounds were shown before where fewer than nine in ten runs of an arm had converged.
    """
    rng, studies, shown = np.random.default_rng(9), 2_000, 0
    cut = float(stats.norm.ppf(0.1))
    for _ in range(studies):
        latent = rng.standard_normal(2 * n)
        learned = (latent > cut) | (np.arange(2 * n) >= n)
        cells, groups = groups_of(
            RunTable(
                factors=("a", "b"),
                levels={"a": (0,), "b": (0, 1)},
                codes=np.stack([np.zeros(2 * n, int), np.arange(2 * n) // n], axis=1),
                replicate=tuple(str(i % n) for i in range(2 * n)),
                label=np.where(learned, 0, 1),
                value=np.where(learned, 0.8 + 0.01 * latent, 0.1),
                outcome="test_accuracy",
                chance=0.1,
                label_rule="simulated",
            )
        )
        shares = [float(cells.k[g.cells].sum() / cells.n[g.cells].sum()) for g in groups]
        shown += min(shares) < 0.9 if replaced else needs_bounds(cells, groups)
    name = f"{'replaced: ' if replaced else ''}1 against 0.9 converge, n={n}"
    least = 0.2 if replaced else least
    simulated("Lee's bounds shown", name, shown / studies, studies, least=least, nominal=least)


@pytest.mark.coverage
def test_the_interval_covers_the_difference_of_always_converging_runs(
    simulated: Callable[..., None],
) -> None:
    """Runs converge by a latent quality; under the later level half of the failures are saved."""
    rng = np.random.default_rng(8)
    runs, hits, n = 1_000, 0, 40
    for _ in range(runs):
        latent = rng.standard_normal((2, n))
        value = 0.8 + 0.01 * latent + np.array([[0.0], [0.02]])
        learned = latent > np.array([[-0.5], [-1.5]])
        frame = {
            (0, level): [
                float(v) if ok else None for v, ok in zip(value[level], learned[level], strict=True)
            ]
            for level in (0, 1)
        }
        found = bounds_of(_table(frame), resamples=200)
        assert found is not None
        hits += found.interval_low <= 0.02 <= found.interval_high
    simulated("difference among survivors: Lee's bounds", "n=40", hits / runs, runs, least=0.95)


def _table(cells: dict[tuple[int, int], list[float | None]]) -> RunTable:
    import pandas as pd

    rows = [
        {
            "a": a,
            "b": b,
            "seed": i,
            "label": "failed_to_learn" if v is None else "converged",
            "test_accuracy": 0.1 if v is None else v,
        }
        for (a, b), values in cells.items()
        for i, v in enumerate(values)
    ]
    return RunTable.from_frame(pd.DataFrame(rows), factors=("a", "b"))


def test_the_interval_s_errors_are_those_of_sorting_every_resample(make_table: TableMaker) -> None:
    earlier, later = (
        [0.5, 0.6, 0.72, 0.75, None, None, None, None],
        [0.6, 0.61, 0.7, 0.8, 0.9, None],
    )
    found = bounds_of(make_table({(0, 0): earlier, (0, 1): later}), resamples=40_000)
    assert found is not None
    rng = np.random.default_rng(4)
    drawn = [
        _trimmed_difference(
            [x[i] for i in rng.integers(0, 6, 6)], [y[i] for i in rng.integers(0, 8, 8)]
        )
        for x, y in [(later, earlier)] * 6_000
    ]
    low, high = np.array([pair for pair in drawn if pair is not None]).std(axis=0, ddof=1)
    critical = imbens_manski(found.high - found.low, max(low, high), 0.95)
    # The loop's standard errors have a Monte Carlo error of 1%.
    assert found.low - found.interval_low == pytest.approx(critical * low, rel=0.04)
    assert found.interval_high - found.high == pytest.approx(critical * high, rel=0.04)


def _trimmed_difference(
    first: list[float | None], second: list[float | None]
) -> tuple[float, float] | None:
    """Lee's bounds by repeating every value as often as makes the kept number whole."""
    known = [sorted(x for x in group if x is not None) for group in (first, second)]
    shares = [len(x) / len(group) for x, group in zip(known, (first, second), strict=True)]
    if not min(shares):
        return None
    ends = []
    for values, share in zip(known, shares, strict=True):
        kept = len(values) * min(shares) / share
        often = np.repeat(values, 2_520)
        count = round(kept * 2_520)
        ends.append((often[:count].mean(), often[-count:].mean()))
    return ends[0][0] - ends[1][1], ends[0][1] - ends[1][0]
