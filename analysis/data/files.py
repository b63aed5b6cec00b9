"""Files of tables as data frames: what separates their columns is found out, and said.

Read are CSV with commas, semicolons, tabs or bars and with decimal points or commas, JSON Lines, a
JSON array of objects, and Parquet; each but the last also compressed by gzip, bzip2 or xz. Numbers
with a per cent sign become fractions. What could mean two things is refused with what settles it.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import errno
import gzip
import io
import json
import logging
import lzma
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np

from vggstudy.analysis.data.level_texts import empty_fields, with_numbers_beside_texts
from vggstudy.analysis.data.number_texts import PER_CENT, as_numbers, with_numbers
from vggstudy.analysis.data.row_names import RowNames
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.errors import AnalysisError
from vggstudy.files import explain, open_ordinary

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

Decimal = Literal[".", ","]

SEPARATORS = (",", ";", "\t", "|")
NAMED = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SNIFFED_LINES = 50
MAX_BYTES = 2 * 2**30
"""Largest table that is read, after decompression: 10 million runs of 20 columns."""

MAX_OBJECTS = 2_000_000

MAX_COLUMNS = 10_000

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


_FIELDS = "{row} has {found} fields where the header names {named}"
_NAMELESS = ": name every column (R leaves that of row names out: write it with row.names = FALSE)"

LINES = RowNames("line", 2)
"""Rows of a text whose first line is a header."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table that was read from a file, and how its rows are counted in messages.

    Attributes
    ----------
    frame : DataFrame
    names : RowNames
    percents : frozenset of str
        Columns whose numbers had a per cent sign, and are fractions now.
    """

    frame: pd.DataFrame
    names: RowNames = LINES
    percents: frozenset[str] = frozenset()

    def numbers(self, name: str, rows: BoolArray) -> FloatArray:
        """A column as numbers, NaN where it is empty.

        Raises
        ------
        AnalysisError
            Naming the first of `rows` whose text is no number.
        """
        column = self.frame[name]
        numbers = as_numbers(column)
        bad = np.flatnonzero(np.isnan(numbers) & ~column.isna().to_numpy() & rows)
        if bad.size:
            msg = f"{name!r} is not a number: {self.names(int(bad[0]))} ({column.iloc[bad[0]]!r})"
            raise AnalysisError(msg)
        return numbers


def read_table_file(
    path: Path,
    factors: Sequence[str] = (),
    *,
    decimal: Decimal | None = None,
    wide: str | None = None,
) -> TableFile:
    """Read a file of runs, one a row.

    Parameters
    ----------
    path : Path
    factors : sequence of str
        Columns in which "None", "NA" and the like are levels.
    decimal : str, optional
        The decimal sign, where the file leaves it open.
    wide : str, optional
        Pattern of the columns that each hold a run's outcome: what is no number there is a run that
        diverged, and an empty field is no run.

    Raises
    ------
    AnalysisError
        If the file is missing, empty, damaged, too large, or no table; or if a column's numbers can
        be read in two ways.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".parquet"]:
        return TableFile(_parquet(path), RowNames("row", 1))
    data = _content(path, next((end for end in suffixes[-1:] if end in _OPENERS), None))
    text, encoding = _decoded(data, path)
    start = text.lstrip()[:1]
    if start == "[" and ".csv" not in suffixes:
        found, kind = TableFile(_json_array(text, path), RowNames("row", 1)), "a JSON array"
    elif start == "{":
        found, kind = TableFile(_json_lines(text, path), RowNames("line", 1)), "JSON Lines"
    else:
        frame, separator = _csv(text, path, factors)
        if wide is not None:
            _refuse_nan(text, path, separator, [fnmatchcase(str(name), wide) for name in frame])
        found, kind = TableFile(frame), f"CSV, columns separated by a {NAMED[separator]}"
        if separator == ";" and decimal is None:
            decimal = ","  # it is what leaves the comma to numbers
    _refuse_wide(found.frame.shape[1], path)
    logger.info("%s: read as %s, %s", path, kind, encoding)
    frame, notes = with_numbers(found.frame, decimal, str(path))
    for name, note in notes.items():
        logger.info("%s: column '%s': %s", path, name, note)
    return TableFile(frame, found.names, frozenset(x for x in notes if notes[x] == PER_CENT))


