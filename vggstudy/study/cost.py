"""What a study's lacking runs will take: time from a pilot or the ledger, and disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vggstudy.plan import PlannedRun
from vggstudy.study.pilot import Corner, foretell
from vggstudy.study.progress import Progress
from vggstudy.study.sources import Source
from vggstudy.study.study import Study

if TYPE_CHECKING:
    from vggstudy.analysis.numbers.arrays import FloatArray
    from vggstudy.analysis.planning.pilot import Pilot

RECORD_BYTES = 6_000
"""Size of a record without its curves."""

EPOCH_BYTES = 140
"""Size of one epoch's curves and times in a record."""


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate with its basis.

    Attributes
    ----------
    seconds : (float, float, float) or None
        Seconds of one worker for all lacking runs: low, expected, high; None without a basis.
    basis : str
        What the estimate comes from, in words.
    disk_bytes : float
        Records of all planned runs.
    """

    seconds: tuple[float, float, float] | None
    basis: str
    disk_bytes: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def estimate_cost(study: Study, progress: Progress, corners: Sequence[Corner] = ()) -> Cost:
    """Estimate from a pilot, else from the runs of the ledger: of the same cell, or of any.

    From the ledger, the range takes the fastest and the slowest run of each cell that has some,
    and for a cell without any the fastest and the slowest of all.

    Parameters
    ----------
    study : Study
    progress : Progress
        Of that study.
    corners : sequence of Corner
        A pilot, from `run_pilot`.
    """
    disk = float(sum(_record_bytes(run) for run in study.plan.runs))
    if corners:
        ranges = [foretell(run, corners) for run in progress.lacking]
        low, high = sum(r[0] for r in ranges), sum(r[1] for r in ranges)
        basis = f"a pilot of one epoch in {len(corners)} cells"
        return Cost((low, (low + high) / 2, high), basis, disk)
    seconds = seconds_by_cell(study)
    if not seconds:
        pilot = "; --pilot measures one epoch" if study.protocol.trainer is None else ""
        return Cost(None, f"unknown before a run has finished{pilot}", disk)
    every = [value for values in seconds.values() for value in values]
    low = middle = high = 0.0
    for run in progress.lacking:
        known = seconds.get(run.cell_id, every)
        low += min(known)
        middle += sum(known) / len(known)
        high += max(known)
    plural = "" if len(every) == 1 else "s"
    return Cost((low, middle, high), f"{len(every)} finished run{plural}", disk)


def cost_of_looks(
    study: Study, progress: Progress, corners: Sequence[Corner] = ()
) -> list[tuple[float, float, float] | None]:
    """Seconds of the runs that are lacking up to each declared look, the last the maximum."""
    if study.looks is None:
        return []
    return [
        estimate_cost(study, progress.upto(replicates), corners).seconds
        for replicates in study.looks.replicates
    ]


def seconds_by_cell(study: Study) -> dict[str, list[float]]:
    """Seconds of the finished runs, by cell id; empty for a study that has none."""
    from vggstudy.execution.packing import measured_seconds

    return measured_seconds(study.store()) if study.exists else {}


def _record_bytes(run: PlannedRun) -> float:
    """Expected size of a run's record, its curves as long as they can be, where that is known."""
    return RECORD_BYTES + EPOCH_BYTES * (run.recipe.epochs or 0)


def recorded_seconds(source: Source, pilot: Pilot) -> FloatArray:
    """Mean seconds of the runs of each cell; NaN where there are none; shape (C,)."""
    import numpy as np

    from vggstudy.analysis.data.levels import canonical_level, write_level

    model, found = pilot.model, np.full(len(pilot.model), np.nan)
    timed = next((one for one in source.further if one.outcome == "seconds"), None)
    if source.study is not None:
        seconds, table = seconds_by_cell(source.study), model.tables[0]
        own = {
            tuple(write_level(canonical_level(cell.levels[f])) for f in table.factors): cell.cell_id
            for cell in source.study.plan.cells
        }
        for place, codes in enumerate(model.codes.tolist()):
            key = tuple(
                write_level(table.levels[f][c]) for f, c in zip(table.factors, codes, strict=True)
            )
            if known := seconds.get(own.get(key, "")):
                found[place] = np.mean(known)
    elif timed is not None:
        for place, codes in enumerate(model.codes):
            values = timed.value[(timed.codes == codes).all(axis=1)]
            if np.isfinite(values).any():
                found[place] = np.nanmean(values)
    return found
