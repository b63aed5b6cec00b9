"""Which claims are made unasked: each with a purpose, and no more of them than levels and cells."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from vggstudy.analysis.api import analyze
from vggstudy.analysis.claims import catalogue
from vggstudy.analysis.claims.catalogue import asked_for, everything, made_by_default
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.errors import AnalysisError
from vggstudy.stated.models import ModelRequest, ModelRequests

TableMaker = Callable[..., RunTable]
Grid = Callable[..., ClaimMaker]


@pytest.fixture
def grid(make_table: TableMaker) -> Grid:
    """A maker of claims on a grid of levels, three runs a cell."""

    def of(*levels: list[object]) -> ClaimMaker:
        names = tuple("abc"[: len(levels)])
        cells: dict[tuple[object, ...], list[float]] = {(): [0.5, 0.6, 0.7]}
        for each in levels:
            cells = {(*key, x): values for key, values in cells.items() for x in each}
        table = make_table(cells, factors=names)
        how = How(0.95, Resampling("calibrated", 99, 1, 131_072))
        return ClaimMaker(Cells.from_table(table), how, "inputs")

    return of


def ids(maker: ClaimMaker, **asked: object) -> list[str]:
    """Ids of what is made unasked."""
    made = made_by_default(maker, **{"headline_only": False, **asked})  # type: ignore[arg-type]
    return [one.id for one in made]


def words(count: int, prefix: str) -> list[object]:
    """Levels that are no numbers."""
    return [f"{prefix}{i:02d}" for i in range(count)]


def test_the_number_of_claims_grows_as_that_of_cells_and_not_of_pairs(grid: Grid) -> None:
    few, many = (len(ids(grid(words(3, "m"), words(n, "d")))) for n in (20, 80))
    wide = grid(words(3, "m"), words(80, "d"))
    # per data set: 3 means and probabilities of cells and expectations, 3 pairs of models of each
    # outcome there, and its own three means; of 60 more, no pairs
    assert many - few == 60 * (3 * 3 + 3 * 3 + 3)
    assert sum(1 for _ in everything(wide)) > 10 * many


@pytest.mark.parametrize(("count", "over_the_grid"), [(14, 91), (15, 0)])
def test_levels_in_words_are_compared_over_the_grid_up_to_a_hundred_pairs(
    grid: Grid, count: int, over_the_grid: int
) -> None:
    maker = grid(words(count, "m"), words(3, "d"))
    found = [x for x in ids(maker) if x.startswith("accuracy.diff.a@")]
    assert len(found) == over_the_grid
    assert not [x for x in found if "b=" in x]
    assert "accuracy.diff.a@a=m00..m01,b=d02" in {one.id for one in everything(maker)}


def test_three_levels_in_words_are_compared_in_matched_cells_and_four_are_not(grid: Grid) -> None:
    three, four = (ids(grid(words(n, "m"), words(2, "d"))) for n in (3, 4))
    assert sum(x.startswith("accuracy.diff.a@") and "b=" in x for x in three) == 3 * 2
    assert not [x for x in four if x.startswith("accuracy.diff.a@") and "b=" in x]
    assert sum(x.startswith("accuracy.diff.b@") for x in four) == 4  # two levels: one pair


def test_a_level_is_told_along_four_numbers_or_where_somebody_says_along(grid: Grid) -> None:
    def levels(maker: ClaimMaker, **asked: object) -> list[str]:
        return [x for x in ids(maker, **asked) if x.startswith("peak.")]

    assert levels(grid([8, 16, 32, 64], [0, 1])) == ["peak.a@b=0", "peak.a@b=1"]
    assert levels(grid([8, 16, 32], [0, 1])) == []
    assert levels(grid([8, 16, 32], [0, 1]), along={"a"}) == ["peak.a@b=0", "peak.a@b=1"]
    assert levels(grid([8, 16], [0, 1]), along={"a"}) == []
    assert levels(grid(words(5, "m"), [0, 1]), along={"a"}) == []


def test_of_very_many_cells_none_is_claimed_alone(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = grid(words(3, "m"), words(4, "d"))
    monkeypatch.setattr(catalogue, "MOST_CELLS", 11)
    assert "accuracy.mean@a=m00,b=d00" not in ids(maker)
    assert "accuracy.mean@a=m00" in ids(maker)
    result = analyze(maker.cells.table, resamples=99)
    assert result.warnings[-1].name == "cells_on_demand"
    assert [*result.cells["k"]] == [3] * 12
    assert result.claims["accuracy.mean@a=m00,b=d00"].k == 3


def test_a_claim_on_demand_is_the_one_that_is_made_when_it_is_asked_for(grid: Grid) -> None:
    table = grid(words(2, "m"), words(2, "d"), [1, 2]).cells.table
    asked = ["accuracy.median@*", "accuracy.hedges_g.a@*", "accuracy.mean@a=m00,c=2"]
    plain = analyze(table, resamples=99)
    more = analyze(table, resamples=99, asked=asked)
    new = [x for x in more.claims if x not in list(plain.claims)]
    assert len(new) == 8 + 4 + 1
    held = len(plain.claims)
    # Whether it survives the number of claims depends on what else was made; nothing else does.
    made = [replace(more.claims[x], survives=None) for x in new]
    assert [plain.claims[x] for x in new] == made
    assert len(plain.claims) == len(list(plain.claims)) == held
    assert plain.claims.get("accuracy.mode") is None


def test_what_was_offered_is_the_same_on_demand(make_table: TableMaker) -> None:
    cells = {(a, b): [0.5, 0.6, 0.72 + b / 400] for a in (0, 1) for b in (8, 16, 32)}
    cells[1, 32] = []
    made = analyze(make_table(cells), resamples=99).claims
    offered = [claim.offered for claim in made.values() if claim.offered]
    maker = made._maker  # type: ignore[attr-defined]
    assert any("+" in name for name in offered)
    again = ClaimSet({x: maker.demanded(maker.parse(x)) for x in made}.values())
    assert dict(again) == {key: replace(x, survives=None) for key, x in made.items()}


def test_an_id_that_is_none_and_matches_nothing_is_refused(grid: Grid) -> None:
    maker = grid(words(2, "m"), words(2, "d"))
    with pytest.raises(AnalysisError, match="no factor"):
        asked_for(["accuracy.mean@x=1"], maker)
    with pytest.raises(AnalysisError, match=r"no claim matches 'nothing\*'"):
        asked_for(["nothing*"], maker)
    assert [one.id for one in asked_for(["accuracy.did.a*b"], maker)] == ["accuracy.did.a*b"]


def test_a_declared_curve_is_claimed_along_three_levels(make_table: TableMaker) -> None:
    cells = {(a, b): [0.5, 0.6, 0.72 + b / 400] for a in (0, 1) for b in (8, 16, 32)}
    models = ModelRequests(accuracy=ModelRequest(along="b"))
    table = make_table(cells)
    assert "peak.b@a=0" in list(analyze(table, resamples=99, models=models).claims)
    assert "peak.b@a=0" not in list(analyze(table, resamples=99).claims)


def test_a_result_travels_without_what_it_kept_to_save_work(grid: Grid) -> None:
    result = analyze(grid(words(2, "m"), words(2, "d")).cells.table, resamples=999)
    again = pickle.loads(pickle.dumps(result.claims))
    assert len(pickle.dumps(result.claims)) < 100 * 1024
    assert again["accuracy.median@a=m00,b=d00"] == result.claims["accuracy.median@a=m00,b=d00"]


def test_a_summary_cuts_long_ids_and_long_lists_and_says_what_it_leaves_out(grid: Grid) -> None:
    result = analyze(grid(words(11, "m" * 60), words(2, "d")).cells.table, resamples=99)
    lines = result.summary().splitlines()
    assert len(result.headline()) > 40
    assert sum(line.startswith(("accuracy.", "converged.", "expected.")) for line in lines) == 40
    assert max(len(line.split("  ")[0]) for line in lines if line.startswith("converged.d")) <= 101
    made = len(result.claims) - 40
    assert f"{made} more claims were made; any other is estimated by its id" in lines
