"""What stands before all results of a table: lacking runs, holes in the grid, flat values."""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.flow import Flow
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Caution, Named, Note, say
from vggstudy.analysis.numbers.arrays import FloatArray


def table_cautions(cells: Cells, table: RunTable, flow: Flow, *, told: bool) -> tuple[Note, ...]:
    """What stands before all results: of the table, of its seeds, of its cells.

    That runs are lacking is not said again where it is `told` of every claim.
    """
    lacking = () if told else unfinished(table)
    return (*table.notes, *_crossed(cells, table), *lacking, *_gaps(cells, flow))


def _crossed(cells: Cells, table: RunTable) -> tuple[Note, ...]:
    """Under crossed seeding, that only runs without a common seed enter the estimates."""
    kept, all_runs = len(cells.table), len(table)
    if kept == all_runs:
        return ()
    return (say("seeds_crossed", n=kept, all=all_runs),)


def says_unfinished(note: Note) -> bool:
    """Whether a note says of every claim that runs are lacking."""
    return note.code == Caution.UNFINISHED


def unfinished(table: RunTable, code: str | None = None) -> tuple[Note, ...]:
    """That runs were planned which were not run yet; nothing where there are none."""
    missing = table.count("missing")
    name = "not_run_one" if missing == 1 else "not_run"
    return (say(name, code, n=missing, planned=len(table)),) if missing else ()


def _gaps(cells: Cells, flow: Flow) -> tuple[Note, ...]:
    """Lost runs, holes in the grid, values that do not vary."""
    found = []
    if flow.outcomes["crashed"]:
        crashed = flow.outcomes["crashed"]
        found.append(say("crashed_one") if crashed == 1 else say("crashed", n=crashed))
    if flow.labelled == 0:
        found.append(say("no_outcome_yet"))
    found += _holes(cells) if flow.labelled else []
    none = int(((cells.k == 0) & (cells.n > 0)).sum())
    if none:
        planned = int((cells.planned > 0).sum())
        found.append(say("cells_without_converged", n=none, cells=planned))
    if cells.table.lower_is_better:
        found.append(say("lower_is_better", factor=cells.table.outcome))
    if not cells.table.judged and _zero_or_one(cells.table.value):
        found.append(say("zero_or_one", factor=cells.table.outcome))
    flat = int(cells.flat.sum())
    if flat:
        one, several = "flat_cell_unjudged", "flat_cells_unjudged"
        if cells.table.judged:
            one, several = "flat_cell", "flat_cells"
        found.append(say(one) if flat == 1 else say(several, n=flat))
    return tuple(found)


def _zero_or_one(values: FloatArray) -> bool:
    """Whether an outcome says no more than yes and no."""
    finite = values[np.isfinite(values)]
    return set(finite[:3].tolist()) <= {0.0, 1.0} and set(np.unique(finite)) == {0.0, 1.0}


def _holes(cells: Cells) -> list[Note]:
    """Cells whose runs gave no data, and combinations of levels that nobody planned."""
    planned = cells.planned > 0
    found = []
    empty = np.flatnonzero(planned & (cells.n == 0)).tolist()
    if empty:
        name, count = "empty_cell" if len(empty) == 1 else "empty_cells", int(planned.sum())
        found.append(say(name, n=len(empty), cells=count, names=_first_of(cells, empty)))
    outside = np.flatnonzero(~planned).tolist()
    if outside:
        name = "unplanned_cell" if len(outside) == 1 else "unplanned_cells"
        named = _first_of(cells, outside)
        found.append(say(name, n=len(outside), cells=len(cells), names=named))
    return found


def _first_of(cells: Cells, chosen: list[int]) -> Named:
    """The first cell's name, and the number of the others."""
    return Named((cells.levels_of(chosen[0]),), len(chosen) - 1)
