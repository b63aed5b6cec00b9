"""The index of a study's records: SQLite, refreshed from the files, never the only copy."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from vggstudy.ledger import database
from vggstudy.ledger.pack import PACK_NAME
from vggstudy.ledger.records import FolderRecords, PackedRecords, records_of
from vggstudy.ledger.rows import (
    COLUMNS,
    CorruptIndexError,
    IndexRow,
    damaged_values,
    environment_of,
    environment_row,
    intact_values,
    row_of,
)
from vggstudy.ledger.scan import RunFile
from vggstudy.ledger.sealed import DamagedFileError

_log = logging.getLogger(__name__)

_T = TypeVar("_T")
_BATCH = 500
_PAGE = 1000
# A file changed this shortly before it was read may change again within one tick of its clock and
# keep its stamp; it is read anew the next time. Network file systems have ticks of up to a second.
_UNSETTLED_NS = 2_000_000_000

_KEPT_BYTES = 2**26
_Stamp = tuple[str, int, int, int, int]
_kept: dict[_Stamp | None, tuple[FolderRecords | PackedRecords, bytes]] = {}
"""The last pack that was indexed, by its place and stamp, with the rows made of it."""

_INSERT = f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * len(COLUMNS))})"
_KNOWN = "SELECT run_id, mtime_ns, ctime_ns, size, settled FROM files"
_STAMP = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)"


class StudyIndex:
    """Rows about every record of a study, without opening the records' files again.

    A missing, damaged, older or newer index is made anew from the records, which only the log
    says; where its file cannot be used, and for packed records, it is kept in memory.

    Attributes
    ----------
    folder : Path
        The study's folder.
    in_memory : bool
        Whether the index is lost when it is closed.
    """

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        self.folder = folder
        self._records = records_of(folder)
        self.in_memory = in_memory or self._records.packed
        self._ids: tuple[str, ...] = ()
        self._connection = database.connect(None)
        if not self.in_memory:
            self._open_file()

    @classmethod
    def open(cls, folder: Path, *, readonly: bool = False) -> StudyIndex:
        """Open a study's index and bring it up to date.

        Parameters
        ----------
        folder : Path
            The study's folder.
        readonly : bool
            Leave the folder untouched: the index is made anew in memory.

        Raises
        ------
        LedgerError
            If the folder of the records cannot be read.
        """
        index = cls(folder, in_memory=readonly)
        try:
            if not index._recall():
                index.refresh()
                index._remember()
        except BaseException:
            index.close()
            raise
        return index

    def __enter__(self) -> StudyIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the index cannot be used afterwards."""
        self._connection.close()

    def refresh(self) -> None:
        """Read the records that are new or changed, forget those that are gone.

        Raises
        ------
        LedgerError
            If the folder of the records cannot be read.
        """
        self._guarded(self._refresh)

    def rebuild(self) -> None:
        """Make the index anew, reading every record.

        Raises
        ------
        LedgerError
            If the folder of the records cannot be read.
        """
        self._start_anew()
        self.refresh()

    def rows(self, *, curves: bool = True) -> Iterator[IndexRow]:
        """Every record, the damaged ones with their reason, ordered by run id.

        Parameters
        ----------
        curves : bool
            Whether to load the per-epoch curves; most of the index is curves.
        """
        ids = self._ids
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            yield from self._guarded(partial(self._page, page, curves=curves))

    def damaged(self) -> list[tuple[Path, str]]:
        """The records that cannot be trusted, with the reason."""
        return [
            (self._records.path(row.run_id), row.reason)
            for row in self.rows(curves=False)
            if row.reason is not None
        ]

    def environments(self) -> list[tuple[dict[str, Any], int]]:
        """Each distinct environment and the number of its runs, the commonest first."""
        used = (row.environment_id for row in self.rows(curves=False))
        counts = Counter(identity for identity in used if identity is not None)
        known = self._guarded(partial(self._environments, frozenset(counts)))
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [(known[identity], count) for identity, count in ordered]

    def __len__(self) -> int:
        return len(self._ids)

    def _recall(self) -> bool:
        """Take the rows that this process made of the same pack before; whether there are any."""
        stamp = self._stamp()
        if stamp not in _kept:
            return False
        self._records, rows = _kept[stamp]
        self._connection.deserialize(rows)
        self._ids = tuple(sorted(file.run_id for file in self._records.files()))
        return True

    def _remember(self) -> None:
        """Keep the rows of a pack, for which a command asks several times, unless it is huge."""
        stamp = self._stamp()
        if stamp is None or max(stamp[1:3]) >= time.time_ns() - _UNSETTLED_NS:
            return
        rows = self._connection.serialize()
        if len(rows) <= _KEPT_BYTES:
            _kept.clear()
            _kept[stamp] = (self._records, rows)

    def _stamp(self) -> _Stamp | None:
        """What tells a pack from another one, or from what it was; None where there is none."""
        if not self._records.packed or not hasattr(self._connection, "deserialize"):
            return None  # SQLite can be built without that
        path = self.folder / PACK_NAME
        try:
            found = path.stat()
        except OSError:  # reading it says what is wrong
            return None
        place = str(path.absolute())
        return place, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _open_file(self) -> None:
        """Go on with the index in the folder, or whatever takes its place."""
        self._connection.close()
        try:
            self._connection = database.connect(self.folder)
        except (CorruptIndexError, sqlite3.Error) as error:
            if not database.is_unusable(error):
                self._keep_in_memory(error)
                return
            _log.warning("making the index of %s anew: %s", self.folder, error)
            self._start_anew()

    def _page(self, ids: Sequence[str], *, curves: bool) -> list[IndexRow]:
        """The rows of these runs, but for those whose record is gone by now."""
        names = ", ".join(COLUMNS if curves else COLUMNS[:-1])
        query = f"SELECT {names} FROM runs WHERE run_id BETWEEN ? AND ?"
        values = self._connection.execute(query, (ids[0], ids[-1])).fetchall()
        found = {row.run_id: row for row in (row_of(item, curves=curves) for item in values)}
        for run_id in ids:
            if run_id not in found and self._records.holds(run_id):
                msg = f"the row of run {run_id} is lost"
                raise CorruptIndexError(msg)
        return [found[run_id] for run_id in ids if run_id in found]

    def _environments(self, needed: frozenset[str]) -> dict[str, dict[str, Any]]:
        """These environments by their digest."""
        query = "SELECT environment_id, environment FROM environments"
        rows = self._connection.execute(query).fetchall()
        found = {name: environment_of(name, text) for name, text in rows if name in needed}
        if needed - found.keys():
            msg = "an environment is lost"
            raise CorruptIndexError(msg)
        return found

    def _refresh(self) -> None:
        """Compare the files with the rows and read what differs."""
        gone = {row[0]: row[1:] for row in self._connection.execute(_KNOWN)}
        files = self._records.files()
        changed = [file for file in files if gone.pop(file.run_id, ()) != _current(file)]
        with self._connection:
            for run_id in gone:
                self._forget(run_id)
        for start in range(0, len(changed), _BATCH):
            # Commit as we go: an interrupted build of a large index continues where it stopped.
            with self._connection:
                for file in changed[start : start + _BATCH]:
                    self._index(file)

        self._ids = tuple(sorted(file.run_id for file in files))

    def _index(self, file: RunFile) -> None:
        """Read a record and write its row."""
        settled = 0 < max(file.stamp[:2]) < time.time_ns() - _UNSETTLED_NS
        try:
            record = self._records.read(file.run_id)
        except FileNotFoundError:
            self._forget(file.run_id)
            return
        except DamagedFileError as error:
            settled = settled and error.kind != "unreadable"
            values = damaged_values(file.run_id, error.kind, error.reason)
        else:
            environment = environment_row(record)
            values = intact_values(record, environment[0])
            query = "INSERT OR REPLACE INTO environments VALUES (?, ?)"
            self._connection.execute(query, environment)
        self._connection.execute(_INSERT, values)
        self._connection.execute(_STAMP, (file.run_id, *file.stamp, int(settled)))

    def _forget(self, run_id: str) -> None:
        """Delete the row of a run."""
        for table in ("runs", "files"):
            self._connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))

    def _guarded(self, action: Callable[[], _T]) -> _T:
        """Do something with the database; if that fails, make it anew, at last in memory."""
        try:
            return action()
        except (CorruptIndexError, sqlite3.Error) as error:
            if self.in_memory:
                raise
            failure: Exception = error
        if database.is_unusable(failure):
            _log.warning("making the index of %s anew: %s", self.folder, failure)
            try:
                self._start_anew()
                self._refresh()
                return action()
            except (CorruptIndexError, sqlite3.Error) as error:
                failure = error
        self._keep_in_memory(failure)
        self._refresh()
        return action()

    def _start_anew(self) -> None:
        """Go on with an empty index."""
        self._connection.close()
        try:
            if not self.in_memory:
                database.remove(self.folder)
            self._connection = database.connect(None if self.in_memory else self.folder)
        except (OSError, CorruptIndexError, sqlite3.Error) as error:
            self._keep_in_memory(error)

    def _keep_in_memory(self, cause: Exception) -> None:
        """Go on with an empty index in memory."""
        _log.warning("the index of %s is kept in memory: %s", self.folder, cause)
        self._connection.close()
        self._connection = database.connect(None)
        self.in_memory = True


def _current(file: RunFile) -> tuple[int, ...]:
    """What the index holds of a file that has not changed since it was read."""
    return (*file.stamp, 1)
