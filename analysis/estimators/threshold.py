"""The level of a numeric factor from which a probability is reached, e.g. batch size needed.

The level t solves ``logit p = line(t)``. Its limits are those of the penalised profile likelihood,
under the declared direction: the chance of converging does not fall along the factor (or does not
rise). Limits outside the levels that were run are open: the model says nothing there, so that a
result can be "< 8", "> 1024", or unbounded. Nothing is moved to the edge of the range.

References
----------
.. [1] Heinze & Schemper (2002), Statistics in Medicine 21, 2409-2419 (profile penalised
   likelihood).
.. [2] Fieller (1954), Journal of the Royal Statistical Society B 16, 175-185.
.. [3] Finney (1971), Probit Analysis, 3rd ed., ch. 4 (the median effective dose).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.curves import Axis
from vggstudy.analysis.data.design import DesignMatrix, positions
from vggstudy.analysis.estimators.placement import Lines, Stratum
from vggstudy.analysis.notes import ModelReason, Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.fieller import FiellerSet, fieller_set
from vggstudy.analysis.numbers.firth import Binomial, fit_logistic
from vggstudy.analysis.numbers.intervals import normal_quantile
from vggstudy.analysis.numbers.profile import Restricted, root_drop

Direction = Literal["increasing", "decreasing"]
QUARTER = math.pi / 2
NOWHERE = 1e-7
"""A line that stays this close to the target has no threshold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A threshold on the axis' scale, as the model has it.

    Attributes
    ----------
    estimate : float or None
        Infinite where the line is flat or runs the other way; None where it lies on the target.
    low, high : float
        Profile limits; infinite where no level is far enough to be excluded.
    range : tuple of float
        Smallest and largest level with runs.
    fieller : FiellerSet
        For comparison.
    """

    estimate: float | None
    low: float
    high: float
    range: tuple[float, float]
    fieller: FiellerSet

    @property
    def position(self) -> Literal["inside", "below", "above", "nowhere"]:
        """Where the estimate lies among the levels that were run."""
        if self.estimate is None:
            return "nowhere"
        if self.estimate < self.range[0]:
            return "below"
        return "above" if self.estimate > self.range[1] else "inside"

    @property
    def open_low(self) -> bool:
        """Whether the lower limit lies below the levels that were run."""
        return self.low < self.range[0]

    @property
    def open_high(self) -> bool:
        """Whether the upper limit lies above the levels that were run."""
        return self.high > self.range[1]


def separate_lines(
    cells: Cells,
    axis: Axis,
    strata: tuple[tuple[Condition, ...], ...],
    *,
    probability: float,
    direction: Direction,
) -> Lines | Note:
    """One line a stratum, with nothing shared: two coefficients each.

    Firth's penalty falls apart into those of the strata, so that this is the fit of every stratum
    by itself.

    Parameters
    ----------
    cells : Cells
    axis : Axis
    strata : tuple of tuples of Condition
        One level of every other factor each.
    probability : float
        In (0, 1).
    direction : str
        ``increasing`` or ``decreasing``: how convergence runs along the axis.

    Returns
    -------
    Lines or Note
        Refused where a stratum has no runs, or runs at one level only.
    """
    blocks, made = [], []
    width = 2 * len(strata)
    for i, conditions in enumerate(strata):
        used, problem = _used(cells, axis, conditions)
        if problem:
            return problem
        x = _sign(direction) * positions(axis, cells, used)
        level, slope = np.eye(width)[2 * i], np.eye(width)[2 * i + 1]
        stratum = _stratum(x, level, slope)
        blocks.append(
            (used, np.outer(np.ones(len(x)), level) + np.outer(x - stratum.middle, slope))
        )
        made.append(stratum)
    index = np.concatenate([used for used, _ in blocks])
    X = np.vstack([block for _, block in blocks])
    return _lines(Binomial(X, cells.n[index]), cells.k[index], made, probability)


def shared_lines(
    cells: Cells,
    design: DesignMatrix,
    strata: tuple[tuple[Condition, ...], ...],
    *,
    probability: float,
    direction: Direction,
) -> Lines | Note:
    """The strata's lines inside one model, e.g. ``depth * z + s``.

    Parameters
    ----------
    cells : Cells
    design : DesignMatrix
        With an axis.
    strata : tuple of tuples of Condition
        Factors that a stratum does not name are averaged over, on the scale of log odds.
    probability : float
    direction : str

    Returns
    -------
    Lines or Note
        Refused as `separate_lines`.

    Raises
    ------
    ValueError
        If the design has no axis.
    """
    axis = design.terms.axis
    if axis is None:
        raise ValueError("a threshold needs a design with an axis")
    made = []
    for conditions in strata:
        used, problem = _used(cells, axis, conditions)
        if problem:
            return problem
        sign, x = _sign(direction), positions(axis, cells, used)
        codes = cells.codes[used].copy()
        codes[:, cells.table.factors.index(axis.factor)] = 0
        codes = np.unique(codes, axis=0)  # strata that average over a factor weight its levels
        at = np.zeros(len(codes))
        zero = design.rows(codes, at).mean(axis=0)
        slope = sign * (design.rows(codes, at + 1).mean(axis=0) - zero)
        middle = (sign * x).min() / 2 + (sign * x).max() / 2
        made.append(_stratum(sign * x, zero + middle * slope, slope))
    model = Binomial(design.X, cells.n[design.cells])
    return _lines(model, cells.k[design.cells], made, probability)


def limits_of(
    lines: Lines, index: int, *, direction: Direction, confidence: float
) -> Limits | Note:
    """Estimate and limits of one stratum's threshold.

    Parameters
    ----------
    lines : Lines
    index : int
        Of the stratum.
    direction : str
        As in the making of `lines`.
    confidence : float

    Returns
    -------
    Limits or Note
        Refused where the fit did not converge.
    """
    if not lines.fit.converged:
        return say("fit_failed", ModelReason.NOT_ESTIMABLE, what=lines.fit.failure_reason)
    stratum = lines.strata[index]
    top = lines.best((index,))
    start = angle_of(stratum, top.coefficients, lines.target)
    z = normal_quantile(confidence)
    near = [top.coefficients]

    def height(phi: float) -> float:
        found = lines.placed({index: phi}, near=near[0])
        near[0] = found.coefficients
        return root_drop(top.objective, found.objective) - z

    inside = 0.0 if start is None else start
    low, high = search(height, inside, -QUARTER), search(height, inside, QUARTER)
    ends = [stratum.x(low), stratum.x(high)]
    estimate = None if start is None else stratum.x(start)
    flipped = _sign(direction) < 0
    reach = (stratum.middle - stratum.half, stratum.middle + stratum.half)
    return Limits(
        estimate=-estimate if flipped and estimate is not None else estimate,
        low=-ends[1] if flipped else ends[0],
        high=-ends[0] if flipped else ends[1],
        range=(-reach[1], -reach[0]) if flipped else reach,
        fieller=_fieller(lines, stratum, _sign(direction), z),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A threshold of which only some levels are asked; they increase as convergence does.

    Attributes
    ----------
    lines : Lines
    index : int
    z : float
        Normal quantile of the limits.
    top : Restricted
        The best fit.
    start : float or None
        The estimate's angle.
    """

    lines: Lines
    index: int
    z: float
    top: Restricted
    start: float | None

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest level with runs."""
        stratum = self.lines.strata[self.index]
        return stratum.middle - stratum.half, stratum.middle + stratum.half

    @property
    def inside(self) -> float | None:
        """The estimate; None where it lies outside the levels."""
        if self.start is None or abs(self.start) > QUARTER / 2:
            return None
        return self.lines.strata[self.index].x(self.start)

    def above(self, level: float) -> bool:
        """Whether the lower limit lies above a level."""
        phi = self.lines.strata[self.index].phi(level)
        return self.start is not None and phi < self.start and self._excluded(phi)

    def below(self, level: float) -> bool:
        """Whether the upper limit lies below a level."""
        phi = self.lines.strata[self.index].phi(level)
        return self.start is not None and phi > self.start and self._excluded(phi)

    def _excluded(self, phi: float) -> bool:
        """Whether an angle is outside the limits."""
        found = self.lines.placed({self.index: phi}, near=self.top.coefficients)
        return root_drop(self.top.objective, found.objective) > self.z


def placed_threshold(lines: Lines, index: int, z: float) -> Placed:
    """A stratum's threshold, to be asked of levels; see `limits_of`."""
    top = lines.best((index,))
    return Placed(
        lines, index, z, top, angle_of(lines.strata[index], top.coefficients, lines.target)
    )


