"""The turning point of a quadratic: the level at which an outcome is largest or smallest.

The set is Fieller's with variances within cells, and is shown as it is when it is not bounded: a
turning point reported only where the curvature is significant covers too rarely. A calibrated
bootstrap stands beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import Axis, Curve, axis_for, curve_at
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.cell_draws import contrast_deviations
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import Resampling
from vggstudy.analysis.estimators.quadratic import Quadratic, SignTest, fit_quadratic, sign_test
from vggstudy.analysis.notes import ModelCaution, ModelReason, Note, say
from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.fieller import FiellerSet, turning_set
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.ols import LackOfFit, lack_of_fit
from vggstudy.analysis.numbers.student import t_quantile

WARN_RUNS = 5
"""Converged runs per cell below which a turning point comes with a warning."""

SIGNIFICANT = 0.05
"""Level of the tests behind warnings."""

Kind = Literal["maximum", "minimum"]


@dataclass(frozen=True, slots=True, eq=False)
class TurningPoint:
    """Where the quadratic through a stratum's cells turns.

    Attributes
    ----------
    quadratic : Quadratic
    kind : str
        ``maximum`` or ``minimum``.
    estimate : float
        ``center - b / (2 c)`` on the axis' scale.
    df : float
        Satterthwaite's degrees of freedom of the slope at the estimate.
    set : FiellerSet
        On the axis' scale.
    confidence : float
    curvature : SignTest
        Of c.
    fit : LackOfFit or None
        Of the quadratic against cell means; None with three levels, which it always meets.
    bootstrap : Interval or None
        Calibrated, on the axis' scale; None where a cell's runs do not vary.
    """

    quadratic: Quadratic
    kind: Kind
    estimate: float
    df: float
    set: FiellerSet
    confidence: float
    curvature: SignTest
    fit: LackOfFit | None
    bootstrap: Interval | None
    resamples: int

    @property
    def curve(self) -> Curve:
        """The cells that the quadratic goes through."""
        return self.quadratic.curve

    @property
    def in_range(self) -> bool:
        """Whether the estimate lies inside the converged range."""
        low, high = self.curve.range
        return low <= self.estimate <= high

    def finding(self) -> Finding:
        """On the data's scale, in the form in which claims are made.

        An unbounded set has no interval: the reason says what the set is. A vertex that is a
        minimum, lies outside the converged range, or belongs to a curve that does not fit is no
        claim. The bootstrap is left out where it has no ends on the data's scale, because its
        limits only tell how often the resampled curvature changes sign.
        """
        axis = self.curve.axis
        estimate = axis.to_original(self.estimate)
        known = estimate if math.isfinite(estimate) else None
        found = _original(axis, Interval(self.estimate, *self.set.ends, "fieller_cell", self.df))
        cautions, failed = _cautions(self), _failed(self)
        if found is None:
            return Finding(known, None, _unbounded(self), (*cautions, *failed))
        if failed:
            return Finding(None, None, failed[0], (*cautions, *failed[1:]))
        beside = _original(axis, self.bootstrap)
        if beside is None:
            return Finding(known, found, None, cautions)
        return Finding(known, found, None, cautions, (beside,), self.resamples)


def peak(cells: Cells, asked: Estimand, how: How) -> Finding:
    """The level at which the outcome of converged runs turns, in one stratum."""
    axis, held = axis_for(cells.table, str(asked.along), None), asked.contrast.conditions
    found = estimate_turning_point(
        cells, axis, held, confidence=how.confidence, resampling=how.resampling
    )
    return Finding(None, None, found) if isinstance(found, Note) else found.finding()


def estimate_turning_point(
    cells: Cells,
    axis: Axis,
    conditions: tuple[Condition, ...],
    *,
    confidence: float,
    resampling: Resampling,
) -> TurningPoint | Note:
    """Turning point of the quadratic among converged runs of one stratum.

    Parameters
    ----------
    cells : Cells
    axis : Axis
        From `curves.axis_of`.
    conditions : tuple of Condition
        The stratum, from `curves.strata_of`.
    confidence : float
    resampling : Resampling
        Its method is not used: the bootstrap beside is the calibrated one.

    Returns
    -------
    TurningPoint or Note
        Refused as `curve_at` refuses, or with `ModelReason.NO_CURVATURE`.
    """
    curve = curve_at(cells.oriented(), axis, conditions)
    if isinstance(curve, Note):
        return curve
    name = Estimand.level("peak", axis.factor, conditions, cells.table).id
    return turning_point_of(
        fit_quadratic(curve), claim_id=name, confidence=confidence, resampling=resampling
    )


def turning_point_of(
    quadratic: Quadratic, *, claim_id: str, confidence: float, resampling: Resampling
) -> TurningPoint | Note:
    """`estimate_turning_point` of a fitted quadratic."""
    b, c = quadratic.b, quadratic.c
    if c == 0:
        return say("straight_line", ModelReason.NO_CURVATURE)
    estimate = quadratic.center - b / (2 * c)
    spread = quadratic.spread(quadratic.slope_weights(estimate))
    critical = t_quantile(spread.df, confidence)
    drawn = None
    if not quadratic.curve.flat:
        drawn = _bootstrap(quadratic, estimate, critical, claim_id, confidence, resampling)
    return TurningPoint(
        quadratic=quadratic,
        kind="maximum" if c < 0 else "minimum",
        estimate=estimate,
        df=spread.df,
        set=set_at(quadratic, critical),
        confidence=confidence,
        curvature=sign_test(quadratic, quadratic.lines[2]),
        fit=fit_of(quadratic),
        bootstrap=drawn,
        resamples=resampling.resamples,
    )


def set_at(quadratic: Quadratic, critical: float) -> FiellerSet:
    """Fieller's set on the axis' scale for a critical value."""
    return turning_set(
        quadratic.b,
        quadratic.c,
        quadratic.covariance,
        center=quadratic.center,
        critical=critical,
    )


def _bootstrap(
    quadratic: Quadratic,
    estimate: float,
    critical: float,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Interval:
    """Percentile limits; deviations of b and c times sqrt(n / (n - 1)) by cell and t / z."""
    stretch = critical / normal_quantile(confidence)
    # One complex weight a cell: slope and curvature move together, in one pass.
    moved = contrast_deviations(
        quadratic.curve.source,
        quadratic.curve.cells,
        stretch * (quadratic.lines[1] + 1j * quadratic.lines[2]),
        claim_id=claim_id,
        seed=resampling.seed,
        resamples=resampling.resamples,
        inflate=True,
        chunk_draws=resampling.chunk_draws,
    )
    turned = quadratic.center - (quadratic.b + moved.real) / (2 * (quadratic.c + moved.imag))
    found = bootstrap.percentile(estimate, turned - estimate, confidence=confidence)
    return replace(found, method="calibrated_bootstrap")


def fits(found: LackOfFit | None) -> bool:
    """Whether a quadratic is not refuted by the cell means."""
    return found is None or found.p_value >= SIGNIFICANT


def fit_of(quadratic: Quadratic) -> LackOfFit | None:
    """F test of the quadratic against the cell means, where levels are left for it."""
    curve = quadratic.curve
    if curve.x.size <= 3 or not curve.within > 0:
        return None
    return lack_of_fit(curve.n, curve.mean, quadratic.fitted, within=curve.within, n_parameters=3)


def _original(axis: Axis, interval: Interval | None) -> Interval | None:
    """An interval on the data's scale; None where it has no finite ends there."""
    if interval is None:
        return None
    low, high = axis.to_original(interval.low), axis.to_original(interval.high)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    slope = math.log(2) if axis.scale == "log2" else None
    errors = [
        error if error is None or slope is None else error * slope * end
        for error, end in ((interval.mc_error_low, low), (interval.mc_error_high, high))
    ]
    estimate = axis.to_original(interval.estimate)
    moved = Interval(estimate, low, high, interval.method, df=interval.df)
    return replace(moved, mc_error_low=errors[0], mc_error_high=errors[1])


