"""What a pack says of itself to archives: an RO-Crate, and the form that Zenodo fills in.

References
----------
.. [1] RO-Crate Metadata Specification 1.1 (2020), https://w3id.org/ro/crate/1.1.
.. [2] Zenodo, "GitHub integration: .zenodo.json", https://help.zenodo.org.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vggstudy._version import __version__
from vggstudy.errors import LedgerError
from vggstudy.files import explain, write_atomic
from vggstudy.ledger.manifest import MANIFEST_NAME
from vggstudy.report.citing.cite import AUTHORS
from vggstudy.study.basis import Basis
from vggstudy.study.study import Study

CRATE_NAME, ZENODO_NAME = "ro-crate-metadata.json", ".zenodo.json"

CONTEXT = "https://w3id.org/ro/crate/1.1"

FORMATS = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".toml": "application/toml",
    ".txt": "text/plain",
    ".xz": "application/x-xz",
}
"""Media types by ending."""


def describe(folder: Path, study: Study, basis: Basis, digests: dict[str, str]) -> None:
    """Write both files into a pack; a form for Zenodo that is there is its authors' and stays.

    Nothing in them depends on the day: equal packs are equal to the byte.

    Parameters
    ----------
    folder : Path
        The pack.
    study : Study
    basis : Basis
    digests : dict of str to str
        SHA-256 of the pack's files.

    Raises
    ------
    LedgerError
        If a file cannot be written.
    """
    _write(folder / CRATE_NAME, crate(folder, study, basis, digests))
    if not (folder / ZENODO_NAME).exists():
        _write(folder / ZENODO_NAME, zenodo(study))


def crate(folder: Path, study: Study, basis: Basis, digests: dict[str, str]) -> dict[str, Any]:
    """The RO-Crate's metadata: the study as a data set, its files, and what made it."""
    names = [*digests, MANIFEST_NAME]
    entities = [_file(folder, name, digests.get(name)) for name in names]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": _title(study),
        "description": _description(study),
        "datePublished": study.store().protocols()[-1].since[:10],
        "identifier": f"sha256:{basis.root}",
        "author": {"@id": "#authors"},
        "hasPart": [{"@id": name} for name in names],
        "mentions": [{"@id": "#vggstudy"}],
        "variableMeasured": [
            study.protocol.analysis.outcome,
            *study.protocol.analysis.outcomes,
        ],
    }
    about = {
        "@id": CRATE_NAME,
        "@type": "CreativeWork",
        "conformsTo": {"@id": CONTEXT},
        "about": {"@id": "./"},
    }
    authors = {"@id": "#authors", "@type": "Organization", "name": AUTHORS}
    program = {
        "@id": "#vggstudy",
        "@type": "SoftwareApplication",
        "name": "vggstudy",
        "softwareVersion": __version__,
    }
    return {
        "@context": f"{CONTEXT}/context",
        "@graph": [about, root, *entities, authors, program],
    }


def zenodo(study: Study) -> dict[str, Any]:
    """What Zenodo's form is filled in with; authors and licence are the authors' to say."""
    return {
        "title": _title(study),
        "upload_type": "dataset",
        "description": _description(study),
        "creators": [{"name": AUTHORS}],
        "keywords": ["replication", "deep learning", "random seeds"],
    }


def _file(folder: Path, name: str, digest: str | None) -> dict[str, Any]:
    """A file of the pack; what its manifest vouches for, by its digest."""
    path = folder / name
    entity: dict[str, Any] = {"@id": name, "@type": "File", "name": path.name}
    if path.suffix in FORMATS:
        entity["encodingFormat"] = FORMATS[path.suffix]
    if digest is None:
        return entity
    return {**entity, "contentSize": str(path.stat().st_size), "sha256": digest}


def _title(study: Study) -> str:
    """The study's title, or its name."""
    return study.protocol.title or study.protocol.name


def _description(study: Study) -> str:
    """The study's question, and what a pack is."""
    said = "A replicated training study: its protocol and the records of all its runs."
    question = " ".join((study.protocol.question or "").split())
    return f"{question} {said}".strip()


def _write(path: Path, content: dict[str, Any]) -> None:
    """A file of JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from None
