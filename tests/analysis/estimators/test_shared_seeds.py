"""Runs that share seeds across cells: the seeds are the blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vggstudy as vs
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Contrast
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.seed_clusters import clustered_spread
from vggstudy.analysis.estimators.seeds import (
    estimate_shared,
    replicates,
    seed_contrasts,
    signed_weights,
)
from vggstudy.analysis.numbers.resampling import Strata, claim_generator, linear_deviations
from vggstudy.analysis.numbers.student import satterthwaite

RESAMPLING = Resampling("calibrated", 999, 0, 131_072)
ARMS = Contrast(("a",), ((0, 1),))
TableMaker = Callable[..., RunTable]


def _estimate(cells: Cells, contrast: Contrast) -> Finding:
    return estimate_shared(
        cells,
        contrast.groups(cells),
        claim_id="accuracy.diff.a",
        confidence=0.95,
        resampling=RESAMPLING,
    )


def _blocks(make_table: TableMaker, seeds: int, failed: int = 0) -> Cells:
    rng = np.random.default_rng(0)
    block = rng.normal(0, 0.02, seeds)
    cells: dict[tuple[int, int], list[float | None]] = {
        (a, b): (0.8 + 0.01 * a + block + rng.normal(0, 0.001, seeds)).tolist()
        for a in (0, 1)
        for b in (0, 1, 2)
    }
    for i in range(failed):
        cells[0, i % 3][i] = None
    return Cells.from_table(make_table(cells))


def test_a_difference_is_the_paired_t_of_the_seeds_means(make_table: TableMaker) -> None:
    cells = _blocks(make_table, 6)
    found = _estimate(cells, ARMS)
    frame = cells.table.to_frame()
    means = frame.groupby(["a", "replicate"])["test_accuracy"].mean()
    expected = stats.ttest_rel(means[1].to_numpy(), means[0].to_numpy())
    limits = expected.confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))
    assert (found.interval.method, found.interval.df) == ("seeds_t", 5)
    assert (found.alternatives, found.cautions) == ((), ())


def test_blocks_cancel_in_differences_and_stay_in_means(make_table: TableMaker) -> None:
    cells = _blocks(make_table, 6)
    found = [_estimate(cells, contrast).interval for contrast in (ARMS, Contrast())]
    widths = [x.high - x.low for x in found if x is not None]
    assert widths[1] > 10 * widths[0]


def test_seeds_without_all_their_runs_are_left_out_and_counted(make_table: TableMaker) -> None:
    cells = _blocks(make_table, 6, failed=2)
    found = seed_contrasts(cells, ARMS.groups(cells))
    assert (found.seeds, found.incomplete) == (("2", "3", "4", "5"), 2)
    finding = _estimate(cells, ARMS)
    assert [note.code for note in finding.cautions] == ["few_seeds", "seeds_left_out"]


def _extreme(failed: list[int]) -> pd.DataFrame:
    """Five seeds in two cells of accuracies that swing from one end to the other."""
    values = {0: [0.02, 0.98, 0.01, 0.99, 0.9], 1: [0.99, 0.03, 0.97, 0.02, 0.95]}
    return pd.DataFrame(
        [
            {"a": a, "seed": i, "test_accuracy": x, "label": "converged"}
            for a, row in values.items()
            for i, x in enumerate(row)
        ]
    ).assign(
        label=lambda rows: [
            "crashed" if (a, i) == (1, 4) else "failed_to_learn" if a and i in failed else label
            for a, i, label in zip(rows["a"], rows["seed"], rows["label"], strict=True)
        ]
    )


@pytest.mark.parametrize("failed", [[], [1, 3]])
def test_limits_over_seeds_stay_where_a_difference_of_fractions_can_be(failed: list[int]) -> None:
    asked = {"factors": ["a"], "outcomes": ["test_accuracy"], "claims": ["expected.diff.a"]}
    claims = vs.analyze(_extreme(failed), **asked).claims  # type: ignore[arg-type]
    for name in ("accuracy.diff.a", "expected.diff.a", "accuracy.mean", "expected.mean"):
        claim = claims[name]
        assert claim.low is not None, name
        assert claim.high is not None, name
        assert claim.estimate is not None, name
        least = -1 if "diff" in name else 0
        assert least <= claim.low <= claim.estimate <= claim.high <= 1, name
    wide = claims["expected.diff.a"]
    assert (wide.low, wide.high) == (-1, 1)


def test_no_more_runs_converged_than_entered() -> None:
    claim = vs.analyze(_extreme([1]), factors=["a"]).claims["expected.diff.a"]
    assert (claim.k, claim.n) == (
        7,
        8,
    )  # four seeds ran in both cells, and one of their runs failed


def test_fewer_than_three_seeds_are_refused(make_table: TableMaker) -> None:
    found = _estimate(_blocks(make_table, 2), ARMS)
    assert found.reason is not None
    assert found.reason.code == "too_few_seeds"
    assert "has 2 of 2" in found.reason.text


def test_seeds_few_of_which_are_complete_are_clusters_of_their_runs(make_table: TableMaker) -> None:
    cells = _blocks(make_table, 5, failed=3)
    found = _estimate(cells, ARMS)
    assert found.interval is not None
    assert [note.text for note in found.cautions] == [
        "only 2 of 5 seeds have a run in every cell: each is a cluster of those it has"
    ]
    assert found.interval.method == "seed_clusters_t"
    assert found.estimate == pytest.approx(cells.mean[3:].mean() - cells.mean[:3].mean())


def test_the_spread_of_clusters_is_that_of_complete_seeds_contrasts(
    make_table: TableMaker,
) -> None:
    cells = _blocks(make_table, 6)
    weights = signed_weights(cells, ARMS.groups(cells))
    found = clustered_spread(cells, weights, cells.table.value, cells.table.converged)
    assert found is not None
    contrasts = seed_contrasts(cells, ARMS.groups(cells)).values
    assert found.se == pytest.approx(contrasts.std(ddof=1) / np.sqrt(6), rel=1e-9)
    assert found.df == pytest.approx(5)


def test_arms_with_seeds_of_their_own_are_compared_as_by_welch(make_table: TableMaker) -> None:
    table = _blocks(make_table, 6).table
    arm = table.codes[:, 0].tolist()
    apart = tuple(f"{a}-{name}" for a, name in zip(arm, table.replicate, strict=True))
    cells = Cells.from_table(replace(table, replicate=apart))
    found = _estimate(cells, ARMS)
    means = table.to_frame().groupby(["a", "replicate"])["test_accuracy"].mean()
    expected = stats.ttest_ind(means[1], means[0], equal_var=False).confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))


def test_runs_that_share_no_seed_have_satterthwaite_s_interval(make_table: TableMaker) -> None:
    table = _blocks(make_table, 6).table
    alone = replace(table, replicate=tuple(map(str, range(len(table)))))
    cells = Cells.from_table(alone)
    weights = signed_weights(cells, ARMS.groups(cells))
    found = clustered_spread(cells, weights, table.value, table.converged)
    expected = satterthwaite(weights, cells.variance, cells.k)
    assert found is not None
    assert (found.se, found.df) == pytest.approx((expected.se, expected.df))


def test_a_cell_whose_runs_have_one_seed_has_no_spread(make_table: TableMaker) -> None:
    table = _blocks(make_table, 3).table
    cells = Cells.from_table(replace(table, replicate=("0",) * len(table)))
    weights = signed_weights(cells, ARMS.groups(cells))
    assert clustered_spread(cells, weights, table.value, table.converged) is None


def test_seeds_that_agree_exactly_are_refused_with_the_estimate(make_table: TableMaker) -> None:
    values = [0.8, 0.81, 0.82, 0.83]
    cells = Cells.from_table(
        make_table({(0, 0): values, (1, 0): [value + 0.01 for value in values]})
    )
    found = _estimate(cells, ARMS)
    assert found.reason is not None
    assert found.reason.code == "no_variance"
    assert found.estimate == pytest.approx(0.01)


@pytest.mark.parametrize("seeds", [19, 20])
def test_whole_seeds_are_resampled_from_twenty_on(make_table: TableMaker, seeds: int) -> None:
    found = _estimate(_blocks(make_table, seeds), ARMS)
    assert [x.method for x in found.alternatives] == ["cluster_bootstrap"] * (seeds == 20)
    assert found.resamples == (999 if seeds == 20 else None)


def test_the_bootstrap_of_seeds_is_calibrated_for_their_number(make_table: TableMaker) -> None:
    cells = _blocks(make_table, 24)
    contrasts = seed_contrasts(cells, ARMS.groups(cells)).values
    (found,) = _estimate(cells, ARMS).alternatives
    deviation = linear_deviations(
        Strata(np.array([24]), contrasts),
        np.ones(1),
        resamples=999,
        rng=claim_generator(0, "accuracy.diff.a"),
        inflate=True,
    )
    # 25 and 975 of 999 are the 2.5% and 97.5% points.
    ends = np.sort(deviation)[[24, 974]] * stats.t.ppf(0.975, 23) / stats.norm.ppf(0.975)
    assert (found.low, found.high) == pytest.approx(tuple(contrasts.mean() + ends))


def test_replicates_stand_in_the_order_of_the_values(ledger: Callable[[str], RunTable]) -> None:
    cells = Cells.from_table(ledger("main"))
    frame = cells.table.to_frame()
    frame = frame[frame["outcome"] == "converged"]
    index = np.repeat(np.arange(len(cells)), cells.k.astype(int))
    known = {
        (*(cells.codes[c].tolist()), name, value)
        for c, name, value in zip(index, replicates(cells), cells.values.tolist(), strict=True)
    }
    levels = cells.table.levels
    expected = {
        (
            *(levels[f].index(row[f]) for f in cells.table.factors),
            row["replicate"],
            row["test_accuracy"],
        )
        for row in frame.to_dict("records")
    }
    assert known == expected
