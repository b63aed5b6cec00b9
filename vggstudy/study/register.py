"""Registers a study: a receipt of its protocol and plan, and what others attest of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from vggstudy.errors import AttestationError, LedgerError
from vggstudy.files import explain, read_bounded
from vggstudy.ledger import StudyStore
from vggstudy.ledger.attest import check_time_stamp
from vggstudy.ledger.journal import read_journal
from vggstudy.ledger.receipt import (
    MAX_BYTES,
    Receipt,
    Witness,
    digest_of,
    put_beside,
)
from vggstudy.study.basis import Basis, basis_of
from vggstudy.study.keeping import Keeper
from vggstudy.study.past import hypothesis_digests, plan_digest
from vggstudy.study.receipts import put_receipt
from vggstudy.study.study import Study

_COMMIT = re.compile(r"git:([0-9a-f]{40}|[0-9a-f]{64})")
_DOI = re.compile(r"doi:(10\.\d{4,9}/\S{1,200})")


def register(study: Study) -> Path:
    """Write a receipt of a study's protocol and plan; the newest stands if it says the same.

    The study's folder is made if there is none, and the protocol put in force.

    Returns
    -------
    Path
        The receipt; beside it a request of a time stamp, where openssl is installed.

    Raises
    ------
    LedgerError
        If the study is locked or cannot be written.
    """
    with study.held() as store:
        receipt = _receipt(study, store)
        path, new = put_receipt(study.path, receipt)
        if new:
            Keeper(study.path).note("registered", receipt=path.stem, sha256=digest_of(path))
        return path


def keep_response(receipt: Path, response: Path, certificates: Path | None) -> str:
    """Keep a time stamp with the receipt that it is about; returns its time.

    Raises
    ------
    AttestationError
        If it does not hold.
    LedgerError
        If a file cannot be read or written.
    """
    found = check_time_stamp(receipt, response, certificates)
    if found.holds is False:
        raise AttestationError(f"{response} is no time stamp of {receipt}: {found.reason}")
    files = {".tsr": response, **({".pem": certificates} if certificates else {})}
    for suffix, source in files.items():
        try:
            put_beside(receipt, suffix, read_bounded(source, limit=MAX_BYTES))
        except OSError as error:
            raise LedgerError(explain(error, source, "read")) from error
    return found.at


def witness_of(text: str) -> Witness:
    """A witness as it is given on the command line: ``git:COMMIT`` or ``doi:10.1234/...``.

    Raises
    ------
    ValueError
        If it is neither.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    name = text.partition(":")[2]
    if _COMMIT.fullmatch(text):
        return Witness("git", name, now)
    if _DOI.fullmatch(text):
        return Witness("doi", name, now)
    raise ValueError(f"a witness is git:COMMIT (in full) or doi:10.1234/..., got '{text}'")


def _receipt(study: Study, store: StudyStore) -> Receipt:
    """What is registered now."""
    basis: Basis = basis_of(study)
    journal = read_journal(study.path)
    return Receipt(
        study=store.name,
        protocol=study.protocol.digest(),
        plan=plan_digest(study.whole),
        planned=len(study.whole.runs),
        hypotheses=hypothesis_digests(study.protocol),
        recorded=basis.planned - len(basis.missing) + len(basis.unplanned),
        root=basis.root,
        journal=journal.head if journal else None,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
