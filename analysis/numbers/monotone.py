"""Whether probabilities rise or fall along levels: likelihood ratios against monotone fits.

References
----------
.. [1] Robertson, Wright & Dykstra (1988), Order Restricted Statistical Inference, ch. 1 (the
   max-min formula, eq. 1.4.2, and its optimality for binomial likelihoods) and ch. 2.
.. [2] Fisher (1935), The Design of Experiments, sec. 21 (permutation: exact where all is alike).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from vggstudy.analysis.numbers.arrays import FloatArray, IntArray

DRAWS = 4_999
"""Permutations behind a p value: near .025 its Monte Carlo error is .002."""

TIED = 1e-9
"""Statistics this close are one: their sums are rounded differently."""


@dataclass(frozen=True, slots=True)
class Monotone:
    """Two tests of the same counts.

    Attributes
    ----------
    falls_p : float
        p value of "the probability falls somewhere", against "it falls nowhere".
    rises_p : float
        The same of a rise.
    """

    falls_p: float
    rises_p: float


def monotone_test(
    strata: Sequence[tuple[IntArray, IntArray]],
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Monotone:
    """Whether probabilities fall somewhere along levels, and whether they rise somewhere.

    The statistic is twice the distance in log-likelihood of the observed rates from the best ones
    that never fall (or never rise) [1]_, summed over strata. It is set against that of runs that
    are dealt anew to the levels of their stratum [2]_: exact where no level matters, which of all
    orders is the one that is refuted most often by chance.

    Parameters
    ----------
    strata : sequence of (k, n)
        Successes and runs at each level in its order, ndarrays of shape (L,); every n above 0.
    rng : Generator
    draws : int
    """
    seen, drawn = np.zeros(2), np.zeros((2, draws))
    for k, n in strata:
        if not 0 < k.sum() < n.sum():
            continue  # every rate is the same
        dealt = rng.multivariate_hypergeometric(n, int(k.sum()), draws)
        seen += _distances(k[None], n)[:, 0]
        drawn += _distances(dealt, n)
    falls, rises = ((drawn >= seen[:, None] - TIED).sum(axis=1) + 1) / (draws + 1)
    return Monotone(float(falls), float(rises))


def rising_fit(k: FloatArray, n: FloatArray) -> FloatArray:
    """Maximum likelihood of rates that do not fall along the last axis (the max-min formula [1]_).

    Parameters
    ----------
    k : ndarray of shape (..., L)
    n : ndarray of shape (L,)
    """
    sums, runs = np.cumsum(k, axis=-1), np.cumsum(n)
    fit = np.full(k.shape, -np.inf)
    for first in range(n.size):
        before = sums[..., first - 1 : first] if first else 0.0
        start = runs[first - 1] if first else 0.0
        means = (sums[..., first:] - before) / (runs[first:] - start)
        least = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        fit[..., first:] = np.maximum(fit[..., first:], least)
    return fit


def _distances(k: IntArray, n: IntArray) -> FloatArray:
    """Twice the log-likelihood lost by rates that never fall, and by such that never rise.

    Returns an ndarray of shape (2, B) for k of shape (B, L).
    """
    good, bad, runs = k.astype(np.float64), (n - k).astype(np.float64), n.astype(np.float64)
    free = _log_likelihood(good, bad, good / runs)
    rising, falling = rising_fit(good, runs), 1 - rising_fit(bad, runs)
    return 2 * np.array([free - _log_likelihood(good, bad, p) for p in (rising, falling)])


def _log_likelihood(good: FloatArray, bad: FloatArray, p: FloatArray) -> FloatArray:
    return np.asarray((xlogy(good, p) + xlogy(bad, 1 - p)).sum(axis=-1))
