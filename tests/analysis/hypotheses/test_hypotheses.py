"""H1 to H6 of the source study on the reference ledgers; each kind by itself; false support."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.hypotheses.judge import HypothesisResult
from vggstudy.analysis.hypotheses.verdicts import Verdict
from vggstudy.analysis.result import AnalysisResult
from vggstudy.protocol import load_protocol
from vggstudy.stated.hypotheses import (
    ClaimPart,
    ConjunctionHypothesis,
    Direction,
    EquivalenceHypothesis,
    EquivalencePart,
    NeededPart,
    Part,
    PeakPart,
    RankingPart,
    SlopePart,
)

REFERENCE = Path(__file__).resolve().parents[2] / "reference"
FACTORS = ("depth", "batch_size", "data_norm", "batch_norm")

TableMaker = Callable[..., RunTable]


@functools.cache
def judged(name: str) -> AnalysisResult:
    protocol = load_protocol(REFERENCE / "source_hypotheses.toml").protocol
    table = RunTable.read_csv(REFERENCE / f"ledger_{name}.csv", FACTORS, seeding="independent")
    stated = protocol.hypotheses
    return analyze(table, resamples=2_999, seed=0, hypotheses=stated, headline_only=True)


def verdicts(name: str) -> dict[str, str]:
    return {h.id: h.verdict_in_words for h in judged(name).hypotheses}


def judge_one(table: RunTable, *parts: Part) -> HypothesisResult:
    spec = ConjunctionHypothesis(id="H", text="a hypothesis", kind="all", parts=list(parts))
    found = analyze(table, resamples=999, hypotheses=[spec], headline_only=True)
    return found.hypotheses[0]


def test_verdicts_on_main() -> None:
    # Truth: batch normalisation never fails and gains; 5 runs a cell are few for H1, H2 and H6.
    assert verdicts("main") == {
        "H1": "inconclusive",
        "H2": "inconclusive",
        "H3": "supported",
        "H4": "supported",
        "H5": "inconclusive",
        "H6": "inconclusive",
    }


def test_verdicts_on_balanced30() -> None:
    # Truth: batch normalisation lets 16% fail here, and deep networks most of all.
    found = verdicts("balanced30")
    assert found["H3"] == "contradicted"
    assert found["H4"] == "supported"
    assert found["H5"] == "supported"
    assert found["H6"] == "contradicted"


def test_a_monotone_ledger_has_no_supported_peak() -> None:
    assert verdicts("monotone")["H5"] in {"contradicted", "inconclusive"}
    part = judged("monotone").hypotheses[4].parts[0]
    assert all(stratum.verdict != Verdict.SUPPORTED for stratum in part.parts)


def test_holes_make_hypotheses_not_estimable_with_their_reason() -> None:
    result = judged("degenerate")
    by_id = {h.id: h for h in result.hypotheses}
    for name in ("H2", "H3", "H4", "H5", "H6"):
        hypothesis = by_id[name]
        assert hypothesis.verdict_in_words == "not estimable"
        assert hypothesis.reason is not None
    assert "batch_size=512, data_norm=1, batch_norm=0" in str(by_id["H2"].reason)
    assert "7 of 8 strata cannot be tested" in str(by_id["H5"].reason)


def test_levels_follow_holm_s_steps() -> None:
    found = judged("main").hypotheses
    decided = sum(h.verdict in {Verdict.SUPPORTED, Verdict.CONTRADICTED} for h in found)
    assert decided == 2
    # Two decisions at the first step, 1 - 0.05 / 6; the others are left at 1 - 0.05 / 4.
    assert sorted({round(h.level, 6) for h in found}) == [0.9875, round(1 - 0.05 / 6, 6)]


def test_a_single_hypothesis_is_judged_at_the_analysis_level(
    ledger: Callable[[str], RunTable],
) -> None:
    part = ClaimPart(
        kind="claim",
        claim="converged.diff.data_norm@batch_norm=false",
        direction="above",
        threshold=0.0,
    )
    found = judge_one(ledger("main"), part)
    assert found.level == pytest.approx(0.95)
    assert found.parts[0].low == pytest.approx(-0.0130, abs=0.03)  # narrower than within the six


def test_named_claims_are_marked_registered() -> None:
    result = judged("main")
    claim = result.claims["expected.diff.batch_norm"]
    assert claim.registered
    assert claim.verdict == "supported"
    assert claim.reference == 0.05
    assert claim.claim_digest == claim.content_digest()
    assert not result.claims["accuracy.diff.batch_norm"].registered
    added = result.claims["converged.diff.data_norm@batch_norm=0"]
    assert added.registered


def test_a_claim_s_verdict_flips_with_its_direction(ledger: Callable[[str], RunTable]) -> None:
    sides: Mapping[Direction, Verdict] = {
        "above": Verdict.SUPPORTED,
        "below": Verdict.CONTRADICTED,
    }
    for direction, verdict in sides.items():
        part = ClaimPart(
            kind="claim", claim="expected.diff.batch_norm", direction=direction, threshold=0.0
        )
        assert judge_one(ledger("main"), part).verdict == verdict


def test_equivalence_by_pair_is_one_difference_a_seed(ledger: Callable[[str], RunTable]) -> None:
    claim = "accuracy.diff.data_norm@batch_norm=1"
    found = judge_one(
        ledger("main"),
        EquivalencePart(kind="equivalence", claim=claim, margin=0.005, adjust="pair"),
    )
    assert found.verdict == Verdict.SUPPORTED
    frame = ledger("main").to_frame()
    frame = frame[frame["batch_norm"] == 1]
    means = frame.pivot_table(index="replicate", columns="data_norm", values="test_accuracy")
    limits = stats.ttest_1samp(means[1] - means[0], 0.0).confidence_interval(0.90)
    part = found.parts[0]
    assert (part.low, part.high) == pytest.approx((limits.low, limits.high), rel=1e-9)
    assert part.level == pytest.approx(0.90)
    assert part.method == "tost_by_pair"


def test_equivalence_is_by_seed_where_cells_share_seeds(ledger: Callable[[str], RunTable]) -> None:
    claim = "accuracy.diff.data_norm@batch_norm=1"
    stated: dict[str, Any] = {"kind": "equivalence", "claim": claim, "margin": 0.005}
    spec = EquivalenceHypothesis(id="H", text="they are alike", **stated)
    methods = {}
    for seeding in ("independent", "shared"):
        result = analyze(ledger("main"), resamples=99, seeding=seeding, hypotheses=[spec])
        (evidence,) = result.hypotheses[0].parts
        methods[evidence.method] = (evidence.low, evidence.high)
    paired = judge_one(ledger("main"), EquivalencePart(**stated, adjust="pair")).parts[0]
    assert set(methods) == {"tost_by_cell", "tost_by_seed"}
    assert methods["tost_by_seed"] == pytest.approx((paired.low, paired.high), rel=1e-12)
    assert methods["tost_by_seed"] != pytest.approx(methods["tost_by_cell"], rel=1e-3)


def test_a_slope_is_that_of_the_held_part(ledger: Callable[[str], RunTable]) -> None:
    part = SlopePart(kind="slope", along="batch_size", direction="above", at={"batch_norm": False})
    found = judge_one(ledger("main"), part)
    assert found.verdict == Verdict.SUPPORTED
    assert found.parts[0].estimand == "converged.slope.batch_size@batch_norm=0"
    steep = SlopePart(
        kind="slope", along="batch_size", direction="above", threshold=5.0, at={"batch_norm": False}
    )
    assert judge_one(ledger("main"), steep).verdict == Verdict.CONTRADICTED


def test_the_deeper_network_needs_a_larger_batch(ledger: Callable[[str], RunTable]) -> None:
    part = NeededPart(
        kind="threshold_order",
        along="batch_size",
        compare="depth",
        direction="above",
        at={"batch_norm": 0},
    )
    evidence = judge_one(ledger("main"), part).parts[0]
    assert evidence.verdict == Verdict.SUPPORTED
    # R: ed50_firth.differences at data_norm = 0.5, the mean of both; the fit stops at 1e-11
    assert evidence.estimate == pytest.approx(1.308452384874525, rel=1e-8)
    # R's delta limits are symmetric and 0.546, 2.071; those of the profile lie near them
    assert evidence.low == pytest.approx(0.546, abs=0.03)
    assert evidence.high == pytest.approx(2.071, abs=0.03)
    turned = NeededPart(
        kind="threshold_order",
        along="batch_size",
        compare="depth",
        direction="above",
        levels=[19, 11],
        at={"batch_norm": 0},
    )
    mirrored = judge_one(ledger("main"), turned).parts[0]
    assert mirrored.verdict == Verdict.CONTRADICTED
    # Limits are roots of a maximum found to 1e-8 of an angle
    assert evidence.high is not None
    assert mirrored.low == pytest.approx(-evidence.high, rel=1e-4)


def test_a_ranking_without_an_order_asks_for_the_observed_one(make_table: TableMaker) -> None:
    rng = np.random.default_rng(3)
    table = make_table({(a, 0): list(0.3 * a + 0.1 + 0.01 * rng.random(30)) for a in range(3)})
    assert judge_one(table, RankingPart(kind="ranking", factors=["a"])).verdict == Verdict.SUPPORTED
    stated = RankingPart(kind="ranking", factors=["a"], order=[{"a": 2}, {"a": 0}])
    assert judge_one(table, stated).verdict == Verdict.SUPPORTED
    wrong = RankingPart(kind="ranking", factors=["a"], order=[{"a": 0}, {"a": 2}])
    assert judge_one(table, wrong).verdict == Verdict.CONTRADICTED


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            ClaimPart(kind="claim", claim="accuracy.diff.width", direction="above", threshold=0.0),
            "no factor 'width'",
        ),
        (
            EquivalencePart(kind="equivalence", claim="converged.diff.depth", margin=0.1),
            "difference of means of converged runs",
        ),
        (
            SlopePart(kind="slope", along="data_norm", direction="above", at={"depth": 12}),
            "depth has no level '12'",
        ),
        (SlopePart(kind="slope", along="width", direction="above"), "no factor 'width'"),
        (
            NeededPart(
                kind="threshold_order", along="batch_size", compare="width", direction="above"
            ),
            "no factor 'width'",
        ),
        (PeakPart(kind="peak", along="width"), "no factor 'width'"),
        (RankingPart(kind="ranking", factors=["width"]), "no factor 'width'"),
        (
            RankingPart(kind="ranking", factors=["depth"], order=[{"depth": 11}]),
            "compares no two models",
        ),
    ],
)
def test_what_the_table_does_not_have_is_not_estimable_with_a_reason(
    part: Part, message: str, ledger: Callable[[str], RunTable]
) -> None:
    found = judge_one(ledger("main"), part)
    assert found.verdict == Verdict.NOT_ESTIMABLE
    assert found.reason is not None
    assert message.replace("'", "") in found.reason.text.replace("'", "").replace('"', "")


def test_results_are_plain_json() -> None:
    import json

    for name in ("main", "degenerate"):
        text = json.dumps(judged(name).to_dict()["hypotheses"], allow_nan=False)
        assert '"registered": true' in text


def test_the_summary_names_every_verdict() -> None:
    text = judged("main").summary()
    assert "H3: supported (Batch normalisation removes failures" in text


def simulated_table(rng: np.random.Generator, *, slope: float, runs: int) -> RunTable:
    """Two levels by five sizes, everything equal but for a linear trend in accuracy."""
    rows = [
        (a, b, seed, "converged" if rng.random() < 0.9 else "failed_to_learn", 0.0)
        for a in (0, 1)
        for b in (8, 16, 32, 64, 128)
        for seed in range(runs)
    ]
    frame = pd.DataFrame(rows, columns=["a", "b", "seed", "label", "test_accuracy"])
    value = 0.8 + slope * np.log2(frame["b"]) + 0.01 * rng.standard_normal(len(frame))
    frame["test_accuracy"] = np.where(frame["label"] == "converged", value, 0.1)
    return RunTable.from_frame(frame, factors=("a", "b"))


def test_one_part_of_several_contradicts_at_its_share_of_the_error() -> None:
    """Ten of ten runs failed: the upper limit is 0.308 at 95%, and 0.444 at 99.5%."""
    frame = pd.DataFrame(
        [(level, seed, "failed_to_learn", 0.1) for level in (0, 1) for seed in range(10)],
        columns=["a", "seed", "label", "test_accuracy"],
    )
    table = RunTable.from_frame(frame, factors=("a",))
    high = ClaimPart(kind="claim", claim="converged.p@a=0", direction="above", threshold=0.4)
    others = [
        ClaimPart(kind="claim", claim="converged.p@a=1", direction="below", threshold=0.9)
    ] * 9
    assert judge_one(table, high).verdict == Verdict.CONTRADICTED
    found = judge_one(table, high, *others)
    assert found.verdict == Verdict.INCONCLUSIVE
    assert found.parts[0].level == pytest.approx(0.995)
    assert found.parts[0].high == pytest.approx(1 - 0.0025**0.1)
    # What supports is looked at as before: one false part is enough to prevent it.
    assert {part.level for part in found.parts[1:]} == {0.95}
    assert {part.verdict for part in found.parts[1:]} == {Verdict.SUPPORTED}
    surely = ClaimPart(kind="claim", claim="converged.p@a=0", direction="above", threshold=0.5)
    assert judge_one(table, surely, *others).verdict == Verdict.CONTRADICTED


@pytest.mark.coverage
@pytest.mark.parametrize(
    "part",
    [
        ClaimPart(kind="claim", claim="converged.diff.a", direction="above", threshold=0.0),
        ClaimPart(kind="claim", claim="accuracy.diff.a", direction="above", threshold=0.0),
        ClaimPart(kind="claim", claim="expected.diff.a", direction="above", threshold=0.0),
        SlopePart(kind="slope", along="b", direction="above"),
        NeededPart(kind="threshold_order", along="b", compare="a", direction="above"),
        PeakPart(kind="peak", along="b"),
        RankingPart(kind="ranking", factors=["a"], order=[{"a": 1}, {"a": 0}]),
        EquivalencePart(kind="equivalence", claim="accuracy.diff.a", margin=1e-9),
    ],
    ids=lambda part: type(part).__name__ + getattr(part, "claim", ""),
)
def test_a_true_null_is_seldom_supported(part: Part, simulated: Callable[..., None]) -> None:
    rng = np.random.default_rng(11)
    studies = 400
    supported = 0
    for _ in range(studies):
        found = judge_one(simulated_table(rng, slope=0.002, runs=8), part)
        supported += found.verdict == Verdict.SUPPORTED
    # One-sided 2.5%, a peak and an equivalence 5%.
    case = f"{type(part).__name__} {getattr(part, 'claim', '')}".strip()
    group = "false support by kind of hypothesis, 8 runs a cell"
    simulated(group, case, supported / studies, studies, most=0.05, nominal=0.05)
