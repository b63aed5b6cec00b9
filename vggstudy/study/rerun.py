"""Runs of a study that are trained again, and what their records say against what came of it.

On the device, the threads and the versions of a record, its run has the same bits again. Elsewhere
rounding differs, and a run is one more draw from its cell: then it is set against the others there.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Literal

from vggstudy.ledger import RunRecord, StudyStore
from vggstudy.plan import PlannedRun
from vggstudy.study.agreement import planned_rows

if TYPE_CHECKING:
    from vggstudy.execution import ExecutionOptions, Listener
    from vggstudy.ledger.rows import IndexRow
    from vggstudy.study.study import Study

Verdict = Literal["same", "alike", "different", "unclear"]

CONFIDENCE = 0.999
"""Of the interval in which another run of a cell lies: many are looked at, few may be accused."""

NOT_BITS = ("torchvision",)
"""Versions that a record names beside what its bits depend on."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """What came of one run that was trained again.

    Attributes
    ----------
    run : PlannedRun
    verdict : str
        ``same`` (every number, the parameters' hashes included), ``alike`` (another device, and as
        the cell's other runs), ``different``, or ``unclear`` (nothing can be told).
    words : str
        Why.
    """

    run: PlannedRun
    verdict: Verdict
    words: str


def draw_runs(study: Study, count: int, seed: int) -> list[RunRecord]:
    """So many records with a result, of planned runs, drawn without replacement.

    Parameters
    ----------
    study : Study
    count : int
        All of them, if there are fewer.
    seed : int
        Draws the same records from the same study again.
    """
    rows = planned_rows(study.plan, study.store())
    ids = sorted(run_id for run_id, row in rows.items() if row.status != "crashed")
    chosen = random.Random(seed).sample(ids, min(count, len(ids)))
    store = study.store()
    return [store.read_record(run_id) for run_id in chosen]


def rerun(
    study: Study,
    records: Sequence[RunRecord],
    options: ExecutionOptions,
    listener: Callable[[Sequence[PlannedRun], ExecutionOptions], Listener],
) -> list[Repeated]:
    """Train the runs of some records again, in a folder that is thrown away, and compare.

    Parameters
    ----------
    study : Study
        Only read.
    records : sequence of RunRecord
    options : ExecutionOptions
        Their threads are those of each record, on a CPU.
    listener : callable
        Makes what watches from the runs and the options.

    Raises
    ------
    StudyError
        If the images are missing, or nothing can be executed here.
    """
    from vggstudy.execution import execute

    with tempfile.TemporaryDirectory(prefix="vggstudy-rerun-") as folder:
        store = StudyStore.create(
            Path(folder) / "study", study.text, study.protocol.digest(), study.protocol.name
        )
        for (threads, train_measured), group in _alike(records).items():
            runs = [study.plan.by_id[record.run_id] for record in group]
            chosen = replace(
                options, threads=threads or options.threads, train_measured=train_measured
            )
            tally = execute(runs, store, chosen, listener(runs, chosen))
            if tally.interrupted:
                break
        anew = {record.run_id: record for record in store.records()}
    cells = _cells(study, {record.cell_id for record in records})
    return [
        _compared(study.plan.by_id[one.run_id], one, anew.get(one.run_id), cells[one.cell_id])
        for one in records
    ]


def _alike(records: Sequence[RunRecord]) -> dict[tuple[int | None, bool], list[RunRecord]]:
    """Records by their threads, which decide bits on a CPU, and by the splits that they measure."""
    groups: dict[tuple[int | None, bool], list[RunRecord]] = {}
    for record in records:
        threads = _numerics(record).get("threads")
        train_measured = "train_accuracy" in record.result.get("metrics", {})
        key = (threads if type(threads) is int else None, train_measured)
        groups.setdefault(key, []).append(record)
    return groups


def _numerics(record: RunRecord) -> Mapping[str, Any]:
    """What the bits of a record depend on."""
    found = record.environment.get("numerics", {})
    return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class _Cell:
    """What is recorded of the runs of one cell that have a result.

    Attributes
    ----------
    statuses : tuple of str
    accuracies : tuple of float
        Of those that have one.
    """

    statuses: tuple[str, ...]
    accuracies: tuple[float, ...]


def _cells(study: Study, needed: Collection[str]) -> dict[str, _Cell]:
    """These cells, by id."""
    rows: dict[str, list[IndexRow]] = {cell: [] for cell in needed}
    for row in planned_rows(study.plan, study.store()).values():
        if row.status != "crashed" and row.cell_id in rows:
            rows[row.cell_id].append(row)
    return {
        cell: _Cell(
            tuple(str(row.status) for row in group),
            tuple(value for row in group if (value := _accuracy(row.result)) is not None),
        )
        for cell, group in rows.items()
    }


def _compared(
    run: PlannedRun, recorded: RunRecord, anew: RunRecord | None, cell: _Cell
) -> Repeated:
    """One run against its record."""
    if anew is None or anew.status == "crashed":
        failure = anew.attempts[-1]["failure"] if anew else None
        why = f"it crashed here: {failure['message']}" if failure else "it was not trained"
        return Repeated(run, "unclear", why)
    images = [one.result.get("data", {}).get("digest") for one in (recorded, anew)]
    if None not in images and images[0] != images[1]:
        return Repeated(run, "unclear", "the images here are not those of the record (data.digest)")
    difference = _difference(recorded.result, anew.result)
    if difference is None:
        return Repeated(run, "same", "every number is the same, the parameters' hash included")
    elsewhere = _elsewhere(_numerics(recorded), _numerics(anew))
    same_bits = _hash(recorded) is not None and _hash(recorded) == _hash(anew)
    if not elsewhere or same_bits:
        where = "with the same parameters" if same_bits else "on the same device and versions"
        return Repeated(run, "different", f"{where}, {difference}")
    return _as_its_cell(run, anew, recorded, cell, elsewhere)


def _hash(record: RunRecord) -> str | None:
    """Digest of a run's last parameters."""
    found = record.result.get("parameters_sha256")
    return found if isinstance(found, str) else None


def _difference(recorded: Any, anew: Any, name: str = "") -> str | None:
    """The first number that is not the same; what only one of the two has is not compared."""
    if isinstance(recorded, Mapping) and isinstance(anew, Mapping):
        for key in recorded:
            if key in anew:
                inner = f"{name}.{key}" if name else str(key)
                if found := _difference(recorded[key], anew[key], inner):
                    return found
        return None
    if isinstance(recorded, (list, tuple)) and isinstance(anew, (list, tuple)):
        if len(recorded) != len(anew):
            return f"{name} has {len(anew)} entries, recorded are {len(recorded)}"
        for place, pair in enumerate(zip(recorded, anew, strict=True)):
            if found := _difference(*pair, f"{name}[{place}]"):
                return found
        return None
    return None if recorded == anew else f"{name} is {anew!r:.80}, recorded is {recorded!r:.80}"


def _elsewhere(recorded: Mapping[str, Any], anew: Mapping[str, Any]) -> str:
    """What the bits depend on and differs; empty where nothing does."""
    names = [
        name
        for name in recorded
        if name in anew and name not in NOT_BITS and recorded[name] != anew[name]
    ]
    return ", ".join(f"{name} {anew[name]} (recorded: {recorded[name]})" for name in names)


def _as_its_cell(
    run: PlannedRun, anew: RunRecord, recorded: RunRecord, cell: _Cell, where: str
) -> Repeated:
    """A run on another device, set against the runs of its cell."""
    if anew.status not in cell.statuses:
        words = f"{where}: it {_ended(anew)} here, which no recorded run of its cell did"
        return Repeated(run, "different" if len(cell.statuses) > 1 else "unclear", words)
    value, before = _accuracy(anew.result), _accuracy(recorded.result)
    if value is None or before is None:
        alike = anew.status == recorded.status
        words = f"{where}: it {_ended(anew)} here, recorded is that it {_ended(recorded)}"
        return Repeated(run, "alike" if alike else "unclear", words)
    bounds = _bounds(cell.accuracies, anew.result.get("data", {}).get("n_test"))
    if bounds is None:
        words = f"{where}: the cell has no other run that would say how far runs differ"
        return Repeated(run, "unclear", words)
    low, high = bounds
    inside = low <= value <= high
    words = (
        f"{where}: test accuracy {value:.4f}, recorded {before:.4f}; by the cell's "
        f"{len(cell.accuracies)} runs another one lies in [{low:.4f}, {high:.4f}]"
    )
    return Repeated(run, "alike" if inside else "different", words)


def _ended(record: RunRecord) -> str:
    """How a run ended."""
    return "diverged" if record.status == "diverged" else "finished"


def _accuracy(result: Mapping[str, Any]) -> float | None:
    """Test accuracy at the selected checkpoint."""
    found = result.get("metrics", {}).get("test_accuracy")
    return float(found) if found is not None else None


def _bounds(values: Sequence[float], images: object) -> tuple[float, float] | None:
    """Where another run of a cell lies: the prediction interval of a normal sample.

    Parameters
    ----------
    values : sequence of float
        Accuracies of the cell's runs.
    images : int or None
        Test images: runs cannot differ by less than their sampling does, sqrt(p (1 - p) / images).

    References
    ----------
    Hahn & Meeker (1991), Statistical Intervals, section 4.7: mean +- t s sqrt(1 + 1 / k).
    """
    from scipy import stats

    if len(values) < 2:
        return None
    mean, spread = fmean(values), stdev(values)
    if type(images) is int and images > 0:
        inner = min(max(mean, 1 / images), 1 - 1 / images)
        spread = max(spread, math.sqrt(max(0.0, inner * (1 - inner)) / images))
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    half = quantile * spread * math.sqrt(1 + 1 / len(values))
    return max(0.0, mean - half), min(1.0, mean + half)
