"""The interquartile mean of several cells together: by hand, by brute force, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.api import inputs_digest
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.pooled_iqm import (
    BOOTSTRAP_UP_TO,
    Pool,
    estimate_pooled_iqm,
    middle_mean,
)
from vggstudy.analysis.numbers.robust import interquartile_mean

TableMaker = Callable[..., RunTable]
B = 20_000
FACTORS = ("depth", "batch_size", "data_norm", "batch_norm")


def _grid(values: np.ndarray, make_table: TableMaker) -> Cells:
    """One factor, a row of values a level."""
    return Cells.from_table(make_table({(i, 0): row.tolist() for i, row in enumerate(values)}))


def _estimate(cells: Cells, *, resamples: int = 999, chunk: int = 131_072) -> Finding:
    return estimate_pooled_iqm(
        cells,
        np.arange(len(cells)),
        claim_id="pooled",
        confidence=0.95,
        resampling=Resampling("calibrated", resamples, 3, chunk),
    )


@pytest.fixture
def values() -> np.ndarray:
    """Five runs in each of eight cells whose means and spreads differ."""
    rng = np.random.default_rng(8)
    return 0.9 + 0.004 * np.arange(8)[:, None] + 0.01 * rng.standard_normal((8, 5))


def test_of_equal_cells_it_is_the_plain_interquartile_mean_of_all_runs(
    values: np.ndarray, make_table: TableMaker
) -> None:
    found = _estimate(_grid(values, make_table))
    assert found.estimate == pytest.approx(float(interquartile_mean(values.ravel())), rel=1e-14)
    assert found.estimate == pytest.approx(float(stats.trim_mean(values.ravel(), 0.25)), rel=1e-14)


@pytest.mark.parametrize("name", ["main", "balanced30", "monotone"])
@pytest.mark.parametrize("key", ["groups_bn", "groups_depth_bn", "groups_batch"])
def test_of_complete_groups_it_equals_r_s(
    analysed: Callable[[str], AnalysisResult],
    oracle: Callable[[str], dict[str, Any]],
    name: str,
    key: str,
) -> None:
    result = analysed(name)
    maker = ClaimMaker(
        Cells.from_table(result.table), How(0.95, Resampling("calibrated", 99, 0, 131_072)), ""
    )
    for row in oracle(name)[key]:
        if row["n"] != row["n_converged"]:
            continue  # R weighs runs; cells weigh the same here
        held = ",".join(f"{x}={row[x]}" for x in sorted(FACTORS) if x in row)
        claim = maker.claim(maker.parse(f"accuracy.iqm@{held}"))
        assert claim.estimate == pytest.approx(row["iqm_conv"]["iqm_weighted"], rel=1e-9)


def test_of_unequal_cells_every_cell_weighs_the_same() -> None:
    # One cell holds 0 and 4, the other 1, 2, 3: shares 1/4, 1/4 and 1/6 each. In order 0, 1, 2, 3,
    # 4 the quarter below takes all of 0, the quarter above all of 4: the mean of 1, 2, 3 is left.
    pool = Pool.of(np.array([0.0, 4, 1, 2, 3]), np.array([2, 3]))
    assert float(middle_mean(pool.ordered, pool.mass)) == pytest.approx(2.0, rel=1e-14)
    # Runs instead of cells would weigh 1/5 each: (0.15 + 0.2 * 5 + ...): 1, 2, 3 in part.
    pool = Pool.of(np.array([0.0, 1, 2, 10]), np.array([1, 3]))
    # Shares 1/2, 1/6, 1/6, 1/6: the middle half is a quarter of 0, 1/6 of 1 and 1/12 of 2.
    by_hand = (0.25 * 0 + 1 / 6 * 1 + 1 / 12 * 2) * 2
    assert float(middle_mean(pool.ordered, pool.mass)) == pytest.approx(by_hand, rel=1e-12)


def test_resamples_have_the_law_of_sorting_every_resample(
    values: np.ndarray, make_table: TableMaker
) -> None:
    found = _estimate(_grid(values, make_table), resamples=B)
    assert found.estimate is not None
    rng = np.random.default_rng(1)
    index = rng.integers(0, 5, (B, 8, 5)) + 5 * np.arange(8)[:, None]
    drawn = interquartile_mean(values.ravel()[index].reshape(B, 40)) - found.estimate
    interval, beside = found.interval, found.alternatives[0]
    assert interval is not None
    assert beside.df is not None
    stretch = np.sqrt(5 / 4) * stats.t.ppf(0.975, beside.df) / stats.norm.ppf(0.975)
    limits = found.estimate + stretch * np.quantile(drawn, [0.025, 0.975])
    # With five runs a cell it holds the interval by the influence function.
    limits = min(limits[0], beside.low), max(limits[1], beside.high)
    # Both sides have Monte Carlo error: four standard errors of a difference.
    assert interval.mc_error_low is not None
    room = 4 * np.sqrt(2) * interval.mc_error_low
    assert (interval.low, interval.high) == pytest.approx(tuple(limits), abs=room)


def test_the_standard_error_is_that_of_winsorised_values_within_cells(
    values: np.ndarray, make_table: TableMaker
) -> None:
    beside = _estimate(_grid(values, make_table)).alternatives[0]
    ordered = np.sort(values.ravel())
    pulled = np.clip(values, ordered[10], ordered[29])
    # Of the 40 runs 20 stay: each counts for a twentieth.
    part = pulled.var(axis=1, ddof=1) * 5 / 20**2
    se = float(np.sqrt(part.sum()))
    df = part.sum() ** 2 / (part**2 / 4).sum()
    assert beside.df == pytest.approx(df, rel=1e-12)
    half = stats.t.ppf(0.975, df) * se
    assert beside.high - beside.low == pytest.approx(2 * half, rel=1e-10)


def test_chunks_and_order_of_runs_change_nothing(
    values: np.ndarray, make_table: TableMaker
) -> None:
    first = _estimate(_grid(values, make_table))
    second = _estimate(_grid(values[:, ::-1], make_table), chunk=97)
    assert first.interval == second.interval


def test_a_shift_moves_estimate_and_limits_along(
    values: np.ndarray, make_table: TableMaker
) -> None:
    first = _estimate(_grid(values, make_table)).interval
    second = _estimate(_grid(values - 0.25, make_table)).interval
    assert first is not None
    assert second is not None
    shifted = (second.estimate + 0.25, second.low + 0.25, second.high + 0.25)
    assert shifted == pytest.approx((first.estimate, first.low, first.high), abs=1e-12)


def test_of_many_runs_the_interval_is_the_influence_function_s(make_table: TableMaker) -> None:
    rng = np.random.default_rng(2)
    many = 0.9 + 0.01 * rng.standard_normal((4, BOOTSTRAP_UP_TO // 4 + 1))
    found = _estimate(_grid(many, make_table))
    assert found.interval is not None
    assert found.interval.method == "influence_t"
    fewer = _estimate(_grid(many[:, :-1], make_table), resamples=9_999)
    assert fewer.interval is not None
    assert fewer.interval.method == "calibrated_bootstrap"
    # The two agree to a few percent of the width; 9,999 draws tell the ends to about two.
    width = found.interval.high - found.interval.low
    assert found.interval.low == pytest.approx(fewer.interval.low, abs=0.1 * width)
    assert found.interval.high == pytest.approx(fewer.interval.high, abs=0.1 * width)


def test_it_is_refused_where_a_cell_is_thin_or_nothing_varies(make_table: TableMaker) -> None:
    thin = Cells.from_table(make_table({(0, 0): [0.8, 0.81, 0.82], (1, 0): [0.8, 0.9, None]}))
    assert _estimate(thin).reason is not None
    assert _estimate(thin).reason.code == "missing_cells"  # type: ignore[union-attr]
    flat = Cells.from_table(make_table({(0, 0): [0.8] * 4, (1, 0): [0.9] * 4}))
    assert _estimate(flat).reason.code == "no_variance"  # type: ignore[union-attr]


def test_claims_are_made_for_the_grid_and_every_level_and_found_for_any_part(
    values: np.ndarray, make_table: TableMaker
) -> None:
    table = make_table(
        {(i, j): values[i].tolist() for i in range(2) for j in range(2)}, factors=("a", "b")
    )
    claims = analyze(table, resamples=99).claims
    for name in ("accuracy.iqm", "accuracy.iqm@a=0", "accuracy.iqm@b=1"):
        assert claims[name].available
    assert "pooled over b" in claims["accuracy.iqm@a=0"].estimand
    maker = ClaimMaker(
        Cells.from_table(table),
        How(0.95, Resampling("calibrated", 99, 0, 131_072)),
        inputs_digest(table, None),
    )
    made = maker.claim(maker.parse("accuracy.iqm@a=0")).sealed()
    assert made == claims["accuracy.iqm@a=0"]


def test_where_cells_are_missing_the_largest_complete_part_is_offered(
    values: np.ndarray, make_table: TableMaker
) -> None:
    cells = {(i, j): values[i].tolist() for i in range(3) for j in range(2)}
    table = make_table({**cells, (2, 1): [None, None, 0.9]})
    claims = analyze(table, resamples=99).claims
    refused = claims["accuracy.iqm"]
    assert refused.reason == "missing_cells"
    assert refused.offered is not None
    assert claims[refused.offered].available
    assert "sub_grid" in [note.code for note in claims[refused.offered].warnings]
