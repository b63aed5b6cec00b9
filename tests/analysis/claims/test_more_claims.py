"""Robust quantities, effect sizes and turning points as claims; further outcomes; selection."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vggstudy.analysis.api import analyze
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.effects import cliffs_delta, standardised_difference
from vggstudy.analysis.result import AnalysisResult

TableMaker = Callable[..., RunTable]


def test_the_interquartile_mean_of_a_cell_is_scipy_s(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    result = analysed("balanced30")
    cell = result.claims["accuracy.iqm@batch_norm=1,batch_size=256,data_norm=1,depth=11"]
    frame = result.table.to_frame()
    mine = frame[
        (frame["batch_norm"] == 1)
        & (frame["batch_size"] == 256)
        & (frame["data_norm"] == 1)
        & (frame["depth"] == 11)
        & (frame["outcome"] == "converged")
    ]
    assert cell.estimate == pytest.approx(stats.trim_mean(mine["test_accuracy"], 0.25), rel=1e-12)
    assert cell.low is not None
    assert cell.high is not None
    assert cell.estimate is not None
    assert cell.low < cell.estimate < cell.high
    assert cell.B == 999


def test_a_median_needs_six_runs(make_table: TableMaker) -> None:
    values = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    found = analyze(make_table({(0, 0): values, (0, 1): values[:5]}), resamples=99)
    six = found.claims["accuracy.median@a=0,b=0"]
    assert six.available
    # Six values: the extremes cover the median with 1 - 2/64 = 96.9%, interpolated to 95%.
    assert (six.estimate, six.method) == (0.75, "hettmansperger_sheather")
    assert found.claims["accuracy.median@a=0,b=1"].reason == "too_few_runs"


def test_a_median_at_a_stricter_level_needs_more(make_table: TableMaker) -> None:
    values = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    table, name = make_table({(0, 0): values}), "accuracy.median@a=0,b=0"
    for confidence, least in ((0.96, 6), (0.97, 7), (0.999, 11)):
        claim = analyze(table, resamples=99, confidence=confidence, named=[name]).claims[name]
        assert claim.available is (least <= 6)
        assert claim.estimate == 0.75
        if least > 6:
            # All runs but one side of the median: 2 / 2^n.
            assert 2 / 2**least <= 1 - confidence < 2 / 2 ** (least - 1)
            assert claim.reason_text == f"needs at least {least} converged runs, has 6"


def test_effect_sizes_of_matched_cells_are_claims(make_table: TableMaker) -> None:
    rng = np.random.default_rng(2)
    first, second = 0.5 + 0.1 * rng.random(9), 0.6 + 0.1 * rng.random(8)
    found = analyze(make_table({(0, 0): list(first), (0, 1): list(second)}), resamples=99).claims
    g = found["accuracy.hedges_g.b@a=0"]
    assert g.estimate == pytest.approx(
        standardised_difference(second, first, confidence=0.95).hedges_g
    )
    delta = cliffs_delta(second, first, confidence=0.95)
    assert found["accuracy.cliffs_delta.b@a=0"].estimate == pytest.approx(delta.delta)
    improvement = found["accuracy.improvement.b@a=0"]
    assert improvement.estimate == pytest.approx((1 + delta.delta) / 2)
    assert (improvement.reference, improvement.unit) == (0.5, "probability")
    assert "probability of a higher test_accuracy among converged runs, b 1 minus 0" in (
        improvement.estimand
    )


def test_every_stratum_has_a_turning_point_or_a_reason(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    for name in ("main", "degenerate", "monotone"):
        peaks = [x for x in analysed(name).claims.values() if x.outcome == "peak"]
        assert len(peaks) == 8
        assert all(x.available or x.reason_text for x in peaks)
    unbounded = [x for x in analysed("monotone").claims.values() if x.reason == "unbounded"]
    assert unbounded


def test_no_claim_holds_a_nan_and_all_files_read_back(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    for name in ("main", "balanced30", "degenerate", "monotone"):
        claims = analysed(name).claims
        assert list(ClaimSet.from_json(claims.to_json())) == list(claims)
        for claim in claims.values():
            ends = claim.low, claim.high
            single = claim.outcome == "best" and None not in ends  # one level may hold the best
            assert claim.low is None or claim.high is not None
            assert single or None in ends or claim.low < claim.high  # type: ignore[operator]


def test_a_comparison_of_survivors_carries_its_bounds(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    claim = analysed("balanced30").claims["accuracy.diff.batch_norm@depth=11"]
    note = next(x for x in claim.warnings if x.code == "selection")
    assert "over all runs: expected.diff.batch_norm@depth=11" in note.text
    bounds = next(x for x in claim.alternatives if x.method == "lee_bounds")
    assert claim.estimate is not None
    assert bounds.low < claim.estimate < bounds.high
    safe = analysed("main").claims["accuracy.diff.depth@batch_norm=1"]
    assert not [x for x in safe.warnings if x.code == "selection"]


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("test_loss", "nats"),
        ("seconds", "s"),
        ("epochs", "epochs"),
        ("generalisation_gap", "fraction"),
        ("curve_stability", "nats"),
    ],
)
def test_any_column_is_an_outcome(column: str, unit: str, make_table: TableMaker) -> None:
    table = make_table({(0, 0): [3.0, 4.0, 5.5], (0, 1): [6.0, 7.5, 8.0]}, outcome=column)
    found = analyze(table, resamples=99).claims
    difference = found[f"{column}.diff.b"]
    assert difference.estimate == pytest.approx(3.0)
    assert difference.unit == unit
    assert not [x for x in found if x.startswith("expected.")]


def test_further_outcomes_add_their_means_and_nothing_else(make_table: TableMaker) -> None:
    cells = {(0, 0): [0.5, 0.6, 0.7], (0, 1): [0.6, 0.7, 0.9]}
    main, loss = make_table(cells), make_table(cells, outcome="test_loss")
    alone = analyze(main, resamples=99).claims
    both = analyze(main, resamples=99, further=[loss]).claims
    added = set(both) - set(alone)
    assert added
    assert all(name.startswith("test_loss.") for name in added)
    assert all(both[name] == alone[name] for name in alone)


def test_shared_seeds_are_blocks_of_contrasts() -> None:
    rng = np.random.default_rng(4)
    rows = []
    for seed in range(12):
        block = 0.05 * rng.standard_normal()
        for level in (0, 1):
            value = 0.7 + block + 0.01 * level + 0.002 * rng.standard_normal()
            rows.append((level, seed, "converged", value))
    frame = pd.DataFrame(rows, columns=["a", "seed", "label", "test_accuracy"])
    table = RunTable.from_frame(frame, factors=("a",))
    plain = analyze(table, resamples=99, seeding="independent").claims["accuracy.diff.a"]
    blocked = analyze(table, resamples=99).claims["accuracy.diff.a"]
    assert blocked.method == "seeds_t"
    assert blocked.estimate == pytest.approx(plain.estimate)
    assert plain.low is not None
    assert plain.high is not None
    assert blocked.low is not None
    assert blocked.high is not None
    assert blocked.high - blocked.low < (plain.high - plain.low) / 5
    paired = frame.pivot_table(index="seed", columns="a", values="test_accuracy")
    expected = stats.ttest_rel(paired[1], paired[0]).confidence_interval()
    assert (blocked.low, blocked.high) == pytest.approx((expected.low, expected.high))
