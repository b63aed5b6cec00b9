"""The association of two outcomes within cells: against SciPy, by hand, and where there is none."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, norm

from vggstudy.analysis.api import analyze
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers import kendall
from vggstudy.analysis.numbers.kendall import (
    StratifiedTau,
    cell_concordance,
    cells_interval,
    concordances,
    score_interval,
    stratified_tau,
)
from vggstudy.stated.hypotheses import ClaimPart, ConjunctionHypothesis

EXACT = 1e-12
"""Sums of integers over products of integers: rounding only."""

FACTORS = ("batch_norm", "lr")
Floats = np.ndarray[Any, np.dtype[np.float64]]


def tau_of(cells: Sequence[tuple[Sequence[float], Sequence[float]]]) -> StratifiedTau:
    """The coefficient of some cells, which must exist."""
    found = stratified_tau([cell_concordance(np.array(x), np.array(y)) for x, y in cells])
    assert found is not None
    return found


def study(seed: int = 3, runs: int = 6, slope: float = 1.0) -> pd.DataFrame:
    """Four cells; batch norm raises both quantities, and within cells they go against each other.

    Between cells the association has the other sign.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for on, lr in itertools.product((False, True), (0.01, 0.1)):
        rough = rng.normal(size=runs)
        accuracy = 0.7 + 0.1 * on - 0.01 * (slope * rough + 0.5 * rng.normal(size=runs))
        rows += [
            {
                "batch_norm": on,
                "lr": lr,
                "replicate": i,
                "label": "converged",
                "test_accuracy": a,
                "curve_stability": 5 + 3 * on + r,
            }
            for i, (r, a) in enumerate(zip(rough, accuracy, strict=True))
        ]
    return pd.DataFrame(rows)


def claims(frame: pd.DataFrame, outcome: str = "curve_stability", **settings: Any) -> ClaimSet:
    """The claims of an analysis of accuracy with one further outcome."""
    main, further = (
        RunTable.from_frame(frame, factors=FACTORS, outcome=name)
        for name in ("test_accuracy", outcome)
    )
    return analyze(main, further=[further], resamples=99, **settings).claims


def association(frame: pd.DataFrame, **settings: Any) -> Claim:
    """The claim over the whole grid."""
    return claims(frame, **settings)["curve_stability.association"]


# -- The coefficient --------------------------------------------------------------------------


def test_four_runs_by_hand() -> None:
    # x 1 2 3 4 against y 1 3 2 4: five of six pairs agree, one does not; v = 4*3*13/18 / 36.
    found = tau_of([([1, 2, 3, 4], [1, 3, 2, 4])])
    assert found.tau == pytest.approx(4 / 6, abs=EXACT)
    assert found.null_variance == pytest.approx(4 * 3 * 13 / 18 / 36, abs=EXACT)


def test_two_cells_count_alike_whatever_their_runs() -> None:
    up, down = ([1, 2, 3], [1, 2, 3]), (list(range(9)), list(range(9, 0, -1)))
    assert tau_of([up, down]).tau == pytest.approx(0, abs=EXACT)


@pytest.mark.parametrize("levels", [3, 5, 1000])
def test_one_cell_is_kendalls_tau_b(levels: int) -> None:
    rng = np.random.default_rng(levels)
    x, y = rng.integers(levels, size=(2, 25)).astype(float)
    assert tau_of([(x.tolist(), y.tolist())]).tau == pytest.approx(
        kendalltau(x, y).statistic, abs=EXACT
    )


def test_cells_without_ties_give_the_mean_of_their_coefficients() -> None:
    rng = np.random.default_rng(7)
    cells = [rng.normal(size=(2, n)) for n in (3, 5, 8)]
    mean = np.mean([kendalltau(x, y).statistic for x, y in cells])
    assert tau_of([(x, y) for x, y in cells]).tau == pytest.approx(mean, abs=EXACT)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([1, 1, 2, 3, 3], [1, 2, 2, 2, 5]),
        ([1, 1, 1, 2, 3, 3], [1, 2, 2, 2, 2, 5]),  # three alike on both sides: every term counts
    ],
)
def test_the_null_variance_is_that_over_all_permutations(x: list[float], y: list[float]) -> None:
    excess = [
        cell_concordance(np.array(x), np.array(one)).excess for one in itertools.permutations(y)
    ]
    found = cell_concordance(np.array(x), np.array(y)).null_variance
    assert found == pytest.approx(np.var(excess), abs=EXACT)
    assert np.mean(excess) == pytest.approx(0, abs=EXACT)


