"""Contrasts where runs of one replicate share their seeds across cells: seeds are the blocks.

Every seed gives one contrast; their mean has Student's interval with G - 1 degrees of freedom. A
bootstrap of whole seeds stands beside it from 20 seeds on; below, it is too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vggstudy.analysis import bootstrap
from vggstudy.analysis.arrays import FloatArray
from vggstudy.analysis.cells import ZERO_SPREAD, Cells
from vggstudy.analysis.contrasts import Group
from vggstudy.analysis.estimate_mean import Resampling
from vggstudy.analysis.finding import Finding, refused
from vggstudy.analysis.model_reasons import ModelCaution, ModelReason
from vggstudy.analysis.outcomes import LABELS
from vggstudy.analysis.reasons import Note, Reason
from vggstudy.analysis.resampling import Strata, claim_generator, linear_deviations
from vggstudy.analysis.student import student_t

MIN_SEEDS, WARN_SEEDS, BOOTSTRAP_SEEDS = 3, 5, 20
"""Complete seeds for an interval at all, without a warning, and with a bootstrap beside."""


def replicates(cells: Cells) -> list[str]:
    """Replicate of every converged run, in the order of ``cells.values``."""
    table = cells.table
    learned = np.flatnonzero(table.label == LABELS.index("converged"))
    index = np.ravel_multi_index(tuple(table.codes[learned].T), cells.shape)
    order = np.lexsort((table.value[learned], index))
    return [table.replicate[i] for i in learned[order].tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class SeedContrasts:
    """One contrast a seed.

    Attributes
    ----------
    seeds : tuple of str
        Replicates with a converged run in every cell of the contrast; G of them.
    values : ndarray of shape (G,)
    incomplete : int
        Replicates that lack a converged run in some of the cells.
    """

    seeds: tuple[str, ...]
    values: FloatArray
    incomplete: int


def seed_contrasts(cells: Cells, groups: list[Group]) -> SeedContrasts:
    """The contrast within each replicate.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
        From `Contrast.groups`.
    """
    table = cells.table
    weights = np.zeros(len(cells))
    for group in groups:
        weights[group.cells] = group.sign * group.weights
    needed = int((weights != 0).sum())
    index = np.ravel_multi_index(tuple(table.codes.T), cells.shape)
    mine = np.flatnonzero(weights[index] != 0)
    names, seed = np.unique([table.replicate[i] for i in mine.tolist()], return_inverse=True)
    learned = table.label[mine] == LABELS.index("converged")
    present = np.bincount(seed[learned], minlength=names.size)
    at, who = mine[learned], seed[learned]
    sums = np.bincount(who, weights[index[at]] * table.value[at], names.size)
    complete = present == needed
    return SeedContrasts(tuple(names[complete].tolist()), sums[complete], int((~complete).sum()))


def estimate_shared(
    cells: Cells,
    groups: list[Group],
    *,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Finding:
    """Mean of the outcome among converged runs, or a contrast of such means, over seeds.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
    claim_id : str
    confidence : float
    resampling : Resampling

    Returns
    -------
    Finding
        Refused below `MIN_SEEDS` complete seeds and where the seeds' contrasts do not vary.
    """
    found = seed_contrasts(cells, groups)
    count = len(found.seeds)
    if count < MIN_SEEDS:
        text = (
            f"needs at least {MIN_SEEDS} seeds with converged runs in every cell, has {count} of "
            f"{count + found.incomplete}"
        )
        return refused_by_model(ModelReason.TOO_FEW_SEEDS, text)
    values = found.values
    largest = float(np.abs(cells.values).max())
    if values.std(ddof=1) <= ZERO_SPREAD * largest:
        estimate = float(values.mean())
        return refused(Reason.NO_VARIANCE, "all seeds give the same value", estimate)
    interval = replace(student_t(values, confidence=confidence), method="seeds_t")
    finding = Finding(interval.estimate, interval, cautions=_cautions(found))
    if count < BOOTSTRAP_SEEDS:
        return finding
    deviation = linear_deviations(
        Strata(np.array([count]), values),
        np.ones(1),
        n_resamples=resampling.n_resamples,
        rng=claim_generator(resampling.seed, claim_id),
        inflate=True,
        chunk_draws=resampling.chunk_draws,
    )
    drawn = bootstrap.calibrated(interval.estimate, deviation, count - 1, confidence=confidence)
    beside = replace(drawn, method="cluster_bootstrap")
    return replace(finding, alternatives=(beside,), resamples=resampling.n_resamples)


def refused_by_model(reason: ModelReason, text: str) -> Finding:
    """A finding without estimate and interval."""
    return Finding(None, None, Note(reason.value, text))


def _cautions(found: SeedContrasts) -> tuple[Note, ...]:
    """Few seeds, and seeds left out because a run of theirs failed."""
    count, notes = len(found.seeds), []
    if count < WARN_SEEDS:
        notes.append(Note(ModelCaution.FEW_SEEDS.value, f"only {count} seeds"))
    if found.incomplete:
        text = f"{found.incomplete} of {count + found.incomplete} seeds lack a converged run"
        notes.append(Note(ModelCaution.SEEDS_LEFT_OUT.value, text))
    return tuple(notes)
