"""Runs are added until an interval is short enough: the level that keeps such intervals honest.

A study that stops where its standard deviation happens to be small has intervals that are too
short: with looks at 5, 10, 20 and 40 runs a 95% interval of a mean holds it in 92% of studies at
worst, with a first look at 3 in 90%. Of normal values the mean is independent of the standard
deviations that decide the stop, so that the coverage is an average over their paths alone [1]_, and
depends on nothing but the ratio of the half-width that is asked for to the true deviation. The
level at which the worst ratio is covered as it should be is found here.

References
----------
.. [1] Starr (1966), Annals of Mathematical Statistics 37, 36-50 (equations 1.6 and 2.6).
.. [2] Anscombe (1953), Journal of the Royal Statistical Society B 15, 1-29.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import check_confidence

PATHS = 20_000
"""Drawn paths of standard deviations: they leave an error of 0.05 points in the coverage."""

RATIOS = 48
"""Half-widths, from one that the last look seldom reaches to one that the first one does."""


@lru_cache(maxsize=512)
def fixed_width_level(looks: tuple[int, ...], confidence: float) -> float:
    """Confidence level of the intervals of every look.

    The mean is that of one sample, whose standard deviation is known worst; averages of several
    cells are covered more often.

    Parameters
    ----------
    looks : tuple of int
        Runs at each look, increasing, 2 at least; the study stops at the last in any case.
    confidence : float
        At which the interval is to hold the mean where the study stopped, at every ratio of the
        half-width to the standard deviation.

    Raises
    ------
    ValueError
        If the looks do not increase from 2, or the confidence lies outside (0, 1).
    """
    check_confidence(confidence)
    if not looks or any(b <= a for a, b in zip((1, *looks), looks, strict=False)):
        raise ValueError(f"looks must increase, from 2 runs on, got {looks}")
    if len(looks) == 1:
        return confidence
    deviations = _deviations(looks)

    def lacking(level: float) -> float:
        return worst_coverage(looks, level, deviations) - confidence

    return float(brentq(lacking, confidence, 1 - (1 - confidence) / 50, xtol=1e-5))


def _deviations(looks: tuple[int, ...]) -> FloatArray:
    """Standard deviations at each look, in units of the true one; shape (PATHS, looks)."""
    rng = np.random.Generator(np.random.Philox(0))
    df = np.array(looks) - 1
    sums = np.cumsum(rng.chisquare(np.diff([0, *df]), size=(PATHS, len(looks))), axis=1)
    return np.asarray(np.sqrt(sums / df))


def worst_coverage(
    looks: tuple[int, ...], level: float, deviations: FloatArray | None = None
) -> float:
    """Least share of studies whose interval holds the mean, over the half-widths asked for.

    Parameters
    ----------
    looks : tuple of int
    level : float
        Confidence level of the intervals.
    deviations : ndarray of shape (B, K), optional
        Paths of standard deviations; drawn by default.
    """
    s = _deviations(looks) if deviations is None else deviations
    runs = np.array(looks)
    quantiles = stdtrit(runs - 1, (1 + level) / 2)
    half = quantiles * s / np.sqrt(runs)
    held = 2 * ndtr(quantiles * s) - 1
    least = 1.0
    ends = np.quantile(half[:, -1], 0.02), np.quantile(half[:, 0], 0.98)
    for width in np.geomspace(*ends, RATIOS):
        stops = half <= width
        stops[:, -1] = True
        first = stops.argmax(axis=1)
        least = min(least, float(held[np.arange(len(held)), first].mean()))
    return least
