"""Interquartile mean of the runs of several cells together, every cell weighing the same.

The functional is the mean of the middle half of the equally weighted mixture of the cells'
distributions. Where all cells have the same number of runs and their total is divisible by four it
is the plain interquartile mean of all runs, as in [1]_; elsewhere runs at the edge of the middle
half enter in part.

References
----------
.. [1] Agarwal et al. (2021), NeurIPS, "Deep RL at the edge of the statistical precipice".
.. [2] Huber & Ronchetti (2009), Robust Statistics, 2nd edition, section 3.3, eq. 3.48-3.50
   (influence function of trimmed means: the winsorised value about its mean).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.notes import Caution, Note, Reason, say
from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.resampling import Strata, claim_generator, resample_values
from vggstudy.analysis.numbers.student import Spread, satterthwaite, t_interval

MINIMUM, WARN_BELOW = 3, 8
"""Converged runs that every cell needs, and below which the claim comes with a warning."""

BOOTSTRAP_UP_TO = 4_000
"""Runs up to which the interval is drawn. The influence function is then exact enough: its interval
covers 94 to 96% from 20 runs in each of eight cells on."""

QUARTER = 0.25

ROUNDING = 1e-9
"""Of sums of shares."""


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The runs of several cells in order of their values.

    Attributes
    ----------
    ordered : ndarray of shape (N,)
        Values, ascending.
    mass : ndarray of shape (N,)
        Share of each run in its place; sums to 1.
    strata : Strata
        The cells, with each run's place in `ordered` for a value.
    weight : ndarray of shape (N,)
        Share of each run in the order of `strata`.
    """

    ordered: FloatArray
    mass: FloatArray
    strata: Strata
    weight: FloatArray

    @classmethod
    def of(cls, values: FloatArray, sizes: IntArray) -> Pool:
        """From the values of all cells, cell after cell, and the number of runs of each."""
        weight = np.repeat(1 / (sizes.size * sizes), sizes)
        order = np.argsort(values, kind="stable")
        place = np.empty(values.size)
        place[order] = np.arange(values.size)
        return cls(values[order], weight[order], Strata(sizes, place), weight)

    def winsorised(self) -> FloatArray:
        """Values pulled in to the quartiles, in the order of `strata`; shape (N,)."""
        total = np.cumsum(self.mass)
        low = int(np.searchsorted(total, QUARTER + ROUNDING, side="right"))
        high = int(np.searchsorted(total, 1 - QUARTER - ROUNDING))
        pulled = np.clip(self.ordered, self.ordered[low], self.ordered[high])
        return np.asarray(pulled[self.strata.values.astype(np.int64)])


def middle_mean(ordered: FloatArray, mass: FloatArray) -> FloatArray:
    """Mean of the middle half of weighted values.

    Parameters
    ----------
    ordered : ndarray of shape (N,)
        Ascending.
    mass : ndarray of shape (..., N)
        Non-negative, each row with sum 1.

    Returns
    -------
    ndarray of shape (...)
    """
    total = np.cumsum(mass, axis=-1)
    np.clip(total, QUARTER, 1 - QUARTER, out=total)
    kept = total.copy()
    kept[..., 1:] -= total[..., :-1]
    kept[..., 0] -= QUARTER
    return np.asarray(np.einsum("...j,j->...", kept, ordered) / (1 - 2 * QUARTER))


def estimate_pooled_iqm(
    cells: Cells,
    used: IntArray,
    *,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Finding:
    """Interquartile mean of the converged runs of several cells, with the calibrated bootstrap.

    Resamples are drawn within cells. Their deviations are stretched by the ratio of the standard
    error with unbiased variances to that with plug-in ones (``sqrt(n / (n - 1))`` where all cells
    have n runs) and by t/z with Satterthwaite's degrees of freedom of the influence function [2]_.

    Parameters
    ----------
    cells : Cells
    used : ndarray of shape (M,)
        Indices of the cells.
    claim_id : str
    confidence : float
    resampling : Resampling

    Returns
    -------
    Finding
        Refused where a cell has fewer than `MINIMUM` converged runs, or nothing varies within cells
        in the middle half. Beyond `BOOTSTRAP_UP_TO` runs the interval is Student's, by the
        influence function.
    """
    problem = unavailable(cells, used, cells.k, minimum=MINIMUM, what="converged runs")
    if problem:
        return Finding(None, None, problem)
    sizes = cells.k[used].astype(np.int64)
    pool = Pool.of(np.concatenate([cells.cell_values(c) for c in used.tolist()]), sizes)
    estimate = float(middle_mean(pool.ordered, pool.mass))
    spread, stretch = _spread(pool)
    if spread is None:
        return refused(Reason.NO_VARIANCE, "middle_does_not_vary", estimate)
    fewest = int(sizes.min())
    notes = _cautions(fewest)
    limits = cells.table.bounds or (None, None)
    analytic = t_interval(estimate, spread, confidence=confidence, method="influence_t")
    if pool.ordered.size > BOOTSTRAP_UP_TO:
        return Finding(estimate, analytic.clipped(*limits), cautions=notes)
    deviation = stretch * (_resampled(pool, claim_id, resampling) - estimate)
    drawn = bootstrap.calibrated(estimate, deviation, spread.df, confidence=confidence)
    drawn = bootstrap.at_least(drawn, analytic, fewest=fewest, confidence=confidence)
    return Finding(
        estimate,
        drawn.clipped(*limits),
        cautions=notes,
        alternatives=(analytic.clipped(*limits),),
        resamples=resampling.resamples,
    )


def _spread(pool: Pool) -> tuple[Spread | None, float]:
    """Standard error by the influence function, and its ratio to the plug-in one."""
    sizes = pool.strata.sizes.astype(np.float64)
    value = pool.winsorised()
    mean = np.add.reduceat(value, pool.strata.starts) / sizes
    squares = (value - np.repeat(mean, pool.strata.sizes)) ** 2
    variance = np.add.reduceat(squares, pool.strata.starts) / (sizes - 1)
    if not variance.max() > (1e-10 * float(np.abs(pool.ordered).max())) ** 2:
        return None, 1.0
    weights = np.full(sizes.size, 1 / sizes.size / (1 - 2 * QUARTER))
    spread = satterthwaite(weights, variance, sizes)
    plug_in = float((weights**2 * variance * (sizes - 1) / sizes**2).sum())
    return spread, spread.se / float(np.sqrt(plug_in))


def _resampled(pool: Pool, claim_id: str, resampling: Resampling) -> FloatArray:
    """Interquartile means of resamples within cells; shape (B,)."""
    size = pool.ordered.size
    chunks = resample_values(
        pool.strata,
        pool.strata.values,
        resamples=resampling.resamples,
        rng=claim_generator(resampling.seed, claim_id),
        chunk_draws=resampling.chunk_draws,
    )
    found = []
    for places in chunks:
        rows = len(places)
        slot = places.astype(np.int64)
        slot += size * np.arange(rows)[:, None]
        weight = np.broadcast_to(pool.weight, slot.shape).ravel()
        mass = np.bincount(slot.ravel(), weight, minlength=rows * size).astype(np.float64)
        found.append(middle_mean(pool.ordered, mass.reshape(rows, size)))
    return np.concatenate(found)


def _cautions(fewest: int) -> tuple[Note, ...]:
    if fewest >= WARN_BELOW:
        return ()
    return (say("only_converged_in_cell", Caution.FEW_RUNS, n=fewest),)
