"""The flow of runs as it is shown: each stage with what was lost before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vggstudy.analysis.data.flow import Flow
from vggstudy.report.words.i18n import gettext

OUTCOMES = ("converged", "failed_to_learn", "diverged")
"""What labelled runs came to."""


@dataclass(frozen=True, slots=True)
class Step:
    """A stage that runs reach, and those lost on the way to it.

    Attributes
    ----------
    name : str
        planned, started, finished, labelled or analysed.
    n : int
        Runs that reached it.
    excluded : int
        Runs that reached the stage before but not this one.
    reason : str
        Why runs are lost there; empty where none can be.
    """

    name: str
    n: int
    excluded: int
    reason: str


def unfinished(flow: Flow, planned: int | None = None) -> str:
    """What marks a report that further runs will change: "28 of 200 runs, not final"; or nothing.

    Parameters
    ----------
    planned : int, optional
        Runs that the study plans, where it plans more than were to be analysed.
    """
    words = {"n": flow.started, "planned": planned or flow.planned}
    if words["n"] >= words["planned"]:
        return ""
    return gettext("%(n)s of %(planned)s runs, not final") % words


def steps_of(flow: Flow) -> tuple[Step, ...]:
    """The stages from the plan to the analysis."""
    stages = [stage for stage in flow.stages if stage.name in flow]
    before: list[Mapping[str, int]] = [{}, *(stage.excluded for stage in stages)]
    return tuple(
        Step(stage.name, stage.n, sum(lost.values()), ", ".join(lost))
        for stage, lost in zip(stages, before, strict=False)
    )


def outcomes_of(flow: Flow) -> tuple[tuple[str, int], ...]:
    """Labelled runs by outcome."""
    return tuple((name, flow.outcomes[name]) for name in OUTCOMES)
