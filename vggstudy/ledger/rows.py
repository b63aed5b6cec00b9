"""Rows of the index: a record without what analyses never ask for, and the way to the table."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vggstudy.identity import canonical_json
from vggstudy.ledger.quick_json import read_own, write_numbers
from vggstudy.ledger.record import RunRecord

COLUMNS = (
    "run_id",
    "cell_id",
    "status",
    "kind",
    "reason",
    "environment_id",
    "summary",
    "summary_crc",
    "curves_crc",
    "curves",
)
"""Columns of the table, the curves last because they are loaded least."""

UNINDEXED = ("curves", "test_probabilities")
"""What of a result is kept apart from its summary, or in the record alone."""

_CHECKED = ("run_id", "cell_id", "status", "kind", "reason", "environment_id", "summary")


class CorruptIndexError(Exception):
    """A row that is not what was written; the index is made anew."""


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One record as the index holds it.

    Attributes
    ----------
    run_id : str
        The run.
    cell_id, status : str or None
        As in the record; None if it is damaged.
    kind, reason : str or None
        Kind of damage (`vggstudy.ledger.DamagedFileError`) and what to do; None if intact.
    environment_id : str or None
        Tells environments apart; `StudyIndex.environments` lists them.
    summary_json, curves_json : str or None
        The texts behind `summary` and `curves`; the curves are None where they were not loaded.
    """

    run_id: str
    cell_id: str | None
    status: str | None
    kind: str | None
    reason: str | None
    environment_id: str | None
    summary_json: str
    curves_json: str | None

    @property
    def summary(self) -> dict[str, Any]:
        """``study_seed, replicate, seeding, levels, attempts, result, timings``; {} if damaged.

        With ``recipe_sha256``, from `recipe_digest`. The result lacks its curves, the timings lack
        what they hold per epoch. The text is read at each use.
        """
        value: dict[str, Any] = read_own(self.summary_json)
        return value

    @property
    def curves(self) -> dict[str, list[float | None]]:
        """Per-epoch curves by name; {} if damaged or not loaded."""
        value: dict[str, list[float | None]] = read_own(self.curves_json or "{}")
        return value

    @property
    def result(self) -> dict[str, Any]:
        """The record's result with the curves, as `vggstudy.study.labels.label_run` takes it."""
        result: dict[str, Any] = self.summary.get("result", {})
        return {**result, "curves": self.curves} if result else {}


def intact_values(record: RunRecord, environment_id: str) -> tuple[Any, ...]:
    """Values of the table's columns for an intact record, in an environment of that digest."""
    result = {name: value for name, value in record.result.items() if name not in UNINDEXED}
    scalars = {name: item for name, item in record.timings.items() if not _is_list(item)}
    summary = {
        "study_seed": record.study_seed,
        "replicate": record.replicate,
        "seeding": record.seeding,
        "levels": record.levels,
        "recipe_sha256": recipe_digest(record.recipe),
        "attempts": [_without_output(attempt) for attempt in record.attempts],
        "result": result,
        "timings": scalars,
    }
    return _values(
        record.run_id,
        cell_id=record.cell_id,
        status=record.status,
        environment_id=environment_id,
        summary=_text(summary),
        curves=write_numbers(record.result.get("curves", {})),
    )


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """SHA-256 of a recipe's canonical text: equal for the runs of a cell."""
    return hashlib.sha256(canonical_json(recipe).encode("utf-8", "backslashreplace")).hexdigest()


def environment_row(record: RunRecord) -> tuple[str, str]:
    """A record's environment as text, after the digest by which rows refer to it."""
    text = _text(record.environment)
    return hashlib.sha256(text.encode()).hexdigest(), text


def environment_of(identity: str, text: str) -> dict[str, Any]:
    """The environment that `environment_row` described.

    Raises
    ------
    CorruptIndexError
        If the text is not the one that was written.
    """
    if hashlib.sha256(text.encode()).hexdigest() != identity:
        msg = f"the environment {identity!r} is damaged"
        raise CorruptIndexError(msg)
    environment: dict[str, Any] = json.loads(text)
    return environment


def damaged_values(run_id: str, kind: str, reason: str) -> tuple[Any, ...]:
    """Values of the table's columns for a damaged record."""
    printable = reason.encode("utf-8", "backslashreplace").decode()
    return _values(run_id, kind=kind, reason=printable, summary="{}", curves="{}")


def row_of(values: Sequence[Any], *, curves: bool) -> IndexRow:
    """A row from the values of the table's columns, without the last one if ``curves`` is False.

    Raises
    ------
    CorruptIndexError
        If the values are not those that were written.
    """
    row = dict(zip(COLUMNS, values, strict=curves))
    if row["summary_crc"] != _crc([row[name] for name in _CHECKED]):
        msg = f"the row of run {row['run_id']!r} is damaged"
        raise CorruptIndexError(msg)
    if curves and row["curves_crc"] != _crc([row["curves"]]):
        msg = f"the curves of run {row['run_id']!r} are damaged"
        raise CorruptIndexError(msg)
    return IndexRow(
        run_id=row["run_id"],
        cell_id=row["cell_id"],
        status=row["status"],
        kind=row["kind"],
        reason=row["reason"],
        environment_id=row["environment_id"],
        summary_json=row["summary"],
        curves_json=row.get("curves"),
    )


def _values(run_id: str, **given: str) -> tuple[Any, ...]:
    """Values of all columns; None where nothing is given."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | given | {"run_id": run_id}
    row["summary_crc"] = _crc([row[name] for name in _CHECKED])
    row["curves_crc"] = _crc([row["curves"]])
    return tuple(row.values())


def _crc(values: Sequence[object]) -> int:
    """Checksum of texts: SQLite itself would not notice a flipped bit in one of them."""
    joined = "\0".join("" if value is None else str(value) for value in values)
    return zlib.crc32(joined.encode("utf-8", "replace"))


def _text(value: Mapping[str, Any]) -> str:
    """Compact JSON in ASCII: SQLite takes no lone surrogates."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _without_output(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """An attempt without what its process wrote, which only the record keeps."""
    return {name: value for name, value in attempt.items() if name != "output"}


def _is_list(value: object) -> bool:
    """Whether a timing is one per epoch."""
    return isinstance(value, (list, tuple))
