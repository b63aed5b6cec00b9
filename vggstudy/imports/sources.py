"""Somebody else's files: ordinary, of bounded size, and inside a folder never behind a link."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from vggstudy.errors import AnalysisError, StudyError
from vggstudy.extras import lacks
from vggstudy.files import explain, read_bounded, read_head
from vggstudy.imports.marked import Marked, Marking
from vggstudy.imports.runs import MAX_COLUMNS, MAX_RUNS

MAX_BYTES = 512 * 2**20
"""Largest file that is read."""

MAX_FILES = 1_000_000
"""Most files of a folder."""

MAX_FIELD = 4 * 2**20
"""Longest field of a CSV: a configuration as JSON."""

HEAD = 64 * 2**10
SQLITE_MAGIC = b"SQLite format 3\0"
SQLITE_STEPS = 2_000_000_000
"""Instructions of a query, after which a database is taken for one that nobody wrote in earnest."""


@dataclass(frozen=True)
class Place:
    """A file or a folder that is looked at once by every format.

    Attributes
    ----------
    path : Path
    """

    path: Path

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    @cached_property
    def head(self) -> bytes:
        """The first bytes of a file; none of a folder."""
        if self.is_folder:
            return b""
        try:
            return read_head(self.path, HEAD)
        except FileNotFoundError:
            raise AnalysisError(f"{self.path}: no such file or folder") from None
        except OSError as error:
            raise unreadable(error, self.path) from None

    @cached_property
    def is_database(self) -> bool:
        """Whether it is an SQLite file."""
        return self.head.startswith(SQLITE_MAGIC)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Columns of a CSV, by its first line; none of anything else."""
        try:
            text = self.head.decode("utf-8-sig", "ignore")
            first = next(csv.reader(io.StringIO(text)), [])
        except csv.Error:
            return ()
        return () if "\0" in text or text[:1] in "[{" else tuple(first)

    @cached_property
    def _listed(self) -> tuple[tuple[PurePosixPath, ...], int]:
        """Every file below a folder, and the number of links that were passed over."""
        found: list[PurePosixPath] = []
        links = 0
        for folder, folders, files in os.walk(self.path, onerror=self._refuse, followlinks=False):
            inside = PurePosixPath(Path(folder).relative_to(self.path))
            links += sum(os.path.islink(os.path.join(folder, one)) for one in (*folders, *files))  # noqa: PTH114, PTH118 - a million of them
            folders.sort()
            found += [inside / one for one in sorted(files)]
            if len(found) > MAX_FILES:
                raise AnalysisError(f"{self.path}: holds more than {MAX_FILES:,} files")
        return tuple(found), links

    def _refuse(self, error: OSError) -> None:
        """A folder that cannot be listed would be lost in silence."""
        raise unreadable(error, Path(error.filename or self.path))

    @property
    def files(self) -> tuple[PurePosixPath, ...]:
        """Every file below a folder, in order."""
        return self._listed[0] if self.is_folder else ()

    @property
    def links(self) -> int:
        """How many links are below a folder; none is followed."""
        return self._listed[1] if self.is_folder else 0

    def bytes_of(self, file: PurePosixPath | None = None, limit: int = MAX_BYTES) -> bytes:
        """The bytes of a file: of the source itself, or of one below the folder."""
        path = self.path if file is None else self.path / file
        try:
            return read_bounded(path, limit=limit, follow=file is None)
        except OSError as error:
            raise unreadable(error, path) from None

    def text_of(self, file: PurePosixPath | None = None, limit: int = MAX_BYTES) -> str:
        """The text of a file in UTF-8."""
        try:
            return self.bytes_of(file, limit).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise AnalysisError(f"{self._name(file)}: not a text: {error}") from None

    def _name(self, file: PurePosixPath | None) -> Path:
        """How messages call a file."""
        return self.path if file is None else self.path / file

    def rows_of(self, file: PurePosixPath | None = None) -> list[dict[str, str]]:
        """The rows of a CSV, every field as text.

        Raises
        ------
        AnalysisError
            If a line has more fields than the header, or a field is longer than any is.
        """
        found: list[dict[str, str]] = []
        with _field_limit():
            reader = csv.DictReader(io.StringIO(self.text_of(file), newline=""), restval="")
            try:
                if len(set(reader.fieldnames or ())) < len(reader.fieldnames or ()):
                    raise AnalysisError(f"{self._name(file)}: a column occurs more than once")
                for row in reader:
                    if None in row:
                        place = f"{self._name(file)}: line {reader.line_num}"
                        raise AnalysisError(f"{place} has more fields than the header")
                    found.append(row)
                    if len(found) > MAX_RUNS:
                        raise AnalysisError(f"{self._name(file)}: more than {MAX_RUNS:,} rows")
            except csv.Error as error:
                place = f"{self._name(file)}: line {reader.line_num}"
                raise AnalysisError(f"{place}: not a CSV: {error}") from None
        if len(reader.fieldnames or ()) > MAX_COLUMNS:
            raise AnalysisError(f"{self._name(file)}: more than {MAX_COLUMNS:,} columns")
        return found

    def json_of(self, file: PurePosixPath | None = None) -> Any:
        """The content of a JSON file."""
        try:
            return json.loads(self.text_of(file))
        except (ValueError, RecursionError) as error:
            raise AnalysisError(f"{self._name(file)}: not JSON: {error}") from None

    def yaml_of(self, file: PurePosixPath) -> Any:
        """The content of a YAML file; a tag of Python is passed over, its value kept."""
        return self._of_yaml(file, lambda loader: loader.get_single_data())

    def marked_yaml(self) -> Marked:
        """The content of a YAML file, which is the source itself, with lines."""
        node: Marked = self._of_yaml(None, lambda loader: _marked(loader, str(self.path)))
        return node

    def _of_yaml(self, file: PurePosixPath | None, take: Callable[[Any], Any]) -> Any:
        """What is taken from a safe loader of a YAML file."""
        try:
            import yaml
        except ImportError:
            raise StudyError(lacks(f"{self._name(file)}", "PyYAML", "import")) from None
        try:
            return take(_loader(yaml)(self.text_of(file, HEAD * 16)))
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            line = getattr(getattr(error, "problem_mark", None), "line", None)
            where = "" if line is None else f" (line {line + 1})"
            raise AnalysisError(f"{self._name(file)}: not YAML{where}") from None

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """An SQLite file, in memory: neither the file nor anything beside it is locked or written.

        Raises
        ------
        AnalysisError
            If the file is damaged, or if some of what was written stands in a file beside it.
        """
        beside = self.path.with_name(f"{self.path.name}-wal")
        if beside.exists() and beside.stat().st_size:
            msg = (
                f"{self.path}: what was written last stands in {beside.name} still: close the "
                f"program that writes it, or run sqlite3 {self.path.name} 'PRAGMA wal_checkpoint'"
            )
            raise AnalysisError(msg)
        data = bytearray(self.bytes_of())
        data[18:20] = b"\1\1"  # a file with a log beside it, here empty, is read without one
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                connection.deserialize(bytes(data))
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA query_only = ON")
                connection.set_progress_handler(lambda: 1, SQLITE_STEPS)
                yield connection
            except sqlite3.Error as error:
                raise AnalysisError(f"{self.path}: cannot be read: {error}") from None


def _marked(loader: Any, name: str) -> Marked:
    """The one document of a loader, with lines."""
    node = loader.get_single_node()
    return Marked({}, 1) if node is None else Marking(loader, name).of(node)


def _loader(yaml: Any) -> Any:
    """A loader of plain values: what carries another tag is read as if it had none."""

    class Plain(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
        """Values of YAML."""

    def untagged(loader: Any, _suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Plain.add_multi_constructor("", untagged)
    return Plain


@contextmanager
def _field_limit() -> Iterator[None]:
    """Fields of a configuration may be longer than the module allows at first."""
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def unreadable(error: OSError, path: Path) -> AnalysisError:
    """What the operating system said of a file, in a sentence."""
    if error.errno == errno.EFBIG:
        return AnalysisError(f"{path}: larger than {MAX_BYTES // 2**20} MiB")
    if error.errno in (errno.EINVAL, errno.ENXIO, errno.EISDIR):
        return AnalysisError(f"{path}: not a regular file")
    if error.errno == errno.ELOOP:
        return AnalysisError(f"{path}: is a link, and links inside a folder are not followed")
    return AnalysisError(explain(error, path, "read"))
