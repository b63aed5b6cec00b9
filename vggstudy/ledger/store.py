"""A study's folder: made, opened, its protocol put in force; its runs are `run_store`'s."""

from __future__ import annotations

import errno
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from os import W_OK, access
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded, sync_folder, write_atomic
from vggstudy.ledger import history
from vggstudy.ledger.folder import (
    MARKER_NAME,
    PROTOCOL_NAME,
    already_a_study,
    read_marker,
    refuse_occupied,
    utf8,
)
from vggstudy.ledger.lock import hold_lock
from vggstudy.ledger.marker import Amendment, Comparisons, Marker
from vggstudy.ledger.run_store import RunStore
from vggstudy.ledger.scan import RUNS_NAME

if TYPE_CHECKING:
    from vggstudy.ledger.index import StudyIndex


class StudyStore(RunStore):
    """The files of one study; made by `create` or `open`."""

    def __init__(self, path: Path, marker: Marker, *, readonly: bool) -> None:
        super().__init__(path, readonly=readonly)
        self._marker = marker

    @classmethod
    def create(cls, path: Path, protocol_text: str, protocol_digest: str, name: str) -> StudyStore:
        """Make a study's folder; its marker is written last, so a torn creation can be redone.

        Parameters
        ----------
        path : Path
            A folder that does not exist or is empty.
        protocol_text : str
            The protocol as its author wrote it.
        protocol_digest : str
            Its digest.
        name : str
            The study's name.

        Raises
        ------
        LedgerError
            If the folder is a study already, holds other things, or cannot be written.
        """
        marker = Marker(
            name=name,
            protocol=protocol_text,
            protocol_digest=protocol_digest,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            amendments=(),
            comparisons="run",
        )
        try:
            path.mkdir(parents=True, exist_ok=True)
            refuse_occupied(path, protocol_text)
            (path / RUNS_NAME).mkdir(exist_ok=True)
            write_atomic(path / PROTOCOL_NAME, utf8(protocol_text))
            write_atomic(path / MARKER_NAME, marker.to_json().encode(), exclusive=True)
            sync_folder(path.parent)
        except FileExistsError as error:
            if error.filename2 or (path / MARKER_NAME).exists():
                raise LedgerError(already_a_study(path)) from None
            raise LedgerError(explain(error, path, "created")) from error
        except OSError as error:
            raise LedgerError(explain(error, path, "created")) from error
        return cls(path, marker, readonly=False)

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> StudyStore:
        """Open a study that exists.

        Raises
        ------
        LedgerError
            If there is no such folder, it is no study, its marker is damaged or of a newer
            schema, or it cannot be written and ``readonly`` is not set.
        """
        store = cls(path, read_marker(path), readonly=readonly)
        if not readonly:
            store._ensure_writable()
        return store

    def _ensure_writable(self) -> None:
        """Refuse early what would fail after hours; restore a ``runs`` folder lost in a copy."""
        if self._records.packed:
            msg = (
                f"{self.path} holds packed records, which are only read; "
                f"'vggstudy unpack {self.path} FOLDER' makes a study that can go on"
            )
            raise LedgerError(msg)
        runs = self.path / RUNS_NAME
        try:
            runs.mkdir(exist_ok=True)
        except OSError as error:
            raise LedgerError(explain(error, runs, "created")) from error
        for folder in (self.path, runs):
            if not access(folder, W_OK):
                denied = OSError(errno.EACCES, "it is read-only")
                raise LedgerError(explain(denied, folder, "opened for writing"))

    @property
    def name(self) -> str:
        """The study's name."""
        return self._marker.name

    @property
    def created_at(self) -> str:
        """When the study was made, ISO 8601 in UTC."""
        return self._marker.created_at

    @property
    def protocol_text(self) -> str:
        """The protocol in force, from the checksummed marker."""
        return self._marker.protocol

    @property
    def protocol_digest(self) -> str:
        """Digest of the protocol in force."""
        return self._marker.protocol_digest

    @property
    def amendments(self) -> tuple[Amendment, ...]:
        """Changes of the protocol since the study was made, oldest first."""
        return self._marker.amendments

    def protocols(self) -> tuple[history.Version, ...]:
        """Every protocol that was in force, oldest first, as far as the amendments lead back."""
        made = self._marker
        return history.versions(
            made.created_at, made.protocol, made.protocol_digest, made.amendments
        )

    @property
    def comparisons(self) -> Comparisons:
        """Whose epochs a label's bound counts: as the study was registered."""
        return self._marker.comparisons

    def protocol_edited(self) -> bool:
        """Whether ``protocol.toml`` differs from the protocol in force, or is missing."""
        try:
            return read_bounded(self.path / PROTOCOL_NAME) != utf8(self.protocol_text)
        except OSError:
            return True

    def amend(self, protocol_text: str, protocol_digest: str, date: str) -> None:
        """Put another protocol in force and record the change; nothing if it is the same text.

        Parameters
        ----------
        protocol_text, protocol_digest : str
            The new protocol and its digest.
        date : str
            ISO 8601.

        Raises
        ------
        LedgerError
            If the study cannot be written.
        """
        self._refuse_readonly()
        marker = self._marker
        if (protocol_text, protocol_digest) != (marker.protocol, marker.protocol_digest):
            marker = marker.amended(
                protocol=protocol_text, protocol_digest=protocol_digest, date=date
            )
        try:
            # The marker last: cut between the two, the amendment is recorded the next time.
            write_atomic(self.path / PROTOCOL_NAME, utf8(protocol_text))
            if marker is not self._marker:
                write_atomic(self.path / MARKER_NAME, marker.to_json().encode())
        except OSError as error:
            raise LedgerError(explain(error, self.path / MARKER_NAME, "written")) from error
        self._marker = marker

    def index(self) -> StudyIndex:
        """The study's index, brought up to date; close it, or use it in a ``with``.

        It is a cache and kept in the folder wherever that can be written, for a study that was
        opened read-only too.
        """
        from vggstudy.ledger.index import StudyIndex  # SQLite is loaded only when it is used

        return StudyIndex.open(self.path)

    def lock(self) -> AbstractContextManager[None]:
        """Hold the study for one driver.

        Raises
        ------
        LedgerError
            On entering, if another driver holds it; names the holder.
        """
        self._refuse_readonly()
        return hold_lock(self.path)
