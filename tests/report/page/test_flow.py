"""The flow of runs as it is shown."""

from __future__ import annotations

from vggstudy.analysis.data.flow import Flow, Stage
from vggstudy.report.page.flow import outcomes_of, steps_of

COUNTS = {"converged": 5, "failed_to_learn": 2, "diverged": 1, "crashed": 3, "missing": 4}
STAGES = (
    Stage("planned", 15, {"not run yet": 4}),
    Stage("started", 11, {"crashed": 3}),
    Stage("finished", 8),
    Stage("labelled", 8),
    Stage("analysed", 8, {"failed to learn": 2, "diverged": 1}),
    Stage("converged", 5),
)


def test_losses_stand_between_the_stages_they_explain() -> None:
    flow = Flow(15, 11, 8, 8, 8, COUNTS, STAGES)
    assert [(s.name, s.n, s.excluded, s.reason) for s in steps_of(flow)] == [
        ("planned", 15, 0, ""),
        ("started", 11, 4, "not run yet"),
        ("finished", 8, 3, "crashed"),
        ("labelled", 8, 0, ""),
        ("analysed", 8, 0, ""),
    ]
    assert outcomes_of(flow) == (("converged", 5), ("failed_to_learn", 2), ("diverged", 1))
