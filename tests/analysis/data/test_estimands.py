"""What a claim is of, in words and as an id, for every kind of quantity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand, named
from vggstudy.analysis.data.table import RunTable
from vggstudy.errors import AnalysisError

TableMaker = Callable[..., RunTable]
CELLS = {(a, b): [0.5, 0.6, 0.7] for a in (0, 1) for b in (8, 16, 32)}


@pytest.fixture
def table(make_table: TableMaker) -> RunTable:
    return make_table(CELLS)


@pytest.fixture
def seconds(make_table: TableMaker) -> RunTable:
    """The same runs with a cost, of which every run counts."""
    return make_table(CELLS, outcome="seconds").of_every_run()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("converged.p@a=1", "probability of converging, at a = 1, averaged over b with equal"),
        ("accuracy.mean", "mean test_accuracy among converged runs, averaged over a, b with equal"),
        (
            "expected.did.a*b@b=8..16",
            "difference in differences of the expected test_accuracy of a run, failed runs "
            "included, a 1 minus 0, b 16 minus 8",
        ),
        ("accuracy.mean@b=8+32", "among converged runs, averaged over a, b (8, 32) with equal"),
        (
            "accuracy.iqm@a=0",
            "interquartile mean of the test_accuracy among converged runs, at a",
        ),
        ("accuracy.iqm@a=0", "pooled over b with equal weights"),
        ("needed.b@a=0", "b at which half of the runs converge, at a = 0"),
        (
            "peak.b@a=0",
            "b at the vertex of a quadratic in the mean test_accuracy among converged runs, "
            "at a = 0",
        ),
        ("seconds.diff.a", "difference in mean seconds of all runs, a 1 minus 0, averaged over b"),
        (
            "seconds.association@b=8",
            "rank correlation (Kendall's tau-b) of seconds and test_accuracy within cells among "
            "converged runs, at b = 8, averaged over a",
        ),
    ],
)
def test_every_kind_has_its_words_and_is_read_back(
    text: str, words: str, table: RunTable, seconds: RunTable
) -> None:
    asked = Estimand.parse(text, table, [seconds])
    assert asked.id == text
    assert words in asked.words


def test_a_further_outcome_is_counted_on_its_own_table(table: RunTable, seconds: RunTable) -> None:
    assert Estimand.parse("seconds.mean", table, [seconds]).table is seconds
    assert Estimand.parse("converged.p", table, [seconds]).table is table
    assert Estimand.parse("seconds.association", table, [seconds]).beside is table
    with pytest.raises(AnalysisError, match="no outcome 'seconds'"):
        Estimand.parse("seconds.mean", table)


def test_other_rows_than_those_of_the_outcome_have_no_association(
    table: RunTable, seconds: RunTable
) -> None:
    shuffled = replace(seconds, replicate=tuple(f"{x}b" for x in seconds.replicate))
    with pytest.raises(AnalysisError, match="of a further outcome of the same runs"):
        Estimand.parse("seconds.association", table, [shuffled])


@pytest.mark.parametrize("name", ["n*m", "model.lr", "a b"])
def test_a_level_is_of_a_factor_of_any_name(name: str, make_table: TableMaker) -> None:
    table = make_table(CELLS, factors=("a", name))
    asked = Estimand.level("peak", name, (Condition("a", (1,)),), table)
    assert Estimand.parse(asked.id, table) == asked


def test_units_and_references_are_those_of_the_quantity(table: RunTable) -> None:
    asked = {
        "converged.diff.a": ("probability", 0.0),
        "accuracy.mean": ("fraction", None),
        "accuracy.improvement.a@b=8": ("probability", 0.5),
        "accuracy.hedges_g.a@b=8": ("standard deviations", 0.0),
        "needed.b@a=0": ("unit of b", None),
    }
    found = {text: Estimand.parse(text, table) for text in asked}
    assert {text: (x.unit, x.kind.reference) for text, x in found.items()} == asked


def test_estimands_of_one_analysis_are_equal_where_they_ask_the_same(table: RunTable) -> None:
    contrast = Contrast(conditions=(Condition("a", (1,)),))
    one = Estimand.of("test_accuracy", contrast, table)
    assert one == Estimand.parse("accuracy.mean@a=1", table)
    assert len({one, replace(one, table=replace(table)), replace(one, quantity="iqm")}) == 2


def test_what_is_no_claim_has_a_name_in_the_same_grammar(table: RunTable) -> None:
    held = (Condition("a", (1,)),)
    assert named(("converged", "slope", "x=y"), held, table) == "converged.slope.x%3Dy@a=1"
