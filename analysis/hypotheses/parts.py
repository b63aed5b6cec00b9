"""Pieces of evidence."""

from __future__ import annotations

from vggstudy.analysis.hypotheses.verdicts import Evidence, Verdict
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.intervals import Interval


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
