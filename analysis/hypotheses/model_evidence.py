"""Evidence from fitted models: slopes, levels needed to converge, peaks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import Axis, axis_for, strata_of
from vggstudy.analysis.data.design import Terms, build_design
from vggstudy.analysis.data.estimands import named
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.parsing import check_factor, conditions_at, level_index
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.best import BestLevels, best_levels
from vggstudy.analysis.estimators.learning import learning_along
from vggstudy.analysis.estimators.needed import OF_DIRECTION, other_direction
from vggstudy.analysis.estimators.peak import PeakTest, peak_test
from vggstudy.analysis.estimators.threshold import shared_lines
from vggstudy.analysis.estimators.threshold_difference import shift_of, sides_of
from vggstudy.analysis.estimators.times import of_means
from vggstudy.analysis.estimators.turning_point import estimate_turning_point, fit_of, fits
from vggstudy.analysis.hypotheses.parts import from_interval, not_estimable
from vggstudy.analysis.hypotheses.verdicts import (
    DECIDED,
    Evidence,
    Verdict,
    beyond,
    conjunction,
    shared_level,
)
from vggstudy.analysis.models.failure_effects import average_slope
from vggstudy.analysis.models.failure_result import FailureModel
from vggstudy.analysis.notes import (
    Caution,
    ModelCaution,
    ModelReason,
    Note,
    Reason,
    say,
)
from vggstudy.analysis.numbers.firth import Binomial, fit_logistic
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.analysis.numbers.multiplicity import holm_steps
from vggstudy.analysis.numbers.separation import find_separation, no_separation
from vggstudy.stated.hypotheses import NeededPart, PeakPart, SlopePart

SLOPES = {"log2": "slope_log2", "linear": "slope_linear"}
"""What a slope is, by the scale of its axis."""

DIFFERENCES = {
    ("needed", "log2"): "needed_log2",
    ("needed", "linear"): "needed_linear",
    ("tolerated", "log2"): "tolerated_log2",
    ("tolerated", "linear"): "tolerated_linear",
}
"""What a difference of levels is, by quantity and scale."""


def slope(
    part: SlopePart, maker: ClaimMaker, level: float, *, verdict_only: bool = False
) -> Evidence:
    """Mean change of the log odds of converging per unit of the axis, under Firth's penalty.

    Separation, which is a caution alone, is not looked for where only the verdict is asked.
    """
    table, level = maker.cells.table, maker.how.nominal(level)
    conditions = conditions_at(part.at, table)
    name = named(("converged", "slope", part.along), conditions, table)
    threshold = part.threshold or 0.0
    rule = say(part.direction, claim=name, other=threshold)
    terms = terms_of(part, table, conditions)
    found = _fitted(maker, terms, conditions, level, separation=not verdict_only)
    if not found.fit.converged:
        reason = replace(found.statement(), code=str(ModelReason.NOT_ESTIMABLE))
        return not_estimable(name, rule, level, reason)
    interval = average_slope(found, maker.cells)
    verdict = beyond(interval, threshold=threshold, above=part.direction == "above")
    cautions: tuple[Note, ...] = ()
    if found.separation.separated:
        cautions = (replace(found.statement(), code=str(Caution.SEPARATED)),)
    evidence = from_interval(
        name, rule, verdict, level, interval, cautions, thresholds=(threshold,)
    )
    scale = axis_for(table, part.along, part.scale).scale
    return replace(evidence, what=say(SLOPES[scale], factor=part.along))


def _fitted(
    maker: ClaimMaker,
    terms: Terms,
    where: tuple[Condition, ...],
    level: float,
    *,
    separation: bool,
) -> FailureModel:
    """M1 without the coefficients and effects that a slope does not need."""
    design = build_design(maker.cells, terms, where=where)
    k, n = maker.cells.k[design.cells], maker.cells.n[design.cells]
    fit = fit_logistic(Binomial(design.X, n), k)
    found = find_separation(design.X, k, n) if separation else no_separation(design.X)
    return FailureModel(design, k, n, fit, found, level, where, (), (), None)


def terms_of(
    part: SlopePart | NeededPart, table: RunTable, conditions: tuple[Condition, ...]
) -> Terms:
    """The axis, and every factor that is not held at one level."""
    axis = axis_for(table, part.along, part.scale)
    held = {c.factor for c in conditions}
    factors = tuple(x for x in table.factors if x != part.along and x not in held)
    return Terms(axis, factors, part.pairs)


def peak(
    part: PeakPart, maker: ClaimMaker, level: float, *, verdict_only: bool = False
) -> Evidence:
    """A peak in every stratum that has enough levels, Holm over all strata.

    Where a stratum has too few converged levels, the whole is not estimable: the hypothesis is of
    all strata, and `at` restricts it to some.
    """
    table = maker.cells.table
    axis = axis_for(table, part.along, part.scale)
    held = conditions_at(part.at, table)
    strata = [stratum for stratum in strata_of(table, axis) if all(c in stratum for c in held)]
    name = named(("peak", part.along), held, table)
    shared = shared_level(level, max(len(strata), 1))
    tried = [
        _Stratum(maker, axis, stratum, part.min_levels or PEAK_LEVELS, shared) for stratum in strata
    ]
    steps = holm_steps(
        [lambda c, one=one: one.verdict(c) in DECIDED for one in tried],  # type: ignore[misc]
        confidence=level,
    )
    found = [
        one.evidence(at, verdict_only=verdict_only)
        for one, at in zip(tried, steps.confidence, strict=True)
    ]
    verdict = conjunction([one.verdict for one in found]) if found else Verdict.NOT_ESTIMABLE
    level = maker.how.nominal(level)
    whole = Evidence(name, _rule(table), verdict, level, parts=tuple(found))
    if verdict != Verdict.NOT_ESTIMABLE:
        return whole
    return replace(whole, reason=_untested(found))


@dataclass(frozen=True)
class _Stratum:
    """One stratum of a hypothesis on a peak.

    Supported where the three tests agree; where the quadratic that two of them rest on does not
    fit, where the set of best levels excludes both ends. Contradicted where that set holds ends
    alone, whatever the curve.

    Attributes
    ----------
    maker : ClaimMaker
    axis : Axis
    where : tuple of Condition
    min_levels : int
    shared : float
        Confidence at which one of all strata contradicts.
    """

    maker: ClaimMaker
    axis: Axis
    where: tuple[Condition, ...]
    min_levels: int
    shared: float

    @cached_property
    def test(self) -> PeakTest | Note:
        """The three tests, or why there are none."""
        how = self.maker.how
        seed, shared = how.resampling.seed, how.shared_seeds
        return _tested(self.cells, self.axis, self.where, seed, shared, self.min_levels)

    @cached_property
    def fitted(self) -> bool:
        """Whether the quadratic fits."""
        return not isinstance(self.test, Note) and fits(fit_of(self.test.quadratic))

    @cached_property
    def most(self) -> BestLevels | Note:
        """The set of best levels that contradicts."""
        return self.best(self.shared)

    def best(self, level: float) -> BestLevels | Note:
        """The set of best levels."""
        how = self.maker.how
        return best_levels(
            self.cells,
            self.axis,
            self.where,
            confidence=how.nominal(level),
            shared_seeds=how.shared_seeds,
        )

    @property
    def cells(self) -> Cells:
        """Those whose means are claimed."""
        return of_means(self.maker.cells)

    def verdict(self, level: float) -> Verdict:
        """Of this stratum alone at a level."""
        if isinstance(self.test, Note) or isinstance(self.most, Note):
            return Verdict.NOT_ESTIMABLE
        if self.fitted:
            supported = self.test.p_value <= 1 - self.maker.how.nominal(level)
        else:
            least = self.best(level)
            supported = not isinstance(least, Note) and least.inside
        if supported:
            return Verdict.SUPPORTED
        return Verdict.CONTRADICTED if self.most.at_ends else Verdict.INCONCLUSIVE

    def evidence(self, level: float, *, verdict_only: bool = False) -> Evidence:
        """The verdict; beside it the vertex, where it is one, and the set of best levels."""
        maker, table = self.maker, self.maker.cells.table
        name = named(("peak", self.axis.factor), self.where, table)
        if isinstance(self.test, Note):
            return not_estimable(name, _rule(table), level, self.test)
        verdict = self.verdict(level)
        if verdict_only:
            return Evidence(name, _rule(table), verdict, level)
        best = self.best(self.shared if verdict == Verdict.CONTRADICTED else level)
        notes = () if isinstance(best, Note) else (best.note(),)
        level = maker.how.nominal(level)
        found = Evidence(name, _rule(table), verdict, level, cautions=notes)
        turning = estimate_turning_point(
            self.cells, self.axis, self.where, confidence=level, resampling=maker.how.resampling
        )
        if isinstance(turning, Note):
            return found
        finding = turning.finding()
        interval = finding.interval
        return replace(
            found,
            estimate=finding.estimate,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            method=interval.method if interval else None,
            cautions=(*finding.cautions, *notes),
        )


@lru_cache(maxsize=64)
def _tested(
    cells: Cells,
    axis: Axis,
    where: tuple[Condition, ...],
    seed: int,
    shared_seeds: bool,
    min_levels: int,
) -> PeakTest | Note:
    """The tests of a stratum, once for all levels of confidence at which they are read."""
    return peak_test(
        cells, axis, where, seed=seed, shared_seeds=shared_seeds, min_levels=min_levels
    )


def _untested(found: list[Evidence]) -> Note:
    """How many strata cannot be tested, and why the first cannot."""
    without = [one for one in found if one.reason is not None]
    if not without or without[0].reason is None:
        return say("no_stratum", Reason.NO_RUNS)
    first = without[0].reason
    counts, of = {"n": len(without), "all": len(found)}, without[0].estimand
    return say("strata_untested", first.code, claim=of, text=first, **counts)


PEAK_LEVELS = 4
"""Levels with converged runs that a stratum needs, unless the hypothesis says otherwise."""


def _rule(table: RunTable) -> Note:
    """What a peak is, or where lower is better a trough."""
    return say("falls_and_rises" if table.lower_is_better else "rises_and_falls")


def needed(
    part: NeededPart, maker: ClaimMaker, level: float, *, verdict_only: bool = False
) -> Evidence:
    """Difference of the levels at which half of the runs converge, inside one penalised model.

    Learning must run along the factor as the quantity asks, in both arms together. A level out of
    range enters as a one-sided bound; the interval then has an infinite end.
    """
    table, level = maker.cells.table, maker.how.nominal(level)
    held = conditions_at(part.at, table)
    quantity = part.quantity or "needed"
    name = named((quantity, "diff", part.compare, part.along), held, table)
    threshold = part.threshold or 0.0
    rule = say(part.direction, claim=name, other=threshold)
    earlier, later = _compared(part, table)
    axis = axis_for(table, part.along, part.scale)
    design = build_design(maker.cells, _needed_terms(part, table, held), where=held)
    strata = tuple(
        tuple(sorted((*held, Condition(part.compare, (i,))), key=lambda c: c.factor))
        for i in (later, earlier)
    )
    arms = (*held, Condition(part.compare, (earlier, later)))
    along = learning_along(maker.cells, axis, arms, maker.how, confidence=level)
    if isinstance(along, Note):
        return not_estimable(name, rule, level, along)
    if OF_DIRECTION[along] != quantity:
        return not_estimable(name, rule, level, other_direction(part.along, along))
    lines = shared_lines(maker.cells, design, strata, probability=0.5, direction=along)
    if isinstance(lines, Note):
        return not_estimable(name, rule, level, lines)
    above = part.direction == "above"
    if verdict_only:
        sides = sides_of(lines, 0, 1, direction=along, confidence=level, against=threshold)
        if isinstance(sides, Note):
            return not_estimable(name, rule, level, sides)
        verdict = beyond(
            Interval(math.nan, sides.low, sides.high, ""), threshold=threshold, above=above
        )
        brief = Evidence(name, rule, verdict, level, sides.estimate)
        return _with_wald_ends(brief, sides.se, threshold)
    found = shift_of(lines, 0, 1, direction=along, confidence=level)
    if isinstance(found, Note):
        return not_estimable(name, rule, level, found)
    interval = Interval(math.nan, found.low, found.high, "profile_penalised_likelihood")
    verdict = beyond(interval, threshold=threshold, above=above)
    return Evidence(
        name,
        rule,
        verdict,
        level,
        found.estimate,
        found.low,
        found.high,
        interval.method,
        cautions=_one_sided(found.low, found.high, part.along),
        thresholds=(threshold,),
        what=_difference_of_levels(part, axis, table),
    )


def _with_wald_ends(found: Evidence, se: float | None, threshold: float) -> Evidence:
    """Evidence of which only the verdict was computed, with ends that say how wide it is."""
    if found.estimate is None or se is None:
        return found
    reach = normal_quantile(found.level) * se
    low, high = found.estimate - reach, found.estimate + reach
    return replace(found, low=low, high=high, thresholds=(threshold,))


def _difference_of_levels(part: NeededPart, axis: Axis, table: RunTable) -> Note:
    """What is compared: levels of a factor on its scale, between two levels of another."""
    earlier, later = (write_level(table.levels[part.compare][i]) for i in _compared(part, table))
    name = DIFFERENCES[part.quantity or "needed", axis.scale]
    return say(name, factor=part.along, name=part.compare, level=later, other=earlier)


def _one_sided(low: float, high: float, along: str) -> tuple[Note, ...]:
    """Where a limit lies beyond the levels that were run."""
    code, below, above = ModelCaution.OUTSIDE_RANGE, math.isfinite(low), math.isfinite(high)
    if below and above:
        return ()
    if below:
        return (say("difference_at_least", code, low=low, factor=along),)
    if above:
        return (say("difference_at_most", code, high=high, factor=along),)
    return (say("difference_unbounded", code, factor=along),)


def _compared(part: NeededPart, table: RunTable) -> tuple[int, int]:
    """Earlier and later level of the compared factor."""
    check_factor(part.compare, table)
    if part.levels is None:
        return 0, len(table.levels[part.compare]) - 1
    first, second = (level_index(part.compare, write_level(level), table) for level in part.levels)
    return first, second


def _needed_terms(part: NeededPart, table: RunTable, held: tuple[Condition, ...]) -> Terms:
    """The model's terms, each compared level with a slope of its own."""
    terms = terms_of(part, table, held)
    own = {part.along, part.compare}
    if any(set(pair) == own for pair in terms.interactions):
        return terms
    return replace(terms, interactions=(*terms.interactions, (part.along, part.compare)))
