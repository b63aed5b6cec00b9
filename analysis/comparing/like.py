"""A claim of one study beside the same claim of another: whether the second replicates it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.numbers import replication
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.errors import AnalysisError
from vggstudy.quantities import QUANTITIES, SHARES

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
        With intervals at one confidence level.
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
    """

    first: Claim
    second: Claim
    difference: Interval
    expected: Interval
    combined: Interval
    captured: bool
    capture: float
    margin: float | None = None

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
            "finding": str(self.finding),
        }


def like(first: Claim, second: Claim, *, margin: float | None = None) -> Like | None:
    """Set two claims of one id beside each other; None where one has no interval.

    Raises
    ------
    AnalysisError
        If their intervals are at different confidence levels, or their units differ.
    """
    a, b = interval_of(first), interval_of(second)
    if a is None or b is None:
        return None
    if (first.level, first.unit) != (second.level, second.unit):
        msg = (
            f"{first.id} is in {first.unit} at {first.level:g} in one study and in "
            f"{second.unit} at {second.level:g} in the other"
        )
        raise AnalysisError(msg)
    least, most = range_of(first)
    change = replication.difference(a, b)
    if (least, most) == (0.0, 1.0):
        change = change.clipped(-1.0, 1.0)
    return Like(
        first=first,
        second=second,
        difference=change,
        expected=replication.expected(a, b).clipped(least, most),
        combined=replication.combined((a, b)).clipped(least, most),
        captured=a.low <= b.estimate <= a.high,
        capture=replication.capture(a, b, confidence=first.level),
        margin=margin,
    )


def likes(
    first: Mapping[str, Claim], second: Mapping[str, Claim], *, margin: float | None = None
) -> Iterator[Like]:
    """All claims that both have with an interval, in the first's order."""
    for name, claim in first.items():
        if name in second and (found := like(claim, second[name], margin=margin)) is not None:
            yield found


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