def _content(path: Path, ending: str | None) -> bytes:
    """The bytes of a regular file, decompressed, not beyond `MAX_BYTES`."""
    try:
        with open_ordinary(path, limit=MAX_BYTES) as raw:
            opened: IO[bytes] = _OPENERS[ending](raw, "rb") if ending else raw
            with opened as file:
                data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise AnalysisError(f"{path}: no such file") from None
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise AnalysisError(f"{path}: cannot be decompressed: {error}") from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise AnalysisError(f"{path}: larger than {MAX_BYTES // 2**30} GiB") from None
        if error.errno in (errno.EINVAL, errno.ENXIO, errno.EISDIR):
            raise AnalysisError(f"{path}: not a regular file") from None
        raise AnalysisError(explain(error, path, "read")) from None
    if len(data) > MAX_BYTES:
        raise AnalysisError(f"{path}: larger than {MAX_BYTES // 2**30} GiB")
    return data


def _decoded(data: bytes, path: Path) -> tuple[str, str]:
    """The text and its encoding: what a byte order mark says, UTF-8, or else Windows' cp1252."""
    marked = next((name for mark, name in _BOMS.items() if data.startswith(mark)), None)
    problem: UnicodeDecodeError | None = None
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            problem = problem or error
            continue
        if "\0" in text:
            break
        return text, encoding
    why = f"{problem}" if problem else "it holds zero bytes"
    raise AnalysisError(f"{path}: not a CSV table: {why}")


