"""The flow of runs from plan to analysis; every loss has its reason and all counts add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vggstudy.analysis.data.outcomes import LABELS
from vggstudy.analysis.data.table import RunTable

REACHED = ("planned", "started", "finished", "labelled", "analysed")


@dataclass(frozen=True, slots=True)
class Stage:
    """Runs that reached a stage, and those lost on the way to the next.

    Attributes
    ----------
    name : str
    n : int
    excluded : mapping of str to int
        Reason to number of runs.
    """

    name: str
    n: int
    excluded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flow(Mapping[str, int]):
    """Counts of runs; as a mapping, the number of runs that reached each stage.

    Attributes
    ----------
    planned, started, finished, labelled, analysed : int
        Runs that reached each stage; the analysed ones enter convergence probabilities.
    outcomes : mapping of str to int
        Runs by label.
    stages : tuple of Stage
        The same with the losses; the last one holds the runs whose accuracy is averaged.
    """

    planned: int
    started: int
    finished: int
    labelled: int
    analysed: int
    outcomes: Mapping[str, int]
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        for stage, following in zip(self.stages, self.stages[1:], strict=False):
            if stage.n - sum(stage.excluded.values()) != following.n:
                raise ValueError(f"runs do not add up between {stage.name} and {following.name}")
        if sum(self.outcomes.values()) != self.planned:
            raise ValueError("outcomes do not add up to the planned runs")

    def __getitem__(self, name: str) -> int:
        if name not in REACHED:
            raise KeyError(name)
        return int(getattr(self, name))

    def __iter__(self) -> Iterator[str]:
        return iter(REACHED)

    def __len__(self) -> int:
        return len(REACHED)

    @classmethod
    def of(cls, table: RunTable) -> Flow:
        """Count the runs of a table."""
        count = {label: table.count(label) for label in LABELS}
        planned = len(table)
        started = planned - count["missing"]
        finished = started - count["crashed"]
        stages = (
            Stage("planned", planned, {"not run yet": count["missing"]}),
            Stage("started", started, {"crashed": count["crashed"]}),
            Stage("finished", finished),
            Stage("labelled", finished),
            Stage(
                "analysed",
                finished,
                {"failed to learn": count["failed_to_learn"], "diverged": count["diverged"]},
            ),
            Stage("converged", count["converged"]),
        )
        return cls(planned, started, finished, finished, finished, count, stages)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            **self,
            "outcomes": dict(self.outcomes),
            "stages": [
                {"name": s.name, "n": s.n, "excluded": dict(s.excluded)} for s in self.stages
            ],
        }
