"""MLflow: the folder ``mlruns`` of its file store, or one experiment of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from vggstudy.errors import AnalysisError
from vggstudy.imports.mlflow_words import NUMBERED, PARENT, STATUSES, imported, keep_experiment
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Scalar
from vggstudy.imports.sources import HEAD, Place

META = "meta.yaml"
KINDS = ("params", "metrics", "tags")
TRASH = ".trash"


def detects(place: Place) -> bool:
    """Whether a folder has experiments with runs, or is one."""
    return any(_is_run(file) for file in _metas(place))


def _metas(place: Place) -> list[PurePosixPath]:
    """Descriptions of experiments and runs: at most three folders deep."""
    return [file for file in place.files if file.name == META and len(file.parts) <= 3]


def _is_run(file: PurePosixPath) -> bool:
    """Whether a description is a run's, by the 32 digits of the folder that it lies in."""
    name = file.parent.name
    return len(name) == 32 and all(c in "0123456789abcdef" for c in name)


def read(place: Place) -> ImportedRuns:
    """Runs of all experiments."""
    metas = [file for file in _metas(place) if TRASH not in file.parts]
    experiments: dict[PurePosixPath, Scalar] = {
        file.parent: _described(place, file).get("name") for file in metas if not _is_run(file)
    }
    files: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    depth = {len(file.parts) for file in metas if _is_run(file)}
    if not depth:
        raise AnalysisError(f"{place.path}: no folder of MLflow's runs")
    for file in place.files:
        run = PurePosixPath(*file.parts[: max(depth) - 1])
        if len(file.parts) > max(depth) and file.parts[max(depth) - 1] in KINDS:
            files[run].append(file)
    pairs: list[tuple[ImportedRun, str | None]] = []
    deleted = 0
    for file in filter(_is_run, metas):
        found = _described(place, file)
        if found.get("lifecycle_stage") == "deleted":
            deleted += 1
            continue
        about = {"experiment": experiments.get(file.parent.parent), **_about(found)}
        pairs.append(_run(place, file.parent, files[file.parent], str(found["status"]), about))
    pairs.sort(key=lambda pair: str(pair[0].about.get("start_time")))
    return imported(keep_experiment(pairs), place, deleted)


def _described(place: Place, file: PurePosixPath) -> Mapping[str, Any]:
    """A description, which says at least what and how its run is."""
    found = place.yaml_of(file)
    known = isinstance(found, Mapping)
    if not known or (_is_run(file) and not {"status", "lifecycle_stage"} <= {*found}):
        msg = f"{place.path / file}: not of a layout of MLflow that is known"
        raise AnalysisError(msg)
    return found  # type: ignore[no-any-return]


def _about(found: Mapping[str, Any]) -> dict[str, Scalar]:
    """Name and times of a run."""
    return {name: found.get(name) for name in ("run_name", "start_time", "end_time", "user_id")}


def _run(
    place: Place,
    folder: PurePosixPath,
    files: list[PurePosixPath],
    status: str,
    about: dict[str, Scalar],
) -> tuple[ImportedRun, str | None]:
    """A run and its parent's id."""
    values: dict[str, dict[str, Scalar]] = {kind: {} for kind in KINDS}
    for file in files:
        kind, *key = file.relative_to(folder).parts
        name = f"{kind}.{'/'.join(key)}"
        if kind == "metrics":
            values[kind][name] = _last(place, file)
        else:
            values[kind][name] = place.text_of(file, HEAD * 16) or None
    words = NUMBERED.get(int(status), "") if status.isdigit() else status
    tags = values["tags"]
    run = ImportedRun(
        folder.name,
        STATUSES.get(words, "unknown"),
        values["params"],
        values["metrics"],
        {**about, **{name: tags[name] for name in tags if not name.startswith("tags.mlflow.")}},
    )
    parent = tags.get(PARENT)
    return run, None if parent is None else str(parent)


def _last(place: Place, file: PurePosixPath) -> Scalar:
    """The last value of a metric, as MLflow takes it: by step, then time, then value."""
    entries = []
    for number, line in enumerate(place.text_of(file).splitlines(), 1):
        try:
            time, value, *step = line.split()
            entries.append((int(step[0]) if step else 0, int(time), float(value), value))
        except (ValueError, IndexError):
            msg = f"{place.path / file}: line {number} is no entry of a metric: time, value, step"
            raise AnalysisError(msg) from None
    return max(entries)[3] if entries else None
