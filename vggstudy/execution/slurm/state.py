"""What has been submitted to SLURM for a study: one folder a submission, written before sbatch.

``slurm/NAME/submission.json`` names the runs of every pack, and ``NAME`` is the name of the jobs:
a driver that was killed at any moment finds its jobs by it. The folder also holds what submitit
writes: the script, the pickled packs, which only the jobs read, and the jobs' logs.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vggstudy.errors import ExecutionError
from vggstudy.execution.packing import Pack
from vggstudy.files import explain, read_bounded, write_atomic
from vggstudy.ledger.scan import is_run_id

FOLDER = "slurm"
FILE = "submission.json"
FORMAT = "vggstudy-slurm"
VERSION = 1

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}-[0-9a-f]{12}")
_LAST_LINE_BYTES = 4000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """Packs that were handed to sbatch together.

    Attributes
    ----------
    folder : Path
        Where it is kept; its last part is the name of the jobs.
    packs : tuple of tuple of str
        Run ids of each job, by the job's index in the array.
    """

    folder: Path
    packs: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """Name of its jobs in SLURM's queue."""
        return self.folder.name

    def refusal_path(self, index: int) -> Path:
        """Where a job says why the study cannot go on."""
        return self.folder / f"{index}.refused"

    def refusal(self, index: int) -> tuple[str, str] | None:
        """Error class and message of a job that could not execute its pack."""
        try:
            text = read_bounded(self.refusal_path(index), limit=65536).decode(errors="replace")
        except OSError:
            return None
        name, _, message = text.partition("\n")
        return name, message

    def last_words(self, index: int) -> str:
        """The last line of a job's error log; empty where there is none."""
        logs = sorted(self.folder.glob(f"*_{index}_0_log.err")) or sorted(
            self.folder.glob("*_0_log.err") if len(self.packs) == 1 else []
        )
        if not logs:
            return ""
        try:
            with logs[-1].open("rb") as stream:
                stream.seek(max(0, logs[-1].stat().st_size - _LAST_LINE_BYTES))
                lines = stream.read(_LAST_LINE_BYTES).decode(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def new_submission(study: Path, name: str, packs: Sequence[Pack]) -> Submission:
    """Write down what is about to be submitted.

    Raises
    ------
    ExecutionError
        If it cannot be written.
    """
    short = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:40] or "study"
    folder = study / FOLDER / f"{short}-{secrets.token_hex(6)}"
    ids = tuple(tuple(run.run_id for run in pack) for pack in packs)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "submitted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "packs": ids,
    }
    try:
        folder.mkdir(parents=True)
        write_atomic(folder / FILE, json.dumps(content, indent=1).encode())
    except OSError as error:
        raise ExecutionError(explain(error, folder, "written")) from error
    return Submission(folder, ids)


def submission_names(study: Path) -> frozenset[str]:
    """Names of all submissions of a study, the jobs of most of which have ended."""
    try:
        entries = [path.name for path in (study / FOLDER).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except OSError as error:
        raise ExecutionError(explain(error, study / FOLDER, "read")) from error
    return frozenset(name for name in entries if _NAME.fullmatch(name))


def read_submission(study: Path, name: str) -> Submission | None:
    """What was submitted under a name; None, with a warning, where that cannot be read."""
    folder = study / FOLDER / name
    try:
        content = json.loads(read_bounded(folder / FILE))
        packs = content["packs"]
        known = (content["format"], content["version"]) == (FORMAT, VERSION)
        if known and _are_packs(packs):
            return Submission(folder, tuple(tuple(pack) for pack in packs))
        reason = f"it is no {FORMAT} of version {VERSION}"
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = str(error)
    _log.warning("%s does not say which runs its jobs hold: %s", folder / FILE, reason)
    return None


def _are_packs(value: object) -> bool:
    """Whether a JSON value is a list of lists of run ids."""
    return isinstance(value, list) and all(
        isinstance(pack, list) and all(isinstance(each, str) and is_run_id(each) for each in pack)
        for pack in value
    )
