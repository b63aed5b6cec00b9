"""Differences and ranks over blocks (data sets, tasks) that stand for others of their kind.

Every block gives one number. Intervals are for the mean over all blocks that could have been drawn,
so that runs enter only through the numbers of their block.

References
----------
.. [1] Hartung & Knapp (2001), Statistics in Medicine 20, 3875-3889; the scale is at least 1, as in
   Knapp & Hartung (2003), Statistics in Medicine 22, 2693-2710, section 2.
.. [2] Paule & Mandel (1982), Journal of Research of the National Bureau of Standards 87, 377-385.
.. [3] Higgins & Thompson (2002), Statistics in Medicine 21, 1539-1558, eq. 10 (I^2).
.. [4] Friedman (1937), Journal of the American Statistical Association 32, 675-701; Iman and
   Davenport (1980), Communications in Statistics A9, 571-595; for data sets: Demsar (2006), Journal
   of Machine Learning Research 7, 1-30, section 3.2.
.. [5] Higgins, Thompson & Spiegelhalter (2009), Journal of the Royal Statistical Society A 172,
   137-159, section 5 (the effect in a new study; here with Student's quantile for the mean of all).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc, fdtrc

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.student import student_t, t_quantile

SAME = 1e-12
"""A spread below this share of the largest number is rounding."""


def constant(values: FloatArray) -> bool:
    """Whether numbers differ by rounding only."""
    return bool(np.ptp(values) <= SAME * float(np.abs(values).max()))


def over_blocks(effects: FloatArray, *, confidence: float) -> Interval:
    """Student's interval for the mean over blocks that were drawn; shape (B,), not all equal.

    A mean that is 0 but for rounding, as that of shares that cancel, is 0.
    """
    found = replace(student_t(effects, confidence=confidence), method="blocks_t")
    if abs(found.estimate) > SAME * float(np.abs(effects).max()):
        return found
    half = (found.high - found.low) / 2
    return replace(found, estimate=0.0, low=-half, high=half)


def next_block(effects: FloatArray, *, confidence: float) -> Interval:
    """Where the number of one more block lies [5]_."""
    size = effects.size
    half = t_quantile(size - 1, confidence) * float(effects.std(ddof=1)) * (1 + 1 / size) ** 0.5
    mean = float(effects.mean())
    return Interval(mean, mean - half, mean + half, "next_block_t", df=float(size - 1))


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """How much an effect differs between blocks, beyond what the runs of each leave open.

    Attributes
    ----------
    tau2 : float
        Variance of the blocks' true effects, by Paule and Mandel [2]_.
    q, p : float
        Cochran's statistic and its p under equal effects (chi-square, B - 1).
    i2 : float
        Share of the effects' variance that is between blocks, ``(q - df) / q`` or 0 [3]_.
    """

    tau2: float
    q: float
    p: float
    i2: float


def heterogeneity(effects: FloatArray, variance: FloatArray) -> Heterogeneity:
    """Heterogeneity of effects with known variances, shape (B,), all of these above 0."""
    df = effects.size - 1
    q = _cochran(effects, variance, 0.0)
    share = max(0.0, (q - df) / q) if q > 0 else 0.0
    return Heterogeneity(_paule_mandel(effects, variance), q, float(chdtrc(df, q)), share)


def _cochran(effects: FloatArray, variance: FloatArray, tau2: float) -> float:
    """Weighted squares around the weighted mean."""
    weight = 1 / (variance + tau2)
    mean = float(weight @ effects / weight.sum())
    return float(weight @ (effects - mean) ** 2)


def _paule_mandel(effects: FloatArray, variance: FloatArray) -> float:
    """The variance between blocks at which the weighted squares are B - 1; 0 where none is."""
    from scipy.optimize import brentq  # costs more to import than everything else here

    df = effects.size - 1
    if _cochran(effects, variance, 0.0) <= df:
        return 0.0
    most = float(effects.var(ddof=1)) * effects.size
    return float(brentq(lambda t: _cochran(effects, variance, t) - df, 0.0, most, rtol=1e-12))


def hartung_knapp(
    effects: FloatArray, variance: FloatArray, tau2: float, *, confidence: float
) -> Interval:
    """Random-effects mean with Hartung and Knapp's interval [1]_; arrays of shape (B,)."""
    weight = 1 / (variance + tau2)
    mean = float(weight @ effects / weight.sum())
    df = effects.size - 1
    scale = max(1.0, float(weight @ (effects - mean) ** 2) / df)
    half = t_quantile(df, confidence) * (scale / float(weight.sum())) ** 0.5
    return Interval(mean, mean - half, mean + half, "hartung_knapp", df=float(df))


@dataclass(frozen=True, slots=True)
class Friedman:
    """Whether all levels rank alike over blocks.

    Attributes
    ----------
    statistic, df, p : float, int, float
        Friedman's chi-square, corrected for ties.
    f, f_df, f_p : float, (int, int), float
        Iman and Davenport's F of the same ranks, which holds its level with few blocks.
    """

    statistic: float
    df: int
    p: float
    f: float
    f_df: tuple[int, int]
    f_p: float


def friedman(ranks: FloatArray) -> Friedman | None:
    """Friedman's test of ranks within blocks, shape (B, L) [4]_; None where all are tied."""
    blocks, levels = ranks.shape
    middle = (levels + 1) / 2
    spread = float(((ranks - middle) ** 2).sum())  # B L (L^2 - 1) / 12 without ties
    if not spread > 0:
        return None
    between = float(((ranks.mean(axis=0) - middle) ** 2).sum()) * blocks
    df = levels - 1
    statistic = between * blocks * df / spread
    rest = blocks * df - statistic
    f = (blocks - 1) * statistic / rest if rest > SAME * statistic else np.inf
    freedom = (df, df * (blocks - 1))
    p = float(chdtrc(df, statistic))
    return Friedman(statistic, df, p, float(f), freedom, float(fdtrc(*freedom, f)))


def mean_rank(ranks: FloatArray, levels: int, *, confidence: float) -> Interval:
    """Interval for a level's mean rank over blocks that were drawn; shape (B,), B >= 2.

    Student's, but never from less variance than whole numbers of the mean in question have: a mean
    of 1.3 needs some ranks of 2. So a level that came first in every block has an interval, as a
    share of 100% has one (it is Wilson's with Student's quantile).
    """
    size, mean = ranks.size, float(ranks.mean())
    t = t_quantile(size - 1, confidence)
    half = t * float(ranks.std(ddof=1)) / size**0.5
    low, high = mean - half, mean + half
    for whole in range(max(1, int(mean) - 1), min(levels - 1, int(mean) + 1) + 1):
        ends = _between(mean - whole, t**2 / size)
        if ends is not None:
            low, high = min(low, whole + ends[0]), max(high, whole + ends[1])
    return Interval(mean, max(low, 1.0), min(high, float(levels)), "blocks_t", df=float(size - 1))


def _between(x: float, ratio: float) -> tuple[float, float] | None:
    """The part of [0, 1] whose m satisfy ``(x - m)^2 <= ratio * m * (1 - m)``; None where none."""
    # (1 + ratio) m^2 - (2 x + ratio) m + x^2 <= 0
    a, b = 1 + ratio, 2 * x + ratio
    inside = b**2 - 4 * a * x**2
    if inside < 0:
        return None
    low, high = (b - inside**0.5) / (2 * a), (b + inside**0.5) / (2 * a)
    low, high = max(low, 0.0), min(high, 1.0)
    return (low, high) if low <= high else None
