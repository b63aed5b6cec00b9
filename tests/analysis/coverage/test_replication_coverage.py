"""Simulated coverage: where a second study's estimate is expected after a first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from vggstudy.analysis import analyze
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.comparing.studies import compare
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.proportions import clopper_pearson
from vggstudy.analysis.numbers.replication import capture, expected
from vggstudy.analysis.numbers.student import student_t

PAIRS = 5_000
TOGETHER = 200
NEXT = "a replication's estimate"


def _of_means(n: tuple[int, int], scale: float, pairs: int) -> tuple[float, float, float]:
    """Shares of second means where expected, and inside the first's interval; forecast of these."""
    rng, inside, held, should = np.random.default_rng(71), 0, 0, 0.0
    for _ in range(pairs):
        a = student_t(rng.normal(0, 1, n[0]), confidence=0.95)
        b = student_t(rng.normal(0, scale, n[1]), confidence=0.95)
        where = expected(a, b)
        inside += where.low <= b.estimate <= where.high
        held += a.low <= b.estimate <= a.high
        should += capture(a, b, confidence=0.95)
    return inside / pairs, held / pairs, should / pairs


def test_a_small_simulation_of_replications_covers(simulated: Callable[..., None]) -> None:
    share, _, _ = _of_means((10, 10), 1.0, 1_000)
    simulated("small simulations", "replication, n=10", share, 1_000, least=0.95, most=0.98)


@pytest.mark.coverage
@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("n", [(3, 3), (5, 5), (10, 10), (30, 30), (5, 30), (30, 5)])
def test_means_of_a_second_study_are_where_expected(
    n: tuple[int, int], scale: float, simulated: Callable[..., None]
) -> None:
    share, held, should = _of_means(n, scale, PAIRS)
    name = f"means, SD 1 and {scale:g}, n={n[0]} and {n[1]}"
    # Distances to the ends stand for t-quantiles with each study's own degrees of freedom: with
    # few runs the interval is longer than Welch's.
    simulated(NEXT, name, share, PAIRS, least=0.95)
    # The forecast takes the ends for those of normal estimates: with few runs more are held.
    assert held > should - 0.01
    if min(n) >= 30:
        assert held == pytest.approx(should, abs=0.02)


@pytest.mark.coverage
@pytest.mark.parametrize("p", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("n", [(5, 5), (10, 10), (20, 20), (10, 40)])
def test_shares_of_a_second_study_are_where_expected(
    n: tuple[int, int], p: float, simulated: Callable[..., None]
) -> None:
    rng = np.random.default_rng(73)
    draws = [rng.binomial(size, p, PAIRS) for size in n]
    inside = 0
    for first, second in zip(*draws, strict=True):
        a, b = (
            clopper_pearson(int(k), size, confidence=0.95)
            for k, size in zip((first, second), n, strict=True)
        )
        where = expected(a, b)
        inside += where.low <= b.estimate <= where.high
    name = f"shares, p={p:g}, n={n[0]} and {n[1]}"
    simulated(NEXT, name, inside / PAIRS, PAIRS, least=0.95)


def _study(rng: np.random.Generator, gap: float = 0.0) -> ClaimSet:
    """A study of 2 x 2 cells of 8 runs each, of which some fail, through the whole analysis."""
    rows = []
    for depth in (11, 19):
        for norm in (False, True):
            for run in range(8):
                learned = rng.random() < expit(1.0 + 1.5 * norm)
                value = 0.7 + 0.05 * norm + gap * (depth == 19) + rng.normal(0, 0.02)
                outcome = "converged" if learned else "failed_to_learn"
                rows.append((depth, norm, run, outcome, value if learned else 0.1))
    columns = ["depth", "norm", "replicate", "outcome", "test_accuracy"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["majority_rate"] = 0.1
    table = RunTable.from_frame(frame, factors=["depth", "norm"], outcome="test_accuracy")
    return analyze(table, resamples=999).claims


@pytest.mark.coverage
def test_pairs_of_whole_studies_hold_their_level(simulated: Callable[..., None]) -> None:
    rng = np.random.default_rng(79)
    inside, compared, held, should = 0, 0, 0, 0.0
    for _ in range(TOGETHER):
        found = compare(("first", "second"), _study(rng), _study(rng))
        inside += found.expected[0]
        compared += len(found.likes)
        held += found.captured[0]
        should += found.captured[1]
    # Claims of one study go together: as good as some six independent ones a pair.
    simulated(
        NEXT, "all claims of 200 pairs of studies", inside / compared, 6 * TOGETHER, least=0.93
    )
    assert held > should


@pytest.mark.coverage
def test_a_planted_difference_between_studies_is_found() -> None:
    """In truth 4 standard errors apart; intervals of so few runs are a fifth wider than normal."""
    rng, found = np.random.default_rng(83), 0
    gap = 4 * np.hypot(0.02, 0.02) * np.sqrt(2 / (16 * 0.83))
    for _ in range(TOGETHER // 2):
        pair = compare(
            ("first", "second"), _study(rng), _study(rng, gap), match=["accuracy.diff.depth"]
        )
        found += not pair.likes[0].as_expected
    assert found / (TOGETHER // 2) > 0.8
