"""Verdicts: what an interval says of a threshold, and several of them together.

Verdicts use unrounded values only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vggstudy.analysis.notes import Note, say
from vggstudy.analysis.numbers.intervals import Interval

MONTE_CARLO_ERRORS = 2
"""An end this many Monte Carlo errors from a threshold is too close to call."""


class Verdict(StrEnum):
    """What a hypothesis' evidence comes to."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    BORDERLINE = "borderline"
    NOT_ESTIMABLE = "not_estimable"


DECIDED = (Verdict.SUPPORTED, Verdict.CONTRADICTED)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One interval set against its threshold.

    Attributes
    ----------
    estimand : str
        A claim's id, or a name of the same form.
    rule : Note
        When it supports.
    verdict : Verdict
    level : float
        Confidence of the interval, adjusted for what it is one of.
    estimate, low, high : float or None
        Infinite ends are allowed: a one-sided bound.
    method : str or None
    reason : Note or None
        Why it is not estimable.
    parts : tuple of Evidence
        What it is composed of, where it is a conjunction.
    cautions : tuple of Note
    thresholds : tuple of float
        What the interval is set against: one number, or both margins of an equivalence; none where
        it is composed of others.
    what : Note or None
        What is estimated and in which unit, where it is no claim.
    """

    estimand: str
    rule: Note
    verdict: Verdict
    level: float
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    method: str | None = None
    reason: Note | None = None
    parts: tuple[Evidence, ...] = ()
    cautions: tuple[Note, ...] = ()
    thresholds: tuple[float, ...] = ()
    what: Note | None = None


def beyond(interval: Interval, *, threshold: float, above: bool) -> Verdict:
    """Whether an interval lies wholly beyond a threshold.

    Parameters
    ----------
    interval : Interval
    threshold : float
    above : bool
        Beyond means above; otherwise below.

    Returns
    -------
    Verdict
        Borderline where an end lies within `MONTE_CARLO_ERRORS` of the threshold: another B or
        seed might decide otherwise.
    """
    if _too_close(interval, threshold):
        return Verdict.BORDERLINE
    if interval.low > threshold:
        return Verdict.SUPPORTED if above else Verdict.CONTRADICTED
    if interval.high < threshold:
        return Verdict.CONTRADICTED if above else Verdict.SUPPORTED
    return Verdict.INCONCLUSIVE


def within(interval: Interval, *, margin: float) -> Verdict:
    """Whether an interval lies wholly inside ``(-margin, margin)``, or wholly outside."""
    if _too_close(interval, margin) or _too_close(interval, -margin):
        return Verdict.BORDERLINE
    if -margin < interval.low and interval.high < margin:
        return Verdict.SUPPORTED
    if interval.low > margin or interval.high < -margin:
        return Verdict.CONTRADICTED
    return Verdict.INCONCLUSIVE


def _too_close(interval: Interval, threshold: float) -> bool:
    """Whether the Monte Carlo error of an end reaches the threshold."""
    ends = ((interval.low, interval.mc_error_low), (interval.high, interval.mc_error_high))
    return any(
        error is not None and error > 0 and abs(end - threshold) <= MONTE_CARLO_ERRORS * error
        for end, error in ends
    )


def shared_level(level: float, parts: int) -> float:
    """Confidence at which one of several parts contradicts: Bonferroni's share of the error."""
    return 1 - (1 - level) / parts


def conjunction(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on "all of them": contradicted when one part is.

    Raises
    ------
    ValueError
        If there are no parts.
    """
    if not verdicts:
        raise ValueError("a conjunction needs at least one part")
    for found in (
        Verdict.CONTRADICTED,
        Verdict.NOT_ESTIMABLE,
        Verdict.INCONCLUSIVE,
        Verdict.BORDERLINE,
    ):
        if found in verdicts:
            return found
    return Verdict.SUPPORTED


def all_of(estimand: str, parts: Sequence[Evidence], *, level: float) -> Evidence:
    """Several pieces of evidence as one; a single one stands for itself."""
    if len(parts) == 1:
        return parts[0]
    verdict = conjunction([part.verdict for part in parts])
    reasons = [part.reason for part in parts if part.verdict == verdict and part.reason]
    return Evidence(
        estimand=estimand,
        rule=say("all_of", rules=[part.rule for part in parts]),
        verdict=verdict,
        level=level,
        reason=reasons[0] if reasons and verdict == Verdict.NOT_ESTIMABLE else None,
        parts=tuple(parts),
    )