def test_pairs_of_different_cells_do_not_enter() -> None:
    rng = np.random.default_rng(2)
    x, y, cell = rng.normal(size=24), rng.normal(size=24), np.repeat([0, 1, 2], 8)
    plain = stratified_tau(concordances(x, y, cell))
    moved = stratified_tau(concordances(x + 9 * cell, y - 7 * cell, cell))
    assert plain is not None
    assert moved is not None
    assert moved.tau == plain.tau


def test_a_monotone_scale_changes_nothing_and_a_reversed_one_the_sign() -> None:
    rng = np.random.default_rng(4)
    cells = [rng.normal(size=(2, 6)) for _ in range(5)]
    plain = tau_of([(x, y) for x, y in cells])
    assert tau_of([(np.exp(x), y**3) for x, y in cells]).tau == plain.tau
    assert tau_of([(-x, y) for x, y in cells]).tau == -plain.tau
    assert tau_of([(y, x) for x, y in cells]).tau == plain.tau


def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(6).normal(size=(2, 17))
    whole = cell_concordance(x, y)
    for pairs in (1, 40):
        monkeypatch.setattr(kendall, "BLOCK", pairs)
        assert cell_concordance(x, y) == whole


@pytest.mark.parametrize(("x", "y"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, 3.0], [1.0, 2.0])])
def test_a_cell_of_two_runs_or_uneven_values_is_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="needs three runs with both values"):
        cell_concordance(np.array(x), np.array(y))


# -- Its interval -----------------------------------------------------------------------------


@pytest.mark.parametrize("tau", [-1.0, -0.4, 0.0, 0.9])
@pytest.mark.parametrize("variance", [0.002, 0.3])
def test_the_ends_solve_the_score_equation(tau: float, variance: float) -> None:
    found = score_interval(StratifiedTau(tau, variance, np.array([tau])), confidence=0.9)
    z = norm.ppf(0.95)
    assert -1 <= found.low <= tau <= found.high <= 1
    for end in (found.low, found.high):
        assert (tau - end) ** 2 == pytest.approx(z**2 * variance * (1 - end**2), abs=1e-9)


def test_the_interval_over_cells_is_students() -> None:
    found = cells_interval(StratifiedTau(0.2, 0.1, np.array([0.0, 0.2, 0.4])), confidence=0.95)
    # t(2) = 4.302653, standard error 0.2 / sqrt(3)
    assert found.high == pytest.approx(0.2 + 4.302653 * 0.2 / np.sqrt(3), abs=1e-6)
    assert found.method == "cells_t"


# -- The claims -------------------------------------------------------------------------------


def test_within_cells_the_sign_is_that_of_the_runs_not_of_the_cells() -> None:
    frame = study()
    found = association(frame)
    across = kendalltau(frame["curve_stability"], frame["test_accuracy"]).statistic
    within = [
        kendalltau(cell["curve_stability"], cell["test_accuracy"]).statistic
        for _, cell in frame.groupby(list(FACTORS))
    ]
    assert across > 0.1
    assert found.estimate == pytest.approx(np.mean(within), abs=EXACT)
    assert found.high is not None
    assert found.high < 0
    assert (found.unit, found.quantity, found.n, found.k) == ("correlation", "association", 24, 24)


def test_the_claims_are_of_the_grid_and_of_each_level() -> None:
    made = [name for name in claims(study()) if ".association" in name]
    assert made == [
        "curve_stability.association",
        "curve_stability.association@batch_norm=false",
        "curve_stability.association@batch_norm=true",
        "curve_stability.association@lr=0.01",
        "curve_stability.association@lr=0.1",
    ]


def test_the_words_say_what_is_compared() -> None:
    found = claims(study())["curve_stability.association@batch_norm=true"]
    assert found.estimand == (
        "rank correlation (Kendall's tau-b) of curve_stability and test_accuracy within cells "
        "among converged runs, at batch_norm = true, averaged over lr with equal weights"
    )


def test_any_part_of_the_grid_can_be_named() -> None:
    name = "curve_stability.association@batch_norm=true,lr=0.1"
    found = claims(study(runs=12), named=[name])[name]
    assert found.available
    assert found.k == 12


