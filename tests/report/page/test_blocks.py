"""The section on blocks: only where there are some; ranks, and the first level and the others."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult, RunTable, analyze
from vggstudy.report import ReportContext, render
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import s03_blocks, s05_levels
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.sections.headline import headline_claims, pairs_left_out
from vggstudy.report.page.view import StudyView


def blocked(outcome: str = "test_accuracy", *, block: str | None = "task") -> AnalysisResult:
    """Three methods on seven tasks, three runs each; tasks of a score have scales of their own."""
    rng = np.random.default_rng(3)
    rows = []
    for task in range(7):
        scale = 10.0 ** (task % 3) if outcome == "score" else 1.0
        for at, method in enumerate(("old", "new", "best")):
            mean = 0.5 + 0.05 * at + rng.normal(0, 0.02)
            for seed in range(3):
                value = scale * (mean + rng.normal(0, 0.01))
                rows.append((method, f"task {task}", seed, value, "converged"))
    names = ["method", "task", "replicate", outcome, "label"]
    frame = pd.DataFrame(rows, columns=names)
    table = RunTable.from_frame(frame, factors=["method", "task"], outcome=outcome)
    return analyze(table, block=block, resamples=99)


def built(result: AnalysisResult) -> Section:
    section = s03_blocks.build(study_view(result, ReportContext()))
    assert section is not None
    return section


def test_a_report_without_blocks_has_no_such_section_and_one_with_them_counts_on() -> None:
    assert s03_blocks.build(study_view(blocked(block=None), ReportContext())) is None
    page = render(blocked(), language="ko")
    assert 'id="blocks"' in page
    numbers = re.findall(r'<h2 id="(\w+)-heading"><span class="number">(\w+)', page)
    article = [int(n) for _, n in numbers if n.isdigit()]
    assert article == [*range(1, len(article) + 1)]
    assert [n for _, n in numbers if not n.isdigit()] == ["A", "B"]
    assert numbers[2][0] == "blocks"


def test_blocks_are_averaged_over_and_not_compared() -> None:
    view = study_view(blocked(), ReportContext())
    compared = {name for claim, _ in headline_claims(view) for name in claim.factors}
    assert compared == {"method"}
    assert pairs_left_out(view) == 0
    assert [part["label"] for part in _levels(view)] == ["Method"]


def _levels(view: StudyView) -> list[dict[str, object]]:
    """What the section on further factors shows."""
    section = s05_levels.build(view)
    assert section is not None
    parts: list[dict[str, object]] = section.values["parts"]
    return parts


def test_levels_stand_by_their_rank_and_the_first_against_the_others() -> None:
    (part,) = built(blocked()).values["parts"]
    assert "the 3 levels of method rank alike, in the 7 blocks (task)" in part["test"]
    assert "F ∞ on 2 and 12" in part["test"]  # the order is the same in every task
    ranks = part["ranks"].table
    assert [row[0].text for row in ranks.rows] == ["best", "new", "old"]
    assert all(row[2].claim == f"accuracy.block_rank@method={row[0].text}" for row in ranks.rows)
    sizes = part["sizes"].table
    assert [row[0].text for row in sizes.rows] == ["best against new", "best against old"]
    first = sizes.rows[1]
    assert first[2].claim == "accuracy.block_diff.method@method=old..best"
    assert first[2].beside[0].method == "within_blocks"
    assert "in 7 of 7 blocks" in first[2].cautions[0].lower()
    assert first[3].text == "100%"


def test_every_block_is_a_dot_and_in_the_data() -> None:
    result = blocked()
    (one,) = result.block_tables
    frame = result.table.to_frame()
    wide = frame.pivot_table(index="task", columns="method", values="test_accuracy")
    each = dict(one.rows[2].each)
    assert each == pytest.approx((wide.best - wide.old).to_dict())
    (part,) = built(result).values["parts"]
    assert part["sizes"].data.href.count("task%20") == 14
    wide_svg = dict(part["sizes"].svgs)["w"]
    assert wide_svg.count("<use") + wide_svg.count("<path") >= 14


def test_units_of_their_own_are_compared_by_ratios_on_a_logarithmic_axis() -> None:
    (part,) = built(blocked("score")).values["parts"]
    (row, _) = part["sizes"].table.rows
    assert row[2].claim is not None
    assert "block_ratio" in row[2].claim
