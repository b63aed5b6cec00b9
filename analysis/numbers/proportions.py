"""Intervals for probabilities: Clopper-Pearson, mid-p, Wilson, and MOVER (Newcombe).

Counts need not be integers: the effective counts of several equally weighted cells are not
(`pooled_counts`).

References
----------
.. [1] Clopper & Pearson (1934), Biometrika 26, 404-413.
.. [2] Brown, Cai & DasGupta (2001), Statistical Science 16, 101-133.
.. [3] Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.
.. [4] Hoeffding (1956), Annals of Mathematical Statistics 27, 713-721, theorem 5.
.. [5] Zou & Donner (2008), Statistics in Medicine 27, 1693-1702 (MOVER), eq. 2 and 3.
.. [6] Korn & Graubard (1998), Survey Methodology 24, 193-201, section 2 (proportions of clusters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, bdtrc, betaincinv, stdtrit

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval, check_confidence, normal_quantile


def clopper_pearson(k: float, n: float, *, confidence: float) -> Interval:
    """Exact interval by inverting two one-sided binomial tests.

    Parameters
    ----------
    k, n : float
        Successes and trials, ``0 <= k <= n``, ``n > 0``.
    confidence : float
        Two-sided level in (0, 1).

    Returns
    -------
    Interval
        Ends are 0 at k = 0 and 1 at k = n.

    Raises
    ------
    ValueError
        If the counts or the level are out of range.
    """
    _check_counts(k, n)
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return Interval(k / n, low, high, "clopper_pearson")


def mid_p(k: int, n: int, *, confidence: float) -> Interval:
    """Clopper-Pearson with half the probability of the observed count [2]_.

    Shorter than the exact interval; its coverage is the nominal level on average only.
    """
    from scipy.optimize import brentq  # costs more to import than everything else here

    _check_counts(k, n)
    check_confidence(confidence)
    tail = (1 - confidence) / 2

    def upper_tail(p: float) -> float:
        return 0.5 * float(bdtrc(k - 1, n, p) + bdtrc(k, n, p)) if k else 1 - 0.5 * (1 - p) ** n

    def lower_tail(p: float) -> float:
        return 0.5 * float(bdtr(k, n, p) + (bdtr(k - 1, n, p) if k else 0.0))

    low = 0.0 if k == 0 else brentq(lambda p: upper_tail(p) - tail, 0.0, 1.0, xtol=1e-14)
    high = 1.0 if k == n else brentq(lambda p: lower_tail(p) - tail, 0.0, 1.0, xtol=1e-14)
    return Interval(k / n, float(low), float(high), "mid_p")


def wilson(k: float, n: float, *, confidence: float) -> Interval:
    """Wilson's score interval without continuity correction ([2]_, eq. 4)."""
    _check_counts(k, n)
    z2 = normal_quantile(confidence) ** 2
    centre = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2) / (n + z2) * np.sqrt(k * (n - k) / n + z2 / 4)
    low = 0.0 if k == 0 else max(0.0, float(centre - half))
    high = 1.0 if k == n else min(1.0, float(centre + half))
    return Interval(k / n, low, high, "wilson")


def mover_sum(parts: Sequence[Interval], weights: Sequence[float], *, method: str) -> Interval:
    """Interval of a weighted sum from the intervals of its independent parts ([5]_, eq. 2-3).

    Parameters
    ----------
    parts : sequence of Interval
        One per term; they may be asymmetric.
    weights : sequence of float
        Weight of each term, with its sign.
    method : str
        Recorded in the result.
    """
    estimate = down = up = 0.0
    for part, weight in zip(parts, weights, strict=True):
        below, above = part.estimate - part.low, part.high - part.estimate
        if weight < 0:
            below, above = above, below
        estimate += weight * part.estimate
        down += (weight * below) ** 2
        up += (weight * above) ** 2
    return Interval(
        estimate, estimate - float(np.sqrt(down)), estimate + float(np.sqrt(up)), method
    )


@dataclass(frozen=True, slots=True)
class PooledCounts:
    """Counts that stand for the weighted mean probability of several cells.

    Attributes
    ----------
    k, n : float
        Effective successes and trials; ``k / n`` is the weighted mean of the cells' shares.
    exact : bool
        Whether they are plain sums of the cells' counts.
    """

    k: float
    n: float
    exact: bool


def pooled_counts(k: FloatArray, n: FloatArray, weights: FloatArray) -> PooledCounts:
    """Effective counts of a weighted mean of independent cells' probabilities.

    With weights proportional to the cells' runs, as in a balanced grid, the successes are summed.
    Their sum is less dispersed than a binomial count of the same mean probability, whatever the
    cells' own probabilities [4]_: an interval that is exact for the binomial stays conservative.
    Otherwise every cell counts as if its weight were backed by as few runs as that of the worst
    one, ``n = min(n_c / w_c)``: Kish's effective size ``1 / sum(w^2 / n)`` covers as little as
    52% where a single run stands for a cell (simulated in ``tests/analysis``).

    Parameters
    ----------
    k, n : ndarray of shape (C,)
        Successes and trials of each cell, ``n > 0``.
    weights : ndarray of shape (C,)
        Non-negative; they sum to 1.
    """
    if abs(weights.sum() - 1) > 1e-9 or (weights < 0).any():
        raise ValueError(f"weights must be non-negative and sum to 1, got {weights.tolist()}")
    used = weights > 0
    ratios = n[used] / weights[used]
    if np.allclose(ratios, ratios[0], rtol=1e-12, atol=0):
        return PooledCounts(float(k[used].sum()), float(n[used].sum()), exact=True)
    size = float(ratios.min())
    share = float(weights @ (k / n))
    snapped = min(max(share, 0.0), 1.0) if 1e-12 < share < 1 - 1e-12 else round(share)
    return PooledCounts(snapped * size, size, exact=False)


def clustered_counts(counts: PooledCounts, shares: FloatArray) -> PooledCounts:
    """Counts with the effective size of dependent trials ([6]_): p(1 - p) over their variance.

    The size is taken times ``(t(n - 1) / t(G - 1))^2``, which pays for estimating that variance. It
    is never larger than the number of trials, nor smaller than that of clusters, each of which says
    as much as one trial at least. Where all trials agree the variance says nothing, and the number
    of trials stays.

    Parameters
    ----------
    counts : PooledCounts
        As if all trials were independent.
    shares : ndarray of shape (G,)
        Weighted share of successes in each cluster.
    """
    if shares.size < 2:
        return counts
    return effective_counts(counts, float(shares.var(ddof=1)) / shares.size, float(shares.size))


def effective_counts(counts: PooledCounts, variance: float, clusters: float) -> PooledCounts:
    """The same from the variance of the mean share.

    Parameters
    ----------
    counts : PooledCounts
    variance : float
        Of the weighted mean of shares.
    clusters : float
        Clusters behind it, perhaps an effective number of them; above 1.
    """
    p = counts.k / counts.n
    if not (0 < p < 1 and counts.n > clusters and variance > 0):
        return counts
    ratio = float(stdtrit(counts.n - 1, 0.975) / stdtrit(clusters - 1, 0.975))
    least = min(clusters, counts.n)
    effective = min(max(p * (1 - p) / variance * ratio**2, least), counts.n)
    return PooledCounts(p * effective, effective, exact=effective == counts.n)


def _check_counts(k: float, n: float) -> None:
    """Raise ValueError unless ``0 <= k <= n`` and ``n > 0``."""
    if not (n > 0 and 0 <= k <= n):
        raise ValueError(f"counts must satisfy 0 <= k <= n and n > 0, got k={k}, n={n}")
