"""The flow of runs: counts that do not add up are refused."""

from __future__ import annotations

import pytest

from vggstudy.errors import AnalysisError
from vggstudy.report.page.flow import build_flow

COUNTS = {"converged": 5, "failed_to_learn": 2, "diverged": 1, "crashed": 3, "missing": 4}
DECLARED = {"planned": 15, "started": 11, "finished": 8, "labelled": 8, "analysed": 8}


def test_losses_stand_between_the_stages_they_explain() -> None:
    flow = build_flow(DECLARED, COUNTS)
    assert [(s.name, s.n, s.excluded, s.reason) for s in flow.stages] == [
        ("planned", 15, 0, ""),
        ("started", 11, 4, "not run yet"),
        ("finished", 8, 3, "crashed"),
        ("labelled", 8, 0, ""),
        ("analysed", 8, 0, ""),
    ]


@pytest.mark.parametrize("stage", list(DECLARED))
def test_one_run_too_many_at_any_stage_is_refused(stage: str) -> None:
    with pytest.raises(AnalysisError, match="the flow of runs does not add up"):
        build_flow({**DECLARED, stage: DECLARED[stage] + 1}, COUNTS)


@pytest.mark.parametrize("label", list(COUNTS))
def test_one_row_too_many_of_any_outcome_is_refused(label: str) -> None:
    with pytest.raises(AnalysisError, match="the flow of runs does not add up"):
        build_flow(DECLARED, {**COUNTS, label: COUNTS[label] + 1})
