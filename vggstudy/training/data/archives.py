"""The files of a folder or of an archive, read in place and never unpacked to disk."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn, Protocol

from vggstudy.errors import DataError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tar.xz", ".zip")

MAX_FILE_BYTES = 64 * 2**20
"""Largest image file: far above any real one, far below what fills a memory."""

MIN_TOTAL_BYTES = 2**30
MAX_EXPANSION = 200
"""An archive may unpack to this many times its size (or to `MIN_TOTAL_BYTES`, if that is more):
image files hardly compress, decompression bombs do by a thousand times and more."""

MAX_MEMBERS = 2_000_000
"""Most files and folders of a data set: they are listed in memory, at half a kilobyte each."""

MAX_HEADER = 2**20
"""Longest extended header of a member of a tar archive, in bytes: names and times."""

MAX_DEPTH = 16
"""Deepest folder that is looked into; links that lead back to a parent end here."""

_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder, by its path relative to the folder or archive that holds it."""

    path: PurePosixPath
    is_folder: bool
    size: int
    modified_ns: int = 0


class FileTree(Protocol):
    """A folder or an archive of files."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    def entries(self) -> Iterator[Entry]:
        """All folders and files, in any order."""

    def contents(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Relative path and bytes of every wanted file, in any order."""


def open_tree(path: Path) -> FileTree:
    """The folder or archive at a path.

    Raises
    ------
    DataError
        If there is nothing, or a file that is no archive of a known kind.
    """
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        problem = "is neither a folder nor a file" if path.exists() else "does not exist"
        msg = f"{path} {problem}: data.root must be a folder or an archive of class folders"
        raise DataError(msg)
    if path.name.endswith(".zip"):
        return ZipArchive(path)
    if path.name.endswith(ARCHIVE_SUFFIXES):
        return TarArchive(path)
    kinds = ", ".join(ARCHIVE_SUFFIXES)
    msg = f"{path} is neither a folder nor an archive: archives are {kinds}"
    raise DataError(msg)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on disk; links inside it are followed."""

    path: Path

    def entries(self) -> Iterator[Entry]:
        """All folders and files below the folder, hidden ones left out.

        Raises
        ------
        DataError
            If a folder cannot be listed, links lead in a circle or nowhere, or something is
            neither a folder nor a file.
        """
        for where, folders, files in os.walk(self.path, followlinks=True, onerror=_refuse):
            here = Path(where).relative_to(self.path)
            if len(here.parts) > MAX_DEPTH:
                msg = f"{self.path}: folders nest deeper than {MAX_DEPTH} at {here}"
                raise DataError(msg)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in folders:
                yield Entry(PurePosixPath(here / name), is_folder=True, size=0)
            for name in files:
                if not name.startswith("."):
                    yield _file_entry(Path(where) / name, PurePosixPath(here / name))

    def contents(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Relative path and bytes of every wanted file."""
        for name in wanted:
            file = self.path / name
            _check_size(name, file.stat().st_size, self.path)
            yield name, file.read_bytes()


def _file_entry(file: Path, path: PurePosixPath) -> Entry:
    """The entry of a file on disk."""
    try:
        status = file.stat()
    except OSError as error:
        _refuse(error)
    if not stat.S_ISREG(status.st_mode):
        msg = f"{file} is neither a folder nor a file, which is refused"
        raise DataError(msg)
    return Entry(path, is_folder=False, size=status.st_size, modified_ns=status.st_mtime_ns)


def _refuse(error: OSError) -> NoReturn:
    """Name what cannot be read in a folder; nothing is left out in silence."""
    lost = error.filename is not None and Path(error.filename).is_symlink()
    reason = "the link leads nowhere" if lost else error.strerror
    msg = f"cannot read {error.filename}: {reason}"
    raise DataError(msg) from error


