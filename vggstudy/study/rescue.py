"""A study whose marker is lost: made anew from its protocol file, once the records vouch for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vggstudy.errors import LedgerError, ProtocolError
from vggstudy.files import explain, read_bounded, write_atomic
from vggstudy.ledger import Amendment, DamagedFileError, RunRecord
from vggstudy.ledger.folder import MARKER_NAME, PROTOCOL_NAME, holds_runs
from vggstudy.ledger.lock import hold_lock
from vggstudy.ledger.marker import Marker
from vggstudy.ledger.scan import RECORD_NAME, RUNS_NAME, scan_runs
from vggstudy.plan import Plan, make_plan
from vggstudy.protocol import Protocol, parse_protocol

UNKNOWN = "unknown"
"""Stands for the digest of a protocol that nobody knows any more."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """What was made anew, and from what.

    Attributes
    ----------
    name : str
        The study's name.
    planned, unplanned : int
        Intact records that the protocol file asks for, and others.
    kept : Path or None
        Where the damaged marker lies now; None where there was none.
    """

    name: str
    planned: int
    unplanned: int
    kept: Path | None


def mend_marker(folder: Path) -> Rescue | None:
    """Make a lost or damaged ``study.json`` anew; None where it is sound, or this is no study.

    The protocol file may have been edited since, and amendments are lost with the marker: an
    amendment says so. The file is refused where there are records and it plans none of them.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Raises
    ------
    LedgerError
        If the marker cannot be made anew, is of a newer schema, or the study is locked.
    """
    if not needs_mending(folder):
        return None
    with hold_lock(folder):
        text, protocol = _protocol(folder)
        records = _records(folder)
        plan = make_plan(protocol)
        planned = sum(record.run_id in plan.by_id for record in records)
        if records and not planned:
            raise LedgerError(_foreign(folder, plan, len(records)))
        kept = _put(folder, _marker(protocol, text, records))
    return Rescue(protocol.name, planned, len(records) - planned, kept)


def needs_mending(folder: Path) -> bool:
    """Whether a folder of runs has no marker, or a damaged one.

    Raises
    ------
    DamagedFileError
        If the marker may be sound, but of a newer version or out of reach.
    """
    marker = folder / MARKER_NAME
    try:
        Marker.from_json(read_bounded(marker))
    except FileNotFoundError:
        return holds_runs(folder)
    except OSError as error:
        raise LedgerError(explain(error, marker, "read")) from error
    except DamagedFileError as error:
        if error.kind == "newer":
            raise error.at(marker) from None
        return True
    return False


def _protocol(folder: Path) -> tuple[str, Protocol]:
    """The protocol file of a study."""
    path = folder / PROTOCOL_NAME
    remedy = f"put the study's protocol there and run 'vggstudy doctor {folder}' again"
    lost = f"{folder / MARKER_NAME} is lost or damaged and cannot be made anew"
    try:
        text = read_bounded(path).decode("utf-8")
        return text, parse_protocol(text, filename=str(path))
    except OSError as error:
        raise LedgerError(f"{lost}: {explain(error, path, 'read')}; {remedy}") from error
    except UnicodeDecodeError:
        raise LedgerError(f"{lost}: {path} is not UTF-8; {remedy}") from None
    except ProtocolError as error:
        first = str(error).splitlines()[0]
        raise LedgerError(f"{lost}: {first}; {remedy}") from None


def _records(folder: Path) -> list[RunRecord]:
    """Every intact record."""
    from vggstudy.ledger.record import read_record_file

    found = []
    try:
        files = sorted(scan_runs(folder), key=lambda file: file.run_id)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(explain(error, folder / RUNS_NAME, "read")) from error
    for file in files:
        path = folder / RUNS_NAME / file.run_id / RECORD_NAME
        try:
            found.append(read_record_file(path, run_id=file.run_id))
        except (DamagedFileError, FileNotFoundError):
            continue  # `StudyStore.damaged` names them
    return found


def _foreign(folder: Path, plan: Plan, count: int) -> str:
    """The words for a protocol file that plans none of the records."""
    return (
        f"{folder / MARKER_NAME} is lost or damaged and cannot be made anew: "
        f"{folder / PROTOCOL_NAME} plans {len(plan.runs):,} runs and none of the {count:,} that "
        f"are recorded; put the protocol there with which they were run"
    )


def _marker(protocol: Protocol, text: str, records: Sequence[RunRecord]) -> Marker:
    """The marker of a study whose past is known from its records alone."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    began = [
        str(record.attempts[0].get("started_at", now)) for record in records if record.attempts
    ]
    note = (
        f"{MARKER_NAME} was lost and made anew from {PROTOCOL_NAME}; "
        "what was amended before is not known; labels count the epochs of their own run, unless "
        "label.comparisons says otherwise"
    )
    return Marker(
        name=protocol.name,
        protocol=text,
        protocol_digest=protocol.digest(),
        created_at=min(began, default=now),
        amendments=(Amendment(now, UNKNOWN, protocol.digest(), note),),
        comparisons="run",
    )


def _put(folder: Path, marker: Marker) -> Path | None:
    """Write the marker; a damaged one is kept under another name."""
    path = folder / MARKER_NAME
    kept = None
    try:
        if path.exists() or path.is_symlink():
            taken = sum(1 for _ in folder.glob(f"{MARKER_NAME}.damaged*"))
            kept = folder / f"{MARKER_NAME}.damaged{taken or ''}"
            path.rename(kept)
        write_atomic(path, marker.to_json().encode(), exclusive=True)
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from error
    return kept
