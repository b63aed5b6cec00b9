"""Packs a study with a manifest of what is planned, recorded and missing, and for archives."""

from __future__ import annotations

from pathlib import Path

from vggstudy.errors import LedgerError
from vggstudy.ledger.attest import sign
from vggstudy.ledger.journal import read_journal
from vggstudy.ledger.manifest import MANIFEST_NAME, Manifest, file_digest, write_manifest
from vggstudy.ledger.publish import pack_study, packed_files
from vggstudy.study.basis import basis_of
from vggstudy.study.crate import describe
from vggstudy.study.study import Study


def pack(source: Path, target: Path, *, key: Path | None = None) -> int:
    """Copy a study into a folder for publishing, with a manifest; returns the number of records.

    Parameters
    ----------
    source, target : Path
        As `vggstudy.ledger.publish.pack_study` takes them.
    key : Path, optional
        An SSH key, to sign the manifest with.

    Raises
    ------
    LedgerError
        If the study cannot be packed, or the manifest not signed.
    """
    count = pack_study(source, target)
    (target / f"{MANIFEST_NAME}.sig").unlink(missing_ok=True)
    study = Study.open(target)
    basis = basis_of(study)
    journal = read_journal(target)
    digests = {name: file_digest(target / name) for name in packed_files(target)}
    if unread := [name for name, digest in digests.items() if digest is None]:
        raise LedgerError(f"{target / unread[0]} cannot be read")
    known = {name: digest for name, digest in digests.items() if digest is not None}
    manifest = Manifest(
        study=study.protocol.name,
        protocol=basis.protocol_digest,
        planned=basis.planned,
        missing=sorted(basis.missing),
        unplanned=sorted(basis.unplanned),
        root=basis.root,
        journal=journal.head if journal else None,
        files=known,
    )
    path = write_manifest(target, manifest)
    describe(target, study, basis, known)
    if key is not None:
        sign(path, key)
    return count
