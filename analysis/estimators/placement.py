"""Fits that put the threshold of a stratum at a given level.

In a stratum the linear predictor is a line in x. It reaches `target` at ``t = middle + half tan
phi``; phi in [-pi/2, pi/2] runs through all levels, with both infinities at its ends, where the
line is flat. With height ``a = line(middle) - target`` and rise ``b = half * slope``, the threshold
is at phi exactly when ``a cos phi + b sin phi = 0``; that the line does not fall is ``b cos phi -
a sin phi >= 0``. Where data ask for a falling line the best line is flat at the target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.firth import Binomial, LogisticFit
from vggstudy.analysis.numbers.profile import Restricted, fit_restricted

BINDING = 1e-10
"""An inequality violated by more than this is imposed as an equation."""


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """A line in x inside a model; x increases in the direction in which convergence does.

    Attributes
    ----------
    level, slope : ndarray of shape (P,)
        Weights of the coefficients that give the line's height at `middle`, and its slope.
    middle, half : float
        Centre and half-width of the range of x that has runs.
    """

    level: FloatArray
    slope: FloatArray
    middle: float
    half: float

    def x(self, phi: float) -> float:
        """The level at an angle; infinite at the ends."""
        if abs(phi) >= math.pi / 2 - 1e-12:
            return math.copysign(math.inf, phi)
        return self.middle + self.half * math.tan(phi)

    def phi(self, x: float) -> float:
        """The angle of a level."""
        return math.atan((x - self.middle) / self.half)

    def position(self, coefficients: FloatArray, target: float) -> tuple[float, float]:
        """Height above the target at the middle, and rise over half of the range."""
        return float(self.level @ coefficients) - target, self.half * float(
            self.slope @ coefficients
        )


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """A model with the strata whose thresholds are asked for.

    Attributes
    ----------
    model : Binomial
    k : ndarray of shape (C,)
    fit : LogisticFit
        Unrestricted.
    strata : tuple of Stratum
    target : float
        Log odds of the probability.
    """

    model: Binomial
    k: FloatArray
    fit: LogisticFit
    strata: tuple[Stratum, ...]
    target: float

    def best(self, which: tuple[int, ...], near: FloatArray | None = None) -> Restricted:
        """The best fit in which the named strata's lines do not fall."""
        rows = np.array([self.strata[i].slope for i in which])
        if all(float(row @ self.fit.coefficients) >= 0 for row in rows):
            return Restricted(self.fit.coefficients, self.fit.penalised_log_likelihood)
        P = len(self.fit.coefficients)
        return self._solve(np.zeros((0, P)), np.zeros(0), rows, np.zeros(len(rows)), near)

    def placed(
        self,
        angles: dict[int, float],
        *,
        rising: tuple[int, ...] = (),
        near: FloatArray | None = None,
    ) -> Restricted:
        """The best fit with thresholds at given angles.

        Parameters
        ----------
        angles : dict of int to float
            Angle by index of the stratum; there the line does not fall either.
        rising : tuple of int
            Other strata whose lines must not fall.
        near : ndarray of shape (P,), optional
            Coefficients to start from.
        """
        equal, level, above, floor = [], [], [], []
        for index, phi in angles.items():
            s, cos, sin = self.strata[index], math.cos(phi), math.sin(phi)
            equal.append(cos * s.level + sin * s.half * s.slope)
            level.append(cos * self.target)
            above.append(cos * s.half * s.slope - sin * s.level)
            floor.append(-sin * self.target)
        for index in rising:
            above.append(self.strata[index].slope)
            floor.append(0.0)
        return self._solve(np.array(equal), np.array(level), np.array(above), np.array(floor), near)

    def _solve(
        self,
        equal: FloatArray,
        level: FloatArray,
        above: FloatArray,
        floor: FloatArray,
        near: FloatArray | None,
    ) -> Restricted:
        """Maximise under equations; violated inequalities become equations, one after another."""
        free = np.ones(len(above), dtype=np.bool_)
        while True:
            rows, values = np.vstack([equal, above[~free]]), np.append(level, floor[~free])
            if len(rows):
                best = fit_restricted(self.model, self.k, rows, values, near=near)
            else:
                best = Restricted(self.fit.coefficients, self.fit.penalised_log_likelihood)
            gap = np.where(free, above @ best.coefficients - floor, 0.0)
            if not (gap < -BINDING).any():
                return best
            free[int(np.argmin(gap))] = False
