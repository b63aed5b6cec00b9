"""Whether a packed study is what its manifest says, and who signed that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vggstudy.analysis.notes import say
from vggstudy.files import read_bounded
from vggstudy.ledger.attest import check_signature
from vggstudy.ledger.manifest import MANIFEST_NAME, Manifest, file_digest, read_manifest
from vggstudy.ledger.sealed import DamagedFileError
from vggstudy.study.receipts import Trusted
from vggstudy.study.remarks import SHORT, Remark


def manifest_remarks(folder: Path, root: str, trusted: Trusted | None) -> Iterator[Remark]:
    """What the manifest of a pack says; nothing where there is none."""
    try:
        manifest = read_manifest(folder)
    except DamagedFileError as error:
        yield Remark(say("manifest_damaged", other=error.reason), odd=True, damage=True)
        return
    if manifest is None:
        return
    differs = list(_differing(folder, manifest, root))
    if differs:
        note = say("manifest_differs", other=", ".join(differs))
        yield Remark(note, odd=True, damage=True)
    else:
        yield Remark(say("manifest_holds", n=len(manifest.files), name=root[:SHORT]))
    signature = folder / f"{MANIFEST_NAME}.sig"
    if signature.exists():
        yield _signed(folder, signature, trusted)
    elif trusted is not None and trusted.signers is not None:
        yield Remark(say("not_signed"), odd=True)


def _differing(folder: Path, manifest: Manifest, root: str) -> Iterator[str]:
    """What is not as the manifest says."""
    for name, digest in manifest.files.items():
        if file_digest(folder / name) != digest:
            yield name
    if manifest.root != root:
        yield "root"


def _signed(folder: Path, signature: Path, trusted: Trusted | None) -> Remark:
    """Whose signature it is."""
    if trusted is None:
        return Remark(say("signature_kept"))
    content = read_bounded(folder / MANIFEST_NAME)
    found = check_signature(content, signature, trusted.signers)
    if found.holds is None:
        return Remark(say("signature_open", other=found.reason))
    if not found.holds:
        return Remark(say("signature_wrong", other=found.reason), odd=True, damage=True)
    kind = "signature_holds" if trusted.signers is None else "signature_trusted"
    return Remark(say(kind, name=found.by))
