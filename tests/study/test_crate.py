"""What a pack says of itself to archives."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from vggstudy.errors import LedgerError
from vggstudy.study.crate import CRATE_NAME, ZENODO_NAME
from vggstudy.study.packing import pack
from vggstudy.study.study import Study


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_crate_is_one_to_its_own_library(forty: Study) -> None:
    rocrate = pytest.importorskip("rocrate.rocrate", reason="rocrate is not installed")
    pack(forty.path, Path("packed"))
    read = rocrate.ROCrate("packed")
    root = read.root_dataset
    assert root["name"] == "forty"
    assert len(root["datePublished"]) == len("2100-01-01")
    files = {entity.id: entity for entity in read.get_entities() if entity.type == "File"}
    assert {"study.json", "protocol.toml", "records.jsonl.xz", "manifest.json"} <= set(files)
    for name, entity in files.items():
        data = Path("packed", name).read_bytes()
        if name != "manifest.json":
            assert entity["sha256"] == hashlib.sha256(data).hexdigest()
            assert entity["contentSize"] == str(len(data))
    assert read.get("#vggstudy")["name"] == "vggstudy"


def test_packing_again_gives_the_same_bytes_and_leaves_the_authors_form(forty: Study) -> None:
    pack(forty.path, Path("packed"))
    first = content(Path("packed"))
    pack(forty.path, Path("packed"))
    assert content(Path("packed")) == first
    pack(forty.path, Path("beside"))
    assert content(Path("beside")) == first
    form = json.loads(first[ZENODO_NAME])
    assert {"title", "upload_type", "description", "creators"} <= set(form)
    own = json.dumps({**form, "creators": [{"name": "Ada"}]})
    Path("packed", ZENODO_NAME).write_text(own)
    pack(forty.path, Path("packed"))
    assert Path("packed", ZENODO_NAME).read_text() == own


def test_a_pack_from_before_is_read_and_packed_on(forty: Study, cli: Any) -> None:
    pack(forty.path, Path("old"))
    for name in (CRATE_NAME, ZENODO_NAME):
        Path("old", name).unlink()
    assert cli("verify", "old")[0] == 0
    pack(Path("old"), Path("new"))
    assert Path("new", CRATE_NAME).exists()
    assert cli("verify", "new")[0] == 0


def test_what_cannot_be_written_is_said(forty: Study, cli: Any) -> None:
    Path("packed").mkdir()
    pack(forty.path, Path("packed"))
    Path("packed", CRATE_NAME).unlink()
    Path("packed", CRATE_NAME).mkdir()
    code, text = cli("pack", forty.path, "packed")
    assert code == LedgerError.exit_code
    assert CRATE_NAME in text
    assert "Traceback" not in text
