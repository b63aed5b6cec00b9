"""Many cells of few runs each: variances and shares that lend strength to one another.

References
----------
.. [1] Smyth (2004), Statistical Applications in Genetics and Molecular Biology 3, article 3
   (moderated variances; section 6.2: d0 by the moments of log s^2).
.. [2] Kleinman (1973), Journal of the American Statistical Association 68, 46-54 (moments of the
   beta-binomial).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

from vggstudy.analysis.numbers.arrays import FloatArray

MOST_FREEDOM = 1e6
"""Prior degrees of freedom from which on all variances count as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Moderated:
    """Variances that are drawn towards a common one.

    Attributes
    ----------
    variance : ndarray of shape (C,)
        ``(a m + d s^2) / (a + d)`` with a = d0 - 2, at least 0, and m the pooled variance: the mean
        of a variance given the runs, where variances of cells are scaled inverse chi-squares with
        d0 degrees of freedom. Averages over cells are those of the s^2.
    df : ndarray of shape (C,)
        ``d0 + d``.
    prior_df : float
        d0: small where cells differ in their variance, `MOST_FREEDOM` where they do not.
    pooled_df : float
        Degrees of freedom of all cells together.
    """

    variance: FloatArray
    df: FloatArray
    prior_df: float
    pooled_df: float


def moderated_variances(variance: FloatArray, df: FloatArray) -> Moderated:
    """Variances of cells, each drawn towards that of all as far as the cells are alike [1]_.

    Parameters
    ----------
    variance : ndarray of shape (C,)
        Not finite, or 0, where a cell shows none.
    df : ndarray of shape (C,)

    Raises
    ------
    ValueError
        If no cell shows any variance.
    """
    seen = (df > 0) & np.isfinite(variance) & (variance > 0)
    if not seen.any():
        raise ValueError("no cell shows any variance")
    d, s2 = df[seen], variance[seen]
    total = float(d.sum())
    pooled = float((d * s2).sum()) / total
    prior = _prior_df(s2, d) if seen.sum() >= 2 else 0.0
    weight, own = max(prior - 2, 0.0), np.where(seen, df, 0.0)
    sums = np.where(seen, df * np.where(seen, variance, 0.0), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (weight * pooled + sums) / (weight + own)
    return Moderated(
        np.where(weight + own > 0, found, pooled),
        np.where(own > 0, prior + own, total if prior == 0 else prior),
        prior,
        total,
    )


def _prior_df(s2: FloatArray, d: FloatArray) -> float:
    """d0, by the variance of log s^2 beyond that of its own degrees of freedom."""
    e = np.log(s2) - digamma(d / 2) + np.log(d / 2)
    excess = float(e.var(ddof=1) - polygamma(1, d / 2).mean())
    return 2 * _inverse_trigamma(excess) if excess > 0 else MOST_FREEDOM


def _inverse_trigamma(value: float) -> float:
    """X with trigamma(x) = value, by Newton's method on 1 / trigamma; at most half `MOST_FREEDOM`.

    The function is convex, so that every step stays on one side (Smyth 2004, appendix).
    """
    if value < 2 / MOST_FREEDOM:
        return MOST_FREEDOM / 2
    x = 0.5 + 1 / value
    for _ in range(50):
        tri = float(polygamma(1, x))
        step = tri * (1 - tri / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return min(x, MOST_FREEDOM / 2)


def beta_prior(k: FloatArray, n: FloatArray) -> tuple[float, float]:
    """Beta distribution of the cells' probabilities by the moments of their shares [2]_.

    Its two parameters are positive whatever was counted: half a run is added to each side of all
    runs together, and the prior never weighs more than all of them.

    Parameters
    ----------
    k, n : ndarray of shape (C,)
        Successes and runs of each cell with runs.
    """
    total = float(n.sum())
    center = (float(k.sum()) + 0.5) / (total + 1)
    weight = total
    if k.size >= 2:
        share = k / n
        across = float(((share - share.mean()) ** 2).sum()) / (k.size - 1)
        within = center * (1 - center) * float((1 / n).mean())
        between = across - within
        # var(share) = center (1 - center) (1/n + (1 - 1/n) / (weight + 1))
        if between > 0:
            factor = 1 - float((1 / n).mean())
            weight = max(center * (1 - center) * factor / between - 1, 0.0)
    weight = min(max(weight, 0.2), total)
    return center * weight, (1 - center) * weight
