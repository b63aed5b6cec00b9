"""The runs of a study: their folders, records and checkpoints, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from vggstudy.errors import ExecutionError, LedgerError
from vggstudy.files import explain, remove_temporaries, sync_folder, write_atomic
from vggstudy.ledger.record import RunRecord, read_standing_record
from vggstudy.ledger.records import records_of
from vggstudy.ledger.scan import RECORD_NAME, RUNS_NAME, foreign_entries, is_run_id
from vggstudy.ledger.sealed import DamagedFileError

CHECKPOINT_NAME = "checkpoint.pt"

FILES_NAME = "files"
"""Folder of what a trainer of one's own keeps of a run."""

REPORT_NAME = "report.jsonl"
"""What such a trainer has reported of a run that is not over."""

_log = logging.getLogger(__name__)


class RunStore:
    """The files of a study's runs.

    Attributes
    ----------
    path : Path
        The study's folder.
    readonly : bool
        Whether writing is refused.
    """

    def __init__(self, path: Path, *, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self._records = records_of(path)

    @property
    def packed(self) -> bool:
        """Whether the records lie in one packed file, which is only read."""
        return self._records.packed

    def run_dir(self, run_id: str) -> Path:
        """Folder of a run, which need not exist.

        Raises
        ------
        LedgerError
            If the text is not a run's id.
        """
        if not is_run_id(run_id):
            msg = f"a run's id is 16 hexadecimal digits, got {run_id!r}"
            raise LedgerError(msg)
        return self.path / RUNS_NAME / run_id

    def record_path(self, run_id: str) -> Path:
        """File of a run's record, which need not exist."""
        self.run_dir(run_id)  # refuses what is no run's id
        return self._records.path(run_id)

    def checkpoint_path(self, run_id: str) -> Path:
        """File of an unfinished run's checkpoint, in a folder that is made if it is missing.

        Raises
        ------
        ExecutionError
            If the folder cannot be made.
        """
        return self._make_run_dir(run_id) / CHECKPOINT_NAME

    def trainer_paths(self, run_id: str) -> tuple[Path, Path]:
        """Folder of a trainer's own files of a run, which is made, and the file of its report.

        Neither is a link: one that came with a study would lead out of it.

        Raises
        ------
        ExecutionError
            If the folder cannot be made.
        """
        folder = self._make_run_dir(run_id, sync=False)  # a record's folder is synchronised later
        files, report = folder / FILES_NAME, folder / REPORT_NAME
        try:
            for path in (files, report):
                if path.is_symlink():
                    path.unlink()
            files.mkdir(exist_ok=True)
        except OSError as error:
            raise ExecutionError(explain(error, files, "created")) from error
        return files, report

    def forget_trainer_files(self, run_id: str, *, keep_files: bool = False) -> None:
        """Remove what a trainer kept and reported of a run that is over, as far as that goes."""
        folder = self.run_dir(run_id)
        if not keep_files:
            shutil.rmtree(folder / FILES_NAME, ignore_errors=True)
        with contextlib.suppress(OSError):
            (folder / REPORT_NAME).unlink()

    def _make_run_dir(self, run_id: str, *, sync: bool = True) -> Path:
        """The folder of a run, made durable; never one that a link moves out of the study."""
        folder = self.run_dir(run_id)
        if self.readonly:
            return folder
        try:
            folder.mkdir(exist_ok=True)
            if sync:
                sync_folder(folder.parent)
        except OSError as error:
            raise ExecutionError(explain(error, folder, "created")) from error
        if folder.is_symlink():
            linked = OSError(errno.ELOOP, "it is a link")
            raise ExecutionError(explain(linked, folder, "written"))
        return folder

    def write_record(self, record: RunRecord) -> bool:
        """Write a run's record; a completed one that is there already stands.

        Crashed and damaged records are replaced, unless a good one may lie there that only this
        version or this user cannot read. Several processes may write at once.

        Returns
        -------
        bool
            False if a completed record was kept instead.

        Raises
        ------
        ExecutionError
            If it cannot be written; the former record, if any, is untouched.
        LedgerError
            If the study was opened read-only, or a record that must not be replaced is there.
        ValueError
            If the record holds a number that is not finite or contradicts itself.
        """
        self._refuse_readonly()
        text = record.to_json()
        path = self._make_run_dir(record.run_id) / RECORD_NAME
        if self._is_completed(path, record):
            return False
        try:
            write_atomic(path, text.encode())
        except OSError as error:
            raise ExecutionError(explain(error, path, "written")) from error
        return True

    def _is_completed(self, path: Path, record: RunRecord) -> bool:
        """Whether the file holds an intact record of a finished or diverged run."""
        known = read_standing_record(path, run_id=record.run_id)
        if isinstance(known, DamagedFileError):
            _log.warning("replacing a damaged record: %s", known)
            return False
        if known is None or known.status == "crashed":
            return False
        if known.content_digest() != record.content_digest():
            _log.warning("%s stands; another execution of the run gave another result", path)
        return True

    def read_record(self, run_id: str) -> RunRecord:
        """The record of a run.

        Raises
        ------
        LedgerError
            If the run has no record.
        DamagedFileError
            If its record is damaged; names the file and the damage.
        """
        self.run_dir(run_id)  # refuses what is no run's id
        try:
            return self._records.read(run_id)
        except FileNotFoundError:
            msg = f"run {run_id} has no record in {self.path}"
            raise LedgerError(msg) from None

    def checksum(self, run_id: str) -> str | None:
        """The checksum that a run's record carries; None where it carries none."""
        return self._records.checksum(run_id)

    def checksums(self) -> dict[str, str | None]:
        """The checksum that each run's record carries, by run id; None where it carries none."""
        return {file.run_id: self._records.checksum(file.run_id) for file in self._records.files()}

    def refuse_unreadable(self, run_ids: Iterable[str]) -> None:
        """Refuse runs whose damaged records must not be replaced, before they are executed.

        Raises
        ------
        DamagedFileError
            If a record is of a newer schema, or the operating system does not let it be read.
        """
        for run_id in run_ids:
            read_standing_record(self.record_path(run_id), run_id=run_id)

    def records(self) -> Iterator[RunRecord]:
        """Every intact record, ordered by run id; `damaged` lists the others."""
        for _, found in self._read_all():
            if isinstance(found, RunRecord):
                yield found
            else:
                _log.warning("damaged record: %s", found)

    def damaged(self) -> list[tuple[Path, str]]:
        """Every file of the study that cannot be trusted, with the reason; reads all records."""
        damaged = [
            (path, found.reason)
            for path, found in self._read_all()
            if isinstance(found, DamagedFileError)
        ]
        foreign = "not the folder of a run (16 hexadecimal digits); move it elsewhere"
        return damaged + [(path, foreign) for path in self._foreign()]

    def _read_all(self) -> Iterator[tuple[Path, RunRecord | DamagedFileError]]:
        """Every record, or what is wrong with it, ordered by run id."""
        for run_id in sorted(file.run_id for file in self._records.files()):
            path = self._records.path(run_id)
            try:
                yield path, self._records.read(run_id)
            except DamagedFileError as error:
                yield path, error
            except FileNotFoundError:
                continue  # deleted since it was listed

    def _foreign(self) -> list[Path]:
        """What lies among the runs' folders; nothing where there are none."""
        try:
            return list(foreign_entries(self.path))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LedgerError(explain(error, self.path / RUNS_NAME, "read")) from error

    def tidy(self, *, older_than_s: float = 3600.0) -> list[Path]:
        """Remove the temporaries that interrupted writes left; returns what was removed.

        Parameters
        ----------
        older_than_s : float
            Age in seconds below which they stay: a worker may be writing them.

        Raises
        ------
        LedgerError
            If they cannot be removed.
        """
        self._refuse_readonly()
        runs = self.path / RUNS_NAME
        try:
            own = (item for item in runs.iterdir() if is_run_id(item.name))
            folders = [self.path, runs, *(i for i in own if i.is_dir() and not i.is_symlink())]
            return [
                path
                for folder in folders
                for path in remove_temporaries(folder, older_than_s=older_than_s)
            ]
        except OSError as error:
            raise LedgerError(explain(error, self.path, "tidied")) from error

    def _refuse_readonly(self) -> None:
        """Writing needs a store that was opened for it."""
        if self.readonly:
            msg = f"{self.path} was opened read-only"
            raise LedgerError(msg)
