"""Convergence probabilities: of a cell, a margin, a difference, an interaction.

A mean over cells takes the Clopper-Pearson interval of the pooled counts, which stays conservative
whatever the cells' own probabilities (`proportions.pooled_counts`); a difference is exact on the
same counts (`differences`). Both are wider than they need to be where cells differ much. Where runs
share seeds, differences are taken within seeds (`paired_shares`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.paired_shares import paired_shares
from vggstudy.analysis.estimators.seed_clusters import counts_over_seeds
from vggstudy.analysis.notes import Caution, Note, say
from vggstudy.analysis.numbers.differences import signed_probabilities
from vggstudy.analysis.numbers.proportions import (
    PooledCounts,
    clopper_pearson,
    mid_p,
    pooled_counts,
)

ProbabilityInterval = Literal["clopper_pearson", "mid_p"]
"""Of the probability of a single cell; averages and differences have one method."""

WIDE_BELOW = 10
"""Runs below which the interval of a probability is called wide."""


def estimate_converged(
    cells: Cells,
    groups: list[Group],
    *,
    confidence: float,
    shared_seeds: bool = False,
    single: ProbabilityInterval = "clopper_pearson",
) -> Finding:
    """Probability of converging, or a signed sum of such probabilities.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
        From `Contrast.groups`.
    confidence : float
    shared_seeds : bool
        Runs of one replicate share their seeds across cells: replicates are then clusters.
    single : str
        Interval of a single cell: ``clopper_pearson`` covers at least its level, ``mid_p`` is
        shorter and covers it on average.

    Returns
    -------
    Finding
        Refused with `Reason.NO_RUNS` or `Reason.MISSING_CELLS` where a cell has no labelled run.
    """
    used = np.concatenate([group.cells for group in groups])
    problem = unavailable(cells, used, cells.n, minimum=1, what="labelled runs")
    if problem:
        return Finding(None, None, problem)
    counts = [pooled_counts(cells.k[g.cells], cells.n[g.cells], g.weights) for g in groups]
    notes = _cautions(counts)
    if shared_seeds and len(groups) > 1:
        paired = paired_shares(cells, groups, confidence=confidence)
        if paired is not None:
            wide = [note for note in notes if note.code != Caution.UNBALANCED]
            return replace(paired, cautions=(*wide, *paired.cautions))
    if shared_seeds:
        counts, found_notes = _clustered(cells, groups, counts)
        notes = (*notes, *found_notes)
    suffix = "" if all(count.exact for count in counts) else "_effective"
    if used.size == 1 and single == "mid_p":
        shorter = mid_p(int(counts[0].k), int(counts[0].n), confidence=confidence)
        return Finding(shorter.estimate, shorter, cautions=notes)
    if len(groups) == 1:
        exact = clopper_pearson(counts[0].k, counts[0].n, confidence=confidence)
        found = replace(exact, method=exact.method + suffix)
        return Finding(found.estimate, found, cautions=notes)
    found = signed_probabilities(counts, [g.sign for g in groups], confidence=confidence)
    interval = replace(found, method=found.method + suffix)
    return Finding(interval.estimate, interval, cautions=notes)


def _clustered(
    cells: Cells, groups: list[Group], counts: list[PooledCounts]
) -> tuple[list[PooledCounts], tuple[Note, ...]]:
    """Effective counts of groups of several cells, and what to know of them.

    Single cells stay: their runs have seeds of their own. Differences of too few seeds for
    `paired_shares` take their groups as independent.
    """
    found = [
        counts_over_seeds(cells, group.cells, group.weights, count)
        if group.cells.size > 1
        else count
        for group, count in zip(groups, counts, strict=True)
    ]
    fewer = [(a.n, b.n) for a, b in zip(counts, found, strict=True) if b.n < a.n]
    if not fewer:
        return found, ()
    counted = [say("runs_count_as", n=had, other=now) for had, now in fewer]
    return found, (say("seeds_shared", Caution.SHARED_SEEDS, rules=counted),)


def _cautions(counts: list[PooledCounts]) -> tuple[Note, ...]:
    """Few runs, and cells of unequal size."""
    notes = []
    fewest = min(count.n for count in counts)
    if fewest < WIDE_BELOW:
        notes.append(say("interval_wide", Caution.WIDE, n=fewest))
    if not all(count.exact for count in counts):
        notes.append(say("cells_differ_in_runs", Caution.UNBALANCED))
    return tuple(notes)
