"""The record of one run: its fields, its text on disk and the history of that text.

Format history (``"format": "vggstudy-run"``):

schema 1
    ``run_id``, ``cell_id``, ``study_seed``, ``replicate``, ``seeding``, ``levels``, ``recipe``,
    ``status``, ``result`` and ``provenance`` (``attempts``, ``timings``, ``environment``),
    sealed as `vggstudy.ledger.sealed` says.

A field may be added within a schema if readers may ignore it; anything else needs a new schema,
an upgrade from the former one in `RunRecord.from_json`, and a fixture in tests/ledger/fixtures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from vggstudy.files import explain, read_bounded
from vggstudy.identity import canonical_json
from vggstudy.ledger.checks import FIELDS, record_problem
from vggstudy.ledger.sealed import DamagedFileError, seal, unseal

FORMAT = "vggstudy-run"
SCHEMA = 1

Status = Literal["finished", "diverged", "crashed"]
FailureKind = Literal["out_of_memory", "killed", "timeout", "exception"]

_PROVENANCE = ("attempts", "timings", "environment")


class Failure(TypedDict):
    """Why an attempt ended without a result."""

    kind: FailureKind
    message: str


class Output(TypedDict, total=False):
    """How a trainer of one's own ended: ``exit_code`` is minus the number of a signal.

    ``stdout`` and ``stderr`` are the end of each, ``killed`` the processes that were left behind.
    """

    exit_code: int
    stdout: str
    stderr: str
    killed: int


class Attempt(TypedDict):
    """One execution of a run; ``started_at`` in ISO 8601, ``duration_s`` in seconds."""

    number: int
    started_at: str
    duration_s: float
    failure: Failure | None
    output: NotRequired[Output]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is known of one run that was executed.

    Everything but ``attempts``, ``timings`` and ``environment`` (the provenance) is
    deterministic: equal runs have byte-identical text there.

    Attributes
    ----------
    run_id, cell_id : str
        Ids of the planned run and its cell.
    study_seed, replicate : int
        What the run's seeds derive from, with the cell.
    seeding : str
        ``"independent"`` or ``"shared"``.
    levels : mapping
        Level of each factor, plain JSON values.
    recipe : mapping
        The full resolved recipe, plain JSON values.
    status : str
        ``"finished"``, ``"diverged"`` or ``"crashed"``.
    attempts : sequence of Attempt
        Every execution, the last one last.
    result : mapping
        ``TrainingResult.result``: curves, metrics, digests; empty for a crashed run.
    timings : mapping
        ``TrainingResult.timings``, in seconds and bytes; empty for a crashed run.
    environment : mapping
        Host, hardware, versions, numerics.
    """

    run_id: str
    cell_id: str
    study_seed: int
    replicate: int
    seeding: str
    levels: Mapping[str, Any]
    recipe: Mapping[str, Any]
    status: Status
    attempts: Sequence[Attempt]
    result: Mapping[str, Any]
    timings: Mapping[str, Any]
    environment: Mapping[str, Any]

    def deterministic(self) -> dict[str, Any]:
        """Everything outside the provenance, as it is written."""
        fields = {name: getattr(self, name) for name in FIELDS if name != "provenance"}
        return {"format": FORMAT, "schema": SCHEMA, **fields}

    def deterministic_json(self) -> str:
        """Canonical text of the deterministic part: equal for equal runs."""
        return canonical_json(self.deterministic())

    def content_digest(self) -> str:
        """SHA-256 of the deterministic part, whatever machine and time produced it."""
        text = self.deterministic_json().encode("utf-8", "backslashreplace")
        return hashlib.sha256(text).hexdigest()

    def to_json(self) -> str:
        """The text of ``run.json``: canonical, with its checksum.

        Raises
        ------
        ValueError
            If a number is not finite (store None instead) or the record contradicts itself.
        TypeError
            If a value is not plain JSON.
        """
        provenance = {name: getattr(self, name) for name in _PROVENANCE}
        payload = {**self.deterministic(), "provenance": provenance}
        problem = record_problem(
            {**payload, "provenance": {**provenance, "attempts": [*self.attempts]}}
        )
        if problem:
            msg = f"record of run {self.run_id}: {problem}"
            raise ValueError(msg)
        return seal(payload)

    @classmethod
    def from_json(cls, data: str | bytes) -> RunRecord:
        """Read the text of a record of any schema up to this version's.

        Raises
        ------
        DamagedFileError
            If the text is torn, edited, foreign or of a newer schema.
        """
        raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        payload = unseal(raw, form=FORMAT, newest=SCHEMA)
        problem = record_problem(payload)
        if problem:
            raise DamagedFileError("foreign", f"not a record that vggstudy writes: {problem}")
        provenance = payload["provenance"]
        return cls(
            **{name: payload[name] for name in FIELDS if name != "provenance"},
            **{name: provenance[name] for name in _PROVENANCE},
        )


def read_record_file(path: Path, *, run_id: str) -> RunRecord:
    """The record in a file, which must be that of the run it is filed under.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedFileError
        If it cannot be read or trusted; the message begins with the path.
    """
    try:
        data = read_bounded(path)
    except FileNotFoundError:
        if not path.is_symlink():
            raise
        reason = f"links to a missing file, {path.readlink()}; fetch that or delete the link"
        raise DamagedFileError("unreadable", reason, str(path)) from None
    except OSError as error:
        raise DamagedFileError("unreadable", _os_reason(error, path), str(path)) from error
    return record_at(data, path, run_id=run_id)


def record_at(data: bytes, path: Path, *, run_id: str) -> RunRecord:
    """The record that these bytes of a file hold, which must be that of a given run.

    Raises
    ------
    DamagedFileError
        If it cannot be trusted; the message begins with the path.
    """
    try:
        record = RunRecord.from_json(data)
    except DamagedFileError as error:
        raise error.at(path) from None
    if record.run_id != run_id:
        reason = f"holds the record of run {record.run_id}; move it to the folder of that name"
        raise DamagedFileError("foreign", reason, str(path))
    return record


def read_standing_record(path: Path, *, run_id: str) -> RunRecord | DamagedFileError | None:
    """The record that a new one would replace, or what is wrong with it; None where there is none.

    Raises
    ------
    DamagedFileError
        If a good record may lie there that this version or this user cannot read.
    """
    try:
        return read_record_file(path, run_id=run_id)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        if error.kind in ("newer", "unreadable"):
            raise
        return error


def _os_reason(error: OSError, path: Path) -> str:
    """What the operating system said, without the path."""
    return explain(error, path, "read").removeprefix(f"{path} ")