def _csv(text: str, path: Path, factors: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """A CSV with a header, by the separator that divides its first lines alike."""
    import pandas as pd

    separator = separator_of(text)
    _refuse_wide(text[: text.find("\n")].count(separator) + 1, path)
    first: dict[str, Any] = {"header": None, "dtype": str, "skip_blank_lines": False}
    try:
        header = pd.read_csv(io.StringIO(text), sep=separator, nrows=1, **first)
        raw = header.iloc[0].fillna("").tolist()
        names = _header(raw, path)
        _refuse_nameless(text, path, separator, len(names))
        frame = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=0,
            names=names,
            skip_blank_lines=False,
            skipinitialspace=len(raw) > 1 and all(name[:1] == " " for name in raw[1:]),
            keep_default_na=False,
            na_values=empty_fields(names, factors),
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise AnalysisError(f"{path}: not a CSV table: {_trouble(str(error))}") from None
    return with_numbers_beside_texts(frame, factors), separator


def _refuse_nameless(text: str, path: Path, separator: str, named: int) -> None:
    """Refuse a first row beyond its header, of which pandas would take fields for names of rows."""
    found = _widths(list(_first_lines(text)), separator)
    if found[1:] and found[1] > named:
        told = _FIELDS.format(row="its first row", found=found[1], named=named)
        raise AnalysisError(f"{path}: not a CSV table: {told}{_NAMELESS}")


def _trouble(reason: str) -> str:
    """What a reader of CSV stumbled over, in the terms of the file."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason):
        named, line, saw = found.groups()
        return _FIELDS.format(row=f"line {line}", found=saw, named=named)
    if found := re.search(r"EOF inside string starting at row (\d+)", reason):
        return f"a quotation mark in line {int(found[1]) + 1} is never closed"
    return "it is empty" if "No columns" in reason else reason.strip()


def _refuse_nan(text: str, path: Path, separator: str, chosen: Sequence[bool]) -> None:
    """Refuse runs that left no number, since they would pass for runs that do not exist."""
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    except csv.Error as error:
        raise AnalysisError(f"{path}: not a CSV table: {error}") from None
    for row in rows:
        for held, field in zip(chosen, row, strict=False):
            if held and field.strip().lower() in {"nan", "-nan"}:
                msg = (
                    f"{path}: {','.join(row)!r} has a run without a number ({field.strip()}): give"
                )
                raise AnalysisError(f"{msg} each run a row, or leave empty what is no run")


def _header(raw: Sequence[str], path: Path) -> list[str]:
    """The names of the columns, without the blanks around them; one without a name is numbered."""
    if not any(map(str.strip, raw)):
        raise AnalysisError(f"{path}: not a CSV table: its first line names no column")
    names = [name.strip() or f"Unnamed: {i}" for i, name in enumerate(raw)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        msg = f"{path}: column {twice!r} occurs more than once: rename or remove one"
        raise AnalysisError(msg)
    return names


def _refuse_wide(columns: int, path: Path) -> None:
    """Refuse more columns than any table of runs has, each of which costs a reader milliseconds."""
    if columns > MAX_COLUMNS:
        raise AnalysisError(f"{path}: has {columns:,} columns; at most {MAX_COLUMNS:,} are read")


def separator_of(text: str) -> str:
    """The separator of a CSV: the one that makes most columns, equally many in its first lines.

    Where none divides all lines alike, the one that divides the header most; else a comma.
    """
    lines = list(_first_lines(text))
    counts = {each: _widths(lines, each) for each in SEPARATORS}
    alike = [each for each, found in counts.items() if len(set(found)) == 1 and found[0] > 1]
    return max(alike or SEPARATORS, key=lambda each: (counts[each] or [0])[0])


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    """Columns of each line; none where a separator leaves a field longer than any table has."""
    try:
        return [len(row) for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:  # 131,072 characters
        return []


def _first_lines(text: str) -> Iterator[str]:
    """The first lines that are not blank."""
    left = SNIFFED_LINES
    for line in io.StringIO(text):
        if line.strip():
            left -= 1
            yield line
        if not left:
            return


def _refuse_long(objects: int, path: Path) -> None:
    """JSON is read whole, about 600 bytes an object."""
    if objects > MAX_OBJECTS:
        msg = f"{path}: {objects:,} JSON objects; at most {MAX_OBJECTS:,} are read: write it as CSV"
        raise AnalysisError(msg)


def _json_lines(text: str, path: Path) -> pd.DataFrame:
    """One object a line; blank lines are rows without values."""
    _refuse_long(text.count("\n"), path)
    return _records([_object(line, path, i) for i, line in enumerate(text.splitlines(), 1)], path)


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    """The object of one line."""
    if not line.strip():
        return {}
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AnalysisError(f"{path}: line {number} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise AnalysisError(f"{path}: line {number} is not a JSON object")
    return found


def _json_array(text: str, path: Path) -> pd.DataFrame:
    """An array of objects."""
    _refuse_long(text.count("{"), path)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AnalysisError(f"{path}: not JSON: {error}") from None
    if not all(isinstance(row, dict) for row in found):
        raise AnalysisError(f"{path}: not an array of JSON objects")
    return _records(found, path)


def _records(rows: list[dict[str, Any]], path: Path) -> pd.DataFrame:
    """A frame of objects; one inside another becomes columns ``outer.inner``."""
    import pandas as pd

    if not any(rows):
        raise AnalysisError(f"{path}: the table has no runs")
    if len(rows) == 1 and _holds_runs(rows[0]):
        msg = "one object that holds all runs; write one object a run, as to_json does with"
        raise AnalysisError(f"{path}: {msg} orient='records', or the list of them alone")
    nested = any(isinstance(value, dict) for row in rows for value in row.values())
    frame = pd.json_normalize(rows) if nested else pd.DataFrame(rows)
    held = [name for name in frame if frame[name].map(lambda value: isinstance(value, list)).any()]
    return frame.drop(columns=held)


def _holds_runs(row: dict[str, Any]) -> bool:
    """Whether an object is a whole table: of columns whose rows are numbered, or with a list."""
    if any(not isinstance(value, (dict, list)) for value in row.values()):
        return False
    if any(isinstance(value, list) for value in row.values()):
        return True
    return all(value and all(map(str.isdigit, value)) for value in row.values())


def _parquet(path: Path) -> pd.DataFrame:
    """A Parquet file."""
    import pandas as pd

    try:
        frame: pd.DataFrame = pd.read_parquet(path)
    except FileNotFoundError:
        raise AnalysisError(f"{path}: no such file") from None
    except ImportError:
        msg = f"{path}: parquet needs pyarrow: pip install 'vggstudy[parquet]'"
        raise AnalysisError(msg) from None
    except OSError as error:
        raise AnalysisError(explain(error, path, "read")) from None
    except ValueError as error:  # pyarrow's errors are of this kind
        raise AnalysisError(f"{path}: not a Parquet table: {error}") from None
    return frame if frame.index.name is None else frame.reset_index()
