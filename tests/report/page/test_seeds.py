"""The other reading of a table's seeds stands beside every headline claim."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.analysis.data.table import Seeding
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections.headline import headline_claims
from vggstudy.report.page.sections.seeds import other_reading
from vggstudy.report.page.tables import Table
from vggstudy.report.words.display import display, read


def result(seeding: Seeding | None, column: str = "seed") -> AnalysisResult:
    rng = np.random.default_rng(8)
    moved = rng.normal(0, 0.02, 6)
    rows = [
        (m, t, s, "converged", 0.8 + 0.004 * (m == "old") + moved[s] + rng.normal(0, 0.002))
        for m in ("new", "old")
        for t in "xyz"
        for s in range(6)
    ]
    names = ["method", "task", column, "label", "test_accuracy"]
    table = RunTable.from_frame(pd.DataFrame(rows, columns=names), factors=["method", "task"])
    return analyze(table, resamples=99, seeding=seeding)


def table_of(found: AnalysisResult) -> Table:
    view = study_view(found, ReportContext())
    table = other_reading(view, headline_claims(view))
    assert table is not None
    return table


@pytest.mark.parametrize(
    ("seeding", "column", "heading"),
    [
        (None, "seed", "otherwise: if they were unrelated"),
        ("independent", "seed", "otherwise: if those of one number shared a seed"),
        (None, "replicate", "otherwise: if those of one number shared a seed"),
        ("shared", "replicate", "otherwise: if they were unrelated"),
    ],
)
def test_every_headline_claim_has_both_intervals(
    seeding: Seeding | None, column: str, heading: str
) -> None:
    found = result(seeding, column)
    table = table_of(found)
    assert heading in table.caption
    shown = [claim for claim, _ in headline_claims(study_view(found, ReportContext()))]
    others = {claim.id: claim for claim in found.otherwise}
    assert [row[1].claim for row in table.rows] == [claim.id for claim in shown]
    for claim, row in zip(shown, table.rows, strict=True):
        mine, other = display(claim), display(others[claim.id])
        assert mine is not None
        assert other is not None
        assert (row[1].text, row[2].text) == (read(mine.ends), read(other.ends))


def test_the_page_says_how_seeds_are_read_before_the_abstract() -> None:
    page = render(result(None))
    said = page.index("The same seeds (6) recur in 6 cells")
    assert said < page.index("comes from seeds that cells share") < page.index("otherwise: if they")
    assert page.index("otherwise: if they were unrelated") < page.index('id="protocol-heading"')


def test_a_table_whose_runs_cannot_be_tied_has_no_other_reading() -> None:
    found = result(None)
    frame = found.table.to_frame().assign(replicate=range(36))
    alone = analyze(RunTable.from_frame(frame, factors=["method", "task"]), resamples=99)
    view = study_view(alone, ReportContext())
    assert (alone.otherwise, other_reading(view, headline_claims(view))) == ((), None)
