"""Where lower is better, what is best is lowest: in ranks, turning points, hypotheses and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import Claim, analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.outcomes import lower_by_name
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.ranking import rank_models
from vggstudy.analysis.hypotheses.verdicts import Evidence
from vggstudy.errors import AnalysisError
from vggstudy.stated.hypotheses import PeakHypothesis, RankingHypothesis

LEVELS = [8, 16, 32, 64, 128, 256, 512]
BENT = PeakHypothesis(
    id="H1", text="A level in the middle is best.", kind="peak", along="batch_size"
)
ORDER = RankingHypothesis(
    id="H1",
    text="b is better",
    kind="ranking",
    factors=["model"],
    outcome="accuracy",
    order=[{"model": "b"}, {"model": "a"}],
)


def bowl(outcome: str = "test_loss", sign: float = 1.0) -> RunTable:
    """A loss that is least at a batch size of 64, ten runs a level."""
    rng = np.random.default_rng(4)
    rows = [
        (level, seed, "converged", sign * (0.5 + 0.02 * (i - 3) ** 2 + 0.01 * rng.normal()))
        for i, level in enumerate(LEVELS)
        for seed in range(10)
    ]
    frame = pd.DataFrame(rows, columns=["batch_size", "seed", "label", outcome])
    return RunTable.from_frame(frame, factors=["batch_size"], outcome=outcome)


def models(outcome: str = "loss") -> RunTable:
    """Model b has half the loss of model a; c is as good as b."""
    rng = np.random.default_rng(5)
    rows = [
        (model, seed, "converged", mean + 0.02 * rng.normal())
        for model, mean in (("a", 0.9), ("b", 0.5), ("c", 0.5))
        for seed in range(8)
    ]
    frame = pd.DataFrame(rows, columns=["model", "seed", "label", outcome])
    return RunTable.from_frame(frame, factors=["model"], outcome=outcome)


def _all(parts: Sequence[Evidence]) -> Iterator[Evidence]:
    for part in parts:
        yield part
        yield from _all(part.parts)


@pytest.mark.parametrize(
    ("column", "lower"),
    [
        ("test_loss", True),
        ("loss", True),
        ("seconds", True),
        ("wall_seconds", True),
        ("test_error", True),
        ("test_accuracy", False),
        ("score", False),
        ("epochs", False),
        ("lossless", False),
    ],
)
def test_names_say_which_outcomes_are_better_low(column: str, lower: bool) -> None:
    assert lower_by_name(column) is lower
    assert models(column).lower_is_better is lower


def test_the_best_rank_is_that_of_the_lowest_mean() -> None:
    settings = {"outcome": "loss", "confidence": 0.95, "seed": 1}
    cells = Cells.from_table(models())
    low = rank_models(cells, ("model",), **settings)  # type: ignore[arg-type]
    assert [low.rank_low[0], low.rank_high[0]] == [3, 3]
    assert low.rank_low[1:] == (1, 1)
    assert low.order[-1] == 0
    high = rank_models(Cells.from_table(models().directed(False)), ("model",), **settings)  # type: ignore[arg-type]
    assert [high.rank_low[0], high.rank_high[0]] == [1, 1]
    assert [x.interval for x in low.comparisons] == [x.interval for x in high.comparisons]


def test_a_stated_order_goes_from_the_lowest_to_the_highest() -> None:
    (found,) = analyze(models(), resamples=99, hypotheses=[ORDER]).hypotheses
    assert found.verdict == "supported"
    assert "model=b below model=a" in {part.rule.text for part in _all(found.parts)}
    (other,) = analyze(models(), resamples=99, hypotheses=[ORDER], lower_is_better=False).hypotheses
    assert other.verdict == "contradicted"


def test_a_trough_of_a_loss_is_a_peak_of_its_negative() -> None:
    (found,) = analyze(bowl(), resamples=199, hypotheses=[BENT]).hypotheses
    assert found.verdict == "supported"
    mirrored = bowl("score", sign=-1.0)
    (same,) = analyze(mirrored, resamples=199, hypotheses=[BENT]).hypotheses
    assert same.verdict == "supported"
    (other,) = analyze(bowl("score"), resamples=199, hypotheses=[BENT]).hypotheses
    assert other.verdict == "contradicted"


def test_a_vertex_is_no_claim_where_it_is_the_worst() -> None:
    def vertex(table: RunTable) -> Claim:
        return analyze(table, resamples=199).claims["peak.batch_size"]

    assert vertex(bowl()).available
    assert vertex(bowl("score")).reason == "minimum"
    assert vertex(bowl("test_loss", sign=-1.0)).reason == "maximum"
    mirrored = vertex(bowl("score", sign=-1.0))
    assert vertex(bowl()).estimate == pytest.approx(mirrored.estimate)


def test_the_best_level_of_a_loss_is_that_of_the_mirrored_score() -> None:
    def best(table: RunTable) -> tuple[float | None, ...]:
        claim = analyze(table, resamples=199).claims["best.batch_size"]
        return claim.estimate, claim.low, claim.high

    assert best(bowl()) == best(bowl("score", sign=-1.0))
    assert best(bowl()) != best(bowl("score"))


def test_improvement_is_the_probability_of_a_lower_loss() -> None:
    name = "loss.improvement.model@model=a..b"
    low = analyze(models(), resamples=99).claims[name]
    high = analyze(models(), resamples=99, lower_is_better=False).claims[name]
    assert (low.estimate, high.estimate) == (1, 0)
    assert low.estimand.startswith("probability of a lower loss")
    assert high.estimand.startswith("probability of a higher loss")


def test_means_and_ids_do_not_depend_on_the_direction() -> None:
    low, high = (analyze(models(), resamples=99, lower_is_better=x).claims for x in (True, False))
    assert {*low} == {*high}
    assert low["loss.mean"].low == high["loss.mean"].low


def test_the_direction_enters_the_digest_where_the_name_does_not_say_it() -> None:
    table = models("score")
    assert table.directed(None).content_digest() == table.content_digest()
    assert table.directed(True).content_digest() != table.content_digest()
    assert models().content_digest() == replace(models()).content_digest()


def test_the_report_says_that_lower_is_better() -> None:
    notes = [note.text for note in analyze(models(), resamples=99).warnings]
    assert "lower values of loss are better" in notes
    assert not any("better" in x.text for x in analyze(models("score"), resamples=99).warnings)


def test_no_chance_level_says_which_runs_of_a_loss_learned() -> None:
    frame = models().to_frame().drop(columns="outcome")
    with pytest.raises(AnalysisError, match="less of 'loss' is better, so no chance level"):
        RunTable.from_frame(frame, factors=["model"], outcome="loss", chance=0.1)
