"""The SQLite file behind the index: opening it, and telling a usable one from any other."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from vggstudy.ledger.rows import COLUMNS, CorruptIndexError

INDEX_NAME = "index.sqlite"
SCHEMA = 2
"""``user_version`` of the file; raised whenever a table, a column's meaning or a check changes."""

_BUSY_S = 10.0
# WAL shares memory between processes, which no network file system does between machines.
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs"}
)
# SQLITE_ERROR is what a missing table or column gives.
_UNUSABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})

# The stamps stand apart from the rows, so that finding what has changed reads little.
_CREATE = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS files (run_id PRIMARY KEY, mtime_ns, ctime_ns, size, settled)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs ({", ".join(COLUMNS)}, PRIMARY KEY (run_id));
CREATE TABLE IF NOT EXISTS environments (environment_id PRIMARY KEY, environment);
PRAGMA user_version = {SCHEMA};
COMMIT;
"""


def connect(folder: Path | None) -> sqlite3.Connection:
    """Open the index in a study's folder, or an empty one in memory if there is no folder.

    Raises
    ------
    CorruptIndexError
        If the file is of another schema, or a link.
    sqlite3.Error
        If it cannot be opened or is no database.
    """
    if folder is None:
        connection = sqlite3.connect(":memory:")
        connection.executescript(_CREATE)
        return connection
    path = folder / INDEX_NAME
    if path.is_symlink():
        msg = "it is a link"
        raise CorruptIndexError(msg)
    connection = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        _prepare(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, folder: Path) -> None:
    """Check the schema before anything is written, then set how writing is done."""
    connection.execute("PRAGMA trusted_schema = OFF")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    if tables and version != SCHEMA:
        msg = f"it is of schema {version}, not {SCHEMA}"
        raise CorruptIndexError(msg)
    mode = "DELETE" if _file_system(folder) in _NETWORK else "WAL"
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA synchronous = NORMAL")
    if not tables:
        connection.executescript(_CREATE)


def is_unusable(error: Exception) -> bool:
    """Whether an error means that the file's content is of no use, not that it is out of reach."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _UNUSABLE
    return True


def remove(folder: Path) -> None:
    """Delete the index and its journals.

    Raises
    ------
    OSError
        If a file cannot be deleted.
    """
    for suffix in ("-wal", "-shm", "-journal", ""):
        (folder / f"{INDEX_NAME}{suffix}").unlink(missing_ok=True)


def _file_system(folder: Path) -> str | None:
    """Type of the file system that holds a folder; None where the system does not say."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return None
    place = f"{folder.resolve()}{os.sep}"
    found: tuple[str, str | None] = ("", None)
    for fields in map(str.split, lines):
        # A later mount on the same point hides the earlier one.
        inside = place.startswith(fields[1].rstrip("/") + os.sep)
        if inside and len(fields[1]) >= len(found[0]):
            found = (fields[1], fields[2])
    return found[1]
