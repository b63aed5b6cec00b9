"""How far the thresholds of two strata lie apart, e.g. the batch size that a deeper network needs.

The profile of the difference maximises over the pairs of levels that lie so far apart. A threshold
beyond the levels that were run enters as a one-sided bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from vggstudy.analysis.estimators.placement import Lines
from vggstudy.analysis.estimators.threshold import (
    QUARTER,
    Direction,
    Limits,
    Placed,
    angle_of,
    limits_of,
    placed_threshold,
    search,
)
from vggstudy.analysis.notes import ModelReason, Note, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import normal_quantile
from vggstudy.analysis.numbers.profile import Restricted, root_drop

COARSE = np.linspace(-0.98 * QUARTER, 0.98 * QUARTER, 7)
"""Angles at which the search for the best pair of levels begins."""

NEARBY = 0.25
"""How far from the previous best angle the next one is looked for first."""

FLAT = 1e-6
"""Tolerance of the best angle: the objective is flat there, its own error is the square."""


@dataclass(frozen=True, slots=True)
class Shift:
    """First threshold minus second, on the axis' scale.

    Attributes
    ----------
    estimate : float or None
        None where a threshold is not inside its range.
    low, high : float
        Infinite where there is no bound on that side.
    parts : tuple of Limits
        Of the two thresholds.
    """

    estimate: float | None
    low: float
    high: float
    parts: tuple[Limits, Limits]


def shift_of(
    lines: Lines,
    first: int,
    second: int,
    *,
    direction: Direction,
    confidence: float,
) -> Shift | Note:
    """Difference of two strata's thresholds with profile limits.

    Parameters
    ----------
    lines : Lines
        Holding both strata.
    first, second : int
        Indices of the strata; the difference is the first minus the second.
    direction : str
    confidence : float

    Returns
    -------
    Shift or Note
        Refused where the fit did not converge.
    """
    one = limits_of(lines, first, direction=direction, confidence=confidence)
    two = limits_of(lines, second, direction=direction, confidence=confidence)
    if isinstance(one, Note):
        return one
    if isinstance(two, Note):
        return two
    profile = _profile(lines, first, second, normal_quantile(confidence))
    low, high = profile.limits()
    if direction == "decreasing":
        low, high = -high, -low
    return Shift(
        _apart(one, two),
        _lower(low, one, two),
        -_lower(-high, _mirror(one), _mirror(two)),
        (one, two),
    )


@dataclass(frozen=True, slots=True)
class Sides:
    """What a difference of thresholds says of one value, without its limits.

    Attributes
    ----------
    estimate : float or None
        As that of `Shift`.
    low, high : float
        Limits exclude the value where these do, and hold it where these do.
    se : float or None
        Standard error of the estimate by the delta method.
    """

    estimate: float | None
    low: float
    high: float
    se: float | None


def sides_of(
    lines: Lines,
    first: int,
    second: int,
    *,
    direction: Direction,
    confidence: float,
    against: float,
) -> Sides | Note:
    """Whether the limits of `shift_of` exclude a difference, by few of the fits that limits take.

    What a threshold beyond its levels leaves open is asked of a level or two, as in `_lower`.
    """
    if not lines.fit.converged:
        return say("fit_failed", ModelReason.NOT_ESTIMABLE, what=lines.fit.failure_reason)
    z, sign = normal_quantile(confidence), -1.0 if direction == "decreasing" else 1.0
    low, high = _profile(lines, first, second, z).sides(sign * against)
    one, two = (placed_threshold(lines, i, z) for i in (first, second))
    if math.isfinite(low) and not _farther(one, two, sign * against):
        low = -math.inf
    if math.isfinite(high) and not _farther(two, one, -sign * against):
        high = math.inf
    if sign < 0:
        low, high = -high, -low
    at = one.inside, two.inside
    if at[0] is None or at[1] is None:
        return Sides(None, low, high, None)
    row = _gradient(lines, first, at[0]) - _gradient(lines, second, at[1])
    variance = float(row @ lines.fit.covariance @ row)
    return Sides(sign * (at[0] - at[1]), low, high, math.sqrt(variance))


def _farther(one: Placed, two: Placed, apart: float) -> bool:
    """Whether `_lower` leaves a lower limit beyond a distance where the profile has it there."""
    if not one.above(one.range[0]) or not two.below(two.range[1]):
        return False
    beyond, before = not one.below(one.range[1]), not two.above(two.range[0])
    most, least = one.range[1] - apart, two.range[0] + apart
    if beyond and not (two.range[0] < most and two.below(most)):
        return False
    if before and not (least < one.range[1] and one.above(least)):
        return False
    return not (beyond and before) or one.range[1] - two.range[0] > apart


def _gradient(lines: Lines, index: int, at: float) -> FloatArray:
    """Change of a stratum's threshold with the coefficients; shape (P,)."""
    stratum = lines.strata[index]
    slope = float(stratum.slope @ lines.fit.coefficients)
    return np.asarray(-(stratum.level + (at - stratum.middle) * stratum.slope) / slope)


def _apart(one: Limits, two: Limits) -> float | None:
    """The distance of two estimates that lie inside their ranges."""
    if one.estimate is None or two.estimate is None:
        return None
    known = all(x.position == "inside" for x in (one, two))
    return one.estimate - two.estimate if known else None


def _mirror(x: Limits) -> Limits:
    """The limits on the reversed axis."""
    estimate = None if x.estimate is None else -x.estimate
    return Limits(estimate, -x.high, -x.low, (-x.range[1], -x.range[0]), x.fieller)


