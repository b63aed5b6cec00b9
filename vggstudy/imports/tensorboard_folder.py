"""TensorBoard: folders of event files, a run a folder."""

from __future__ import annotations

import typing
from collections import defaultdict
from pathlib import PurePosixPath

from vggstudy.imports.events import Events, read_events
from vggstudy.imports.paths import settings_of_folders
from vggstudy.imports.runs import ImportedRun, ImportedRuns, Status, refuse_nothing
from vggstudy.imports.sources import Place

EVENTS = "tfevents"


def detects(place: Place) -> bool:
    """Whether a folder holds event files."""
    return any(EVENTS in file.name for file in place.files)


def read(place: Place) -> ImportedRuns:
    """A run a folder: of every scalar the value of the last step."""
    files: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for file in place.files:
        if EVENTS in file.name:
            files[file.parent].append(file)
    refuse_nothing([*files], place.path, "event files")
    found = {folder: Events() for folder in files}
    cut = sum(
        not read_events(place.bytes_of(file), found[folder])
        for folder, own in files.items()
        for file in own
    )
    found = _joined({folder: one for folder, one in found.items() if one.scalars or one.settings})
    refuse_nothing([*found], place.path, "scalars")
    paths = settings_of_folders(list(found))
    runs = [
        ImportedRun(
            str(folder),
            typing.cast(Status, one.status or "unknown"),
            {**path, **one.settings},
            {f"scalars.{tag}": value for tag, (_, value) in one.scalars.items()},
        )
        for (folder, one), path in zip(found.items(), paths, strict=True)
    ]
    notes = ["event files seldom note how a run ended"]
    if cut:
        notes.append(f"{cut} event files end within a record: what came before is read")
    return ImportedRuns(tuple(runs), notes=tuple(notes))


def _joined(found: dict[PurePosixPath, Events]) -> dict[PurePosixPath, Events]:
    """Runs with what `SummaryWriter.add_hparams` writes into a folder of its own inside theirs."""
    for folder in list(found):
        outer = found.get(folder.parent)
        own = found[folder]
        if outer is None or not own.settings or outer.settings or folder == folder.parent:
            continue
        outer.settings |= own.settings
        outer.scalars |= own.scalars
        outer.status = outer.status or own.status
        del found[folder]
    return found
