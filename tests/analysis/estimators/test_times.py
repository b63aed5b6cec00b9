"""Times to a target: from two columns to restricted means, tests, shares and curves."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.data.times import TimesAsked, table_of_times
from vggstudy.analysis.estimators.times import survival_frame
from vggstudy.analysis.numbers.proportions import clopper_pearson
from vggstudy.analysis.numbers.student import student_t
from vggstudy.analysis.numbers.survival import restricted_values
from vggstudy.analysis.result import AnalysisResult
from vggstudy.errors import AnalysisError
from vggstudy.stated.hypotheses import (
    ClaimHypothesis,
    EquivalenceHypothesis,
    RankingHypothesis,
)

STEPS = TimesAsked("steps", "there")


def runs(seed: int = 1, n: int = 8, *, lost: bool = True) -> pd.DataFrame:
    """Two optimizers on two tasks; those of b take half as long, and some runs are lost."""
    rng = np.random.default_rng(seed)
    rows = []
    for optimizer, task in itertools.product("ab", (1, 2)):
        for run in range(n):
            time = (20 if optimizer == "a" else 10) * task * rng.weibull(3)
            end = rng.uniform(10, 60) if lost else 30.0
            rows.append((optimizer, task, run, min(time, end), time <= end))
    return pd.DataFrame(rows, columns=["optimizer", "task", "replicate", "steps", "there"])


def analysed(frame: pd.DataFrame, asked: TimesAsked = STEPS, **more: object) -> AnalysisResult:
    table = table_of_times(frame, asked, factors=("optimizer", "task"))
    return analyze(table, resamples=199, **more)  # type: ignore[arg-type]


def test_the_mean_of_a_cell_is_the_area_under_its_curve() -> None:
    frame = runs()
    result = analysed(frame, TimesAsked("steps", "there", 15.0))
    claim = result.claims["steps.mean@optimizer=a,task=1"]
    own = frame[(frame.optimizer == "a") & (frame.task == 1)]
    values = restricted_values(own.steps.to_numpy(), own.there.to_numpy(), 15.0)
    assert claim.estimate == pytest.approx(values.mean())
    t = student_t(values, confidence=0.95)
    # The calibrated bootstrap is never narrower than t below ten runs.
    assert claim.low is not None
    assert claim.low <= t.low + 1e-12
    assert claim.n == claim.k == 8
    assert "up to 15" in claim.estimand
    assert result.table.lower_is_better


def test_an_interval_stays_within_what_a_restricted_mean_can_be() -> None:
    frame = runs(lost=False)
    result = analysed(frame, TimesAsked("steps", "there", 30.0), confidence=0.999)
    for claim in result.claims.values():
        if claim.quantity == "mean" and claim.outcome == "steps" and claim.available:
            assert claim.low is not None
            assert claim.high is not None
            assert 0 <= claim.low <= claim.high <= 30
    assert result.claims["steps.mean@optimizer=a,task=2"].high == 30


def test_differences_and_interactions_are_those_of_restricted_means() -> None:
    result = analysed(runs(), TimesAsked("steps", "there", 15.0))

    def mean(optimizer: str, task: int) -> float:
        found = result.claims[f"steps.mean@optimizer={optimizer},task={task}"].estimate
        assert found is not None
        return found

    difference = result.claims["steps.diff.optimizer"]
    expected = np.mean([mean("b", task) - mean("a", task) for task in (1, 2)])
    assert difference.estimate == pytest.approx(expected)
    did = mean("b", 2) - mean("b", 1) - mean("a", 2) + mean("a", 1)
    assert result.claims["steps.did.optimizer*task"].estimate == pytest.approx(did)


def test_runs_followed_to_one_end_give_means_of_the_shorter_of_time_and_end() -> None:
    frame = runs(lost=False)
    result = analysed(frame)
    assert result.table.horizon == 30.0
    own = frame[(frame.optimizer == "a") & (frame.task == 2)]
    claim = result.claims["steps.mean@optimizer=a,task=2"]
    assert claim.estimate == pytest.approx(np.minimum(own.steps, 30).mean())
    share = result.claims["steps.reached@optimizer=a,task=2"]
    exact = clopper_pearson(int(own.there.sum()), len(own), confidence=0.95)
    assert share.estimate == pytest.approx(exact.estimate)
    assert share.low == pytest.approx(exact.low)


def test_the_log_rank_test_is_stratified_and_says_its_p() -> None:
    claim = analysed(runs()).claims["steps.logrank.optimizer"]
    assert claim.reference == 1
    assert claim.low is not None
    assert claim.low > 1  # b gets there sooner
    assert any(note.name == "log_rank_p" for note in claim.warnings)
    assert "b over a" in claim.estimand


def test_the_horizon_is_the_last_time_to_which_every_cell_was_followed() -> None:
    frame = pd.DataFrame(
        {
            "arm": ["a"] * 3 + ["b"] * 3,
            "replicate": [0, 1, 2] * 2,
            "steps": [3, 5, 9, 4, 6, 7.0],
            "there": ["yes", "no", "no", "true", "1", "True"],
        }
    )
    table = table_of_times(frame, STEPS, factors=("arm",))
    assert table.horizon == 9.0  # of b all got there: its curve is known for ever
    frame.loc[5, "there"] = "no"
    assert table_of_times(frame, STEPS, factors=("arm",)).horizon == 7.0


def test_a_cell_that_was_not_followed_so_far_has_no_mean_and_the_reason() -> None:
    frame = runs(lost=False)
    short = (frame.optimizer == "a") & (frame.task == 2)
    frame.loc[short, "there"] = frame.steps < 12
    frame.loc[short, "steps"] = np.minimum(frame.steps, 12)
    result = analysed(frame, TimesAsked("steps", "there", 25.0))
    claim = result.claims["steps.mean@optimizer=a,task=2"]
    assert (claim.estimate, claim.reason) == (None, "not_followed")
    assert "followed to 25" in str(claim.reason_text)
    whole = result.claims["steps.diff.optimizer"]
    assert whole.reason == "missing_cells"
    assert whole.offered is not None
    assert result.claims[whole.offered].available


def test_diverged_runs_never_get_there_and_crashed_ones_are_no_data() -> None:
    frame = runs(lost=False).assign(label="converged").astype({"there": object})
    cell = (frame.optimizer == "b") & (frame.task == 1)
    first, second = frame.index[cell][:2]
    changes = ((first, 2.0, False, "diverged"), (second, np.nan, None, "crashed"))
    for row, time, there, label in changes:
        frame.loc[row, "steps"], frame.loc[row, "there"] = time, there
        frame.loc[row, "label"] = label
    result = analysed(frame)
    share = result.claims["steps.reached@optimizer=b,task=1"]
    assert share.n == 7
    assert share.estimate == pytest.approx(6 / 7)
    row = result.table.to_frame().query("outcome == 'diverged'")
    assert row["steps"].tolist() == [30.0]


def test_shared_seeds_are_blocks_of_times_too() -> None:
    frame = runs(lost=False).assign(seed=lambda x: x.replicate)
    result = analysed(frame, seeding="shared")
    wide = frame.assign(time=frame.steps).pivot_table("time", "seed", ["optimizer", "task"])
    each = (wide["b"] - wide["a"]).to_numpy().mean(axis=1)
    claim = result.claims["steps.diff.optimizer"]
    t = student_t(each, confidence=0.95)
    assert claim.low == pytest.approx(t.low)
    assert claim.high == pytest.approx(t.high)


@pytest.mark.parametrize(
    "text", ["steps.median@optimizer=a,task=1", "steps.iqm", "needed.task@optimizer=a"]
)
def test_quantities_of_converged_runs_are_none_of_times(text: str) -> None:
    with pytest.raises(AnalysisError, match="no quantity that fits"):
        analysed(runs()).estimand(text)


def test_times_have_no_place_in_a_table_without_them() -> None:
    frame = runs().assign(test_accuracy=0.5, label="converged")
    times = table_of_times(frame, STEPS, factors=("optimizer", "task"))
    main = RunTable.from_frame(frame, factors=("optimizer", "task"))
    result = analyze(main, further=[times], resamples=199)
    assert result.claims["steps.diff.optimizer"].available
    assert "steps.association" not in result.claims
    with pytest.raises(AnalysisError, match="no quantity that fits"):
        result.estimand("accuracy.reached@optimizer=a,task=1")


def test_hypotheses_judge_times() -> None:
    of = "steps.diff.optimizer"
    stated = (
        ClaimHypothesis(
            id="H1", kind="claim", direction="below", threshold=0.0, claim=of, text="b"
        ),
        EquivalenceHypothesis(id="H2", kind="equivalence", margin=1e3, claim=of, text="b"),
        RankingHypothesis(
            id="H3",
            kind="ranking",
            factors=["optimizer"],
            outcome="accuracy",
            order=[{"optimizer": "b"}, {"optimizer": "a"}],
            text="b",
        ),
    )
    result = analysed(runs(n=20), hypotheses=stated)
    assert [one.verdict for one in result.hypotheses] == ["supported"] * 3


def test_the_curves_fall_from_one_to_the_share_that_is_left() -> None:
    result = analysed(runs(lost=False))
    curve = result.survival()[0]
    shares = [one.estimate for one in curve.share]
    assert (shares[0], curve.time[0]) == (1.0, 0.0)
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(1 - curve.k / curve.n)
    frame = survival_frame(result.survival())
    assert {"optimizer", "task", "steps", "at_risk", "not_reached"} <= set(frame.columns)
    assert (frame.low <= frame.not_reached).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"there": "maybe"}, "'there' must be true or false: row 1"),
        ({"steps": -1.0}, "must be a time of 0 or more"),
        ({"steps": np.nan}, "'steps'"),
    ],
)
def test_columns_that_are_no_times_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(AnalysisError, match=said):
        analysed(runs().assign(**change))


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(AnalysisError, match=r"'ther' is not in the table \(did you mean"):
        analysed(runs(), TimesAsked("steps", "ther"))
