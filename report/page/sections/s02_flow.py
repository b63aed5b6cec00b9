"""Section 2, flow of runs: from the plan to the analysis, no run unaccounted for."""

from __future__ import annotations

from vggstudy.analysis.data.flow import Flow
from vggstudy.report.page.figures.flow import draw_flow
from vggstudy.report.page.figures.svg import Picture, picture
from vggstudy.report.page.flow import Step, outcomes_of, steps_of
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.tables import Column, Table, download, entry
from vggstudy.report.page.view import StudyView
from vggstudy.report.words.i18n import gettext, mark

WORDS = {
    "planned": mark("planned runs"),
    "started": mark("started"),
    "finished": mark("finished"),
    "labelled": mark("labelled"),
    "analysed": mark("analysed"),
    "converged": mark("converged"),
    "failed_to_learn": mark("failed to learn"),
    "diverged": mark("diverged"),
    "not run yet": mark("not run yet"),
    "crashed": mark("crashed"),
}


def build(view: StudyView) -> Section:
    """Build the section."""
    ends = outcomes_of(view.flow) if view.judged else ()
    lost = any(step.excluded for step in steps_of(view.flow))
    values = {"words": _words(view.flow, ends), "flow": _picture(view.flow, ends) if lost else None}
    return Section("flow", gettext("Flow of runs"), values)


def _words(flow: Flow, ends: tuple[tuple[str, int], ...]) -> str:
    """How many of the planned runs there are, and what they came to."""
    text = gettext("%(n)s of %(planned)s planned runs were analysed")
    text %= {"n": flow["analysed"], "planned": flow["planned"]}
    parts = [f"{count} {gettext(WORDS[name])}" for name, count in ends if count]
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def _told(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The first stage, the last, and those on the way to which runs were lost."""
    return tuple(s for i, s in enumerate(steps) if s.excluded or i in (0, len(steps) - 1))


def _picture(flow: Flow, ends: tuple[tuple[str, int], ...]) -> Picture:
    """The diagram, with the same counts as a table; what runs came to, where that is known."""
    steps = steps_of(flow)
    words = {name: gettext(text) for name, text in WORDS.items()}
    outcomes = [("– " + words[name], count, "", "") for name, count in ends]
    stages = [
        (words[s.name], s.n, s.excluded or "", words[s.reason] if s.excluded else "") for s in steps
    ]
    columns = (
        Column(gettext("Stage"), numeric=False),
        Column("n"),
        Column(gettext("Lost before it")),
        Column(gettext("Reason"), numeric=False),
    )
    rows = [tuple(map(entry, row)) for row in (*stages, *outcomes)]
    return picture(
        lambda canvas: draw_flow(_told(steps), ends, words, canvas),
        key="fig-flow",
        question=gettext("What became of the planned runs?"),
        caption=gettext(
            "Runs from the plan to the analysis; losses stand to the side. A crashed run gave no "
            "data and is not a run that failed to learn."
        ),
        description="; ".join(f"{words[s.name]}: {s.n}" for s in steps) + ".",
        table=Table(gettext("Flow of runs"), columns, tuple(rows)),
        data=download(
            "flow.csv",
            ("stage", "n", "excluded", "reason"),
            [(s.name, s.n, s.excluded, s.reason) for s in steps]
            + [(name, count, 0, "") for name, count in ends],
        ),
    )
