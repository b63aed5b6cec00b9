"""The numbers of docs/how-to/stopping.md on AdaStop's own example, and on a speedrun's rule."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from scipy.special import ndtri

from vggstudy.analysis.api import analyze
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.looks import Look
from vggstudy.analysis.numbers.sequential import bounds, chance_of_crossing
from vggstudy.stated.hypotheses import ClaimHypothesis

ROOT = Path(__file__).resolve().parents[1]
AGENTS = ["PPO", "DDPG", "SAC", "TRPO"]
LOOKS = (5, 10, 15, 20, 25)


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """One row a run of an agent; PPO and SAC were run ten times, the others thirty."""
    wide = pd.read_csv(ROOT / "tests/reference/adastop_walker.csv").rename(
        columns={"run": "replicate"}
    )
    long = wide.melt(id_vars="replicate", var_name="agent", value_name="score").dropna()
    return long.assign(label="converged")


def undecided(scores: pd.DataFrame, number: int) -> list[str]:
    """Pairs of agents that a look does not tell apart, Holm over all six."""
    pairs = [
        ClaimHypothesis(
            id=f"{a}-{b}",
            text="more",
            kind="claim",
            claim=f"score.diff.agent@agent={a}..{b}",
            direction="above",
            threshold=0.0,
        )
        for a, b in combinations(AGENTS, 2)
    ]
    table = RunTable.from_frame(
        scores[scores.replicate < LOOKS[number - 1]],
        factors=["agent"],
        outcome="score",
        levels={"agent": AGENTS},
    )
    found = analyze(
        table,
        look=Look(number, LOOKS, "pocock"),
        hypotheses=pairs,
        seeding="independent",
        headline_only=True,
    )
    assert all(one.verdict != "borderline" for one in found.hypotheses)
    return [one.id for one in found.hypotheses if one.verdict == "inconclusive"]


def test_the_second_look_decides_what_adastop_decides(scores: pd.DataFrame) -> None:
    """Its tutorial: undecided of DDPG and TRPO alone after ten runs."""
    assert undecided(scores, 2) == ["DDPG-TRPO"]


def test_the_first_look_decides_two_pairs_that_adastop_leaves_open(scores: pd.DataFrame) -> None:
    assert undecided(scores, 1) == ["PPO-DDPG", "PPO-SAC", "PPO-TRPO", "DDPG-TRPO"]


def test_a_rule_looked_at_after_every_run_errs_nine_times_as_often() -> None:
    page = (ROOT / "docs/examples/speedrun.md").read_text("utf-8")
    z, shares = -float(ndtri(0.001)), tuple((i + 1) / 30 for i in range(30))
    found = chance_of_crossing(z, shares) / 2  # one side; to cross both is out of the question
    assert chance_of_crossing(z, shares[:1]) / 2 == pytest.approx(0.001)
    assert f"{100 * found:.2f}%" in page
    declared = bounds("obrien_fleming", (1 / 3, 2 / 3, 1.0), 0.998)
    assert all(f"{value:.2f}" in page for value in declared.z)
    assert declared.spent[-1] / 2 == pytest.approx(0.001)


def test_chance_of_crossing_is_that_of_armitage() -> None:
    """Armitage, McPherson & Rowe (1969), table 2: five looks at 5% err in 14.2%."""
    shares = tuple((i + 1) / 5 for i in range(5))
    assert chance_of_crossing(-float(ndtri(0.025)), shares) == pytest.approx(0.142, abs=5e-4)
