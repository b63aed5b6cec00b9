"""The end of what a process has written, however much that was."""

from __future__ import annotations

KEPT_BYTES = 8192
"""Bytes at the end of stdout and of stderr that are looked at."""

KEPT_CHARACTERS = 4000
"""Characters of them that an attempt keeps."""


class Tail:
    """The last bytes of a stream.

    Attributes
    ----------
    total : int
        Bytes that have come.
    """

    def __init__(self, size: int = KEPT_BYTES) -> None:
        self.size = size
        self.total = 0
        self._kept = b""

    def add(self, data: bytes) -> None:
        """Take what has come."""
        self.total += len(data)
        self._kept = (self._kept + data)[-self.size :]

    @property
    def data(self) -> bytes:
        """The last bytes."""
        return self._kept


def as_text(data: bytes) -> str:
    """Output as an attempt keeps it: its last characters, dots where more came before."""
    text = data.decode(errors="replace")
    return text if len(text) <= KEPT_CHARACTERS else f"...{text[3 - KEPT_CHARACTERS :]}"


def last_words(data: bytes) -> str:
    """The last line that is not blank; empty where there is none."""
    lines = data.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