@dataclass(frozen=True, slots=True)
class TarArchive:
    """A tar archive, plain or compressed, read as a stream from its start to its end."""

    path: Path

    def entries(self) -> Iterator[Entry]:
        """All folders and files, each checked; the stream is read to its end."""
        with self._stream() as (archive, stream):
            for count, member in enumerate(archive, start=1):
                _check_count(count, self.path)
                archive.members = []  # type: ignore[attr-defined] # tarfile would keep them all
                yield Entry(_safe(member.name, self.path), member.isdir(), member.size)
                if not (member.isdir() or (member.isreg() and not member.issparse())):
                    msg = f"{self.path}: {member.name} is a link or device, which is refused"
                    raise DataError(msg)
            while stream.read(2**20):
                """Whatever follows the archive's end mark still has a checksum to be verified."""

    def contents(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Relative path and bytes of every wanted file, in the archive's order."""
        with self._stream() as (archive, _):
            for member in archive:
                archive.members = []  # type: ignore[attr-defined]
                name = str(_safe(member.name, self.path))
                if member.isreg() and name in wanted:
                    _check_size(name, member.size, self.path)
                    content = archive.extractfile(member)
                    yield name, content.read() if content else b""

    @contextmanager
    def _stream(self) -> Iterator[tuple[tarfile.TarFile, BoundedReader]]:
        """The archive over a bounded stream; damage becomes a `DataError`."""
        with _reporting_damage(self.path), closing(self._decompressed()) as raw:
            stream = BoundedReader(raw, self.path)
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
                yield archive, stream

    def _decompressed(self) -> IO[bytes] | gzip.GzipFile:
        """The tar stream itself."""
        if self.path.name.endswith(".xz"):
            return lzma.open(self.path)
        if self.path.name.endswith(".gz"):
            return gzip.open(self.path)
        return self.path.open("rb")


class _Member(tarfile.TarInfo):
    """A member whose extended headers, which tarfile reads whole, are of bounded size."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Process the member's header (tarfile's documented hook)."""
        if not self.isreg() and self.size > MAX_HEADER:
            msg = f"a header of {self.size} bytes, more than the {MAX_HEADER} that one may have"
            raise tarfile.ReadError(msg)
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


@dataclass(frozen=True, slots=True)
class ZipArchive:
    """A zip archive."""

    path: Path

    def entries(self) -> Iterator[Entry]:
        """All folders and files, each checked."""
        with _reporting_damage(self.path), zipfile.ZipFile(self.path) as archive:
            members = archive.infolist()
            _check_count(len(members), self.path)
            total = sum(member.file_size for member in members)
            if total > _total_limit(self.path):
                raise _bomb(self.path)
            for member in members:
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    msg = f"{self.path}: {member.filename} is a link or device, which is refused"
                    raise DataError(msg)
                if member.flag_bits & 1:
                    msg = f"{self.path}: {member.filename} is encrypted"
                    raise DataError(msg)
                yield Entry(_safe(member.filename, self.path), member.is_dir(), member.file_size)

    def contents(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Relative path and bytes of every wanted file, in the archive's order."""
        with _reporting_damage(self.path), zipfile.ZipFile(self.path) as archive:
            for member in archive.infolist():
                name = str(_safe(member.filename, self.path))
                if not member.is_dir() and name in wanted:
                    _check_size(name, member.file_size, self.path)
                    yield name, archive.read(member)


class BoundedReader(io.RawIOBase):
    """A stream that refuses to give more bytes than its archive may hold.

    Raises
    ------
    DataError
        When the bound is crossed.
    """

    def __init__(self, raw: IO[bytes] | gzip.GzipFile, path: Path) -> None:
        self._raw = raw
        self._path = path
        self._left = _total_limit(path)

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        data = self._raw.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise _bomb(self._path)
        return data


@contextmanager
def _reporting_damage(path: Path) -> Iterator[None]:
    """Turn what the archive modules raise for damaged files into one sentence."""
    try:
        yield
    except (*_DAMAGE, NotImplementedError, gzip.BadGzipFile) as error:
        msg = f"{path} is damaged or no archive of its kind: {error}"
        raise DataError(msg) from error


def _safe(name: str, archive: Path) -> PurePosixPath:
    """The path of a member, which must stay inside the archive."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name[:2]:
        msg = f"{archive}: the path {name!r} leads out of the archive, which is refused"
        raise DataError(msg)
    return path


def _check_count(count: int, path: Path) -> None:
    """Refuse a tree of more files than memory should hold."""
    if count > MAX_MEMBERS:
        msg = f"{path} holds more than {MAX_MEMBERS:,} files and folders, which is refused"
        raise DataError(msg)


def _check_size(name: str, size: int, archive: Path) -> None:
    """Refuse a member that is too large to be an image."""
    if size > MAX_FILE_BYTES:
        msg = (
            f"{archive}: {name} has {size} bytes, more than the {MAX_FILE_BYTES} an image may have"
        )
        raise DataError(msg)


def _total_limit(path: Path) -> int:
    """Bytes that an archive may unpack to."""
    return max(MIN_TOTAL_BYTES, MAX_EXPANSION * path.stat().st_size)


def _bomb(path: Path) -> DataError:
    """The error for an archive that unpacks to too much."""
    return DataError(
        f"{path} unpacks to more than {_total_limit(path)} bytes, {MAX_EXPANSION} times its size "
        "or more: it is refused as a decompression bomb; unpack it and give the folder"
    )
