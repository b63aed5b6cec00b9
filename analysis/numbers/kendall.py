"""Kendall's rank correlation within cells: one coefficient of all cells and its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.student import student_t

BLOCK = 1_000_000
"""Pairs of runs that are compared at a time."""


@dataclass(frozen=True, slots=True)
class CellConcordance:
    """The pairs of runs of one cell.

    Attributes
    ----------
    excess : float
        Concordant less discordant pairs, as a share of all pairs.
    x_untied, y_untied : float
        Shares of pairs that differ in the one and in the other quantity.
    null_variance : float
        Variance of `excess` over all ways to match the values of the one with those of the other.
    """

    excess: float
    x_untied: float
    y_untied: float
    null_variance: float


def cell_concordance(x: FloatArray, y: FloatArray) -> CellConcordance:
    """Compare all pairs of runs of a cell in two quantities.

    Parameters
    ----------
    x, y : ndarrays of shape (n,)
        Finite values of the same runs; n of 3 or more.

    Raises
    ------
    ValueError
        If there are fewer than three runs, or not as many values of both.

    References
    ----------
    Kendall, M. G. (1970). Rank Correlation Methods, 4th ed., section 4.4: the variance with ties.
    """
    n = x.size
    if n < 3 or y.size != n:
        raise ValueError(f"a cell needs three runs with both values, got {n} and {y.size}")
    pairs = n * (n - 1) / 2
    ties = [np.unique(values, return_counts=True)[1].astype(np.float64) for values in (x, y)]
    untied = [pairs - float((t * (t - 1)).sum()) / 2 for t in ties]
    variance = _null_variance(n, ties[0], ties[1])
    return CellConcordance(
        _excess(x, y) / pairs, untied[0] / pairs, untied[1] / pairs, variance / pairs**2
    )


def _excess(x: FloatArray, y: FloatArray) -> float:
    """Concordant less discordant pairs; n^2 comparisons, a block of runs at a time."""
    rows = max(1, BLOCK // x.size)
    total = 0.0
    for first in range(0, x.size, rows):
        mine = slice(first, first + rows)
        signs = [np.sign(values[mine, None] - values) for values in (x, y)]
        total += float(np.vdot(signs[0], signs[1]))
    return total / 2


def _null_variance(n: int, t: FloatArray, u: FloatArray) -> float:
    """Variance of concordant less discordant pairs, given the sizes of the groups of ties."""
    first = float(n * (n - 1) * (2 * n + 5))
    first -= float((t * (t - 1) * (2 * t + 5)).sum() + (u * (u - 1) * (2 * u + 5)).sum())
    second = float((t * (t - 1) * (t - 2)).sum() * (u * (u - 1) * (u - 2)).sum())
    third = float((t * (t - 1)).sum() * (u * (u - 1)).sum())
    total = first / 18 + second / (9 * n * (n - 1) * (n - 2)) + third / (2 * n * (n - 1))
    return max(total, 0.0)


@dataclass(frozen=True, slots=True)
class StratifiedTau:
    """Kendall's tau-b within cells, all cells counting alike.

    Attributes
    ----------
    tau : float
        In [-1, 1].
    null_variance : float
        Its variance where the two quantities have nothing to do with one another.
    shares : ndarray of shape (C,)
        What each cell says; `tau` is their mean.
    """

    tau: float
    null_variance: float
    shares: FloatArray


def stratified_tau(cells: list[CellConcordance]) -> StratifiedTau | None:
    """One coefficient from the pairs within each cell; no pair of runs of two cells enters.

    The mean over cells of the excess of concordant pairs, divided by the geometric mean of the mean
    shares of pairs without ties: tau-b in a single cell, the mean of the cells' coefficients where
    there are no ties. Without ties it is unbiased, whatever the number of runs a cell.

    Parameters
    ----------
    cells : list of CellConcordance

    Returns
    -------
    StratifiedTau or None
        None where in no cell both quantities vary.
    """
    untied = np.array([[cell.x_untied, cell.y_untied] for cell in cells]).mean(axis=0)
    scale = math.sqrt(float(untied[0] * untied[1]))
    variance = sum(cell.null_variance for cell in cells) / len(cells) ** 2
    if scale == 0 or variance == 0:
        return None
    shares = np.array([cell.excess for cell in cells]) / scale
    tau = min(max(float(shares.mean()), -1.0), 1.0)
    return StratifiedTau(tau, variance / scale**2, shares)


def score_interval(found: StratifiedTau, *, confidence: float) -> Interval:
    """The values t with ``(tau - t)^2 <= z^2 v (1 - t^2)``, v the variance under independence.

    Where nothing is associated that variance is exact, whatever the distributions. Elsewhere it
    shrinks by 1 - t^2: exact for two runs a cell, and too little, so that the interval is wide, for
    many runs with a normal copula.

    Parameters
    ----------
    found : StratifiedTau
    confidence : float

    References
    ----------
    Kendall, M. G. (1970). Rank Correlation Methods, 4th ed., section 4.8: the bound whose form this
    is. Wilson, E. B. (1927). Probable inference: the inversion.
    """
    spread = normal_quantile(confidence) ** 2 * found.null_variance
    half = math.sqrt(spread * (1 + spread - found.tau**2)) / (1 + spread)
    centre = found.tau / (1 + spread)
    # At -1 and 1 an end is the estimate itself, up to rounding.
    low, high = min(centre - half, found.tau), max(centre + half, found.tau)
    return Interval(found.tau, low, high, "kendall_score").clipped(-1.0, 1.0)


def cells_interval(found: StratifiedTau, *, confidence: float) -> Interval:
    """Student's interval over cells: it takes nothing for granted but needs many cells."""
    interval = student_t(found.shares, confidence=confidence)
    return replace(interval, estimate=found.tau, method="cells_t").clipped(-1.0, 1.0)


def concordances(x: FloatArray, y: FloatArray, cell: IntArray) -> list[CellConcordance]:
    """`cell_concordance` of every cell.

    Parameters
    ----------
    x, y, cell : ndarrays of shape (N,)
        Values of each run, and the number of its cell.
    """
    members = (cell == one for one in np.unique(cell).tolist())
    return [cell_concordance(x[mine], y[mine]) for mine in members]
