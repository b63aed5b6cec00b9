"""Seeds that some cells share and others lack: what a paired claim counts is what entered it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import vggstudy
from vggstudy.report.citing.cite import display_strings

SEEDS: dict[str, dict[str, Iterable[int]]] = {
    "nested": {"a": range(12), "b": range(4, 12), "c": range(8, 20)},
    "one has more": {"a": range(30), "b": range(10), "c": range(20)},
    "blocks of five": {"a": range(10), "b": range(5, 15), "c": [*range(5), *range(10, 15)]},
}
"""Seeds of three cells: no two share all of theirs."""


def frame(seeds: Mapping[str, Iterable[int]]) -> pd.DataFrame:
    """A seed moves its runs; its number in the cell is another one."""
    rng = np.random.default_rng(8)
    moved = rng.normal(0, 0.03, 40)
    rows = [
        (cell, at, seed, 0.7 + 0.02 * index + moved[seed] + rng.normal(0, 0.004))
        for index, (cell, own) in enumerate(seeds.items())
        for at, seed in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=["cell", "number", "seed", "test_accuracy"])


@pytest.mark.parametrize("kind", SEEDS)
@pytest.mark.parametrize("pair", list(itertools.combinations("abc", 2)), ids="-".join)
def test_a_paired_difference_counts_the_runs_that_entered(kind: str, pair: tuple[str, str]) -> None:
    """Trial 16."""
    runs = frame(SEEDS[kind])
    first, second = (runs[runs.cell == cell].set_index("seed").test_accuracy for cell in pair)
    differences = (second - first).dropna()
    result = vggstudy.analyze(runs, factors=["cell"], seeding="shared")
    claim = result.claims[f"accuracy.diff.cell@cell={pair[0]}..{pair[1]}"]
    entered = 2 * len(differences)
    assert entered < len(first) + len(second)
    assert (claim.k, claim.n) == (entered, len(first) + len(second))
    assert f", n = {entered} (" in display_strings(claim)["text"]
    (line,) = (one for one in result.summary().splitlines() if one.startswith(f"{claim.id} "))
    assert line.split("]", 1)[1].replace("*", " ").split()[0] == str(entered)
    assert claim.estimate == pytest.approx(differences.mean(), abs=1e-12)
    low, high = stats.t.interval(
        0.95, len(differences) - 1, differences.mean(), stats.sem(differences)
    )
    assert (claim.low, claim.high) == pytest.approx((low, high), abs=1e-12)
    assert "seeds_left_out" in {note.name for note in claim.warnings}


def test_where_all_seeds_are_shared_all_runs_are_counted() -> None:
    runs = frame(dict.fromkeys("abc", range(9)))
    result = vggstudy.analyze(runs, factors=["cell"], seeding="shared")
    claim = result.claims["accuracy.diff.cell@cell=a..c"]
    assert (claim.k, claim.n) == (18, 18)
    assert "seeds_left_out" not in {note.name for note in claim.warnings}
