"""Looks at data as they come in: how much of the error each may spend, and at which level.

A spending function says how much of a two-sided error ``alpha`` may be spent up to a share of the
information [1]_. The bounds of a standard normal statistic with independent increments then follow
by numerical integration [2]_, and an interval at the nominal level of each look, a repeated
confidence interval, holds its value at all looks together with probability ``1 - alpha``, whatever
made the study stop [3]_. Other statistics take the nominal level of the look in place of the bound
([4]_, section 3.8).

References
----------
.. [1] Lan & DeMets (1983), Biometrika 70, 659-663.
.. [2] Armitage, McPherson & Rowe (1969), Journal of the Royal Statistical Society A 132, 235-244.
.. [3] Jennison & Turnbull (1989), Journal of the Royal Statistical Society B 51, 305-361.
.. [4] Jennison & Turnbull (2000), Group Sequential Methods with Applications to Clinical Trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import check_confidence

Spending = Literal["obrien_fleming", "pocock"]
"""Lan and DeMets' functions in the manner of either."""

FURTHEST = 39.0
"""Beyond this the normal tail is below the smallest double: no chance is spent there."""

LEAST = 1e-14
"""An error of which less than this may be spent at a look is not spent at all."""

NODES = 96
"""Of the Gauss-Legendre rule between the bounds of a look."""


def _obrien_fleming(share: float, alpha: float) -> float:
    """``2 - 2 Phi(z(alpha / 2) / sqrt(share))`` of one side's error ([1]_, equation of alpha_1)."""
    return float(2 * ndtr(ndtri(alpha / 2) / np.sqrt(share)))


def _pocock(share: float, alpha: float) -> float:
    """``alpha log(1 + (e - 1) share)`` of one side's error ([1]_, equation of alpha_2)."""
    return float(alpha * np.log1p((np.e - 1) * share))


FUNCTIONS: dict[str, Callable[[float, float], float]] = {
    "obrien_fleming": _obrien_fleming,
    "pocock": _pocock,
}


def spent(spending: Spending, share: float, alpha: float) -> float:
    """Two-sided error that may be spent up to a share of the information.

    Parameters
    ----------
    spending : str
    share : float
        In (0, 1].
    alpha : float
        Two-sided error of all looks together; each side spends half of it.
    """
    return alpha if share >= 1 else 2 * FUNCTIONS[spending](share, alpha / 2)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of the absolute value of a standard normal statistic, look by look.

    Attributes
    ----------
    spent : tuple of float
        Two-sided error spent up to each look.
    z : tuple of float
        Infinite where nothing may be spent yet.
    nominal : tuple of float
        Confidence level of an interval at each look alone: ``2 Phi(z) - 1``.
    """

    spent: tuple[float, ...]
    z: tuple[float, ...]
    nominal: tuple[float, ...]


@lru_cache(maxsize=4096)
def bounds(spending: Spending, shares: tuple[float, ...], confidence: float) -> Bounds:
    """The bounds of all looks [2]_.

    Parameters
    ----------
    spending : str
    shares : tuple of float
        Of the information at each look, increasing, in (0, 1].
    confidence : float
        Of all looks together.

    Raises
    ------
    ValueError
        If the shares do not increase within (0, 1], or the confidence lies outside (0, 1).
    """
    check_confidence(confidence)
    if not shares or shares[-1] > 1 or not all(a < b for a, b in pairwise((0.0, *shares))):
        raise ValueError(f"shares of the information must increase in (0, 1], got {shares}")
    alpha = 1 - confidence
    total = tuple(spent(spending, share, alpha) for share in shares)
    found = _integrated(shares, np.diff([0.0, *total]))
    return Bounds(total, tuple(found), tuple(float(1 - 2 * ndtr(-z)) for z in found))


def _integrated(shares: Sequence[float], errors: FloatArray) -> list[float]:
    """Bounds at which the chance of a first crossing at each look is what may be spent there.

    The statistic times the root of its information is a Brownian motion; its density inside the
    bounds of one look is carried to the next.
    """
    found: list[float] = []
    at: FloatArray = np.zeros(1)  # where the path may be, and how likely: at first in 0
    weight: FloatArray = np.ones(1)
    before = 0.0
    for share, error in zip(shares, errors, strict=True):
        step = np.sqrt(share - before)
        edge = _edge(at, weight, float(step), float(error), float(np.sqrt(share)))
        found.append(float(edge / np.sqrt(share)) if np.isfinite(edge) else np.inf)
        at, weight = _carried(at, weight, float(step), edge, float(np.sqrt(share)))
        before = share
    return found


def _carried(
    at: FloatArray, weight: FloatArray, step: float, edge: float, deviation: float
) -> tuple[FloatArray, FloatArray]:
    """Where the path may be after a step that did not leave, and how likely."""
    nodes, rule = np.polynomial.legendre.leggauss(NODES)
    reach = min(edge, 9 * deviation)  # beyond nine deviations there is nothing
    to = nodes * reach
    density = np.exp(-(((to[:, None] - at) / step) ** 2) / 2) / (step * np.sqrt(2 * np.pi))
    return to, reach * rule * (density @ weight)


def chance_of_crossing(z: float, shares: Sequence[float]) -> float:
    """Chance that a standard normal statistic leaves ``(-z, z)`` at one of several looks [2]_.

    Parameters
    ----------
    z : float
        The same at every look, as where nobody allows for looks.
    shares : sequence of float
        Of the information at each look, increasing.
    """
    at: FloatArray = np.zeros(1)
    weight: FloatArray = np.ones(1)
    before = 0.0
    for share in shares:
        step, deviation = float(np.sqrt(share - before)), float(np.sqrt(share))
        at, weight = _carried(at, weight, step, z * deviation, deviation)
        before = share
    return 1 - float(weight.sum())


def _edge(at: FloatArray, weight: FloatArray, step: float, error: float, deviation: float) -> float:
    """Where the path must leave so that it does with this chance."""
    if error < LEAST:
        return np.inf

    def beyond(edge: float) -> float:
        outside = ndtr((at - edge) / step) + ndtr((-at - edge) / step)
        return float(outside @ weight) - error

    return float(brentq(beyond, 0.0, FURTHEST * deviation, xtol=1e-12))
