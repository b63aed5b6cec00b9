"""A claim's numbers for a terminal, with the digits that its interval's width allows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vggstudy.quantities import limits_of
from vggstudy.rounding import MAX_DECIMALS, references_of, round_interval
from vggstudy.stated.base import write_level

if TYPE_CHECKING:
    from vggstudy.analysis.claims.claim import Claim

LEAST_WIDTH = 10.0 ** (1 - MAX_DECIMALS)
"""Of what has two significant digits at the most decimals that are printed."""


def printed(claim: Claim) -> tuple[str, str]:
    """The estimate, "-" where there is none, and the interval, or why there is none."""
    estimate, low, high = _texts(claim, (claim.estimate, claim.low, claim.high))
    if not claim.available:
        return estimate or "-", f"not available ({claim.reason})"
    if low is None:
        return estimate or "-", "-" if high is None else f"< {high}"
    return estimate or "-", f"> {low}" if high is None else f"[{low}, {high}]"


def printed_ends(claim: Claim, low: float, high: float) -> str:
    """Another interval of the same claim."""
    _, first, last = _texts(claim, (None, low, high))
    return f"[{first}, {last}]"


def _texts(claim: Claim, numbers: Iterable[float | None]) -> list[str | None]:
    """Numbers rounded together; levels that were run as they are, and tiny numbers to four digits.

    No number is rounded onto a limit of its scale, or the reference of its claim, that it does not
    reach.
    """
    values = [*numbers]
    if claim.outcome == "best":
        return [None if value is None else write_level(value) for value in values]
    present = [value for value in values if value is not None] or [0.0]
    width = max(present) - min(present) or abs(present[0])
    if 0 < width < LEAST_WIDTH or not math.isfinite(width):
        return [None if value is None else f"{value:.4g}" for value in values]
    marks = references_of(limits_of(claim.unit, claim.quantity), (claim.reference,))
    rounded = round_interval(*values, references=marks)
    return [rounded.estimate, rounded.low, rounded.high]
