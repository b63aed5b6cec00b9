"""Packs: runs that one job or task executes one after another, so that its start is paid once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vggstudy.errors import ExecutionError
from vggstudy.ledger import StudyStore
from vggstudy.plan import PlannedRun

PACK_S = 600.0
"""Seconds that a pack is meant to take: a hundred times what its start costs."""

UNTIMED_RUNS = 8
"""Runs of each worker of a pack while no run of the study has been timed."""

MAX_RUNS = 2000
"""Most runs of a pack, however short they are."""

Pack = tuple[PlannedRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How runs are made into packs.

    Attributes
    ----------
    size : int or None
        Runs of a pack; None chooses it from the time that runs took.
    seconds : float
        What a pack is meant to take where its size is chosen.
    """

    size: int | None = None
    seconds: float = PACK_S

    def __post_init__(self) -> None:
        """Refuse sizes that hold no run."""
        if self.size is not None and self.size < 1:
            msg = f"a pack holds at least 1 run, got {self.size}"
            raise ExecutionError(msg)


def make_packs(
    runs: Sequence[PlannedRun],
    packing: Packing,
    *,
    workers: int,
    measured: Mapping[str, Sequence[float]],
) -> list[Pack]:
    """Divide runs into packs, in their order.

    A pack is closed as soon as it is expected to take ``packing.seconds`` on its workers. A run is
    expected to take the mean of its cell, else of all cells.

    Parameters
    ----------
    runs : sequence of PlannedRun
    packing : Packing
    workers : int
        Runs that a pack executes at a time.
    measured : mapping from cell id to sequence of float
        Seconds that finished runs took.

    Returns
    -------
    packs : list of tuple of PlannedRun
        Every run in one of them.
    """
    if packing.size is not None or not measured:
        size = packing.size or UNTIMED_RUNS * workers
        return [tuple(runs[start : start + size]) for start in range(0, len(runs), size)]
    means = {cell: sum(values) / len(values) for cell, values in measured.items()}
    overall = sum(means.values()) / len(means)
    packs: list[Pack] = []
    pack: list[PlannedRun] = []
    seconds = 0.0
    for run in runs:
        pack.append(run)
        seconds += means.get(run.cell_id, overall) / workers
        full = len(pack) >= workers and seconds >= packing.seconds
        if full or len(pack) == MAX_RUNS:
            packs.append(tuple(pack))
            pack, seconds = [], 0.0
    return [*packs, tuple(pack)] if pack else packs


def measured_seconds(store: StudyStore) -> dict[str, list[float]]:
    """Seconds that the ledger's finished runs took, by cell id."""
    found: dict[str, list[float]] = defaultdict(list)
    with store.index() as index:
        for row in index.rows(curves=False):
            total = row.summary.get("timings", {}).get("total_s")
            if total is not None and row.cell_id is not None:
                found[row.cell_id].append(float(total))
    return dict(found)
