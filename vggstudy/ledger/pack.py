"""All records of a study in one compressed file, as a finished study is published.

The file is xz over JSON Lines: the bytes of every record, ordered by run id, each line with its own
checksum. So equal records make equal packs, and unpacking gives the records' files back.

A pack may come from anybody: it is decompressed piece by piece, and refused before it takes more
memory than what an honest one of its size could need.
"""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from vggstudy.errors import LedgerError
from vggstudy.files import explain, read_chunks, write_atomic
from vggstudy.identity import ID_LENGTH
from vggstudy.ledger.sealed import DamagedFileError

PACK_NAME = "records.jsonl.xz"

MAX_PACK_BYTES = 2**30
"""Decompressed bytes of a pack that are read at most: some 100,000 records."""

MAX_LINE_BYTES = 2**25
"""Longest record that is packed: one of 10,000 epochs takes about 2 MiB."""

MAX_RATIO, RATIO_FROM = 200, 2**24
"""So many times its own size may a pack expand, once it is beyond so many bytes; records take 3 to
20 times."""

_CHUNK = 2**20
_DECODER_BYTES = 100 * 2**20  # xz -9, the strongest preset, takes 65 MiB to decompress
_PLAIN_BYTES = 2**26
_RUN_ID = re.compile(rb'"run_id":"([0-9a-f]{%d})"' % ID_LENGTH)
_BEGIN = b'{"checksum":"'


class PackedLines(Mapping[str, bytes]):
    """The records of a pack by run id, each as the bytes of its own file.

    Those beyond the first 64 MiB are held compressed.
    """

    def __init__(self) -> None:
        self._plain: dict[str, bytes] = {}
        self._squeezed: dict[str, bytes] = {}
        self._size = 0

    def add(self, run_id: str, line: bytes) -> None:
        """Keep a record."""
        self._size += len(line)
        if self._size <= _PLAIN_BYTES:
            self._plain[run_id] = line
        else:
            self._squeezed[run_id] = zlib.compress(line, 1)

    def __getitem__(self, run_id: str) -> bytes:
        line = self._plain.get(run_id)
        return zlib.decompress(self._squeezed[run_id]) if line is None else line

    def __iter__(self) -> Iterator[str]:
        yield from self._plain
        yield from self._squeezed

    def __len__(self) -> int:
        return len(self._plain) + len(self._squeezed)

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Run ids with the bytes that each record takes here."""
        for held in (self._plain, self._squeezed):
            for run_id, line in held.items():
                yield run_id, len(line)


def read_pack(path: Path) -> PackedLines:
    """The records in a packed file, by run id, each as the bytes of its own file.

    Raises
    ------
    LedgerError
        If it cannot be read.
    DamagedFileError
        If it is cut, altered, names a run twice, or is larger, or expands further, than any pack
        that vggstudy writes.
    """
    lines = PackedLines()
    try:
        for number, line in enumerate(_split(_decompressed(path)), start=1):
            found = _RUN_ID.findall(line)
            if len(found) != 1 or found[0].decode() in lines:
                what = "names a run that another line has" if len(found) == 1 else "is no record"
                reason = f"line {number} {what}; fetch it again"
                raise DamagedFileError("edited", reason, str(path))
            lines.add(found[0].decode(), line)
    except OSError as error:
        raise LedgerError(explain(error, path, "read")) from error
    except (lzma.LZMAError, EOFError) as error:
        reason = f"not a whole xz file ({error}); fetch it again"
        raise DamagedFileError("torn", reason, str(path)) from None
    except ValueError as error:
        raise DamagedFileError("foreign", str(error), str(path)) from None
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
        If it cannot be written, or a record is larger than `MAX_LINE_BYTES`.
    """
    for run_id, line in records.items():
        if len(line) > MAX_LINE_BYTES:
            msg = f"the record of run {run_id} is larger than {MAX_LINE_BYTES:,} bytes: not packed"
            raise LedgerError(msg)
    lines = b"".join(records[run_id] for run_id in sorted(records))
    try:
        write_atomic(path, lzma.compress(lines, preset=9 | lzma.PRESET_EXTREME))
    except OSError as error:
        raise LedgerError(explain(error, path, "written")) from error


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a content that comes in pieces, each with its line feed."""
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        start = 0
        while (end := rest.find(b"\n", start)) >= 0:
            yield bytes(memoryview(rest)[start : end + 1])
            start = end + 1
        del rest[:start]
        if len(rest) > MAX_LINE_BYTES or not _may_begin(rest):
            msg = "holds what is no record; fetch it again"
            raise ValueError(msg)
    if rest:
        yield bytes(rest)


def _may_begin(line: bytearray) -> bool:
    """Whether a record may begin so."""
    return _BEGIN.startswith(line) if len(line) < len(_BEGIN) else line.startswith(_BEGIN)


def _decompressed(path: Path) -> Iterator[bytes]:
    """The content of a file that holds a single xz stream, piece by piece.

    Raises
    ------
    ValueError
        If it expands further than records do, holds too much, or something follows its end.
    EOFError
        If it ends too early.
    """
    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DECODER_BYTES)
    taken = given = 0
    for chunk in read_chunks(path, limit=MAX_PACK_BYTES, size=_CHUNK):
        if stream.eof:
            msg = "something follows its end"
            raise ValueError(msg)
        taken += len(chunk)
        data = chunk
        while not stream.eof:
            piece = stream.decompress(data, _CHUNK)
            given += len(piece)
            _refuse_bomb(taken, given)
            if piece:
                yield piece
            data = b""
            if stream.needs_input or not (piece or stream.eof):
                break
    if not stream.eof:
        msg = "it ends too early"
        raise EOFError(msg)
    if stream.unused_data:
        msg = "something follows its end"
        raise ValueError(msg)


def _refuse_bomb(taken: int, given: int) -> None:
    """Refuse what no honest pack expands to."""
    if given > MAX_PACK_BYTES:
        msg = f"holds more than {MAX_PACK_BYTES:,} bytes"
        raise ValueError(msg)
    if given > RATIO_FROM and given > MAX_RATIO * taken:
        msg = f"expands to more than {MAX_RATIO} times its size, as no records do"
        raise ValueError(msg)
