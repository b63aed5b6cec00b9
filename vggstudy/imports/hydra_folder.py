"""Hydra: the folders of a multirun, or of single runs, with a file of metrics in each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.imports.lightning_folder import last_values
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Scalar, refuse_nothing, unfolded
from vggstudy.imports.sources import Place

CONFIG = PurePosixPath(".hydra", "config.yaml")
NAMES = ("metrics", "results", "result", "summary", "scores")
ENDINGS = (".json", ".yaml", ".yml", ".csv")
METRICS = tuple(f"{name}{ending}" for name in NAMES for ending in ENDINGS)
"""Files that are looked for in a job's folder, the first that is there."""


def detects(place: Place) -> bool:
    """Whether a folder holds jobs of Hydra's."""
    return any(file.parts[-2:] == CONFIG.parts for file in place.files)


def read(place: Place) -> ImportedRuns:
    """A run a job."""
    jobs = [file.parent.parent for file in place.files if file.parts[-2:] == CONFIG.parts]
    refuse_nothing([*jobs], place.path, "jobs of Hydra")
    there = {*place.files}
    metrics = {
        job: next((job / name for name in METRICS if job / name in there), None) for job in jobs
    }
    if not any(metrics.values()):
        msg = (
            f"{place.path}: none of {len(jobs)} jobs has a file of metrics; looked for are "
            f"{', '.join(METRICS[:4])} and the like in the folder of each job"
        )
        raise AnalysisError(msg)
    jobs.sort(key=lambda job: [(len(part), part) for part in job.parts])
    runs = [
        ImportedRun(
            str(job),
            "unknown" if metrics[job] else "unfinished",
            _mapping(place, job / CONFIG, "config"),
            _metrics(place, metrics[job]),
        )
        for job in jobs
    ]
    return ImportedRuns(tuple(runs), notes=("Hydra does not note how a job ended",))


def _mapping(place: Place, file: PurePosixPath, name: str) -> dict[str, Scalar]:
    """A file of values by name, unfolded."""
    found: Any = place.json_of(file) if file.suffix == ".json" else place.yaml_of(file)
    if found in (None, {}):
        return {}
    if isinstance(found, list) and found and all(isinstance(row, Mapping) for row in found):
        found = found[-1]  # one object an epoch: the last of them
    if not isinstance(found, Mapping):
        raise AnalysisError(f"{place.path / file}: no values by name")
    return unfolded(found, name)


def _metrics(place: Place, file: PurePosixPath | None) -> dict[str, Scalar]:
    """What a job has measured; nothing where it left no file."""
    if file is None:
        return {}
    return last_values(place, file) if file.suffix == ".csv" else _mapping(place, file, "metrics")
