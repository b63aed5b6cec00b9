"""The flow of runs from the plan to the analysis, counted and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vggstudy.errors import AnalysisError

STAGES = ("planned", "started", "finished", "labelled", "analysed")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that runs reach, and those lost on the way to it.

    Attributes
    ----------
    name : str
        planned, started, finished, labelled, analysed or analysed_accuracy.
    n : int
        Runs that reached it.
    excluded : int
        Runs that reached the stage before but not this one.
    reason : str
        Why; empty where none was lost.
    """

    name: str
    n: int
    excluded: int
    reason: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Stages in order, and the outcomes of the labelled runs.

    Attributes
    ----------
    stages : tuple of Stage
        From planned to analysed.
    outcomes : tuple of (str, int)
        Labelled runs by outcome: converged, failed_to_learn, diverged.
    """

    stages: tuple[Stage, ...]
    outcomes: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        """Refuse counts that do not add up: such a figure would hide runs.

        Raises
        ------
        AnalysisError
            If a stage is not the one before it less its losses, or the outcomes do not sum to
            the labelled runs.
        """
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            if before.n - after.excluded != after.n or after.excluded < 0:
                msg = (
                    f"the flow of runs does not add up: {before.n} {before.name}, "
                    f"{after.excluded} lost, but {after.n} {after.name}"
                )
                raise AnalysisError(msg)
        labelled = self["labelled"].n
        total = sum(count for _, count in self.outcomes)
        if total != labelled:
            msg = f"the flow of runs does not add up: {labelled} labelled, but outcomes of {total}"
            raise AnalysisError(msg)

    def __getitem__(self, name: str) -> Stage:
        """The stage of a name."""
        return next(stage for stage in self.stages if stage.name == name)

    @property
    def complete(self) -> bool:
        """Whether every planned run was analysed."""
        return self["planned"].n == self["analysed"].n


def build_flow(declared: Mapping[str, object], counts: Mapping[str, int]) -> Flow:
    """The flow of runs as the analysis declares it, held against the rows that it analysed.

    Parameters
    ----------
    declared : mapping of str to int
        Counts of the result: planned, started, finished, labelled, analysed.
    counts : mapping of str to int
        Rows of the table by outcome: converged, failed_to_learn, diverged, crashed, missing.

    Raises
    ------
    AnalysisError
        If the declared counts and the rows do not add up.
    """
    outcomes = tuple((name, counts[name]) for name in ("converged", "failed_to_learn", "diverged"))
    n = {name: int(str(declared[name])) for name in STAGES}
    return Flow(
        stages=(
            Stage("planned", n["planned"], 0, ""),
            Stage("started", n["started"], counts["missing"], "not run yet"),
            Stage("finished", n["finished"], counts["crashed"], "crashed"),
            Stage("labelled", n["labelled"], 0, ""),
            Stage("analysed", n["analysed"], 0, ""),
        ),
        outcomes=outcomes,
    )
