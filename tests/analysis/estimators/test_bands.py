"""Bands that hold at all levels of a factor together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vggstudy.analysis import RunTable, analyze
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.bands import level_band
from vggstudy.errors import AnalysisError

TableMaker = Callable[..., RunTable]


def test_a_band_over_levels_holds_the_means_and_names_what_it_leaves_out(
    make_table: Callable[..., RunTable],
) -> None:
    cells = Cells.from_table(
        make_table(
            {
                (8, 0): [0.5, 0.6, 0.7],
                (16, 0): [0.6, 0.8, 0.7],
                (32, 0): [None, None, 0.9],
                (8, 1): [0.5, 0.5, 0.6],
                (16, 1): [0.9, 0.8, 0.7],
                (32, 1): [0.9, 0.9, 0.8],
            }
        )
    )
    band = level_band(cells, "a", {}, confidence=0.95, seed=1)
    assert band.levels == (8, 16)
    assert band.intervals[0].estimate == pytest.approx((0.6 + 1.6 / 3) / 2)
    ((left_out, reason),) = band.left_out
    assert left_out == 32
    assert "a=32, b=0" in reason.text
    pooled = level_band(cells, "a", {}, confidence=0.95, seed=1, pooled=True)
    assert pooled.levels == (8, 16, 32)
    assert pooled.intervals[0].df == sum(cells.k[cells.k >= 2] - 1)
    held = level_band(cells, "a", {"b": 1}, confidence=0.95, seed=1)
    assert held.levels == (8, 16, 32)
    assert held.intervals[0].estimate == pytest.approx(1.6 / 3)


def test_a_band_without_any_variance_is_refused(make_table: Callable[..., RunTable]) -> None:
    cells = Cells.from_table(make_table({(8, 0): [0.5, 0.5], (16, 0): [0.5, 0.5]}))
    band = level_band(cells, "a", {}, confidence=0.95, seed=1)
    assert band.intervals == ()
    assert [reason.code for _, reason in band.left_out] == ["no_variance", "no_variance"]


def _learning(make_table: TableMaker) -> RunTable:
    rng = np.random.default_rng(3)
    return make_table(
        {
            (a, b): (0.7 + 0.002 * a + rng.normal(0, 0.01, 5)).tolist()
            for a in (8, 16, 32)
            for b in (0, 1)
        }
    )


def test_a_result_gives_the_band_at_its_own_confidence_wider_than_single_intervals(
    make_table: TableMaker,
) -> None:
    result = analyze(_learning(make_table), confidence=0.9, resamples=199)
    band = result.level_band("a", {"b": 1})
    assert (band.at, band.confidence) == ({"b": "1"}, 0.9)
    frame = band.to_frame()
    assert frame["a"].tolist() == [8, 16, 32]
    cells = Cells.from_table(result.table)
    for level, low, high in zip((0, 1, 2), frame["low"], frame["high"], strict=True):
        values = cells.cell_values(2 * level + 1)
        half = 2.131847 * values.std(ddof=1) / np.sqrt(5)  # t(4) at 95% one-sided
        assert high - low > 2 * half
    assert band.to_dict()["rows"][0]["estimate"] == pytest.approx(frame["estimate"][0])


def test_where_seeds_are_shared_a_band_holds_single_cells_only(make_table: TableMaker) -> None:
    result = analyze(_learning(make_table), resamples=199, seeding="shared")
    assert len(result.level_band("a", {"b": 0}).levels) == 3
    averaged = result.level_band("a")
    assert averaged.levels == ()
    assert {note.code for _, note in averaged.left_out} == {"shared_seeds"}


@pytest.mark.parametrize(
    ("factor", "at", "message"),
    [
        ("c", {}, "no factor 'c'; factors are a, b"),
        ("a", {"a": 8}, "a band along a cannot hold a"),
        ("a", {"b": 7}, "b has no level '7'"),
    ],
)
def test_bands_along_what_is_not_there_are_refused(
    make_table: TableMaker, factor: str, at: dict[str, int], message: str
) -> None:
    with pytest.raises(AnalysisError, match=message):
        analyze(_learning(make_table), resamples=199, headline_only=True).level_band(factor, at)
