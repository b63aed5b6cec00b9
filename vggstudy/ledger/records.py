"""Where a study's records are read from: a file each, or one packed file for all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_head
from vggstudy.ledger.pack import PACK_NAME, PackedLines, read_pack
from vggstudy.ledger.record import RunRecord, read_record_file, record_at
from vggstudy.ledger.scan import RECORD_NAME, RUNS_NAME, RunFile, scan_runs
from vggstudy.ledger.sealed import HEAD_BYTES, sealed_checksum


class Records(Protocol):
    """The records of one study."""

    packed: bool

    def path(self, run_id: str) -> Path:
        """File that holds a run's record, which need not exist."""

    def files(self) -> list[RunFile]:
        """Every record that is there, in no particular order."""

    def holds(self, run_id: str) -> bool:
        """Whether a run has a record, be it intact or not."""

    def read(self, run_id: str) -> RunRecord:
        """A run's record; FileNotFoundError if it has none, DamagedFileError if it is damaged."""

    def checksum(self, run_id: str) -> str | None:
        """The checksum that a run's record carries, compared with nothing; None without one."""


class FolderRecords:
    """Records in a file each, below ``runs``."""

    packed = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, run_id: str) -> Path:
        """File of a run's record, which need not exist."""
        return self.folder / RUNS_NAME / run_id / RECORD_NAME

    def files(self) -> list[RunFile]:
        """Every record's file; none where the folder is missing.

        Raises
        ------
        LedgerError
            If the folder cannot be listed.
        """
        try:
            return list(scan_runs(self.folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(explain(error, self.folder / RUNS_NAME, "read")) from error

    def holds(self, run_id: str) -> bool:
        """Whether there is a file, or a link, for a run's record."""
        return os.path.lexists(self.path(run_id))

    def read(self, run_id: str) -> RunRecord:
        """A run's record.

        Raises
        ------
        FileNotFoundError
            If it has none.
        DamagedFileError
            If it cannot be read or trusted.
        """
        return read_record_file(self.path(run_id), run_id=run_id)

    def checksum(self, run_id: str) -> str | None:
        """The checksum that a run's record carries, compared with nothing; None without one."""
        try:
            return sealed_checksum(read_head(self.path(run_id), HEAD_BYTES))
        except OSError:
            return None


class PackedRecords:
    """Records in one compressed file, read once."""

    packed = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: PackedLines | None = None

    def path(self, run_id: str) -> Path:  # noqa: ARG002 - one file holds them all
        """The packed file."""
        return self.folder / PACK_NAME

    def files(self) -> list[RunFile]:
        """Every record of the packed file.

        Raises
        ------
        LedgerError
            If it cannot be read or is damaged.
        """
        return [RunFile(run_id, (0, 0, size)) for run_id, size in self._read().sizes()]

    def holds(self, run_id: str) -> bool:
        """Whether the packed file has a line for a run."""
        return run_id in self._read()

    def read(self, run_id: str) -> RunRecord:
        """A run's record.

        Raises
        ------
        FileNotFoundError
            If it has none.
        DamagedFileError
            If it cannot be trusted.
        """
        path = self.path(run_id)
        line = self._read().get(run_id)
        if line is None:
            raise FileNotFoundError(run_id)
        return record_at(line, path, run_id=run_id)

    def checksum(self, run_id: str) -> str | None:
        """The checksum that a run's record carries, compared with nothing; None without one."""
        return sealed_checksum(self._read().get(run_id, b""))

    def _read(self) -> PackedLines:
        """The lines by run id."""
        if self._lines is None:
            self._lines = read_pack(self.folder / PACK_NAME)
        return self._lines


def records_of(folder: Path) -> FolderRecords | PackedRecords:
    """The records of a study's folder: packed where there is a packed file and no ``runs``."""
    if (folder / PACK_NAME).is_file() and not (folder / RUNS_NAME).exists():
        return PackedRecords(folder)
    return FolderRecords(folder)
