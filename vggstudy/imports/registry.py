"""The formats: which one a source has, and its runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from vggstudy.errors import AnalysisError, StudyError
from vggstudy.imports.runs import ImportedRuns
from vggstudy.imports.sources import Place

SHOWN = 8
"""Columns and files named in a message."""


class AmbiguousSourceError(AnalysisError):
    """A source that several formats recognise; an option says which it is."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Format:
    """A layout that a tool writes.

    Attributes
    ----------
    name : str
        As `--format` takes it.
    words : str
        As messages say it.
    module : str
        Where `detects` and `read` stand.
    """

    name: str
    words: str
    module: str

    def _loaded(self) -> ModuleType:
        return import_module(f"vggstudy.imports.{self.module}")

    def detects(self, place: Place) -> bool:
        """Whether a source looks like that."""
        found: Callable[[Place], bool] = self._loaded().detects
        return found(place)

    def read(self, place: Place) -> ImportedRuns:
        """The runs of a source."""
        read: Callable[[Place], ImportedRuns] = self._loaded().read
        return read(place)


FORMATS = (
    Format("wandb-table", "Weights & Biases, table of runs", "wandb_table"),
    Format("wandb-folder", "Weights & Biases, runs that were not synchronised", "wandb_folder"),
    Format("mlflow-table", "MLflow, table of runs", "mlflow_table"),
    Format("mlflow-folder", "MLflow, folder mlruns", "mlflow_folder"),
    Format("mlflow-database", "MLflow, SQLite store", "mlflow_database"),
    Format("optuna-table", "Optuna, trials_dataframe", "optuna_table"),
    Format("optuna-database", "Optuna, SQLite storage", "optuna_database"),
    Format("tensorboard", "TensorBoard, event files", "tensorboard_folder"),
    Format("hydra", "Hydra, folders of jobs", "hydra_folder"),
    Format("lightning", "Lightning, CSVLogger", "lightning_folder"),
    Format("benchopt", "benchopt, results", "benchopt_table"),
)
NAMES = tuple(one.name for one in FORMATS)


def read_source(path: Path, name: str | None = None) -> tuple[Format, ImportedRuns]:
    """The runs of a file or a folder, and the format in which it was read.

    Parameters
    ----------
    path : Path
    name : str, optional
        Of the format, where it is not to be found out.

    Raises
    ------
    AnalysisError
        If no format is recognised, several are, or the source is damaged.
    """
    place = Place(path)
    if not place.is_folder and not place.head:
        raise AnalysisError(f"{path}: is empty")
    format_ = _found(place) if name is None else FORMATS[NAMES.index(name)]
    runs = format_.read(place)
    links = {"links, which are not followed": place.links} if place.links else {}
    return format_, ImportedRuns(runs.runs, {**runs.dropped, **links}, runs.notes)


def recognised(path: Path) -> Format | None:
    """The format of another tool that a file or a folder has; None where it has none, or several.

    Nothing that cannot be read is an error here.
    """
    with suppress(StudyError, OSError):
        found = [one for one in FORMATS if one.detects(Place(path))]
        return found[0] if len(found) == 1 else None
    return None


def _found(place: Place) -> Format:
    """The one format that a source has."""
    found = [one for one in FORMATS if one.detects(place)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        msg = f"{place.path}: looks like {len(found)} formats ({names}): say --format"
        raise AmbiguousSourceError(msg)
    raise AnalysisError(f"{place.path}: no layout that is known: {_what(place)}")


def _what(place: Place) -> str:
    """What a source has instead."""
    known = f"known are {', '.join(NAMES)}"
    if place.is_folder:
        some = ", ".join(str(file) for file in place.files[:SHOWN])
        return f"the folder holds {some or 'no files'}; {known}"
    if len(place.header) > 1:
        more = ", ..." if len(place.header) > SHOWN else ""
        columns = ", ".join(place.header[:SHOWN])
        return (
            f"its columns are {columns}{more}; a table with one row a run needs no import "
            f"(vggstudy analyze); {known}"
        )
    if place.is_database:
        return f"an SQLite file of another program, or of another version; {known}"
    return known