def _lower(low: float, one: Limits, two: Limits) -> float:
    """The lower limit when levels outside the ranges are known to be outside, and no more.

    A first threshold that may lie below its range, or a second one above, can be anywhere there.
    Elsewhere a level outside stands for the edge that it is known to be beyond.
    """
    if one.open_low or two.open_high:
        return -math.inf
    bounds = [low]
    if one.open_high:
        bounds.append(one.range[1] - max(two.high, two.range[0]))
    if two.open_low:
        bounds.append(min(one.low, one.range[1]) - two.range[0])
    if one.open_high and two.open_low:
        bounds.append(one.range[1] - two.range[0])
    return min(bounds)


@dataclass(frozen=True, slots=True, eq=False)
class _Profile:
    """Best penalised log-likelihood with two thresholds a given distance apart.

    Attributes
    ----------
    lines : Lines
    first, second : int
        Indices of the strata.
    z : float
        Normal quantile of the limits.
    top : Restricted
        Without a given distance.
    width : float
        Unit in which distances become angles.
    angles : tuple of float or None
        Of both thresholds at `top`.
    """

    lines: Lines
    first: int
    second: int
    z: float
    top: Restricted
    width: float
    angles: tuple[float | None, float | None]

    def limits(self) -> tuple[float, float]:
        """Both ends, for an axis along which convergence increases."""
        apart = self._apart()
        if math.isnan(apart):
            return -math.inf, math.inf
        inside = math.atan(apart / self.width)
        return self._end(inside, -QUARTER), self._end(inside, QUARTER)

    def sides(self, distance: float) -> tuple[float, float]:
        """Ends that exclude a distance where `limits` do, and hold it where these do."""
        apart = self._apart()
        if math.isnan(apart) or self._height(math.atan(distance / self.width), []) <= 0:
            return -math.inf, math.inf
        return (apart, math.inf) if distance < apart else (-math.inf, apart)

    def _apart(self) -> float:
        """Distance at the top; not a number where any fits equally well, both beyond one end."""
        one, two = (self.lines.strata[i] for i in (self.first, self.second))
        if self.angles[0] is None or self.angles[1] is None:
            return math.nan
        return one.x(self.angles[0]) - two.x(self.angles[1])

    def _height(self, psi: float, last: list[float]) -> float:
        """How far a distance, as an angle, lies beyond the limits."""
        if abs(psi) >= QUARTER - 1e-12:
            best = self._infinitely_far(math.copysign(QUARTER, psi))
        else:
            best = self._best_pair(self.width * math.tan(psi), last)
        return root_drop(self.top.objective, best) - self.z

    def _end(self, inside: float, end: float) -> float:
        """The limit between a distance inside the set and an infinite one."""
        last: list[float] = []
        found = search(lambda psi: self._height(psi, last), inside, end)
        if abs(found) >= QUARTER - 1e-12:
            return math.copysign(math.inf, end)
        return self.width * math.tan(found)

    def _infinitely_far(self, end: float) -> float:
        """The first threshold beyond one end, or the second beyond the other."""
        one = self.lines.placed({self.first: end}, rising=(self.second,))
        two = self.lines.placed({self.second: -end}, rising=(self.first,))
        return max(one.objective, two.objective)

    def _best_pair(self, apart: float, last: list[float]) -> float:
        """Largest objective over the second threshold's angle; `last` holds the previous best."""
        if last:
            best = self._climb(apart, last[0] - NEARBY, last[0] + NEARBY, last)
            if best is not None:
                return best
        angles = sorted(self._starts(apart))
        values = [self._pair(phi, apart, self.top.coefficients).objective for phi in angles]
        at = int(np.argmax(values))
        low = angles[at - 1] if at else -QUARTER
        high = angles[at + 1] if at + 1 < len(angles) else QUARTER
        best = self._climb(apart, low, high, last)
        return values[at] if best is None else max(best, values[at])

    def _climb(self, apart: float, low: float, high: float, last: list[float]) -> float | None:
        """The largest objective between two angles; None where it lies at one of them."""
        near = [self.top.coefficients]

        def depth(phi: float) -> float:
            best = self._pair(float(phi), apart, near[0])
            near[0] = best.coefficients
            return -best.objective

        low, high = max(low, -QUARTER), min(high, QUARTER)
        found = minimize_scalar(
            depth,
            bounds=(low, high),
            method="bounded",
            options={"xatol": FLAT},
        )
        phi = float(found.x)
        if min(phi - low, high - phi) < 10 * FLAT:
            return None
        last[:] = [phi]
        return -float(found.fun)

    def _starts(self, apart: float) -> list[float]:
        """Angles of the second threshold to begin with: a coarse grid, and both estimates."""
        one, two = (self.lines.strata[i] for i in (self.first, self.second))
        first, second = self.angles
        found = COARSE.tolist()
        if second is not None:
            found.append(second)
        if first is not None and math.isfinite(one.x(first)):
            found.append(two.phi(one.x(first) - apart))
        return [float(phi) for phi in found]

    def _pair(self, phi: float, apart: float, near: FloatArray) -> Restricted:
        """The best fit with the second threshold at an angle, and the first that far beyond it."""
        one, two = (self.lines.strata[i] for i in (self.first, self.second))
        angles = {self.first: one.phi(two.x(phi) + apart), self.second: phi}
        return self.lines.placed(angles, near=near)


def _profile(lines: Lines, first: int, second: int, z: float) -> _Profile:
    """The profile of two strata."""
    top = lines.best((first, second))
    one, two = lines.strata[first], lines.strata[second]
    angles = tuple(angle_of(s, top.coefficients, lines.target) for s in (one, two))
    return _Profile(lines, first, second, z, top, one.half + two.half, (angles[0], angles[1]))