def angle_of(stratum: Stratum, coefficients: FloatArray, target: float) -> float | None:
    """The angle of a line's threshold; None for a line on the target."""
    height, rise = stratum.position(coefficients, target)
    if math.hypot(height, rise) < NOWHERE:
        return None
    if abs(rise) < NOWHERE * abs(height):
        return math.copysign(QUARTER, -height)
    return math.atan2(-height, rise)


def search(height: Callable[[float], float], inside: float, end: float) -> float:
    """The zero between a point inside the set and an end of the angles, or the end."""
    if abs(inside - end) < 1e-12 or height(end) <= 0:
        return end
    return float(brentq(height, inside, end, xtol=1e-13, rtol=1e-14))


def _sign(direction: Direction) -> float:
    return 1.0 if direction == "increasing" else -1.0


def _used(
    cells: Cells, axis: Axis, conditions: tuple[Condition, ...]
) -> tuple[IntArray, Note | None]:
    """A stratum's cells with runs, or why there is no line through them."""
    along = Contrast(conditions=conditions).groups(cells)[0].cells
    used = along[cells.n[along] > 0]
    levels = np.unique(positions(axis, cells, used)).size
    if not used.size:
        return used, say("no_labelled", Reason.NO_RUNS)
    if levels < 2:
        code = ModelReason.TOO_FEW_LEVELS
        return used, say("line_needs_levels", code, factor=axis.factor, n=levels)
    return used, None


def _stratum(x: FloatArray, level: FloatArray, slope: FloatArray) -> Stratum:
    """A stratum with the range of its levels."""
    low, high = float(x.min()), float(x.max())
    return Stratum(level, slope, low / 2 + high / 2, high / 2 - low / 2)


def _lines(model: Binomial, k: FloatArray, made: list[Stratum], probability: float) -> Lines:
    """The fitted model."""
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie between 0 and 1, got {probability}")
    target = math.log(probability / (1 - probability))
    return Lines(model, k, fit_logistic(model, k), tuple(made), target)


def _fieller(lines: Lines, stratum: Stratum, sign: float, z: float) -> FiellerSet:
    """Fieller's set on the axis' scale, from the covariance at Firth's estimate."""
    zero = stratum.level - stratum.middle * stratum.slope
    both = np.array([zero, sign * stratum.slope])
    line = both @ lines.fit.coefficients
    covariance = both @ lines.fit.covariance @ both.T
    return fieller_set(float(line[0]) - lines.target, float(line[1]), covariance, z)
