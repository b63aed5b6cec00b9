"""Pieces of evidence, and the conditions that a hypothesis states in levels."""

from __future__ import annotations

import math

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.parsing import level_index
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.hypotheses.verdicts import Evidence, Verdict
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.stated.hypotheses import Held


def conditions_of_levels(held: Held, table: RunTable) -> tuple[Condition, ...]:
    """Factors held at levels, sorted by factor.

    Raises
    ------
    AnalysisError
        If the table has no such factor or level.
    """
    return tuple(
        Condition(name, (level_index(name, write_level(held[name]), table),))
        for name in sorted(held)
    )


def not_estimable(
    estimand: str,
    rule: Note | None,
    level: float,
    reason: Note,
    estimate: float | None = None,
) -> Evidence:
    """Evidence that there is none, with its reason."""
    asked = rule or Note.written("", estimand)
    return Evidence(estimand, asked, Verdict.NOT_ESTIMABLE, level, estimate=estimate, reason=reason)


def from_interval(
    estimand: str,
    rule: Note,
    verdict: Verdict,
    level: float,
    interval: Interval,
    cautions: tuple[Note, ...] = (),
    *,
    thresholds: tuple[float, ...],
) -> Evidence:
    """Evidence from an interval that was set against its thresholds."""
    return Evidence(
        estimand,
        rule,
        verdict,
        level,
        interval.estimate,
        interval.low,
        interval.high,
        interval.method,
        cautions=cautions,
        thresholds=thresholds,
    )


def interval_of(claim: Claim) -> Interval:
    """The interval of an available claim; an end that it lacks is infinite."""
    return Interval(
        math.nan if claim.estimate is None else claim.estimate,
        -math.inf if claim.low is None else claim.low,
        math.inf if claim.high is None else claim.high,
        claim.method or "",
        mc_error_low=claim.mc_error_low,
        mc_error_high=claim.mc_error_high,
    )
