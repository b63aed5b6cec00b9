"""A study as it is published, four files in a folder, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded, sync_folder, write_atomic
from vggstudy.ledger.folder import (
    MARKER_NAME,
    PROTOCOL_NAME,
    already_a_study,
    read_marker,
    refuse_occupied,
)
from vggstudy.ledger.journal import JOURNAL_NAME
from vggstudy.ledger.journal import MAX_BYTES as MAX_JOURNAL_BYTES
from vggstudy.ledger.pack import PACK_NAME, read_pack, write_pack
from vggstudy.ledger.receipt import FOLDER as RECEIPTS
from vggstudy.ledger.receipt import kept_beside, receipt_files
from vggstudy.ledger.scan import RECORD_NAME, RUNS_NAME
from vggstudy.ledger.store import StudyStore
from vggstudy.ledger.versions import LOCK_NAME, environment_lock


def pack_study(source: Path, target: Path) -> int:
    """Copy a study into a folder: marker, protocol, records in one file, and versions here.

    Such a folder is read like a study, but nothing is added to it. What else lies there, such as a
    report, stays.

    Parameters
    ----------
    source : Path
        Folder of a study.
    target : Path
        A folder that does not exist, is empty, or holds an earlier pack of the study.

    Returns
    -------
    int
        Number of records.

    Raises
    ------
    LedgerError
        If a record is damaged, the target is something else, or a file cannot be read or written.
    """
    store = StudyStore.open(source, readonly=True)
    if damaged := store.damaged():
        path, reason = damaged[0]
        msg = f"{len(damaged)} damaged files, the first {path}: {reason}; nothing was packed"
        raise LedgerError(msg)
    _refuse_other(target, store.name)
    try:
        records = _lines(store)
        target.mkdir(parents=True, exist_ok=True)
        write_pack(target / PACK_NAME, records)
        write_atomic(target / LOCK_NAME, environment_lock().encode())
        _copy(source, target)
    except OSError as error:
        raise LedgerError(explain(error, target, "written")) from error
    return len(records)


def unpack_study(source: Path, target: Path) -> int:
    """Make a study that can go on from a packed one; its marker is written last.

    Parameters
    ----------
    source : Path
        Folder of a packed study.
    target : Path
        A folder that does not exist or is empty.

    Returns
    -------
    int
        Number of records.

    Raises
    ------
    LedgerError
        If the source is no packed study or is damaged, or the target is not empty or cannot be
        written.
    """
    store = StudyStore.open(source, readonly=True)
    pack = source / PACK_NAME
    if not pack.is_file():
        msg = f"{source} is a study that is not packed: it holds no {PACK_NAME}"
        raise LedgerError(msg)
    if damaged := store.damaged():
        path, reason = damaged[0]
        msg = f"{path}: {reason}; nothing was unpacked"
        raise LedgerError(msg)
    lines = read_pack(pack)
    try:
        target.mkdir(parents=True, exist_ok=True)
        refuse_occupied(target, store.protocol_text)
        for run_id, line in lines.items():
            folder = target / RUNS_NAME / run_id
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / RECORD_NAME, line)
        _copy(source, target)
        sync_folder(target)
    except OSError as error:
        raise LedgerError(explain(error, target, "written")) from error
    return len(lines)


def _lines(store: StudyStore) -> Mapping[str, bytes]:
    """The bytes of every record, by run id."""
    pack = store.path / PACK_NAME
    found = [record.run_id for record in store.records()]
    if found and store.record_path(found[0]) == pack:
        return read_pack(pack)
    return {run_id: read_bounded(store.record_path(run_id)) for run_id in found}


def packed_files(folder: Path) -> list[str]:
    """What a pack holds besides results, by its place in the folder."""
    names = [MARKER_NAME, PROTOCOL_NAME, PACK_NAME, LOCK_NAME, JOURNAL_NAME, *_attested(folder)]
    return [name for name in names if (folder / name).is_file()]


def _attested(folder: Path) -> list[str]:
    """The receipts of a study, and what lies beside them."""
    found = [path for receipt in receipt_files(folder) for path in (receipt, *kept_beside(receipt))]
    return [f"{RECEIPTS}/{path.name}" for path in found]


def _copy(source: Path, target: Path) -> None:
    """Copy journal, receipts, protocol and, last, the marker that makes a folder a study."""
    (target / JOURNAL_NAME).unlink(missing_ok=True)
    attested = _attested(source)
    if attested:
        (target / RECEIPTS).mkdir(exist_ok=True)
    journal = [JOURNAL_NAME] if (source / JOURNAL_NAME).is_file() else []
    for name in (*journal, *attested):
        write_atomic(target / name, read_bounded(source / name, limit=MAX_JOURNAL_BYTES))
    for name in (PROTOCOL_NAME, MARKER_NAME):
        write_atomic(target / name, read_bounded(source / name))


def _refuse_other(target: Path, name: str) -> None:
    """Refuse to pack into anything but a new folder or an earlier pack of the same study."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / MARKER_NAME).exists():
        msg = f"{target} is not empty and no packed study; name another folder"
        raise LedgerError(msg)
    if (target / RUNS_NAME).exists():
        raise LedgerError(already_a_study(target))
    if (other := read_marker(target).name) != name:
        msg = f"{target} holds the study '{other}', not '{name}'; name another folder"
        raise LedgerError(msg)
