"""A claim of one study beside the same claim of another: whether the second replicates it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.comparing.pairing import Paired
from vggstudy.analysis.numbers import replication
from vggstudy.analysis.numbers.intervals import Interval, percent
from vggstudy.errors import AnalysisError
from vggstudy.quantities import QUANTITIES, SHARES

Pairing = Callable[[str, float], Paired | None]
"""From a claim's id and level to how both studies' claims go together."""

APART = ("best", "prediction")
"""Quantities whose ends are those of a set, or of one run, and tell no standard error."""


class Finding(StrEnum):
    """What a second estimate says of a first."""

    REPLICATED = "replicated"
    """As expected, and on the same side of no difference, both beyond doubt."""
    OPEN = "open"
    """As expected, but the second does not exclude that there is no difference."""
    AGREES = "agrees"
    """As expected, where the first excluded nothing."""
    REVERSED = "reversed"
    """Both exclude that there is no difference, on opposite sides."""
    DIFFERS = "differs"
    """Not where the first let expect it."""


@dataclass(frozen=True, slots=True)
class Like:
    """Two claims on one quantity.

    Attributes
    ----------
    first, second : Claim
        With intervals of one confidence; at levels of their own where studies stopped at looks.
    difference : Interval
        Of the second minus the first.
    expected : Interval
        Where the first let expect the second's estimate.
    combined : Interval
        Both as one estimate: a fixed effect, for studies of one and the same thing.
    captured : bool
        Whether the first's interval holds the second's estimate.
    capture : float
        How probable that is where both estimate one thing.
    margin : float or None
        Within which a difference counts as none.
    paired : Paired or None
        How both go together, where runs of both draw from the same seeds.
    """

    first: Claim
    second: Claim
    difference: Interval
    expected: Interval
    combined: Interval
    captured: bool
    capture: float
    margin: float | None = None
    paired: Paired | None = None

    @property
    def id(self) -> str:
        """That of both claims."""
        return self.first.id

    @property
    def odd(self) -> bool:
        """Whether the second does not fit the first."""
        return self.finding in (Finding.REVERSED, Finding.DIFFERS)

    @property
    def as_expected(self) -> bool:
        """Whether the second's estimate lies where the first let expect it."""
        return self.difference.low <= 0 <= self.difference.high

    @property
    def equivalent(self) -> bool | None:
        """Whether the difference lies within the margin; None where none was given.

        Two one-sided tests at half of the intervals' error rate.
        """
        if self.margin is None:
            return None
        return -self.margin < self.difference.low and self.difference.high < self.margin

    @property
    def finding(self) -> Finding:
        """What the second says of the first."""
        sides = self.first.side, self.second.side
        if sides[0] * sides[1] < 0:
            return Finding.REVERSED
        if not self.as_expected:
            return Finding.DIFFERS
        if sides[0] == 0:
            return Finding.AGREES
        return Finding.REPLICATED if sides[1] else Finding.OPEN

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "id": self.id,
            "estimand": self.first.estimand,
            "unit": self.first.unit,
            "first": _numbers(self.first),
            "second": _numbers(self.second),
            "difference": _numbers(self.difference),
            "expected": [self.expected.low, self.expected.high],
            "combined": _numbers(self.combined),
            "captured": self.captured,
            "capture_probability": self.capture,
            "equivalent": self.equivalent,
            "paired_runs": 0 if self.paired is None else self.paired.runs,
            "correlation": None if self.paired is None else self.paired.correlation,
            "finding": str(self.finding),
        }


def like(
    first: Claim, second: Claim, *, margin: float | None = None, paired: Paired | None = None
) -> Like | None:
    """Set two claims of one id beside each other; None where one has no interval.

    Parameters
    ----------
    first, second : Claim
    margin : float, optional
        Within which a difference counts as none.
    paired : Paired, optional
        How both go together; by default they are independent.

    Raises
    ------
    AnalysisError
        If their intervals are of different confidence, or their units differ.
    """
    a, b = interval_of(first), interval_of(second)
    if a is None or b is None:
        return None
    if not same_confidence((first, second)) or first.unit != second.unit:
        msg = (
            f"{first.id} is in {first.unit} at {first.confidence:g} in one study and in "
            f"{second.unit} at {second.confidence:g} in the other"
        )
        raise AnalysisError(msg)
    levels = first.level, second.level
    least, most = range_of(first)
    correlation = 0.0 if paired is None else paired.correlation
    change = _at_least(replication.difference(a, b, correlation=correlation), paired, a, b)
    if (least, most) == (0.0, 1.0):
        change = change.clipped(-1.0, 1.0)
    return Like(
        first=first,
        second=second,
        difference=change,
        expected=replication.expected(a, change).clipped(least, most),
        combined=replication.combined((a, b), levels=levels, correlation=correlation).clipped(
            least, most
        ),
        captured=a.low <= b.estimate <= a.high,
        capture=replication.capture(a, b, levels=levels, correlation=correlation),
        margin=margin,
        paired=paired,
    )


def _at_least(change: Interval, paired: Paired | None, a: Interval, b: Interval) -> Interval:
    """A paired difference, reaching as far as its pairs leave open, or independent runs would."""
    if paired is None or paired.least is None:
        return change
    least, apart = paired.least, replication.difference(a, b)
    below = min(least.estimate - least.low, apart.estimate - apart.low)
    above = min(least.high - least.estimate, apart.high - apart.estimate)
    at = change.estimate
    return replace(change, low=min(change.low, at - below), high=max(change.high, at + above))


def likes(
    first: Mapping[str, Claim],
    second: Mapping[str, Claim],
    *,
    margin: float | None = None,
    pairing: Pairing | None = None,
) -> Iterator[Like]:
    """All claims that both have with an interval, in the first's order."""
    for name, claim in first.items():
        if name not in second or interval_of(claim) is None:
            continue
        other = second[name]
        paired = None if pairing is None else pairing(name, max(claim.level, other.level))
        found = like(claim, other, margin=margin, paired=paired)
        if found is not None:
            yield found


def same_confidence(claims: Sequence[Claim]) -> bool:
    """Whether all claims' intervals hold with one confidence, to what is printed of it."""
    return len({percent(claim.confidence) for claim in claims}) == 1


def interval_of(claim: Claim) -> Interval | None:
    """A claim's estimate and both ends, where differences of such claims mean something.

    None where one is missing, of ratios, and of what is no estimate with its error.
    """
    if claim.estimate is None or claim.low is None or claim.high is None or not claim.available:
        return None
    if {claim.outcome, claim.quantity} & {*APART} or claim.unit == "ratio":
        return None
    if not claim.low < claim.high:
        return None
    return Interval(claim.estimate, claim.low, claim.high, claim.method or "")


def range_of(claim: Claim) -> tuple[float | None, float | None]:
    """Values that a claim's quantity cannot leave."""
    if claim.unit not in SHARES:
        return None, None
    kind = QUANTITIES[claim.quantity]
    if kind.unit is None and kind.compares:
        return -float(kind.compares), float(kind.compares)
    if claim.unit == "probability" or claim.outcome == "expected":
        return 0.0, 1.0
    return None, 1.0  # a gap between two shares falls below 0


def _numbers(one: Claim | Interval) -> dict[str, Any]:
    """Estimate and ends, and the runs behind a claim."""
    found = {"estimate": one.estimate, "low": one.low, "high": one.high}
    return {**found, "n": one.n, "k": one.k} if isinstance(one, Claim) else found
