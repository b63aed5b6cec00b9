"""Receipts: written, and what they say set against a study's past and its records."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from vggstudy.analysis.notes import Note, say
from vggstudy.errors import ProtocolError
from vggstudy.files import read_bounded
from vggstudy.ledger.attest import check_commit, check_time_stamp, time_stamp_request
from vggstudy.ledger.journal import Journal
from vggstudy.ledger.receipt import (
    MAX_BYTES,
    Receipt,
    Witness,
    beside,
    digest_of,
    put_beside,
    read_receipt,
    read_witnesses,
    receipt_files,
    write_receipt,
)
from vggstudy.ledger.sealed import DamagedFileError
from vggstudy.plan import make_plan
from vggstudy.study.past import Stage, hypothesis_digests, moment, plan_digest
from vggstudy.study.remarks import SHORT, Remark


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a reader brings along to check what others attest.

    Attributes
    ----------
    authority : Path or None
        Certificates of time-stamping authorities, in PEM.
    repository : Path or None
        A git repository of the reader's own, in which commits are looked up.
    signers : Path or None
        Whose signatures count, as ssh-keygen's ALLOWED SIGNERS.
    """

    authority: Path | None = None
    repository: Path | None = None
    signers: Path | None = None


def put_receipt(folder: Path, receipt: Receipt) -> tuple[Path, bool]:
    """Write a receipt, with a request of a time stamp where openssl is installed.

    The newest one stands if it tells of the same protocol, plan and runs.

    Returns
    -------
    Path
        The receipt.
    bool
        Whether it was written.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    known = receipt_files(folder)
    new = not (known and _same(known[-1], receipt))
    path = write_receipt(folder, receipt) if new else known[-1]
    if not beside(path, ".tsq").exists() and (request := time_stamp_request(path)) is not None:
        put_beside(path, ".tsq", request)
    return path, new


def _same(path: Path, receipt: Receipt) -> bool:
    """Whether a receipt tells of the same protocol and the same runs."""
    try:
        known = read_receipt(path)
    except DamagedFileError:
        return False
    mine = (receipt.protocol, receipt.plan, receipt.root)
    return (known.protocol, known.plan, known.root) == mine


def study_receipts(
    folder: Path,
    past: Sequence[Stage],
    starts: Sequence[datetime],
    trusted: Trusted | None,
    journal: Journal | None,
) -> Iterator[Remark]:
    """What a study's receipts say, set against its protocols, its runs and its journal."""
    entries = {entry.checksum for entry in journal.entries} if journal else set()

    def told(path: Path, receipt: Receipt) -> Iterator[Remark]:
        yield _told(path, receipt, past)
        if receipt.journal is not None and receipt.journal not in entries:
            yield Remark(say("journal_lost", name=path.stem), odd=True, damage=True)

    yield from receipt_remarks(folder, told, starts, trusted)


def receipt_remarks(
    folder: Path,
    told: Callable[[Path, Receipt], Iterator[Remark]],
    starts: Sequence[datetime] | None,
    trusted: Trusted | None,
) -> Iterator[Remark]:
    """What the receipts in a folder say, and whether that holds; attested things where asked.

    Parameters
    ----------
    folder : Path
    told : callable
        What a sound receipt says, set against what it is about.
    starts : sequence of datetime or None
        When the runs began; None where that is not known.
    trusted : Trusted or None
    """
    for path in receipt_files(folder):
        try:
            receipt = read_receipt(path)
            witnesses = read_witnesses(path)
        except DamagedFileError as error:
            yield Remark(
                say("receipt_damaged", name=path.stem, other=error.reason), odd=True, damage=True
            )
            continue
        yield from told(path, receipt)
        if beside(path, ".tsr").exists():
            yield _stamp(path, starts, trusted)
        for witness in witnesses:
            yield _witness(path, witness, trusted)


def receipt_note(path: Path, receipt: Receipt) -> Note:
    """What a receipt says: its date, its protocol and the runs of then."""
    name = f"{path.stem} ({digest_of(path)[:SHORT]})"
    other = receipt.protocol[:SHORT]
    return say("receipt", name=name, date=receipt.at[:10], other=other, n=receipt.recorded)


def _told(path: Path, receipt: Receipt, past: Sequence[Stage]) -> Remark:
    """The receipt, set against the protocols that were in force."""
    stage = next((one for one in past if one.digest == receipt.protocol), None)
    if stage is None:
        note = say("receipt_of_another", name=path.stem, other=receipt.protocol[:SHORT])
        return Remark(note, odd=True)
    if stage.protocol is not None:
        try:
            plan = plan_digest(make_plan(stage.protocol))
        except ProtocolError:
            plan = receipt.plan
        stated = hypothesis_digests(stage.protocol)
        if (plan, stated) != (receipt.plan, dict(receipt.hypotheses)):
            return Remark(say("receipt_at_odds", name=path.stem), odd=True)
    return Remark(receipt_note(path, receipt))


def _stamp(path: Path, starts: Sequence[datetime] | None, trusted: Trusted | None) -> Remark:
    """The time stamp of a receipt."""
    name = path.stem
    if trusted is None:
        return Remark(say("stamp_kept", name=name))
    certificates = trusted.authority or beside(path, ".pem")
    found = check_time_stamp(path, beside(path, ".tsr"), certificates)
    if found.holds is None:
        return Remark(say("stamp_open", name=name, other=found.reason))
    if not found.holds:
        return Remark(say("stamp_wrong", name=name, other=found.reason), odd=True, damage=True)
    fingerprint = hashlib.sha256(read_bounded(certificates, limit=MAX_BYTES)).hexdigest()
    values = {"other": found.by or "an authority without a name", "level": fingerprint[:SHORT]}
    if starts is None:
        return Remark(say("stamp_holds_alone", name=name, date=found.at, **values))
    begun = sum(start <= moment(found.at) for start in starts)
    note = say("stamp_holds", name=name, date=found.at, n=begun, all=len(starts), **values)
    return Remark(note)


def _witness(path: Path, witness: Witness, trusted: Trusted | None) -> Remark:
    """A commit that is looked up in the reader's repository; anything else is only named."""
    words = f"{witness.kind}:{witness.name}"
    if trusted is None or trusted.repository is None or witness.kind != "git":
        return Remark(say("witness_named", name=path.stem, other=words))
    content = read_bounded(path, limit=MAX_BYTES)
    found = check_commit(content, witness.name, trusted.repository)
    if found.holds:
        return Remark(say("witness_holds", name=path.stem, other=found.by, date=found.at[:10]))
    note = say("witness_wrong", name=path.stem, other=words, level=found.reason)
    return Remark(note, odd=True)
