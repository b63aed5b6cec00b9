"""Files that the tools themselves have written (`make_fixtures.py`), unpacked."""

from __future__ import annotations

import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

DATA = Path(__file__).with_name("data")


@pytest.fixture
def made_by(tmp_path: Path) -> Callable[[str], Path]:
    """A file or a folder of a tool, by its name among the fixtures."""

    def unpacked(name: str) -> Path:
        packed = DATA / name
        if packed.name.endswith(".tar.xz"):
            target = tmp_path / packed.name.removesuffix(".tar.xz")
            with tarfile.open(packed) as archive:
                archive.extractall(target, filter="data")
            return target
        target = tmp_path / packed.name.removesuffix(".xz")
        data = packed.read_bytes()
        target.write_bytes(lzma.decompress(data) if packed.suffix == ".xz" else data)
        return target

    return unpacked
