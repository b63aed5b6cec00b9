"""How a claim's numbers are printed: its unit, its references and the rounding they need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vggstudy.report.words.formatting import (
    Rounded,
    references_of,
    round_interval,
    round_number,
    typographic,
)
from vggstudy.report.words.i18n import gettext, mark

if TYPE_CHECKING:
    from vggstudy.analysis import Claim
    from vggstudy.analysis.claims.claim import Alternative

SHARES = ("probability", "fraction")


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


PERCENT = Unit(100, "%", (0.0, 1.0))
POINTS = Unit(100, mark(" points"), (-1.0, 0.0, 1.0))
POINTS_OF_POINTS = Unit(100, " points", (-2.0, 0.0, 2.0))
PLAIN = Unit(1, "", (0.0,))
CORRELATION = Unit(1, "", (-1.0, 0.0, 1.0))


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
            return self.rounded.estimate
        return f"<{self.rounded.high}" if self.rounded.low is None else f">{self.rounded.low}"

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
        low, high = self.rounded.low, self.rounded.high
        unit = self.unit.suffix if self.unit is PERCENT else ""
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
    return {"diff": POINTS, "did": POINTS_OF_POINTS}.get(claim.quantity, PERCENT)


def size_of(claim: Claim) -> int:
    """The runs behind a claim: those that converged for an accuracy among converged runs."""
    return claim.n if claim.outcome in ("converged", "expected", "needed") else claim.k


def display(claim: Claim) -> Display | None:
    """The claim's numbers in print; None where there is neither an estimate nor a bound."""
    if claim.estimate is None and (not claim.available or claim.low is claim.high):
        return None
    unit = unit_of(claim)
    rounded = round_interval(
        claim.estimate,
        claim.low,
        claim.high,
        references=references_of(unit.limits, (claim.reference,)),
        scale=unit.scale,
    )
    return Display(rounded, unit, confidence_text(claim.level))


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
    rounded = round_interval(
        None,
        other.low,
        other.high,
        references=references_of(shown.unit.limits, (claim.reference,)),
        scale=shown.unit.scale,
        decimals=shown.rounded.decimals,
    )
    return Display(rounded, shown.unit, shown.level).ends


def confidence_text(level: float) -> str:
    """A confidence level as a percentage: 0.95 is "95%", 0.999 is "99.9%"."""
    text = round_number(level, decimals=2, scale=100)
    return f"{text.rstrip('0').rstrip('.')}%"


def read(text: str) -> str:
    """The text with real minus signs."""
    return typographic(text)
