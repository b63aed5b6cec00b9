"""How the seeds of a table are read: blocks where they recur, and what else they could mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vggstudy.analysis import RunTable, analyze
from vggstudy.analysis.data.seeding import SeedReading, _recurring, read_seeds
from vggstudy.analysis.data.table import Seeding
from vggstudy.errors import AnalysisError

FACTORS = ("method", "task")


def frame(seeds: int = 6, *, column: str = "seed") -> pd.DataFrame:
    """Two methods on three tasks; a seed moves its runs ten times as far as anything else."""
    rng = np.random.default_rng(3)
    moved = rng.normal(0, 0.02, seeds)
    rows = [
        (m, t, s, "converged", 0.8 + 0.003 * m + moved[s] + rng.normal(0, 0.002))
        for m in (0, 1)
        for t in "xyz"
        for s in range(seeds)
    ]
    return pd.DataFrame(rows, columns=[*FACTORS, column, "label", "test_accuracy"])


def read(table: pd.DataFrame, asked: Seeding = "auto") -> SeedReading:
    return read_seeds(RunTable.from_frame(table, factors=FACTORS, seeding=asked))


def codes(reading: SeedReading) -> list[str]:
    return [note.code for note in reading.notes]


def test_a_seed_that_recurs_is_a_block_and_a_replicate_is_not() -> None:
    seeds, counted = read(frame()), read(frame(column="replicate"))
    assert (seeds.taken, seeds.other, codes(seeds)) == ("shared", "independent", ["seeds_recur"])
    assert (counted.taken, counted.other, codes(counted)) == ("independent", "shared", [])


def test_seeds_that_do_not_recur_are_unrelated_and_can_mean_nothing_else() -> None:
    table = frame()
    table["seed"] = np.arange(len(table)) * 17 + 5
    found = read(table)
    assert (found.taken, found.other, codes(found)) == ("independent", None, [])


def test_a_few_seeds_that_recur_are_accidents_and_are_said() -> None:
    table = frame()
    table["seed"] = np.arange(len(table))
    table.loc[35, "seed"] = 0
    found = read(table)
    assert (found.taken, found.other, codes(found)) == (
        "independent",
        "shared",
        ["few_seeds_recur"],
    )
    assert found.notes[0].text.startswith("2 of 36 runs have a seed that another cell has too")


def test_seeds_that_recur_among_half_of_the_runs_are_blocks() -> None:
    table = frame()
    table["seed"] = [
        s if t != "z" else 100 + i
        for i, (s, t) in enumerate(zip(table["seed"], table["task"], strict=True))
    ]
    assert read(table).taken == "shared"


def test_the_column_seed_and_not_the_number_of_the_run_makes_the_blocks() -> None:
    table = frame()
    names = {s: f"s{s * 7 % 6}" for s in range(6)}
    both = table.assign(replicate=table["seed"], seed=table["seed"].map(names))
    both.loc[both["method"] == 1, "replicate"] += 2
    made = [
        analyze(RunTable.from_frame(one, factors=FACTORS), resamples=99).claims
        for one in (table, both)
    ]
    for name in ("accuracy.diff.method", "accuracy.mean"):
        assert made[0][name].low == pytest.approx(made[1][name].low, rel=1e-12)
        assert made[0][name].method == made[1][name].method == "seeds_t"


def test_a_run_whose_seed_is_unknown_is_no_other_s_block() -> None:
    table = frame().assign(replicate=list(range(6)) * 6)
    table["seed"] = table["seed"].astype(object)
    table.loc[[0, 6, 12], "seed"] = None
    made = RunTable.from_frame(table, factors=FACTORS)
    assert made.seeds is not None
    assert len(set(made.seeds)) == 6 + 3
    found = analyze(made, resamples=99).claims["accuracy.mean"]
    assert (found.method, found.k) == ("seeds_t", 5 * 6)


def test_one_seed_for_several_runs_of_a_cell_is_no_block() -> None:
    table = frame().assign(replicate=list(range(6)) * 6, seed=42)
    found = read(table)
    assert (found.taken, found.other) == ("independent", None)
    assert "(42 in method=0, task=x)" in found.notes[0].text
    with pytest.raises(AnalysisError, match="method=0, task=x has seed 42 twice"):
        read(table, "shared")


def test_seeds_are_read_as_asked() -> None:
    apart = read(frame(), "independent")
    assert (apart.taken, apart.other) == ("independent", "shared")
    assert codes(apart) == ["recurring_seeds_unrelated"]
    together = read(frame(column="replicate"), "shared")
    assert (together.taken, together.other, codes(together)) == ("shared", "independent", [])
    with pytest.raises(AnalysisError, match="needs the columns init_seed and data_seed"):
        read(frame(), "crossed")
    with pytest.raises(AnalysisError, match="seeding must be one of auto, independent, "):
        read(frame(), "paired")  # type: ignore[arg-type]


def test_a_design_leaves_nothing_to_judge() -> None:
    table = RunTable.from_frame(frame(), factors=FACTORS)
    for designed in ("independent", "shared"):
        found = read_seeds(table, "auto", designed=designed)
        assert (found.taken, found.other, found.notes) == (designed, None, ())


def test_streams_are_crossed_unless_they_are_taken_as_unrelated() -> None:
    pairs = [(i, j) for i in range(2) for j in range(2)]
    rows = [
        (c, n, i, j, "converged", 0.8 + n / 100) for c in "ab" for n, (i, j) in enumerate(pairs)
    ]
    names = ["c", "replicate", "init_seed", "data_seed", "label", "test_accuracy"]
    table = RunTable.from_frame(pd.DataFrame(rows, columns=names), factors=["c"])
    assert read_seeds(table).taken == read_seeds(table, "crossed").taken == "crossed"
    every = read_seeds(table, "independent").applied(table)
    assert (len(table.independent()), len(every.independent())) == (4, 8)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    found = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return float(found.low), float(found.high)


def test_both_readings_are_given_for_every_headline_claim() -> None:
    table = frame()
    result = analyze(RunTable.from_frame(table, factors=FACTORS), resamples=199)
    means = table.groupby("seed")["test_accuracy"].mean()
    paired = table.pivot_table(index="seed", columns="method", values="test_accuracy")
    mean, effect = (result.claims[x] for x in ("accuracy.mean", "accuracy.diff.method"))
    assert (mean.low, mean.high) == pytest.approx(_limits(means.tolist()))
    assert (effect.low, effect.high) == pytest.approx(_limits((paired[1] - paired[0]).tolist()))
    apart = analyze(
        RunTable.from_frame(table, factors=FACTORS), resamples=199, seeding="independent"
    )
    assert {claim.id for claim in result.headline()} == {claim.id for claim in result.otherwise}
    for one, other in ((result, apart), (apart, result)):
        for claim in one.otherwise:
            taken = other.claims[claim.id]
            assert (claim.low, claim.high, claim.method) == (taken.low, taken.high, taken.method)


def test_the_component_of_seeds_is_said_before_all_results() -> None:
    result = analyze(RunTable.from_frame(frame(), factors=FACTORS), resamples=99)
    assert result.models is not None
    found = dict(result.models.components.intervals())["between shared seeds"].estimate ** 0.5
    (said,) = (note for note in result.warnings if note.code == "seeds_component")
    assert said.values["a"] == pytest.approx(found)
    assert "seeds_recur" in [note.code for note in result.warnings]
    summary = result.summary()
    assert "if seeds were independent" in summary
    assert summary.index("the same seeds (6) recur in 6 cells") < summary.index("accuracy.mean")


def test_no_seed_component_is_said_where_there_is_none() -> None:
    table = frame()
    rng = np.random.default_rng(0)
    table["test_accuracy"] = 0.8 + rng.normal(0, 0.01, len(table)).round(4)
    result = analyze(RunTable.from_frame(table, factors=FACTORS), resamples=99)
    said = {note.code for note in result.warnings} & {"seeds_component", "no_seeds_component"}
    assert said == {"no_seeds_component"}


def test_a_table_without_recurring_seeds_has_the_digest_that_it_had() -> None:
    table = RunTable.from_frame(frame(column="replicate"), factors=FACTORS)
    named = RunTable.from_frame(frame(), factors=FACTORS)
    assert table.content_digest() == named.content_digest()
    assert replace(table, seeding="shared").content_digest() == table.content_digest()


def test_recurring_seeds_are_counted_as_pairs_of_cell_and_seed() -> None:
    table = RunTable.from_frame(frame(4), factors=FACTORS)
    codes = [tuple(row) for row in table.codes.tolist()]
    for names in (table.replicate, tuple(map(str, range(24))), ("7", *map(str, range(23)))):
        cells = {
            name: {c for c, x in zip(codes, names, strict=True) if x == name} for name in names
        }
        assert _recurring(table, names) == sum(len(cells[name]) > 1 for name in names)
