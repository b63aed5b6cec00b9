"""Lightning: the folders of `CSVLogger`, ``metrics.csv`` beside ``hparams.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.imports.paths import settings_of_folders
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Scalar, refuse_nothing, unfolded
from vggstudy.imports.sources import Place

METRICS = "metrics.csv"
SETTINGS = "hparams.yaml"


def detects(place: Place) -> bool:
    """Whether a folder has a run's metrics beside its settings."""
    return bool(_folders(place))


def _folders(place: Place) -> list[PurePosixPath]:
    """Folders of runs."""
    with_settings = {file.parent for file in place.files if file.name == SETTINGS}
    return [
        file.parent for file in place.files if file.name == METRICS and file.parent in with_settings
    ]


def read(place: Place) -> ImportedRuns:
    """A run a folder; of each metric the last value."""
    folders = _folders(place)
    refuse_nothing([*folders], place.path, f"folders with {METRICS} and {SETTINGS}")
    runs = [
        ImportedRun(
            str(folder),
            "unknown",
            {**path, **_settings(place, folder)},
            last_values(place, folder / METRICS),
        )
        for folder, path in zip(folders, settings_of_folders(folders), strict=True)
    ]
    return ImportedRuns(tuple(runs), notes=("CSVLogger does not note how a run ended",))


def _settings(place: Place, folder: PurePosixPath) -> Mapping[str, Scalar]:
    """The hyperparameters of a run."""
    found: Any = place.yaml_of(folder / SETTINGS)
    if found in (None, {}):
        return {}
    if not isinstance(found, Mapping):
        raise AnalysisError(f"{place.path / folder / SETTINGS}: no settings by name")
    return unfolded(found, "hparams")


def last_values(place: Place, file: PurePosixPath) -> dict[str, Scalar]:
    """The last value of every column of a table of steps; a field that is empty has none."""
    found: dict[str, Scalar] = {}
    for row in place.rows_of(file):
        found |= {f"metrics.{name}": value for name, value in row.items() if value and name}
    return found
