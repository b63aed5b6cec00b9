"""The results folder: at most eight files of 16 MiB, as they stand, whenever the machine goes."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

from gpu import lines, tables

MOST_BYTES = 15 * 2**20
"""Of a file: a MiB below what may come back."""

ARCHIVE = "study.tar.gz"
LOG = "log.txt"
TESTS = "tests.txt"
TABLES = "results.md"
LOG_BYTES = 200_000
"""Kept of what each section says."""


class Keeper:
    """Brings everything worth having into a folder, and a copy of it into the state.

    Parameters
    ----------
    folder, state : Path
        Results; what the next call goes on from.
    """

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder, self.state = folder, state
        self.results = folder / lines.NAME
        self.logs = state / "logs"
        self.study = state / "study"
        self._packed: object = None
        for each in (folder, state, self.logs):
            each.mkdir(parents=True, exist_ok=True)
        self._go_on()

    def _go_on(self) -> None:
        """Take up what an earlier call left in the state, where the folder is a new one."""
        for name in (lines.NAME, TESTS):
            if (self.state / name).exists() and not (self.folder / name).exists():
                shutil.copyfile(self.state / name, self.folder / name)
        archive = self.state / ARCHIVE
        if archive.exists() and not self.study.exists():
            with tarfile.open(archive) as packed:
                packed.extractall(self.study, filter="data")

    def keep(self) -> None:
        """Bring the folder up to date; quick, and never fatal to what is being measured."""
        try:
            self._note_records()
            self._pack()
            self._join_logs()
            write(self.folder / TABLES, tables.markdown(lines.read(self.results)).encode())
            fit(self.folder / TESTS)
            for name in (lines.NAME, TESTS, ARCHIVE):
                if (self.folder / name).exists():
                    write(self.state / name, (self.folder / name).read_bytes())
        except OSError as error:
            print(f"results could not be kept: {error}", flush=True)

    def _note_records(self) -> None:
        """A line for every record of the study that has none."""
        known = {
            (line.get("name"), line.get("attempt"))
            for line in lines.read(self.results)
            if line.get("section") == "study"
        }
        for path in sorted(self.study.glob("runs/*/run.json")):
            found = record_line(path)
            if found is not None and (found["name"], found["attempt"]) not in known:
                lines.append(self.results, {"section": "study", "kind": "cell", **found})

    def _pack(self) -> None:
        """Pack the study without its checkpoints, if it has changed."""
        files = [
            path
            for path in sorted(self.study.rglob("*"))
            if path.is_file() and path.suffix not in (".pt", ".tmp", ".lock")
        ]
        stamp = [(str(path), path.stat().st_mtime_ns) for path in files]
        if not files or stamp == self._packed:
            return
        data = packed(files, self.study)
        left_out = []
        while len(data) > MOST_BYTES:  # the largest files are worth the least a byte
            files.sort(key=lambda path: path.stat().st_size)
            count = max(1, len(files) // 10)
            left_out += [str(path.relative_to(self.study)) for path in files[-count:]]
            files = files[:-count]
            data = packed(files, self.study)
        if left_out:
            note = {"section": "study", "kind": "note", "left_out": left_out}
            lines.append(self.results, note)
        write(self.folder / ARCHIVE, data)
        self._packed = stamp

    def _join_logs(self) -> None:
        """One file of what all sections said."""
        parts = []
        for path in sorted(self.logs.glob("*.txt"), key=lambda each: each.stat().st_mtime):
            text = tail(path, LOG_BYTES)
            if text.strip():
                parts.append(f"==== {path.stem}\n{text}\n")
        write(self.folder / LOG, "".join(parts).encode())


def packed(files: list[Path], root: Path) -> bytes:
    """Files in a compressed archive."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for path in files:
            archive.add(path, str(path.relative_to(root)))
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a file that is only ever seen whole."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_bytes(data)
    beside.replace(path)


def tail(path: Path, count: int, *, since: int = 0) -> str:
    """The end of a file, of what comes after so many bytes."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(since, size - count))
        return file.read().decode("utf-8", errors="replace")


def fit(path: Path) -> None:
    """Cut a text that has become too long down to its end."""
    if path.exists() and path.stat().st_size > MOST_BYTES:
        text = tail(path, MOST_BYTES // 2)
        write(path, f"(what came before was left out)\n{text}".encode())


def record_line(path: Path) -> dict[str, Any] | None:
    """What the table tells of one record; None for any other file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or "run_id" not in record:
        return None
    result, told = record.get("result") or {}, record.get("provenance") or {}
    timings = told.get("timings") or {}
    return {
        "name": record["run_id"],
        "attempt": len(told.get("attempts") or []),
        "levels": record.get("levels"),
        "replicate": record.get("replicate"),
        "status": record.get("status"),
        "epochs": result.get("epochs"),
        "test_accuracy": (result.get("metrics") or {}).get("test_accuracy"),
        "seconds": timings.get("total_s"),
        "train_s": timings.get("train_s"),
        "execution": (told.get("environment") or {}).get("execution"),
    }