def _unbounded(point: TurningPoint) -> Note:
    """What an unbounded set is."""
    axis, found = point.curve.axis, point.set
    code, level = ModelReason.UNBOUNDED, point.confidence
    if found.first is None or found.second is None:
        return say("set_is_everything", code, level=level, factor=axis.factor)
    low, high = axis.to_original(found.first), axis.to_original(found.second)
    if found.shape == "bounded":
        return say("set_beyond_numbers", code, level=level, low=low)
    return say("set_of_two_rays", code, level=level, factor=axis.factor, low=low, high=high)


def _cautions(point: TurningPoint) -> tuple[Note, ...]:
    """Few runs, levels left out, flat cells, and a curvature that may be none."""
    notes = point.curve.cautions(WARN_RUNS)
    if point.curvature.p_value < SIGNIFICANT:
        return notes
    p = point.curvature.p_value
    return (*notes, say("no_curvature", ModelCaution.CURVATURE_NOT_SIGNIFICANT, p=p))


def _failed(point: TurningPoint) -> tuple[Note, ...]:
    """Why the vertex of the quadratic is not the level of a best outcome."""
    axis, notes = point.curve.axis, []
    if point.kind == "minimum":
        lower = point.curve.source.table.lower_is_better  # then the values of the curve are negated
        code = ModelReason.MAXIMUM if lower else ModelReason.MINIMUM
        notes.append(say(code.value, code))
    if not point.in_range:
        low, high = (axis.to_original(end) for end in point.curve.range)
        values = {"factor": axis.factor, "low": low, "high": high}
        notes.append(say("outside_converged", ModelReason.OUTSIDE_RANGE, **values))
    if point.fit is not None and not fits(point.fit):
        p = point.fit.p_value
        notes.append(say("quadratic_does_not_fit", ModelReason.LACK_OF_FIT, p=p))
    return tuple(notes)
