"""The whole analysis: reference ledgers, refusals, invariances, outputs."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vggstudy.analysis import AnalysisResult, Claim, ClaimSet, Flow, RunTable, analyze
from vggstudy.errors import AnalysisError

LEDGERS = ("main", "balanced30", "degenerate", "monotone")
FACTORS = ("depth", "batch_size", "data_norm", "batch_norm")
GRID = ("depth", "batch_size")


def _name(outcome: str, row: dict[str, Any], factors: tuple[str, ...] = FACTORS) -> str:
    return f"{outcome}@" + ",".join(f"{name}={row[name]}" for name in sorted(factors))


@pytest.mark.parametrize("name", LEDGERS)
def test_probabilities_of_all_cells_equal_clopper_pearson_in_r(
    analysed: Callable[[str], AnalysisResult], oracle: Callable[[str], dict[str, Any]], name: str
) -> None:
    claims = analysed(name).claims
    for row in oracle(name)["cells"]:
        claim = claims[_name("converged.p", row)]
        assert (claim.n, claim.k) == (row["n"], row["n_converged"])
        expected = (row["p"], row["cp_lo"], row["cp_hi"])
        assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["main", "balanced30", "monotone"])
@pytest.mark.parametrize(
    ("key", "factors"),
    [
        ("groups_depth_variant", ("depth", "data_norm", "batch_norm")),
        ("groups_depth_bn", ("depth", "batch_norm")),
        ("groups_bn", ("batch_norm",)),
        ("groups_batch", ("depth", "batch_norm", "batch_size")),
    ],
)
def test_probabilities_of_margins_of_balanced_grids_equal_those_of_the_pooled_counts_in_r(
    analysed: Callable[[str], AnalysisResult],
    oracle: Callable[[str], dict[str, Any]],
    name: str,
    key: str,
    factors: tuple[str, ...],
) -> None:
    for row in oracle(name)[key]:
        claim = analysed(name).claims[_name("converged.p", row, factors)]
        expected = (row["p"], row["cp_lo"], row["cp_hi"])
        assert (claim.estimate, claim.low, claim.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", LEDGERS)
def test_no_claim_is_without_a_number_or_a_reason(
    analysed: Callable[[str], AnalysisResult], name: str
) -> None:
    for claim in analysed(name).claims.values():
        if claim.available and claim.outcome == "needed" and None in (claim.low, claim.high):
            assert (claim.low is None) != (claim.high is None)  # one-sided
            assert [note for note in claim.warnings if note.code == "outside_range"]
        elif claim.available:
            ends = (claim.low, claim.estimate, claim.high)
            assert all(x is not None and math.isfinite(x) for x in ends)
            assert claim.low is not None
            assert claim.high is not None
            # Where one level alone holds the best, the set begins and ends with it.
            assert claim.high - claim.low > (-1 if claim.outcome == "best" else 1e-9)
            assert claim.method
            assert claim.reason is None
        else:
            assert claim.low is None
            assert claim.high is None
            assert claim.method is None
            assert claim.reason
            assert claim.reason_text


def test_a_grid_with_holes_is_refused_by_name_and_its_largest_part_is_offered(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    claims = analysed("degenerate").claims
    refused = claims["converged.p"]
    assert refused.reason == "missing_cells"
    assert refused.reason_text is not None
    assert "2 of its 32 cells have no labelled runs" in refused.reason_text
    assert refused.offered == "converged.p@batch_size=8+32+128"
    offered = claims[refused.offered]
    assert offered.available
    assert any(note.code == "sub_grid" and "24 of 32" in note.text for note in offered.warnings)


def test_cells_whose_runs_were_lost_are_told_from_combinations_that_nobody_planned() -> None:
    rows = [
        (kind, size, label, value)
        for kind, size, label in (
            ("a", 8, "converged"),
            ("a", 16, "missing"),
            ("b", 8, "failed_to_learn"),
        )
        for value in (0.5, 0.6, 0.7)
    ]
    frame = pd.DataFrame(rows, columns=["kind", "size", "label", "test_accuracy"])
    frame["seed"] = np.tile([0, 1, 2], 3)
    table = RunTable.from_frame(frame, factors=("kind", "size"))
    warnings = [note.text for note in analyze(table, resamples=99).warnings]
    assert "1 of 3 cells of the grid has no runs: kind=a, size=16" in warnings
    assert "1 of 4 combinations of levels is not in the table: kind=b, size=16" in warnings
    assert "no run converged in 1 of 3 cells" in warnings


def test_every_offer_exists_and_has_no_holes(analysed: Callable[[str], AnalysisResult]) -> None:
    for name in LEDGERS:
        claims = analysed(name).claims
        for claim in claims.values():
            if claim.offered:
                assert claims[claim.offered].reason != "missing_cells"
                assert claims[claim.offered].offered is None


def test_row_order_and_chunks_change_nothing(grid_frame: pd.DataFrame) -> None:
    table = RunTable.from_frame(grid_frame, factors=GRID)
    shuffled = RunTable.from_frame(grid_frame.sample(frac=1, random_state=1), factors=GRID)
    expected = analyze(table, resamples=199, seed=3).claims.to_json()
    assert analyze(shuffled, resamples=199, seed=3).claims.to_json() == expected
    assert analyze(table, resamples=199, seed=3, chunk_draws=7).claims.to_json() == expected


def test_order_of_the_factors_changes_no_interval(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.rename(columns={"seed": "replicate"})
    one = analyze(RunTable.from_frame(frame, factors=GRID), resamples=199)
    two = analyze(RunTable.from_frame(frame, factors=GRID[::-1]), resamples=199)
    assert set(one.claims) == set(two.claims)
    for name, claim in one.claims.items():
        other = two.claims[name]
        assert (other.reason, other.method) == (claim.reason, claim.method)
        assert (other.estimate, other.low, other.high) == (claim.estimate, claim.low, claim.high)


def test_the_seed_changes_drawn_intervals_only(grid_frame: pd.DataFrame) -> None:
    table = RunTable.from_frame(grid_frame, factors=GRID)
    one, two = (analyze(table, resamples=199, seed=seed).claims for seed in (1, 2))
    changed = {name for name in one if one[name].low != two[name].low}
    drawn = {name for name in one if one[name].B is not None}
    assert changed
    assert changed <= drawn


def test_an_unrelated_cell_leaves_other_contrasts_as_they_are(grid_frame: pd.DataFrame) -> None:
    more = pd.DataFrame(
        [(13, 8, seed, "converged", 0.5 + seed / 100) for seed in range(4)],
        columns=grid_frame.columns,
    )
    table = RunTable.from_frame(grid_frame, factors=GRID)
    extended = RunTable.from_frame(pd.concat([grid_frame, more]), factors=GRID)
    name = "accuracy.diff.batch_size@depth=11"
    one, two = (analyze(x, resamples=199).claims[name] for x in (table, extended))
    assert (one.estimate, one.low, one.high) == (two.estimate, two.low, two.high)


@settings(max_examples=15)
@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_means_of_other_outcomes_follow_a_change_of_scale(scale: float, shift: float) -> None:
    rng = np.random.default_rng(1)
    rows = [
        (a, b, i, "converged", float(rng.normal()))
        for a, b, i in itertools.product(*[range(2)] * 2, range(5))
    ]
    frame = pd.DataFrame(rows, columns=["a", "b", "seed", "label", "y"])
    other = frame.assign(y=shift + scale * frame.y)
    one, two = (
        analyze(RunTable.from_frame(x, factors=("a", "b"), outcome="y"), resamples=99).claims
        for x in (frame, other)
    )
    for name in ("y.mean", "y.diff.a", "y.did.a*b"):
        moved = shift if name == "y.mean" else 0.0
        low, high = one[name].low, one[name].high
        assert low is not None
        assert high is not None
        expected = (moved + scale * low, moved + scale * high)
        assert (two[name].low, two[name].high) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_intervals_widen_with_the_confidence_level(grid_frame: pd.DataFrame) -> None:
    table = RunTable.from_frame(grid_frame, factors=GRID)
    narrow, wide = (analyze(table, confidence=c, resamples=999).claims for c in (0.8, 0.99))
    for name, claim in narrow.items():
        if claim.available and claim.outcome not in {"peak", "needed"}:  # may become unbounded
            assert (wide[name].low or 0) <= (claim.low or 0) + 1e-12
            assert (wide[name].high or 0) >= (claim.high or 0) - 1e-12


def test_other_outcomes_have_means_but_no_expected_value(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.assign(seconds=np.arange(24.0))
    result = analyze(RunTable.from_frame(frame, factors=GRID, outcome="seconds"), resamples=99)
    outcomes = {name.split(".")[0] for name in result.claims}
    assert outcomes == {"converged", "seconds"}
    assert result.claims["seconds.mean"].unit == "s"


def test_the_flow_of_runs_adds_up(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.copy()
    frame.loc[0, "label"], frame.loc[1, "label"], frame.loc[2, "label"] = (
        "missing",
        "crashed",
        "diverged",
    )
    flow = analyze(RunTable.from_frame(frame, factors=GRID), resamples=99).flow
    assert dict(flow) == {
        "planned": 24,
        "started": 23,
        "finished": 22,
        "labelled": 22,
        "analysed": 22,
    }
    assert flow.outcomes["diverged"] == 1
    assert flow.stages[-1].n == flow.outcomes["converged"] == 19


def test_a_flow_that_does_not_add_up_is_refused(grid_frame: pd.DataFrame) -> None:
    flow = Flow.of(RunTable.from_frame(grid_frame, factors=GRID))
    with pytest.raises(ValueError, match="add up"):
        Flow(24, 24, 24, 24, 24, {**flow.outcomes, "missing": 1}, flow.stages)
    with pytest.raises(ValueError, match="add up"):
        Flow(24, 24, 24, 24, 24, flow.outcomes, (flow.stages[-1], flow.stages[0]))


def test_crashed_runs_are_counted_and_are_not_data(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.copy()
    frame.loc[:3, "label"] = "crashed"
    result = analyze(RunTable.from_frame(frame, factors=GRID), resamples=99)
    claim = result.claims["converged.p@batch_size=8,depth=11"]
    assert (claim.reason, claim.n) == ("no_runs", 0)
    assert "4 runs crashed; they are not data" in map(str, result.warnings)


def test_a_study_without_any_result_is_all_reasons(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.assign(label="missing")
    result = analyze(RunTable.from_frame(frame, factors=GRID), resamples=99)
    assert not any(claim.available for claim in result.claims.values())
    assert "no run has an outcome yet" in map(str, result.warnings)
    assert result.summary()


@pytest.mark.parametrize("label", ["converged", "failed_to_learn", "diverged"])
def test_one_outcome_for_all_runs_gives_exact_probabilities(
    grid_frame: pd.DataFrame, label: str
) -> None:
    frame = grid_frame.assign(label=label)
    claims = analyze(RunTable.from_frame(frame, factors=GRID), resamples=99).claims
    assert claims["converged.p"].estimate == (1 if label == "converged" else 0)
    assert claims["converged.p"].available
    assert claims["accuracy.mean"].available is (label == "converged")


def test_results_come_as_text_frame_dictionary_and_html(
    analysed: Callable[[str], AnalysisResult],
) -> None:
    result = analysed("degenerate")
    text = result.summary()
    assert "converged.p@batch_size=8+32+128" in text
    assert "128 converged" in text
    assert len(result.to_frame()) == len(result.claims)
    assert len(result.cells) == 32
    assert result.cells.k.sum() == 128
    content = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert len(content["claims"]) == len(result.claims)
    assert "<table>" in result._repr_html_()
    assert "<script" not in result._repr_html_()


def test_hostile_names_are_escaped_in_html(grid_frame: pd.DataFrame) -> None:
    frame = grid_frame.rename(columns={"depth": "<img src=x>"})
    result = analyze(RunTable.from_frame(frame, factors=("<img src=x>", *GRID[1:])), resamples=99)
    assert "<img" not in result._repr_html_()


def test_claims_survive_their_file(analysed: Callable[[str], AnalysisResult]) -> None:
    claims = analysed("degenerate").claims
    assert dict(ClaimSet.from_json(claims.to_json())) == dict(claims)


def test_the_inputs_digest_follows_the_data_and_the_protocol(grid_frame: pd.DataFrame) -> None:
    table = RunTable.from_frame(grid_frame, factors=GRID)
    one = analyze(table, resamples=99)
    two = analyze(table, resamples=99, protocol_digest="abc")
    assert one.inputs_digest != two.inputs_digest
    assert {claim.inputs_digest for claim in two.claims.values()} == {two.inputs_digest}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"confidence": 95}, "confidence must lie between 0 and 1, got 95"),
        ({"resamples": 10}, "resamples must be at least 99, got 10"),
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"method": "bayes"}, "method must be one of calibrated"),
        ({"chunk_draws": 10**9}, "chunk_draws must lie in"),
    ],
)
def test_settings_out_of_range_are_refused(
    grid_frame: pd.DataFrame, setting: dict[str, Any], message: str
) -> None:
    with pytest.raises(AnalysisError, match=message):
        analyze(RunTable.from_frame(grid_frame, factors=GRID), **setting)


def test_a_grid_beyond_memory_is_refused() -> None:
    rows = {name: np.arange(30) for name in "abcd"}
    frame = pd.DataFrame({**rows, "seed": 0, "label": "converged", "test_accuracy": 0.5})
    with pytest.raises(AnalysisError, match="the levels span 810000 cells"):
        analyze(RunTable.from_frame(frame, factors=tuple("abcd")))


def test_importing_the_package_loads_no_numerical_library() -> None:
    code = (
        "import sys, vggstudy.analysis; "
        "print([x for x in ('numpy', 'scipy', 'pandas', 'torch') if x in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_public_names_are_importable_and_others_are_not() -> None:
    import vggstudy.analysis as package

    assert dir(package) == sorted(package.__all__)
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert package.Claim is Claim
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
