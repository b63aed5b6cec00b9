"""Contrasts where runs of one replicate share their seeds across cells: seeds are the blocks.

Every seed gives one contrast; their mean has Student's interval with G - 1 degrees of freedom. A
bootstrap of whole seeds stands beside it from 20 seeds on; below, it is too narrow.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import ZERO_SPREAD, Cells, cell_of
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.data.failed_values import outcome_of_all
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.seed_sums import SeedContrasts, by_seed
from vggstudy.analysis.notes import ModelCaution, ModelReason, Note, Reason, say
from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.resampling import Strata, claim_generator, linear_deviations
from vggstudy.analysis.numbers.student import student_t

MIN_SEEDS, WARN_SEEDS, BOOTSTRAP_SEEDS = 3, 5, 20
"""Complete seeds for an interval at all, without a warning, and with a bootstrap beside."""


def replicates(cells: Cells) -> list[str]:
    """Replicate of every converged run, in the order of ``cells.values``."""
    table = cells.table
    learned = np.flatnonzero(table.converged)
    index = cell_of(cells)[learned]
    order = np.lexsort((table.value[learned], index))
    return [table.replicate[i] for i in learned[order].tolist()]


def seed_contrasts(cells: Cells, groups: list[Group], *, everyone: bool = False) -> SeedContrasts:
    """The contrast within each replicate.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
        From `Contrast.groups`.
    everyone : bool
        Of all labelled runs, failed ones included; by default of converged runs alone.
    """
    weights = np.zeros(len(cells))
    for group in groups:
        weights[group.cells] = group.sign * group.weights
    value = outcome_of_all(cells) if everyone else cells.table.value
    return by_seed(cells, weights[:, None], value, _present(cells, everyone=everyone))


def models_by_seed(cells: Cells, weights: FloatArray, *, everyone: bool) -> SeedContrasts:
    """Weighted means of several sets of cells within each replicate.

    Parameters
    ----------
    cells : Cells
    weights : ndarray of shape (C, K)
        K of two or more.
    everyone : bool
        Of all labelled runs, or of converged ones alone.
    """
    value = outcome_of_all(cells) if everyone else cells.table.value
    return by_seed(cells, weights, value, _present(cells, everyone=everyone))


def _present(cells: Cells, *, everyone: bool) -> BoolArray:
    """Runs that count: labelled ones, or the converged among them."""
    return cells.table.labelled if everyone else cells.table.converged


def estimate_shared(
    cells: Cells,
    groups: list[Group],
    *,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
    everyone: bool = False,
) -> Finding:
    """Mean of the outcome among converged runs, or a contrast of such means, over seeds.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
    claim_id : str
    confidence : float
    resampling : Resampling
    everyone : bool
        Of all labelled runs, failed ones included.

    Returns
    -------
    Finding
        Refused where a cell has too few runs, below `MIN_SEEDS` complete seeds, and where the
        seeds' contrasts do not vary.
    """
    used = np.concatenate([group.cells for group in groups])
    have, least, what = (cells.n, 1, "labelled") if everyone else (cells.k, 2, "converged")
    if problem := unavailable(cells, used, have, minimum=least, what=f"{what} runs"):
        return Finding(None, None, problem)
    found = seed_contrasts(cells, groups, everyone=everyone)
    count = len(found.seeds)
    if count < MIN_SEEDS:
        name = "needs_labelled_seeds" if everyone else "needs_seeds"
        counts = {"least": MIN_SEEDS, "n": count, "seeds": count + found.incomplete}
        return Finding(None, None, say(name, ModelReason.TOO_FEW_SEEDS, **counts))
    values = found.values
    if values.std(ddof=1) <= ZERO_SPREAD * float(np.nanmax(np.abs(cells.table.value))):
        estimate = float(values.mean())
        return refused(Reason.NO_VARIANCE, "seeds_do_not_vary", estimate)
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


def _cautions(found: SeedContrasts) -> tuple[Note, ...]:
    """Few seeds, and seeds left out because a run of theirs failed."""
    count, notes = len(found.seeds), []
    if count < WARN_SEEDS:
        notes.append(say("only_seeds", ModelCaution.FEW_SEEDS, n=count))
    if found.incomplete:
        values = {"n": found.incomplete, "seeds": count + found.incomplete}
        notes.append(say("seeds_left_out", ModelCaution.SEEDS_LEFT_OUT, **values))
    return tuple(notes)