def test_a_hypothesis_takes_the_interval() -> None:
    spec = ConjunctionHypothesis(
        id="A",
        text="as stated",
        kind="all",
        parts=[
            ClaimPart(
                kind="claim", claim="curve_stability.association", direction="below", threshold=0.0
            )
        ],
    )
    found = association(study(), hypotheses=[spec])
    assert (found.registered, found.verdict) == (True, "supported")


def test_eight_cells_have_students_interval_beside() -> None:
    more = study(0)
    more["lr"] *= 1000
    frames = [study(), more]
    found = association(pd.concat(frames))
    assert [one.method for one in found.alternatives] == ["cells_t"]
    assert association(study()).alternatives == ()


def test_cells_of_fewer_than_three_converged_runs_are_left_out_and_said_to_be() -> None:
    frame = study(runs=8)
    frame.loc[2:7, "label"] = "failed_to_learn"
    found = association(frame)
    assert found.k == 24
    assert "cells_left_out" in [note.code for note in found.warnings]
    rest = frame[8:]
    assert found.estimate == pytest.approx(
        np.mean(
            [
                kendalltau(cell["curve_stability"], cell["test_accuracy"]).statistic
                for _, cell in rest.groupby(list(FACTORS))
            ]
        ),
        abs=EXACT,
    )


def constant(frame: pd.DataFrame) -> pd.DataFrame:
    """All runs with one value."""
    return frame.assign(curve_stability=0.1)


def failed(frame: pd.DataFrame) -> pd.DataFrame:
    """No converged run."""
    return frame.assign(label="failed_to_learn")


def whole(frame: pd.DataFrame) -> pd.DataFrame:
    """All of them."""
    return frame


def part(frame: pd.DataFrame) -> pd.DataFrame:
    """Three cells of three runs: six runs beyond the first of each."""
    return frame[:9]


@pytest.mark.parametrize(
    ("change", "runs", "reason", "text"),
    [
        (constant, 6, "no_variance", "in no cell do both quantities vary"),
        (failed, 6, "too_few_runs", "none of its 4 cells has 3 converged runs"),
        (whole, 2, "too_few_runs", "none of its 4 cells has 3 converged runs"),
        (part, 3, "too_few_runs", "needs at least 8 runs beyond"),
    ],
    ids=["constant", "failed", "two-runs", "few-cells"],
)
def test_what_cannot_be_estimated_has_a_reason(
    change: Callable[[pd.DataFrame], pd.DataFrame], runs: int, reason: str, text: str
) -> None:
    found = association(change(study(runs=runs)))
    assert (found.status, found.reason) == ("not_available", reason)
    assert text in (found.reason_text or "")
    assert (found.estimate, found.low, found.high) == (None, None, None)


def test_where_in_each_cell_one_of_the_two_is_constant_there_is_no_association() -> None:
    frame = study()
    on = frame["batch_norm"].to_numpy()
    frame.loc[on, "test_accuracy"] = 0.8
    frame.loc[~on, "curve_stability"] = 5.0
    assert association(frame).reason == "no_variance"


def test_shared_seeds_leave_an_interval_to_single_cells_only() -> None:
    name = "curve_stability.association@batch_norm=true,lr=0.1"
    made = claims(study(runs=12), seeding="shared", named=[name])
    assert made["curve_stability.association"].reason == "shared_seeds"
    assert made["curve_stability.association"].estimate is not None
    assert made[name].available


def test_a_cost_that_is_the_same_within_cells_has_no_such_claim() -> None:
    frame = study().assign(parameters=lambda f: 100 + f["batch_norm"])
    assert not [name for name in claims(frame, "parameters") if ".association" in name]


def test_a_cost_is_compared_among_converged_runs() -> None:
    frame = study(runs=8).assign(seconds=lambda f: f["curve_stability"] + 20)
    frame.loc[:3, "label"] = "failed_to_learn"
    main = RunTable.from_frame(frame, factors=FACTORS)
    seconds = RunTable.from_frame(frame, factors=FACTORS, outcome="seconds").of_every_run()
    found = analyze(main, further=[seconds], resamples=99).claims["seconds.association"]
    assert (found.n, found.k) == (32, 28)


