"""MLflow's words: how its runs end, and which of them only hold others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vggstudy.imports.runs import ImportedRun, ImportedRuns, Status, refuse_nothing, without_parents
from vggstudy.imports.sources import Place

STATUSES: dict[str, Status] = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
    "RUNNING": "running",
    "SCHEDULED": "running",
}
NUMBERED = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
"""As files write them."""

PARENT = "tags.mlflow.parentRunId"
EXPERIMENT = ("experiment", "experiment_id")


def keep_experiment(
    pairs: list[tuple[ImportedRun, str | None]],
) -> list[tuple[ImportedRun, str | None]]:
    """Where runs are of several experiments, the experiment is a setting like others."""
    for name in EXPERIMENT:
        if len({run.about.get(name) for run, _ in pairs}) > 1:
            return [
                (replace(run, settings={name: run.about.get(name), **run.settings}), parent)
                for run, parent in pairs
            ]
    return pairs


def imported(
    pairs: Iterable[tuple[ImportedRun, str | None]], place: Place, deleted: int = 0
) -> ImportedRuns:
    """Runs without those that hold others, and without deleted ones."""
    runs, parents = without_parents(pairs)
    refuse_nothing([*runs], place.path, "runs")
    return ImportedRuns(runs, {"parents of nested runs": parents, "deleted runs": deleted})
