"""Receipts of registrations: what a protocol said and how many runs there were, to be stamped.

A receipt lies in ``registrations/NNNN.json`` of a study and is never changed. Beside it lie what
others attest of its bytes: ``NNNN.tsq`` and ``NNNN.tsr``, request and response of a time-stamping
authority (RFC 3161), ``NNNN.pem``, that authority's certificates, and ``NNNN.witnesses.json``.

Format history (``"format": "vggstudy-receipt"``):

schema 1
    ``study``, ``protocol`` (digest), ``plan`` (digest of the sorted ids of all planned runs),
    ``planned``, ``hypotheses`` (id to digest), ``recorded``, ``root``, ``journal`` and ``at``,
    sealed as `vggstudy.ledger.sealed` says.

Format history (``"format": "vggstudy-witnesses"``):

schema 1
    ``receipt`` (SHA-256 of its bytes) and ``witnesses`` (``kind``, ``name``, ``at``), sealed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded, sync_folder, write_atomic
from vggstudy.ledger.sealed import DamagedFileError
from vggstudy.ledger.sealed_file import read_sealed, typed, write_sealed

FOLDER = "registrations"
FORMAT, WITNESSES = "vggstudy-receipt", "vggstudy-witnesses"
SCHEMA = 1

MAX_BYTES = 2**20
MOST = 1000
"""So many receipts of a study are looked at."""

_NAME = re.compile(r"\d{4}\.json")

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(strict=True, ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was registered.

    Attributes
    ----------
    study : str
        The study's name.
    protocol, plan : str
        Digest of the protocol, and of the sorted ids of all runs that it plans.
    planned : int
        Number of those runs.
    hypotheses : mapping of str to str
        Id to the digest of what is stated.
    recorded : int
        Runs that were recorded then.
    root : str
        Merkle root of the study then.
    journal : str or None
        Checksum of the journal's last entry then.
    at : str
        By this machine's clock, ISO 8601 in UTC: what others attest counts.
    """

    study: str
    protocol: Digest
    plan: Digest
    planned: Count
    hypotheses: Mapping[str, Digest]
    recorded: Count
    root: Digest
    journal: Digest | None
    at: str


@dataclass(frozen=True, slots=True)
class Witness:
    """Something outside that holds a receipt, and when it was noted."""

    kind: Literal["git", "doi"]
    name: str
    at: str


_READER = TypeAdapter(Receipt)
_WITNESSES = TypeAdapter(tuple[Witness, ...])


def receipt_files(folder: Path) -> list[Path]:
    """The receipts of a study in their order; none where there is no folder of them.

    Raises
    ------
    LedgerError
        If the folder cannot be listed.
    """
    place = folder / FOLDER
    try:
        return sorted(path for path in place.iterdir() if _NAME.fullmatch(path.name))[:MOST]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise LedgerError(explain(error, place, "read")) from error


def read_receipt(path: Path) -> Receipt:
    """A receipt.

    Raises
    ------
    DamagedFileError
        If it cannot be read or trusted.
    """
    return typed(_READER, _read(path), what="a receipt", path=path)


def write_receipt(folder: Path, receipt: Receipt) -> Path:
    """Add a receipt to a study; returns its file.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    place = folder / FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
        if place.is_symlink():
            raise LedgerError(f"{place} is a link; use the folder that it should lead to")
        last = max((int(path.stem) for path in receipt_files(folder)), default=0)
        path = place / f"{last + 1:04d}.json"
        content = {"format": FORMAT, "schema": SCHEMA, **asdict(receipt)}
        write_sealed(path, content, exclusive=True)
        sync_folder(folder)
    except OSError as error:
        raise LedgerError(explain(error, place, "written")) from error
    return path


def beside(receipt: Path, suffix: str) -> Path:
    """The file of that kind beside a receipt: ``.tsq``, ``.tsr``, ``.pem``, ``.witnesses.json``."""
    return receipt.with_name(receipt.stem + suffix)


def kept_beside(receipt: Path) -> list[Path]:
    """The files beside a receipt that there are."""
    found = (beside(receipt, suffix) for suffix in (".tsq", ".tsr", ".pem", ".witnesses.json"))
    return [path for path in found if path.is_file()]


def put_beside(receipt: Path, suffix: str, content: bytes) -> Path:
    """Keep what somebody attests of a receipt.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    path = beside(receipt, suffix)
    try:
        write_atomic(path, content)
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from error
    return path


def read_witnesses(receipt: Path) -> tuple[Witness, ...]:
    """What holds a receipt elsewhere, as its authors say; nothing where they say nothing.

    Raises
    ------
    DamagedFileError
        If that file cannot be read or trusted, or is about other bytes.
    """
    path = beside(receipt, ".witnesses.json")
    content = read_sealed(path, form=WITNESSES, newest=SCHEMA, limit=MAX_BYTES)
    if content is None:
        return ()
    if content.get("receipt") != digest_of(receipt):
        raise DamagedFileError("edited", "is about another receipt than the one here", str(path))
    return typed(_WITNESSES, content.get("witnesses"), what="a list of witnesses", path=path)


def add_witnesses(receipt: Path, more: Iterable[Witness]) -> None:
    """Note where a receipt is held elsewhere.

    Raises
    ------
    LedgerError
        If that cannot be written.
    """
    known: Sequence[Witness] = read_witnesses(receipt)
    content: dict[str, Any] = {"format": WITNESSES, "schema": SCHEMA, "receipt": digest_of(receipt)}
    content["witnesses"] = [asdict(one) for one in (*known, *more)]
    write_sealed(beside(receipt, ".witnesses.json"), content)


def digest_of(path: Path) -> str:
    """SHA-256 of a receipt's bytes: what others attest.

    Raises
    ------
    DamagedFileError
        If it cannot be read.
    """
    try:
        return hashlib.sha256(read_bounded(path, limit=MAX_BYTES)).hexdigest()
    except OSError as error:
        raise DamagedFileError("unreadable", explain(error, path, "read")) from error


def _read(path: Path) -> dict[str, Any]:
    """The content of a receipt that was listed."""
    content = read_sealed(path, form=FORMAT, newest=SCHEMA, limit=MAX_BYTES)
    if content is None:
        raise DamagedFileError("unreadable", "it is gone", str(path))
    return content
