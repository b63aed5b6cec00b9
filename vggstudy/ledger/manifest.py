"""The manifest of a packed study: what it holds and what is missing, in one file to be signed.

Format history (``"format": "vggstudy-manifest"``):

schema 1
    ``study``, ``protocol`` (digest), ``planned``, ``missing`` and ``unplanned`` (run ids),
    ``root`` (`vggstudy.ledger.merkle`), ``journal`` (checksum of its last entry) and ``files``
    (place to SHA-256), sealed as `vggstudy.ledger.sealed` says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from vggstudy.files import read_bounded
from vggstudy.ledger.pack import MAX_PACK_BYTES
from vggstudy.ledger.sealed import DamagedFileError
from vggstudy.ledger.sealed_file import read_sealed, typed, write_sealed

MANIFEST_NAME = "manifest.json"
FORMAT = "vggstudy-manifest"
SCHEMA = 1

_PLACE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?")

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a pack holds; see the format's history."""

    study: str
    protocol: Digest
    planned: Annotated[int, Field(strict=True, ge=0)]
    missing: Sequence[RunId]
    unplanned: Sequence[RunId]
    root: Digest
    journal: Digest | None
    files: Mapping[str, Digest]


_READER = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write the manifest of a pack; returns its file.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    path = folder / MANIFEST_NAME
    write_sealed(path, {"format": FORMAT, "schema": SCHEMA, **asdict(manifest)})
    return path


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a pack; None where there is none.

    Raises
    ------
    DamagedFileError
        If it cannot be read or trusted.
    """
    path = folder / MANIFEST_NAME
    content = read_sealed(path, form=FORMAT, newest=SCHEMA)
    if content is None:
        return None
    manifest = typed(_READER, content, what="a manifest", path=path)
    if not all(map(_PLACE.fullmatch, manifest.files)):
        raise DamagedFileError("foreign", "names files outside the pack", str(path))
    return manifest


def file_digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none that can be read."""
    try:
        return hashlib.sha256(read_bounded(path, limit=MAX_PACK_BYTES)).hexdigest()
    except OSError:
        return None
