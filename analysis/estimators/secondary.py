"""Secondary quantities of single cells and matched pairs of cells.

Interquartile mean (of several cells too, `pooled_iqm`) and median of a cell; Hedges' g, Cliff's
delta and the probability of improvement of two cells. Differences in the outcome's unit come first.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.pooled_iqm import estimate_pooled_iqm
from vggstudy.analysis.notes import Caution, Note, Reason, say
from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.effects import cliffs_delta, standardised_difference
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.resampling import Strata, claim_generator, resample_values
from vggstudy.analysis.numbers.robust import (
    interquartile_mean,
    median_interval,
    resampled_interquartile_means,
)
from vggstudy.analysis.numbers.student import student_t

MINIMUM = {"iqm": 3, "median": 6, "hedges_g": 2, "cliffs_delta": 2, "improvement": 2}
"""Converged runs that each cell needs."""

ORDERED_FROM = 100
"""Converged runs from which resampled interquartile means are drawn between order statistics."""

MIDDLE_IS_ALL = 5
"""Converged runs below which the middle half takes a part of every value, or almost."""

WARN_BELOW = 8
"""Converged runs per cell below which each of them comes with a warning."""

OF_ONE_CELL = ("iqm", "median")
OF_TWO_CELLS = ("hedges_g", "cliffs_delta", "improvement")


def robust(cells: Cells, asked: Estimand, how: How) -> Finding:
    """One of `OF_ONE_CELL` or `OF_TWO_CELLS`."""
    return estimate_robust(
        asked.quantity,
        cells,
        asked.groups(cells),
        claim_id=asked.id,
        confidence=how.confidence,
        resampling=how.resampling,
    )


def with_enough(cells: Cells, asked: Estimand) -> BoolArray:
    """Cells with the converged runs that the quantity needs; shape (C,)."""
    return cells.k >= MINIMUM[asked.quantity]


def estimate_robust(
    quantity: str,
    cells: Cells,
    groups: list[Group],
    *,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Finding:
    """Estimate one of `OF_ONE_CELL` or `OF_TWO_CELLS` among converged runs.

    Parameters
    ----------
    quantity : str
    cells : Cells
    groups : list of Group
        Of one cell each; the interquartile mean also takes one group of several.
    claim_id : str
        Names the random stream.
    confidence : float
    resampling : Resampling

    Returns
    -------
    Finding
        Refused where a cell has too few converged runs, or their values do not vary.
    """
    used = np.concatenate([group.cells for group in groups])
    if quantity == "iqm" and used.size > 1:
        return estimate_pooled_iqm(
            cells, used, claim_id=claim_id, confidence=confidence, resampling=resampling
        )
    if quantity == "improvement" and cells.table.lower_is_better:
        groups = groups[::-1]
        used = used[::-1]
    what = "converged runs"
    problem = unavailable(cells, used, cells.k, minimum=MINIMUM[quantity], what=what)
    if problem:
        return Finding(None, None, problem)
    values = [cells.cell_values(int(group.cells[0])) for group in groups]
    flat = cells.flat[used]
    if flat.all() or (flat.any() and quantity in OF_ONE_CELL):
        return refused(Reason.NO_VARIANCE, "converged_do_not_vary")
    found = _estimate(quantity, values, claim_id, confidence, resampling)
    fewest = int(cells.k[used].min())
    notes: tuple[Note, ...] = ()
    if fewest < WARN_BELOW:
        notes = (say("only_converged", Caution.FEW_RUNS, n=fewest),)
    return replace(found, cautions=notes)


def _estimate(
    quantity: str,
    values: list[FloatArray],
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Finding:
    """The estimator of a quantity."""
    if quantity == "iqm":
        return _iqm(values[0], claim_id, confidence, resampling)
    if quantity == "median":
        have, least = values[0].size, math.ceil(1 - math.log2(1 - confidence))
        if have < least:  # the smallest and largest value hold it in 1 - 2^(1-n) of samples
            what = {"least": least, "what": "converged runs", "n": have}
            return refused(Reason.TOO_FEW_RUNS, "needs_runs", float(np.median(values[0])), **what)
        interval = median_interval(values[0], confidence=confidence)
    elif quantity == "hedges_g":
        interval = standardised_difference(values[0], values[1], confidence=confidence).interval
    else:
        dominance = cliffs_delta(values[0], values[1], confidence=confidence)
        improves = quantity == "improvement"
        interval = dominance.probability_of_improvement if improves else dominance.interval
    return Finding(interval.estimate, interval)


def _iqm(values: FloatArray, claim_id: str, confidence: float, resampling: Resampling) -> Finding:
    """Interquartile mean with the calibrated bootstrap."""
    resamples = resampling.resamples
    estimate = float(interquartile_mean(values))
    drawn = _resampled_iqm(values, claim_id, resampling)
    deviation = (drawn - estimate) * np.sqrt(values.size / (values.size - 1))
    interval = bootstrap.calibrated(estimate, deviation, values.size - 1, confidence=confidence)
    if values.size < MIDDLE_IS_ALL:
        interval = _as_wide_as_the_mean(interval, values, confidence)
    low, high = float(values.min()), float(values.max())
    if not interval.low < interval.high:
        return refused(Reason.NO_VARIANCE, "resamples_do_not_vary", low=low, high=high)
    return Finding(estimate, interval, resamples=resamples)


def _as_wide_as_the_mean(drawn: Interval, values: FloatArray, confidence: float) -> Interval:
    """With four runs or fewer the middle half is no steadier than the mean: Student's width."""
    shift = drawn.estimate - float(values.mean())
    mean = student_t(values, confidence=confidence)
    beside = replace(mean, low=mean.low + shift, high=mean.high + shift)
    return bootstrap.at_least(drawn, beside, fewest=values.size, confidence=confidence)


def _resampled_iqm(values: FloatArray, claim_id: str, resampling: Resampling) -> FloatArray:
    """Interquartile means of resamples; of many runs, by the quicker scheme of the same law."""
    rng = claim_generator(resampling.seed, claim_id)
    resamples, chunk = resampling.resamples, resampling.chunk_draws
    if values.size >= ORDERED_FROM:
        return resampled_interquartile_means(
            values, resamples=resamples, rng=rng, chunk_draws=chunk
        )
    strata = Strata(np.array([values.size]), values)
    chunks = resample_values(strata, values, resamples=resamples, rng=rng, chunk_draws=chunk)
    return np.concatenate([interquartile_mean(part) for part in chunks])
