"""Differences of probabilities where runs share seeds across cells, seed by seed.

Every seed that ran everywhere gives one difference of shares; their mean has Student's interval.
Where failures are few the seeds' differences hardly vary, or not at all: the interval is then at
least that of the pairs of runs, by MOVER on the shares of pairs that differ one way and the other.

References
----------
.. [1] Newcombe (1998), Statistics in Medicine 17, 2635-2650 (paired differences; here with exact
   limits of the two discordant shares).
.. [2] Korn & Graubard (1998), Survey Methodology 24, 193-201 (degrees of freedom: clusters less 1).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.notes import ModelCaution, Note, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.proportions import clopper_pearson, mover_sum
from vggstudy.analysis.numbers.student import student_t

MIN_SEEDS, WARN_SEEDS = 3, 5
"""Seeds that ran in every cell for an interval over seeds at all, and without a warning."""

METHOD = "paired_seeds"


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """Whether the run of each seed converged, group by group, in the seeds that ran everywhere.

    Attributes
    ----------
    groups : tuple of ndarrays of shape (M, G)
    left_out : int
        Seeds that did not run in every cell.
    """

    groups: tuple[FloatArray, ...]
    left_out: int

    @property
    def seeds(self) -> int:
        return int(self.groups[0].shape[1])


def paired_shares(cells: Cells, groups: list[Group], *, confidence: float) -> Finding | None:
    """A difference of probabilities, or a difference in differences, within seeds.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
        Two or four, whose cells correspond in order.
    confidence : float

    Returns
    -------
    Finding or None
        None where fewer than `MIN_SEEDS` seeds ran in every cell.
    """
    learned = _learned(cells, groups)
    if learned.seeds < MIN_SEEDS:
        return None
    signs = [group.sign for group in groups]
    by_seed = np.sum(
        [s * x.mean(axis=0) for s, x in zip(signs, learned.groups, strict=True)], axis=0
    )
    found = _of_pairs(learned, confidence)
    if float(by_seed.std()) > 0:
        over = student_t(by_seed, confidence=confidence)
        low, high = min(over.low, found.low), max(over.high, found.high)
        found = replace(found, low=low, high=high, df=over.df)
    reach = len(groups) / 2
    return Finding(found.estimate, found.clipped(-reach, reach), cautions=_cautions(learned))


def _learned(cells: Cells, groups: list[Group]) -> _Learned:
    """Labels by cell and seed."""
    table = cells.table
    names, seed = np.unique(table.replicate, return_inverse=True)
    grid = np.full((len(cells), names.size), np.nan)
    index = cells.run_cell[table.labelled]
    grid[index, seed[table.labelled]] = table.converged[table.labelled]
    parts = [grid[group.cells] for group in groups]
    every = np.concatenate(parts)
    complete = ~np.isnan(every).any(axis=0)
    some = ~np.isnan(every).all(axis=0)
    return _Learned(tuple(part[:, complete] for part in parts), int((some & ~complete).sum()))


def _of_pairs(learned: _Learned, confidence: float) -> Interval:
    """From the shares of pairs that differ, as if pairs were independent."""
    found = [
        difference_of_pairs(learned.groups[i], learned.groups[i + 1], confidence)
        for i in range(0, len(learned.groups), 2)
    ]
    return mover_sum(found, [1, -1][: len(found)], method=METHOD)


def difference_of_pairs(first: FloatArray, second: FloatArray, confidence: float) -> Interval:
    """Share of pairs in which only the first converged, less that of only the second [1]_."""
    counts = [float(x.sum()) for x in (first > second, second > first)]
    shares = [clopper_pearson(k, float(first.size), confidence=confidence) for k in counts]
    return mover_sum(shares, [1, -1], method=METHOD)


def _cautions(learned: _Learned) -> tuple[Note, ...]:
    """Few seeds, and seeds that did not run everywhere."""
    notes = []
    if learned.seeds < WARN_SEEDS:
        notes.append(say("only_seeds", ModelCaution.FEW_SEEDS, n=learned.seeds))
    if learned.left_out:
        seeds = learned.seeds + learned.left_out
        code = ModelCaution.SEEDS_LEFT_OUT
        notes.append(say("seeds_not_everywhere", code, n=learned.left_out, seeds=seeds))
    return tuple(notes)
