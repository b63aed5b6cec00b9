"""Section 2, flow of runs: from the plan to the analysis, no run unaccounted for."""

from __future__ import annotations

from vggstudy.report.figures.flow import draw_flow
from vggstudy.report.figures.svg import Picture, picture
from vggstudy.report.flow import Flow
from vggstudy.report.i18n import gettext
from vggstudy.report.sections.base import Section
from vggstudy.report.tables import Column, Table, download, entry
from vggstudy.report.view import StudyView

WORDS = {
    "planned": "planned runs",
    "started": "started",
    "finished": "finished",
    "labelled": "labelled",
    "analysed": "analysed",
    "converged": "converged",
    "failed_to_learn": "failed to learn",
    "diverged": "diverged",
}


def build(view: StudyView) -> Section:
    """Build the section."""
    values = {"flow": _picture(view.flow), "counts": view.flow}
    return Section(2, "flow", gettext("Flow of runs"), values)


def _picture(flow: Flow) -> Picture:
    """The diagram, with the same counts as a table."""
    words = {**WORDS, **{stage.reason: stage.reason for stage in flow.stages}}
    outcomes = [("– " + words[name], count, "", "") for name, count in flow.outcomes]
    stages = [
        (words[s.name], s.n, s.excluded or "", s.reason if s.excluded else "") for s in flow.stages
    ]
    columns = (
        Column("Stage", numeric=False),
        Column("n"),
        Column("Lost before it"),
        Column("Reason", numeric=False),
    )
    rows = [tuple(map(entry, row)) for row in (*stages, *outcomes)]
    return picture(
        lambda canvas: draw_flow(flow, words, canvas),
        key="fig-flow",
        question="What became of the planned runs?",
        caption=(
            "Runs from the plan to the analysis; losses stand to the side. A crashed run gave no "
            "data and is not a run that failed to learn."
        ),
        description="; ".join(f"{words[s.name]}: {s.n}" for s in flow.stages) + ".",
        table=Table("Flow of runs", columns, tuple(rows)),
        data=download(
            "flow.csv",
            ("stage", "n", "excluded", "reason"),
            [(s.name, s.n, s.excluded, s.reason) for s in flow.stages]
            + [(name, count, 0, "") for name, count in flow.outcomes],
        ),
    )
