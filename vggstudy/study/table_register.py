"""Registers the analysis of a table: receipts beside its protocol, and what they say later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from vggstudy.analysis.notes import say
from vggstudy.errors import LedgerError, TableOptionError
from vggstudy.files import explain
from vggstudy.identity import digest
from vggstudy.ledger.receipt import (
    Receipt,
    read_receipt,
    receipt_files,
)
from vggstudy.ledger.sealed import DamagedFileError
from vggstudy.protocol import Protocol, load_protocol
from vggstudy.study.basis import Basis, hypothesis_remark
from vggstudy.study.past import Registration, hypothesis_digests
from vggstudy.study.receipts import Trusted, put_receipt, receipt_note, receipt_remarks
from vggstudy.study.remarks import Remark
from vggstudy.study.sources import Source, open_source

NO_PLAN = digest([])
"""The plan of runs that others made: nothing."""


def receipts_folder(path: Path) -> Path:
    """The folder of a protocol's receipts: ``runs.registered`` beside ``runs.toml``."""
    return path.with_suffix(".registered")


def register_table(path: Path) -> Path:
    """Write a receipt of how a table is to be analysed; the newest stands if it says the same.

    Before the table is there it says that there were no runs, and its hypotheses are stated
    before any.

    Parameters
    ----------
    path : Path
        A protocol with a [table].

    Raises
    ------
    ProtocolError, AnalysisError
        If it is none, or its table is there and cannot be read as it says.
    LedgerError
        If nothing can be written.
    """
    protocol = load_protocol(path).protocol
    files = _files(path, protocol)
    runs = len(open_source(path).table.value) if files[0].exists() else 0
    receipt = Receipt(
        study=protocol.name,
        protocol=protocol.digest(),
        plan=NO_PLAN,
        planned=0,
        hypotheses=hypothesis_digests(protocol),
        recorded=runs,
        root=_root(files if runs else ()),
        journal=None,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return put_receipt(receipts_folder(path), receipt)[0]


def table_basis(
    source: Source, *, inputs_digest: str | None = None, trusted: Trusted | None = None
) -> Basis | None:
    """What is known of a table besides its runs; None where its protocol was never registered.

    Parameters
    ----------
    source : Source
        Of a protocol that states a table.
    inputs_digest : str, optional
        Of what its claims were made from.
    trusted : Trusted, optional
        What the reader brings along to check what others attest.
    """
    path, protocol = source.stated, source.protocol
    if path is None or protocol is None or not receipt_files(receipts_folder(path)):
        return None
    found = _registrations(source)
    return Basis(
        protocol_digest=protocol.digest(),
        root=_root(_files(path, protocol)),
        inputs_digest=inputs_digest,
        planned=len(source.table.value),
        registrations=tuple(found),
        remarks=(*_remarks(path, protocol, trusted), *map(hypothesis_remark, found)),
    )


def _registrations(source: Source) -> list[Registration]:
    """When each hypothesis was first registered as it is; those that never were came last."""
    assert source.stated is not None
    assert source.protocol is not None
    total, receipts = len(source.table.value), [one for _, one in _sound(source.stated)]
    found = []
    for name, content in hypothesis_digests(source.protocol).items():
        same = (i for i, one in enumerate(receipts) if one.hypotheses.get(name) == content)
        at = next(same, None)
        earlier = receipts[:at]
        changed = any(name in one.hypotheses for one in earlier)
        since, existed = (None, total) if at is None else (receipts[at].at, receipts[at].recorded)
        found.append(Registration(name, since, existed, total, bool(earlier), changed))
    return found


def _remarks(path: Path, protocol: Protocol, trusted: Trusted | None) -> Iterator[Remark]:
    """What the receipts say, set against the protocol and its table."""
    root, last = _root(_files(path, protocol)), receipt_files(receipts_folder(path))[-1]

    def told(file: Path, receipt: Receipt) -> Iterator[Remark]:
        yield Remark(receipt_note(file, receipt))
        if file == last and receipt.protocol != protocol.digest():
            note = say("receipt_of_before", name=file.stem, date=receipt.at[:10])
            yield Remark(note, odd=True)
        if file == last and receipt.recorded and receipt.root != root:
            note = say("receipt_of_other_runs", name=file.stem, n=receipt.recorded)
            yield Remark(note, odd=True)

    yield from receipt_remarks(receipts_folder(path), told, None, trusted)


def _sound(path: Path) -> Iterator[tuple[Path, Receipt]]:
    """The receipts of a protocol that can be read; damaged ones are told of elsewhere."""
    for file in receipt_files(receipts_folder(path)):
        try:
            yield file, read_receipt(file)
        except DamagedFileError:
            continue


def _files(path: Path, protocol: Protocol) -> list[Path]:
    """The files of a protocol's table."""
    table = protocol.table
    if table is None or table.file is None:
        msg = f"{path} names no table to be registered for: add table.file, which need not be there"
        raise TableOptionError(msg)
    return [path.parent / name for name in (table.file, *table.also)]


def _root(files: Sequence[Path]) -> str:
    """SHA-256 over the digests of a table's files; of nothing where there are none."""
    whole = hashlib.sha256()
    for file in files:
        try:
            with file.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            raise LedgerError(explain(error, file, "read")) from error
    return whole.hexdigest()
