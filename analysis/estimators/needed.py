"""Levels needed, and levels tolerated: from a grid to the thresholds of its strata, as claims.

Where learning rises along a factor, half of the runs need a level to converge; where it falls, they
tolerate one. A threshold beyond the levels that were run is one-sided: "< 8", "> 1024".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import Axis, axis_for
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.learning import learning_along
from vggstudy.analysis.estimators.threshold import Direction, Limits, limits_of, separate_lines
from vggstudy.analysis.notes import ModelCaution, ModelReason, Note, say
from vggstudy.analysis.numbers.fieller import FiellerSet
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.profile import METHOD

OF_DIRECTION = {"increasing": "needed", "decreasing": "tolerated"}
"""The quantity that a level is, by how learning runs along its factor."""

OUTSIDE = {
    "increasing": ("needed_below", "needed_above"),
    "decreasing": ("tolerated_below", "tolerated_above"),
}
"""What is said of an estimate below, or above, the levels that were run."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What level is asked for.

    Attributes
    ----------
    axis : Axis
    probability : float
        Of converging, in (0, 1).
    direction : str
        How convergence runs along the axis: ``increasing`` or ``decreasing``.
    """

    axis: Axis
    probability: float
    direction: Direction


@dataclass(frozen=True, slots=True)
class Threshold:
    """The level needed in one stratum.

    Attributes
    ----------
    needed : Needed
    limits : Limits
        On the axis' scale, as the model has them.
    confidence : float
    """

    needed: Needed
    limits: Limits
    confidence: float

    @property
    def estimate(self) -> float | None:
        """In the data's unit; None unless it lies among the levels that were run."""
        if self.limits.estimate is None or self.limits.position != "inside":
            return None
        return self.needed.axis.to_original(self.limits.estimate)

    @property
    def low(self) -> float | None:
        """Lower limit in the data's unit; None where the levels run bound nothing from below.

        Where the whole set lies above them it is the largest level: a one-sided bound.
        """
        if self.limits.open_low:
            return None
        return self.needed.axis.to_original(min(self.limits.low, self.limits.range[1]))

    @property
    def high(self) -> float | None:
        """Upper limit; None where the levels run bound nothing from above."""
        if self.limits.open_high:
            return None
        return self.needed.axis.to_original(max(self.limits.high, self.limits.range[0]))

    def finding(self) -> Finding:
        """In the data's unit; an open end is infinite, and both open is a refusal.

        The estimate is None where it lies outside the levels that were run; a caution then says on
        which side.
        """
        if self.low is None and self.high is None:
            factor = self.needed.axis.factor
            reason = say("no_level_excluded", ModelReason.UNBOUNDED, factor=factor)
            return Finding(self.estimate, None, reason, cautions=self._cautions())
        interval = Interval(
            math.nan if self.estimate is None else self.estimate,
            -math.inf if self.low is None else self.low,
            math.inf if self.high is None else self.high,
            METHOD,
        )
        beside = self._fieller()
        return Finding(
            self.estimate,
            interval,
            cautions=self._cautions(),
            alternatives=() if beside is None else (beside,),
        )

    def _cautions(self) -> tuple[Note, ...]:
        """What lies outside the levels that were run."""
        code, factor = ModelCaution.OUTSIDE_RANGE, self.needed.axis.factor
        low, high = (self.needed.axis.to_original(x) for x in self.limits.range)
        below, above = OUTSIDE[self.needed.direction]
        notes = []
        if self.estimate is None and self.limits.position == "below":
            notes.append(say(below, code, factor=factor, level=low))
        elif self.estimate is None and self.limits.position == "above":
            notes.append(say(above, code, factor=factor, level=high))
        elif self.limits.position == "nowhere":
            p = self.needed.probability
            notes.append(say("same_probability", code, p=p, factor=factor))
        if self.limits.open_low or self.limits.open_high:
            notes.append(self._open())
        return tuple(notes)

    def _open(self) -> Note:
        """On which side there is no limit, and the one limit that there is."""
        code, factor = ModelCaution.OUTSIDE_RANGE, self.needed.axis.factor
        if self.limits.open_low and self.limits.open_high:
            return say("bound_on_neither_side", code, factor=factor)
        name, level = (
            ("one_sided_below", self.high)
            if self.limits.open_low
            else ("one_sided_above", self.low)
        )
        return say(name, code, level=level, p=self.confidence, factor=factor)

    def _fieller(self) -> Interval | None:
        """Fieller's interval beside it, where it lies among the levels that were run."""
        found: FiellerSet = self.limits.fieller
        low, high = found.ends
        if self.estimate is None or low < self.limits.range[0] or high > self.limits.range[1]:
            return None
        ends = [self.needed.axis.to_original(x) for x in (low, high)]
        return Interval(self.estimate, ends[0], ends[1], "fieller_firth")


def needed(cells: Cells, asked: Estimand, how: How) -> Finding:
    """The level from which on half of the runs converge, in one stratum.

    Refused unless learning rises along the factor (`learning_along`). A limit beyond the levels
    that were run is infinite: the claim is then one-sided, and a caution says so in words.
    """
    return _threshold(cells, asked, how, "increasing")


def tolerated(cells: Cells, asked: Estimand, how: How) -> Finding:
    """The level up to which half of the runs converge: `needed` where learning falls."""
    return _threshold(cells, asked, how, "decreasing")


def _threshold(cells: Cells, asked: Estimand, how: How, direction: Direction) -> Finding:
    """The level at which half converge, where learning runs in the direction that it needs."""
    axis = axis_for(cells.table, str(asked.along), None)
    held = asked.contrast.conditions
    found = learning_along(cells, axis, held, how)
    if isinstance(found, Note):
        return Finding(None, None, found)
    if found != direction:
        return Finding(None, None, other_direction(axis.factor, found))
    half = Needed(axis, 0.5, direction)
    level = estimate_threshold(cells, half, held, confidence=how.confidence)
    return Finding(None, None, level) if isinstance(level, Note) else level.finding()


def other_direction(factor: str, found: Direction) -> Note:
    """That learning runs the other way than the quantity asks."""
    name = "learning_rises" if found == "increasing" else "learning_falls"
    return say(name, ModelReason.OTHER_DIRECTION, factor=factor)


def estimate_threshold(
    cells: Cells,
    needed: Needed,
    conditions: tuple[Condition, ...],
    *,
    confidence: float,
) -> Threshold | Note:
    """The level needed in one stratum, by a line of its own.

    Parameters
    ----------
    cells : Cells
    needed : Needed
    conditions : tuple of Condition
        One level of every other factor, from `curves.strata_of`.
    confidence : float

    Returns
    -------
    Threshold or Note
        Refused without runs, with runs at one level only, or where the fit failed.
    """
    p, direction = needed.probability, needed.direction
    lines = separate_lines(cells, needed.axis, (conditions,), probability=p, direction=direction)
    if isinstance(lines, Note):
        return lines
    limits = limits_of(lines, 0, direction=direction, confidence=confidence)
    return limits if isinstance(limits, Note) else Threshold(needed, limits, confidence)
