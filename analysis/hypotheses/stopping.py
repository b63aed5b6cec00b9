"""What stops a study at a look: verdicts on some hypotheses, or the half-width of a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from vggstudy.analysis.hypotheses.verdicts import DECIDED, Verdict


@dataclass(frozen=True, slots=True)
class Stop:
    """A target that was declared.

    Attributes
    ----------
    decided : tuple of str
        Ids of the hypotheses that are all to be supported or contradicted; none where a width is
        the target.
    claim : str or None
    half_width : float or None
        That the claim's interval is to have at most.
    """

    decided: tuple[str, ...] = ()
    claim: str | None = None
    half_width: float | None = None

    def by_verdicts(self, verdicts: Mapping[str, Verdict]) -> bool:
        """Whether verdicts, those on all hypotheses by their ids, are enough."""
        return all(verdicts[name] in DECIDED for name in self.decided)

    def by_width(self, half: float | None) -> bool:
        """Whether an interval is short enough; one without two ends is not."""
        return half is not None and self.half_width is not None and half <= self.half_width


def half_width(low: float | None, high: float | None) -> float | None:
    """Half of what lies between two ends; None where one is missing or infinite."""
    if low is None or high is None or not math.isfinite(high - low):
        return None
    return (high - low) / 2