def test_outcomes_of_other_rows_than_the_runs_have_none() -> None:
    frame = study()
    main = RunTable.from_frame(frame, factors=FACTORS)
    groups = frame[frame["replicate"] < 3].assign(ensemble_gain=0.1)
    further = RunTable.from_frame(groups, factors=FACTORS, outcome="ensemble_gain")
    spec = ConjunctionHypothesis(
        id="A",
        text="as stated",
        kind="all",
        parts=[
            ClaimPart(
                kind="claim", claim="ensemble_gain.association", direction="above", threshold=0.0
            )
        ],
    )
    result = analyze(main, further=[further], resamples=99, hypotheses=[spec])
    assert not [name for name in result.claims if ".association" in name]
    reason = result.hypotheses[0].parts[0].reason
    assert reason is not None
    assert "further outcome of the same runs" in reason.text


def test_the_main_outcome_has_no_association_with_itself() -> None:
    spec = ConjunctionHypothesis(
        id="A",
        text="as stated",
        kind="all",
        parts=[
            ClaimPart(kind="claim", claim="accuracy.association", direction="above", threshold=0.0)
        ],
    )
    main = RunTable.from_frame(study(), factors=FACTORS)
    result = analyze(main, resamples=99, hypotheses=[spec])
    assert str(result.hypotheses[0].verdict) == "not_estimable"


# -- Coverage ---------------------------------------------------------------------------------


RHO = {"null": 0.0, "rho=.5": 0.5, "rho=.8": 0.8, "t copula, rho=.5": 0.5}
SIZE = "dependent, not associated"


def draw(rng: np.random.Generator, kind: str, size: tuple[int, int, int]) -> tuple[Floats, Floats]:
    """Two quantities: a normal copula, a heavier one, or the one following the other's size."""
    first, second = rng.normal(size=(2, *size))
    if kind == SIZE:
        return first, np.abs(first) + 0.3 * second
    correlation = RHO[kind]
    second = correlation * first + np.sqrt(1 - correlation**2) * second
    scale = np.sqrt(2 / rng.chisquare(2, size)) if kind.startswith("t") else np.ones(size)
    return first * scale, second * scale


TRUTH = {kind: 2 / np.pi * np.arcsin(rho) for kind, rho in RHO.items()} | {SIZE: 0.0}
"""Kendall's coefficient of an elliptical distribution; 0 by symmetry."""


def share_covered(kind: str, cells: int, runs: int, *, studies: int, method: str) -> float:
    """Share of intervals that hold the truth."""
    rng = np.random.default_rng(1)
    first, second = draw(rng, kind, (studies, cells, runs))
    interval = score_interval if method == "score" else cells_interval
    inside = 0
    for x, y in zip(first, second, strict=True):
        found = interval(tau_of(list(zip(x, y, strict=True))), confidence=0.95)
        inside += found.low - EXACT <= TRUTH[kind] <= found.high + EXACT
    return inside / studies


def test_a_small_simulation_of_independent_quantities_covers() -> None:
    # Nominal 95%; three Monte Carlo standard errors of 400 studies are 3.3 points.
    share = share_covered("null", 8, 5, studies=400, method="score")
    assert share == pytest.approx(0.95, abs=0.033)


@pytest.mark.coverage
@pytest.mark.parametrize("kind", TRUTH)
@pytest.mark.parametrize(("cells", "runs"), [(1, 10), (8, 3), (8, 5), (24, 10)])
def test_simulated_coverage_of_the_score_interval(
    kind: str, cells: int, runs: int, simulated: Callable[..., None]
) -> None:
    share = share_covered(kind, cells, runs, studies=1_200, method="score")
    case = f"{kind}, {cells} {'cell' if cells == 1 else 'cells'}, n={runs}"
    least = 0.85 if kind == SIZE else 0.93  # the variance is that of independent quantities
    simulated("association within cells: score interval", case, share, 1_200, least=least)


@pytest.mark.coverage
@pytest.mark.parametrize("kind", TRUTH)
def test_simulated_coverage_of_the_interval_over_cells(
    kind: str, simulated: Callable[..., None]
) -> None:
    share = share_covered(kind, 8, 5, studies=1_200, method="cells")
    case = f"{kind}, 8 cells, n=5"
    simulated("association within cells: Student over cells", case, share, 1_200, least=0.92)
