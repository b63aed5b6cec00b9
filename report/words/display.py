"""How a claim's numbers are printed: its unit, its references and the rounding they need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vggstudy.quantities import SHARES, limits_of
from vggstudy.report.words.i18n import gettext, mark
from vggstudy.rounding import (
    Rounded,
    references_of,
    round_interval,
    round_number,
    typographic,
)

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.claims.claim import Alternative

BEYOND = "beyond "
"""Before the last level that was run, where a level is estimated outside those: how far outside,
no run tells."""


def split_beyond(text: str) -> tuple[str, str]:
    """The word before a number, or nothing, and the number."""
    return (BEYOND, text.removeprefix(BEYOND)) if text.startswith(BEYOND) else ("", text)


def _worded(text: str) -> str:
    """The same in the report's language."""
    word, number = split_beyond(text)
    return gettext("beyond %(level)s") % {"level": number} if word else number


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of print.

    Attributes
    ----------
    scale : int
        What the claim's value is multiplied by.
    suffix : str
        Printed after one number: "%", " points", or nothing.
    limits : tuple of float
        Unscaled values that only a number that reaches them may be printed as.
    """

    scale: int
    suffix: str
    limits: tuple[float, ...]

    @property
    def words(self) -> str:
        """The suffix in the report's language."""
        return gettext(self.suffix) if self.suffix else ""

    def after(self, number: str) -> str:
        """The suffix behind that number: " point" behind 1."""
        if self.suffix == POINTS.suffix and number in ("1", "-1"):
            return gettext(" point")
        return self.words


PERCENT = Unit(100, "%", limits_of("fraction", "mean"))
POINTS = Unit(100, mark(" points"), limits_of("fraction", "diff"))
POINTS_OF_POINTS = Unit(100, " points", limits_of("fraction", "did"))
PLAIN = Unit(1, "", limits_of("", "mean"))
CORRELATION = Unit(1, "", limits_of("correlation", "mean"))


@dataclass(frozen=True, slots=True)
class Display:
    """A claim's numbers in print, with an ASCII minus; the layers above set a real one.

    Attributes
    ----------
    rounded : Rounded
        Digits of the estimate and both ends.
    unit : Unit
        What they count.
    level : str
        The interval's level, e.g. "95%".
    """

    rounded: Rounded
    unit: Unit
    level: str

    @property
    def number(self) -> str:
        """The estimate without its unit; where only one end is known, that bound."""
        if self.rounded.estimate is not None:
            return _worded(self.rounded.estimate)
        sign, bound = (
            ("<", self.rounded.high) if self.rounded.low is None else (">", self.rounded.low)
        )
        return _worded(bound or "") if split_beyond(bound or "")[0] else f"{sign}{bound}"

    @property
    def estimate(self) -> str:
        """The estimate with its unit: "84%", "23 points"."""
        return f"{self.number}{self.unit.after(self.number)}"

    @property
    def magnitude(self) -> str:
        """The estimate without its sign, for a sentence whose verb carries the sign."""
        return self.estimate.replace("-", "")

    @property
    def ends(self) -> str:
        """The interval alone: "[12, 34]", "[0, 17]%"; with one end "up to 12" or "from 34"."""
        low, high = (
            None if end is None else _worded(end) for end in (self.rounded.low, self.rounded.high)
        )
        unit = self.unit.suffix if self.unit == PERCENT else ""
        if low is not None and high is not None:
            return f"[{low}, {high}]{unit}"
        if high is not None:
            return gettext("up to %(end)s") % {"end": f"{high}{unit}"}
        if low is not None:
            return gettext("from %(end)s") % {"end": f"{low}{unit}"}
        return gettext("without bounds")

    @property
    def interval(self) -> str:
        """The interval with its level: "95% CI [12, 34]"."""
        return f"{self.level} CI {self.ends}"


def unit_of(claim: Claim) -> Unit:
    """Percentages for shares, points for their differences, else the number itself."""
    if claim.unit == "correlation":
        return CORRELATION
    if claim.unit not in SHARES:
        return PLAIN
    points = {"diff": POINTS, "block_diff": POINTS, "did": POINTS_OF_POINTS}
    return points.get(claim.quantity, PERCENT)


def size_of(claim: Claim) -> int:
    """The runs behind a claim: those that converged for an accuracy among converged runs."""
    return claim.n if claim.outcome in ("converged", "expected", "needed", "tolerated") else claim.k


def display(claim: Claim) -> Display | None:
    """The claim's numbers in print; None where there is neither an estimate nor a bound."""
    if claim.estimate is None and (not claim.available or claim.low is claim.high):
        return None
    unit = unit_of(claim)
    numbers = (claim.estimate, claim.low, claim.high)
    if claim.outcome == "best":  # levels that were run, not numbers somewhere between
        estimate, low, high = (None if x is None else _level(x) for x in numbers)
        return Display(Rounded(estimate, low, high, 0), unit, confidence_text(claim.level))
    held = [None if x is None else _held(x, claim.levels_run) for x in numbers]
    rounded = round_interval(
        *held,
        references=references_of(unit.limits, (claim.reference,)),
        scale=unit.scale,
    )
    estimate, low, high = (
        text if text is None or x == inside or inside is None else BEYOND + _level(inside)
        for text, x, inside in zip(
            (rounded.estimate, rounded.low, rounded.high), numbers, held, strict=True
        )
    )
    shown = Rounded(estimate, low, high, rounded.decimals)
    return Display(shown, unit, confidence_text(claim.level))


def _held(value: float, levels: tuple[float, float] | None) -> float:
    """A level held to those that were run; as it is where it is none."""
    return value if levels is None else min(max(value, levels[0]), levels[1])


def _level(value: float) -> str:
    """A level as a protocol would write it, without an exponent."""
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def level_estimate(claim: Claim, *, decimals: int) -> str:
    """The estimate alone, at the decimals of the contrast beside which it stands."""
    if claim.estimate is None:
        msg = f"{claim.id} has no estimate"
        raise ValueError(msg)
    unit = unit_of(claim)
    marks = references_of(unit.limits, (claim.reference,))
    rounded = round_interval(
        claim.estimate, None, None, references=marks, scale=unit.scale, decimals=decimals
    )
    return f"{rounded.estimate}{unit.after(str(rounded.estimate))}"


def alternative_ends(claim: Claim, other: Alternative) -> str | None:
    """Another interval for the claim, at the decimals of its own; None where an end is infinite."""
    shown = display(claim)
    if shown is None or not (math.isfinite(other.low) and math.isfinite(other.high)):
        return None
    ends = [_held(end, claim.levels_run) for end in (other.low, other.high)]
    rounded = round_interval(
        None,
        *ends,
        references=references_of(shown.unit.limits, (claim.reference,)),
        scale=shown.unit.scale,
        decimals=shown.rounded.decimals,
    )
    low, high = (
        text if end == inside else BEYOND + _level(inside)
        for text, end, inside in zip(
            (rounded.low, rounded.high), (other.low, other.high), ends, strict=True
        )
    )
    return Display(Rounded(None, low, high, rounded.decimals), shown.unit, shown.level).ends


def confidence_text(level: float) -> str:
    """A confidence level as a percentage: 0.95 is "95%", 0.999 "99.9%", 0.999998 "99.9998%"."""
    decimals = 2
    while decimals < 8 and round_number(level, decimals=decimals, scale=100).startswith("100"):
        decimals += 1
    text = round_number(level, decimals=decimals, scale=100)
    return f"{text.rstrip('0').rstrip('.')}%"


def read(text: str) -> str:
    """The text with real minus signs."""
    return typographic(text)
