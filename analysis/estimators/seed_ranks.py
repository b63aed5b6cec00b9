"""All pairs of models where runs of one replicate share their seeds: seeds are the blocks.

Every seed gives one mean a model, and so one difference a pair; a pair's statistic is the paired t
over seeds, with G - 1 degrees of freedom. The critical value of the largest of them is drawn for
models that vary alike and independently within seeds; all differences then depend on one another as
little as those of so many models can, and the comparisons hold together for other covariances too
(simulated in ``tests/analysis``; for one pooled variance it is the Tukey-Kramer theorem [1]_).

References
----------
.. [1] Hayter (1984), Annals of Statistics 12, 61-75 (unequal variances make Tukey's intervals
   conservative).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.notes import NotedValueError, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.bootstrap import quantile
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.student import t_quantile

DRAWS = 20_000
"""Draws behind the critical value; fewer where `WORK` would be exceeded."""

WORK = 400_000_000
"""Statistics computed for one critical value."""

MIN_SEEDS = 3
"""Complete seeds below which nothing is compared."""


@dataclass(frozen=True, slots=True, eq=False)
class SeedComparisons:
    """Simultaneous intervals of all differences of models.

    Attributes
    ----------
    pairs : tuple of (int, int)
        Earlier and later model.
    intervals : tuple of Interval
        Later minus earlier.
    critical : float
        Of the largest absolute t.
    """

    pairs: tuple[tuple[int, int], ...]
    intervals: tuple[Interval, ...]
    critical: float


def compare_over_seeds(
    means: FloatArray, *, confidence: float, rng: np.random.Generator
) -> SeedComparisons:
    """All pairs by the maximum of paired t statistics.

    Parameters
    ----------
    means : ndarray of shape (G, M)
        Each model's mean within each seed; two models and `MIN_SEEDS` seeds at least.
    confidence : float
        Of all intervals together.
    rng : Generator

    Raises
    ------
    ValueError
        If two models differ by the same in every seed: the statistic is not defined.
    """
    seeds, models = means.shape
    first, second = np.triu_indices(models, 1)
    difference = means[:, second] - means[:, first]
    se = difference.std(axis=0, ddof=1) / np.sqrt(seeds)
    if not se.min() > 1e-10 * float(np.abs(means).max()):
        raise NotedValueError(say("models_differ_alike"))
    found = quantile(np.sort(_maxima(seeds, models, rng)), confidence)
    critical = max(found.value, t_quantile(seeds - 1, confidence))
    estimate = difference.mean(axis=0)
    intervals = tuple(
        Interval(
            x,
            x - critical * s,
            x + critical * s,
            "max_t_seeds",
            df=float(seeds - 1),
            mc_error_low=found.mc_error * s,
            mc_error_high=found.mc_error * s,
        )
        for x, s in zip(estimate.tolist(), se.tolist(), strict=True)
    )
    pairs = tuple(zip(first.tolist(), second.tolist(), strict=True))
    return SeedComparisons(pairs, intervals, critical)


def _maxima(seeds: int, models: int, rng: np.random.Generator) -> FloatArray:
    """Draws of the largest absolute paired t under equal, independent models."""
    first, second = np.triu_indices(models, 1)
    draws = max(1_000, min(DRAWS, WORK // (first.size * seeds)))
    rows = max(1, 2_000_000 // (first.size + models * seeds))
    found = []
    for start in range(0, draws, rows):
        z = rng.standard_normal((min(rows, draws - start), seeds, models))
        mean = z.mean(axis=1)
        centred = z - mean[:, None, :]
        covariance = np.einsum("dgi,dgj->dij", centred, centred, optimize=True) / (seeds - 1)
        own = np.einsum("dii->di", covariance)
        variance = own[:, first] + own[:, second] - 2 * covariance[:, first, second]
        t = (mean[:, second] - mean[:, first]) / np.sqrt(variance / seeds)
        found.append(np.abs(t).max(axis=1))
    return np.concatenate(found)
