"""The report of many cells stays one that a person can read and a browser can load."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.report import render
from vggstudy.report.page.figures import svg
from vggstudy.report.page.sections import s13_cite
from vggstudy.report.page.tables import MOST_DATA, MOST_ROWS, Column, Table, download, entry

GAMES, RUNS = 105, 3


@pytest.fixture(scope="module")
def page(make_result: Callable[..., AnalysisResult]) -> str:
    """Of three agents on 105 games: more cells than a figure or a table shows."""
    rows = [
        (agent, f"game{game:03d}", seed, "converged", 0.5 + 0.01 * agent_number + 0.05 * seed)
        for agent_number, agent in enumerate(("a", "b", "c"))
        for game in range(GAMES)
        for seed in range(RUNS)
    ]
    columns = ["agent", "game", "seed", "label", "test_accuracy"]
    frame = pd.DataFrame(rows, columns=columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s13_cite, "MOST_CLAIMS", 100)
        patch.setattr(s13_cite, "MOST_LISTED", 120)
        return render(make_result(frame, ["agent", "game"]))


def test_no_cell_has_a_place_in_a_figure_and_no_table_has_all_rows(page: str) -> None:
    cells = 3 * GAMES
    assert cells > svg.MOST_CELLS
    assert "fig-convergence-cells-wide" not in page
    assert page.count("<svg") < 14
    assert f"Of {cells} rows the first {MOST_ROWS} are shown" in page
    assert "levels of a factor are drawn" in page
    assert len(page) < 700_000


def test_what_is_left_out_is_said_and_every_link_leads_to_a_claim(page: str) -> None:
    links = set(re.findall(r'class="ref" href="#([^"]+)"', page))
    listed = set(re.findall(r'<tr id="(claim-[^"]+)"', page))
    assert links
    assert links <= listed
    assert 120 <= len(listed) <= 125
    assert re.search(r"\d+ more claims are in claims.json", page)


def test_a_table_shows_its_first_rows_and_marks_what_they_need() -> None:
    table = Table("cells", (Column("n"),), tuple((entry(i),) for i in range(5)), most=2)
    assert [row[0].text for row in table.shown] == ["0", "1"]
    assert len(table.rows) == 5


def test_data_that_are_too_many_for_a_link_have_none() -> None:
    rows = [[i] for i in range(MOST_DATA // 4)]
    assert download("few.csv", ["n"], rows[:9]).href.startswith("data:text/csv")
    assert download("many.csv", ["n"], rows).href == ""


def test_what_no_figure_has_places_for_is_a_table_without_apology(page: str) -> None:
    assert '<details class="as-text" id="fig-accuracy">' in page
    assert '<figure id="fig-accuracy"' not in page
    assert "dots are runs, the thin mark is their mean" not in page
