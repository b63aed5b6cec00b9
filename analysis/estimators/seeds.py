"""Contrasts where runs of one replicate share their seeds across cells: seeds are the blocks.

Every seed gives one contrast; their mean has Student's interval with G - 1 degrees of freedom. A
bootstrap of whole seeds stands beside it from 20 seeds on; below, it is too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import ZERO_SPREAD, Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.data.curves import Curve
from vggstudy.analysis.data.failed_values import outcome_of_all
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.means import Resampling, limits_of
from vggstudy.analysis.estimators.seed_clusters import clustered_spread
from vggstudy.analysis.estimators.seed_sums import SeedContrasts, by_seed
from vggstudy.analysis.notes import (
    ModelCaution,
    ModelReason,
    Note,
    NotedValueError,
    Reason,
    say,
)
from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.resampling import Strata, claim_generator, linear_deviations
from vggstudy.analysis.numbers.student import Spread, student_t, t_interval

MIN_SEEDS, WARN_SEEDS, BOOTSTRAP_SEEDS = 3, 5, 20
"""Complete seeds for an interval at all, without a warning, and with a bootstrap beside."""


def replicates(cells: Cells) -> list[str]:
    """Replicate of every converged run, in the order of ``cells.values``."""
    table = cells.table
    learned = np.flatnonzero(table.converged)
    index = cells.run_cell[learned]
    order = np.lexsort((table.value[learned], index))
    return [table.replicate[i] for i in learned[order].tolist()]


def replicates_of(curve: Curve) -> list[str]:
    """Replicate of every run of a curve, in the order of its strata."""
    names, start = replicates(curve.source), curve.source.start
    return [name for c in curve.cells.tolist() for name in names[start[c] : start[c + 1]]]


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
    value = _values(cells, everyone=everyone)
    weights = signed_weights(cells, groups)
    return by_seed(cells, weights[:, None], value, _present(cells, everyone=everyone))


def signed_weights(cells: Cells, groups: list[Group]) -> FloatArray:
    """Weight of every cell in a contrast, with its sign; shape (C,)."""
    weights = np.zeros(len(cells))
    for group in groups:
        weights[group.cells] = group.sign * group.weights
    return weights


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
    value = _values(cells, everyone=everyone)
    return by_seed(cells, weights, value, _present(cells, everyone=everyone))


def _values(cells: Cells, *, everyone: bool) -> FloatArray:
    """Number of every run: with something for failed ones that have none, or as it is."""
    return outcome_of_all(cells) if everyone else cells.table.value


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
    if count < MIN_SEEDS and (wider := _incomplete(cells, groups, found, confidence, everyone)):
        return wider
    if count < MIN_SEEDS:
        name = "needs_labelled_seeds" if everyone else "needs_seeds"
        counts = {"least": MIN_SEEDS, "n": count, "seeds": count + found.incomplete}
        return Finding(None, None, say(name, ModelReason.TOO_FEW_SEEDS, **counts))
    values = found.values
    if _constant(cells, values):
        estimate = float(values.mean())
        return refused(Reason.NO_VARIANCE, "seeds_do_not_vary", estimate)
    interval = replace(student_t(values, confidence=confidence), method="seeds_t")
    limits = limits_of(cells, signed_weights(cells, groups))
    finding = Finding(
        interval.estimate,
        interval.clipped(*limits),
        cautions=_cautions(found),
        runs=count * used.size if found.incomplete else None,
        learned=_learned(cells, used, found.seeds) if found.incomplete else None,
    )
    if count < BOOTSTRAP_SEEDS:
        return finding
    deviation = linear_deviations(
        Strata(np.array([count]), values),
        np.ones(1),
        resamples=resampling.resamples,
        rng=claim_generator(resampling.seed, claim_id),
        inflate=True,
        chunk_draws=resampling.chunk_draws,
    )
    drawn = bootstrap.calibrated(interval.estimate, deviation, count - 1, confidence=confidence)
    beside = replace(drawn, method="cluster_bootstrap").clipped(*limits)
    return replace(finding, alternatives=(beside,), resamples=resampling.resamples)


def _incomplete(
    cells: Cells, groups: list[Group], found: SeedContrasts, confidence: float, everyone: bool
) -> Finding | None:
    """The contrast of cell means with seeds as clusters; None where there are too few."""
    value, present = _values(cells, everyone=everyone), _present(cells, everyone=everyone)
    made = _clustered(cells, signed_weights(cells, groups), value, present)
    if made is None:
        return None
    estimate, spread = made
    interval = t_interval(estimate, spread, confidence=confidence, method="seed_clusters_t")
    interval = interval.clipped(*limits_of(cells, signed_weights(cells, groups)))
    seeds = {"n": len(found.seeds), "seeds": len(found.seeds) + found.incomplete}
    note = say("few_seeds_complete", ModelCaution.SEEDS_INCOMPLETE, **seeds)
    return Finding(estimate, interval, cautions=(note,))


def _learned(cells: Cells, used: IntArray, seeds: Sequence[str]) -> int:
    """Converged runs of some seeds in some cells."""
    known = set(seeds)
    among = np.array([name in known for name in cells.seed_names])
    mine = np.isin(cells.run_cell, used) & among[cells.run_seed]
    return int((mine & cells.table.converged).sum())


def _clustered(
    cells: Cells, weights: FloatArray, value: FloatArray, present: BoolArray
) -> tuple[float, Spread] | None:
    """A weighted sum of cell means and its spread over seeds as clusters, if they are enough."""
    mine = present & (weights != 0)[cells.run_cell]
    used = np.flatnonzero(weights)
    count = np.bincount(cells.run_cell[mine], minlength=len(cells))[used]
    if np.unique(cells.run_seed[mine]).size < MIN_SEEDS or not count.all():
        return None
    spread = clustered_spread(cells, weights, value, present)
    if spread is None:
        return None
    sums = np.bincount(cells.run_cell[mine], weights=value[mine], minlength=len(cells))[used]
    return float(weights[used] @ (sums / count)), spread


def difference_over_seeds(
    cells: Cells, groups: list[Group], *, paired: bool = False
) -> tuple[float, Spread]:
    """A contrast of means among converged runs and its spread, one contrast a seed.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
        With `paired`, two of them whose cells correspond in order, as `Contrast.groups` gives them.
    paired : bool
        Only runs count whose partner, the run of the same seed in the other group's cell, converged
        too.

    Raises
    ------
    ValueError
        If too few seeds have runs in every cell, or all of them give the same value.
    """
    weights, present = signed_weights(cells, groups), cells.table.converged
    if paired:
        present = present & _partnered(cells, groups)
    found = by_seed(cells, weights[:, None], cells.table.value, present)
    count = len(found.seeds)
    if count < MIN_SEEDS:
        made = _clustered(cells, weights, cells.table.value, present)
        if made is None:
            values = {"least": MIN_SEEDS, "n": count, "seeds": count + found.incomplete}
            raise NotedValueError(say("needs_seeds", ModelReason.TOO_FEW_SEEDS, **values))
        return made
    if _constant(cells, found.values):
        raise NotedValueError(say("seeds_do_not_vary"))
    se = float(found.values.std(ddof=1)) / count**0.5
    return float(found.values.mean()), Spread(se, float(count - 1))


def _partnered(cells: Cells, groups: list[Group]) -> BoolArray:
    """Runs whose seed has a converged run in the corresponding cell too; shape (N,)."""
    if len(groups) != 2 or groups[0].cells.size != groups[1].cells.size:
        raise NotedValueError(say("pairs_need_groups"))
    other = np.full(len(cells), -1)
    other[groups[0].cells], other[groups[1].cells] = groups[1].cells, groups[0].cells
    size = len(cells.seed_names)
    learned = cells.table.converged
    known = np.zeros(len(cells) * size + 1, dtype=bool)
    known[cells.run_cell[learned] * size + cells.run_seed[learned]] = True
    partner = other[cells.run_cell]
    return np.asarray(known[np.where(partner < 0, -1, partner * size + cells.run_seed)])


def _constant(cells: Cells, values: FloatArray) -> bool:
    """Whether values differ by rounding only."""
    largest = np.nanmax(np.abs(cells.table.value), initial=float(np.abs(values).max()))
    return bool(values.std(ddof=1) <= ZERO_SPREAD * float(largest))


def _cautions(found: SeedContrasts) -> tuple[Note, ...]:
    """Few seeds, and seeds left out because a run of theirs failed."""
    count, notes = len(found.seeds), []
    if count < WARN_SEEDS:
        notes.append(say("only_seeds", ModelCaution.FEW_SEEDS, n=count))
    if found.incomplete:
        values = {"n": found.incomplete, "seeds": count + found.incomplete}
        notes.append(say("seeds_left_out", ModelCaution.SEEDS_LEFT_OUT, **values))
    return tuple(notes)
