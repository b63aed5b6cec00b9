"""What the tests of the protocol share: a small valid one, and a way to load a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.protocol import LoadedProtocol, load_protocol

BASE = """\
schema = 1
name = "x"
[design]
replicates = 3
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
"""

Load = Callable[..., LoadedProtocol]


@pytest.fixture
def base() -> str:
    """A valid protocol: two cells, three replicates."""
    return BASE


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a text as the file p.toml of the working folder."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str | bytes, *overrides: str) -> LoadedProtocol:
        raw = text.encode() if isinstance(text, str) else text
        Path("p.toml").write_bytes(raw)
        return load_protocol("p.toml", overrides=overrides)

    return load_text
