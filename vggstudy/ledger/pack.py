"""All records of a study in one compressed file, as a finished study is published.

The file is xz over JSON Lines: the bytes of every record, ordered by run id, each line with its own
checksum. So equal records make equal packs, and unpacking gives the records' files back.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Mapping
from pathlib import Path

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_bounded, write_atomic
from vggstudy.identity import ID_LENGTH
from vggstudy.ledger.sealed import DamagedFileError

PACK_NAME = "records.jsonl.xz"

MAX_PACK_BYTES = 2**30
"""Decompressed bytes of a pack that are read at most: some 100,000 records."""

_RUN_ID = re.compile(rb'"run_id":"([0-9a-f]{%d})"' % ID_LENGTH)


def read_pack(path: Path) -> dict[str, bytes]:
    """The records in a packed file, by run id, each as the bytes of its own file.

    Raises
    ------
    LedgerError
        If it cannot be read.
    DamagedFileError
        If it is cut, altered, names a run twice or is larger than `MAX_PACK_BYTES`.
    """
    try:
        data = _decompress(read_bounded(path, limit=MAX_PACK_BYTES))
    except OSError as error:
        raise LedgerError(explain(error, path, "read")) from error
    except (lzma.LZMAError, EOFError) as error:
        reason = f"not a whole xz file ({error}); fetch it again"
        raise DamagedFileError("torn", reason, str(path)) from None
    except ValueError as error:
        raise DamagedFileError("foreign", str(error), str(path)) from None
    lines: dict[str, bytes] = {}
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        found = _RUN_ID.findall(line)
        if len(found) != 1 or found[0].decode() in lines:
            what = "names a run that another line has" if len(found) == 1 else "is no record"
            raise DamagedFileError("edited", f"line {number} {what}; fetch it again", str(path))
        lines[found[0].decode()] = line
    return lines


def write_pack(path: Path, records: Mapping[str, bytes]) -> None:
    """Write records into one file.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    records : mapping of run id to bytes
        Each as in its own file: one line that ends in a line feed.

    Raises
    ------
    LedgerError
        If it cannot be written.
    """
    lines = b"".join(records[run_id] for run_id in sorted(records))
    try:
        write_atomic(path, lzma.compress(lines, preset=9 | lzma.PRESET_EXTREME))
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from error


def _decompress(data: bytes) -> bytes:
    """What a single xz stream of bounded content holds."""
    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2**28)
    content = stream.decompress(data, MAX_PACK_BYTES)
    if not stream.eof:
        if len(content) >= MAX_PACK_BYTES:
            msg = f"holds more than {MAX_PACK_BYTES:,} bytes"
            raise ValueError(msg)
        msg = "it ends too early"
        raise EOFError(msg)
    if stream.unused_data:
        msg = "something follows its end"
        raise ValueError(msg)
    return content
