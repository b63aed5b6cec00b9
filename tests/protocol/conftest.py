"""What the tests of the protocol share: a way to load a text as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.protocol import LoadedProtocol, load_protocol


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., LoadedProtocol]:
    """Load a text as the file p.toml of the working folder."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str | bytes, *overrides: str) -> LoadedProtocol:
        raw = text.encode() if isinstance(text, str) else text
        Path("p.toml").write_bytes(raw)
        return load_protocol("p.toml", overrides=overrides)

    return load_text
