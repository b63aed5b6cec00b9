"""Location without the tails: interquartile mean, and the median with order-statistic limits.

References
----------
.. [1] Agarwal et al. (2021), NeurIPS, "Deep RL at the edge of the statistical precipice".
.. [2] Hettmansperger & Sheather (1986), Statistics & Probability Letters 4, 75-79.
.. [3] David & Nagaraja (2003), Order Statistics, 3rd edition, Wiley.
"""

from __future__ import annotations

import numpy as np
from scipy.special import bdtr

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence


def interquartile_mean(values: FloatArray) -> FloatArray:
    """Mean of the middle half: floor(N / 4) values dropped at each end, as rliable does [1]_.

    Parameters
    ----------
    values : ndarray of shape (..., N)
        N >= 1.

    Returns
    -------
    ndarray of shape (...)
    """
    size = values.shape[-1]
    cut = size // 4
    ordered = np.sort(values, axis=-1)
    return np.asarray(ordered[..., cut : size - cut].mean(axis=-1), dtype=np.float64)


def resampled_interquartile_means(
    values: FloatArray, *, resamples: int, rng: np.random.Generator, chunk_draws: int
) -> FloatArray:
    """Interquartile means of resamples, without drawing and sorting their outer halves.

    A resample takes the values at ``floor(n U)`` for n independent uniform U. The cut-th smallest
    U is Beta(cut, n + 1 - cut); the cut-th largest lies above it by a share Beta(m + 1, cut) of
    what is left, m being the number of U between the two; and given both, those m are independent
    and uniform between them ([3]_, sections 2.3 and 2.5). So the law is that of sorting resamples
    and dropping their ends, with m draws in place of n.

    Parameters
    ----------
    values : ndarray of shape (N,)
        N >= 4.
    resamples : int
    rng : Generator
    chunk_draws : int
        Draws held at a time; changes nothing but the memory.

    Returns
    -------
    ndarray of shape (resamples,)
    """
    ordered = np.sort(values)
    n = ordered.size
    cut = n // 4
    m = n - 2 * cut
    low = n * rng.beta(cut, n + 1 - cut, resamples)
    width = (n - low) * rng.beta(m + 1, cut, resamples)
    rows = min(max(1, chunk_draws // m), resamples)
    at, index, drawn = np.empty((rows, m)), np.empty((rows, m), np.int64), np.empty((rows, m))
    means = []
    for first in range(0, resamples, rows):
        now = slice(first, first + rows)
        size = low[now].size
        rng.random(out=at[:size])
        at[:size] *= width[now, None]
        at[:size] += low[now, None]
        np.copyto(index[:size], at[:size], casting="unsafe")
        # Rounding may reach n itself, never beyond.
        np.take(ordered, index[:size], out=drawn[:size], mode="clip")
        means.append(drawn[:size].mean(axis=1))
    return np.concatenate(means)


def median_interval(values: FloatArray, *, confidence: float) -> Interval:
    """Median with interpolated order statistics as limits ([2]_, eq. 2).

    Parameters
    ----------
    values : ndarray of shape (N,)
    confidence : float
        Two-sided level in (0, 1).

    Raises
    ------
    ValueError
        If even the smallest and largest value do not enclose the median with ``confidence``:
        below six values at 0.95.
    """
    check_confidence(confidence)
    ordered = np.sort(values)
    n = ordered.size
    depth = _deepest(n, confidence)
    if depth == 0:
        raise ValueError(f"{n} values cannot bound the median with confidence {confidence}")
    outer, inner = _coverage(depth, n), _coverage(depth + 1, n)
    share = (outer - confidence) / (outer - inner)
    mix = (n - depth) * share / (depth + (n - 2 * depth) * share)
    low = (1 - mix) * ordered[depth - 1] + mix * ordered[depth]
    high = (1 - mix) * ordered[n - depth] + mix * ordered[n - depth - 1]
    return Interval(float(np.median(ordered)), float(low), float(high), "hettmansperger_sheather")


def _coverage(depth: int, n: int) -> float:
    """Probability that the median lies between the depth-th values from both ends."""
    return 1 - 2 * float(bdtr(depth - 1, n, 0.5))


def _deepest(n: int, confidence: float) -> int:
    """Largest depth whose order statistics still cover with ``confidence``; 0 if none does."""
    depth = 0
    while depth < n // 2 and _coverage(depth + 1, n) >= confidence:
        depth += 1
    return depth
