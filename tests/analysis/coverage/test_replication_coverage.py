"""Simulated coverage: where a second study's estimate is expected after a first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, stdtrit

from vggstudy.analysis import analyze
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.comparing.like import Like, like
from vggstudy.analysis.comparing.pairing import SeededRuns, pair
from vggstudy.analysis.comparing.studies import compare
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.proportions import clopper_pearson
from vggstudy.analysis.numbers.replication import capture, difference, expected
from vggstudy.analysis.numbers.sequential import Spending, bounds
from vggstudy.analysis.numbers.student import student_t

PAIRS = 5_000
LEVELS = (0.95, 0.95)
TOGETHER = 200
NEXT = "a replication's estimate"
PAIRED = "differences between studies of the same seeds"


def _of_means(n: tuple[int, int], scale: float, pairs: int) -> tuple[float, float, float]:
    """Shares of second means where expected, and inside the first's interval; forecast of these."""
    rng, inside, held, should = np.random.default_rng(71), 0, 0, 0.0
    for _ in range(pairs):
        a = student_t(rng.normal(0, 1, n[0]), confidence=0.95)
        b = student_t(rng.normal(0, scale, n[1]), confidence=0.95)
        where = expected(a, difference(a, b))
        inside += where.low <= b.estimate <= where.high
        held += a.low <= b.estimate <= a.high
        should += capture(a, b, levels=LEVELS)
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
        where = expected(a, difference(a, b))
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


@pytest.mark.coverage
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_paired_differences_of_means_hold_their_level(
    n: int, share: float, simulated: Callable[..., None]
) -> None:
    """Of each study's variance, a share comes from the seeds of both."""
    rng = np.random.default_rng(89)
    moved = rng.normal(0, np.sqrt(share), (PAIRS, 1, n))
    runs = moved + rng.normal(0, np.sqrt(1 - share), (PAIRS, 2, n))
    inside = 0
    for x, y in runs:
        a, b = student_t(x, confidence=0.95), student_t(y, confidence=0.95)
        found = difference(a, b, correlation=float(np.corrcoef(x, y)[0, 1]))
        inside += found.low <= 0 <= found.high
    simulated(PAIRED, f"means, {share:.0%} from seeds, n={n}", inside / PAIRS, PAIRS, least=0.94)


def _twins(rng: np.random.Generator, n: int) -> tuple[SeededRuns, SeededRuns]:
    """Two studies of 2 x 2 cells; seeds move both alike, and decide most failures of both."""
    tables: tuple[list[object], list[object]] = ([], [])
    for depth in (11, 19):
        for norm in (False, True):
            luck, moved = rng.random(n), rng.normal(0, 0.02, n)
            for run in range(n):
                for rows, gap in zip(tables, (0.0, 0.03 * norm), strict=True):
                    own = luck[run] if rng.random() < 0.8 else rng.random()
                    learned = own < 0.75 + 0.1 * norm
                    value = 0.7 + gap + moved[run] + rng.normal(0, 0.01)
                    outcome = "converged" if learned else "failed_to_learn"
                    rows.append((depth, norm, run, outcome, value if learned else 0.1))
    columns = ["depth", "norm", "seed", "outcome", "test_accuracy"]
    first, second = (
        RunTable.from_frame(
            pd.DataFrame(rows, columns=columns).assign(majority_rate=0.1),
            factors=["depth", "norm"],
            outcome="test_accuracy",
            seeding="independent",
        )
        for rows in tables
    )
    return (
        SeededRuns(first, first.seeds or (), shared=False),
        SeededRuns(second, second.seeds or (), shared=False),
    )


TRUE = {
    "accuracy.mean": 0.015,
    "accuracy.diff.norm": 0.03,
    "accuracy.diff.depth": 0.0,
    "converged.p@depth=11,norm=false": 0.0,
    "converged.p": 0.0,
    "converged.diff.norm": 0.0,
}
"""By how much claims of the second study are larger."""


@pytest.mark.coverage
def test_paired_claims_of_studies_with_failures_hold_their_level(
    simulated: Callable[..., None],
) -> None:
    rng, inside = np.random.default_rng(97), dict.fromkeys(TRUE, 0)
    shorter = dict.fromkeys(TRUE, 0.0)
    for _ in range(TOGETHER):
        studies = _twins(rng, 12)
        first, second = (
            analyze(one.table, resamples=199, headline_only=True).claims for one in studies
        )
        for name, gap in TRUE.items():
            paired = pair(*studies, name, 0.95)
            found = like(first[name], second[name], paired=paired)
            alone = like(first[name], second[name])
            assert found is not None
            assert alone is not None
            inside[name] += found.difference.low <= gap <= found.difference.high
            shorter[name] += _width(found) / _width(alone) / TOGETHER
    for name, count in inside.items():
        simulated(PAIRED, f"{name}, 12 runs a cell", count / TOGETHER, TOGETHER, least=0.93)
    assert shorter["accuracy.diff.norm"] < 0.8
    assert shorter["converged.p"] < 0.8


def _width(one: Like) -> float:
    return one.difference.high - one.difference.low


STOPPED = "differences between studies that stopped at looks"
AT = (5, 10, 20)


def _stopped(
    rng: np.random.Generator, mean: float, looks: tuple[int, ...], spending: Spending
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means, half-widths and levels of studies that end when their interval excludes 0."""
    runs = rng.normal(mean, 1, (PAIRS, looks[-1]))
    nominal = bounds(spending, tuple(n / looks[-1] for n in looks), 0.95).nominal
    found = np.empty((3, PAIRS))
    going = np.ones(PAIRS, dtype=bool)
    for n, level in zip(looks, nominal, strict=True):
        part = runs[:, :n]
        reach = stdtrit(n - 1, (1 + level) / 2) * part.std(axis=1, ddof=1) / np.sqrt(n)
        ends = going & ((np.abs(part.mean(axis=1)) > reach) | (n == looks[-1]))
        for row, value in zip(found, (part.mean(axis=1), reach, level), strict=True):
            row[ends] = np.broadcast_to(value, PAIRS)[ends]
        going &= ~ends
    return found[0], found[1], found[2]


@pytest.mark.coverage
@pytest.mark.parametrize("mean", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize(
    ("looks", "spending"),
    [((20,), "obrien_fleming"), (AT, "obrien_fleming"), (AT, "pocock")],
    ids=["one look", "obrien_fleming", "pocock"],
)
def test_differences_of_studies_that_stopped_hold_their_level(
    mean: float, looks: tuple[int, ...], spending: Spending, simulated: Callable[..., None]
) -> None:
    """The first had looks at 5, 10 and 20 runs; of the second those, or 20 runs at once."""
    rng, inside, undeclared = np.random.default_rng(101), 0, 0
    first, second = _stopped(rng, mean, AT, spending), _stopped(rng, mean, looks, spending)
    for a, half, level, b, reach, own in zip(*first, *second, strict=True):
        ends = Interval(a, a - half, a + half, ""), Interval(b, b - reach, b + reach, "")
        inside += difference(*ends).low <= 0 <= difference(*ends).high
        scaled = [normal_quantile(0.95) / normal_quantile(x) for x in (level, own)]
        undeclared += abs(a - b) <= np.hypot(half * scaled[0], reach * scaled[1])
    count = "one look" if len(looks) == 1 else f"{len(looks)} looks"
    name = f"mean {mean:g} SD, {spending}, the second with {count}"
    simulated(STOPPED, name, inside / PAIRS, PAIRS, least=0.945)
    assert undeclared < inside  # at 95% each, as if there had been no looks
