"""Commands on the system: doctor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vggstudy.cli.console import Console, common, size
from vggstudy.cli.standing import say_basis
from vggstudy.cli.trainers import warn_of_code
from vggstudy.errors import LedgerError, ProtocolError, StudyError
from vggstudy.ledger import StudyStore
from vggstudy.study.places import find_study
from vggstudy.study.rescue import Rescue, mend_marker
from vggstudy.study.study import Study

if TYPE_CHECKING:
    from vggstudy.study.basis import Basis


@click.command("doctor")
@click.argument("study", required=False)
@common
def doctor_command(console: Console, study: str | None) -> int:
    """Check the installation, or check and mend STUDY.

    Of a study every record is read and its checksum compared, the index is made anew and the
    leftovers of interrupted writes are removed. A lost or damaged study.json is made anew from
    protocol.toml, if that plans the runs that are recorded. Exit code 5 if something is damaged:
    those runs are executed again by 'vggstudy run'.
    """
    if study is None:
        _installation(console)
        return 0
    return _study(console, find_study(study))


def _study(console: Console, folder: Path) -> int:
    """Check one study; says what is wrong and what was mended."""
    rescue = mend_marker(folder)
    store = _open(folder)
    strangers, images = _agreement(folder)
    damaged = [*store.damaged(), *strangers]
    removed: list[Path] = []
    indexed = 0
    if not store.readonly:
        with store.lock():
            removed = store.tidy()
            with store.index() as index:
                index.rebuild()
                indexed = len(index)
    basis = _basis(console, folder)
    if console.as_json:
        found = [{"path": str(path), "reason": reason} for path, reason in damaged]
        content = {"study": str(folder), "records": indexed, "damaged": found}
        content["different_images"] = images
        content |= {"basis": basis.to_dict()} if basis else {}
        content["marker_made_anew"] = rescue is not None
        console.json("doctor", {**content, "removed": [str(path) for path in removed]})
    else:
        if rescue is not None:
            console.data(_rescued(folder, rescue))
        for path, reason in damaged:
            console.data(f"damaged: {path}: {reason}")
        for path in removed:
            console.data(f"removed the leftover of an interrupted write: {path}")
        if store.readonly:
            console.data(f"{folder} cannot be written: checked only, nothing mended")
        else:
            console.data(f"index made anew: {indexed} records")
        for sentence in images:
            console.data(sentence)
        if store.protocol_edited():
            console.data(
                f"{folder / 'protocol.toml'} differs from the protocol in force; the next "
                "'vggstudy run' writes it anew (edit your own protocol file instead)"
            )
        if basis is not None:
            say_basis(console, basis)
        console.data("damaged files were found" if damaged else "every record is intact")
    return LedgerError.exit_code if damaged else 0


def _basis(console: Console, folder: Path) -> Basis | None:
    """What the study rests on; None, and said, where its protocol cannot be read any more."""
    from vggstudy.study.basis import basis_of

    try:
        study = Study.open(folder)
        warn_of_code(console, study)
        return basis_of(study)
    except StudyError as error:
        console.warn(str(error))
        return None


def _agreement(folder: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """Records that say other things of their run than the protocol; images that differ by run.

    Nothing where the protocol cannot be read any more.
    """
    from vggstudy.study.agreement import different_images, planned_rows, strangers

    store = StudyStore.open(folder, readonly=True)
    try:
        plan = Study.open(folder).plan
    except (LedgerError, ProtocolError):
        return [], []
    rows = planned_rows(plan, store)
    return [*strangers(plan, store, rows)], [*different_images(plan, rows)]


def _rescued(folder: Path, rescue: Rescue) -> str:
    """What a new marker rests on."""
    others = f", {rescue.unplanned} others are not planned by it" if rescue.unplanned else ""
    kept = f"; the damaged one is now {rescue.kept}" if rescue.kept else ""
    return (
        f"{folder / 'study.json'} was made anew from protocol.toml, which plans "
        f"{rescue.planned} of the recorded runs{others}{kept}. Check that file: "
        "edits of it and earlier amendments cannot be told"
    )


def _open(folder: Path) -> StudyStore:
    """The study for mending, or for reading where it cannot be written."""
    try:
        return StudyStore.open(folder)
    except LedgerError:
        return StudyStore.open(folder, readonly=True)


def _installation(console: Console) -> None:
    """Versions, machine, and where things are kept."""
    from vggstudy.environment import capture
    from vggstudy.extras import missing_for_training, to_install

    found = _flat(capture())
    if missing := missing_for_training():
        found["training"] = f"lacks {', '.join(missing)}: {to_install('train')}"
    found["cache"] = _cache_folder()
    found["VGGSTUDY_DATA"] = os.environ.get("VGGSTUDY_DATA", "not set")
    if console.as_json:
        console.json("doctor", {"installation": capture(), "cache": found["cache"]})
        return
    console.table(("what", "value"), [(key, str(value)) for key, value in found.items()])


def _cache_folder() -> str:
    """Where decoded images are kept, and how much is there."""
    import platformdirs

    named = os.environ.get("VGGSTUDY_CACHE")
    folder = Path(named) if named else Path(platformdirs.user_cache_dir("vggstudy"))
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    total = sum(file.stat().st_size for file in files)
    return f"{folder} ({len(files)} files, {size(total)})"


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined with blanks."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat.update(_flat(item, f"{prefix}{key} "))
        elif item is not None:
            flat[f"{prefix}{key}"] = item
    return flat
