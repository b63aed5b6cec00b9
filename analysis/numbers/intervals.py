"""What every interval function returns, and what they share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scipy.special import ndtri


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes
    ----------
    estimate, low, high : float
        In the unit of the data.
    method : str
        How the interval was made; a word of the claims' format.
    df : float or None
        Degrees of freedom, where the method has some.
    mc_error_low, mc_error_high : float or None
        Monte Carlo standard error of each end; None where nothing was drawn.
    """

    estimate: float
    low: float
    high: float
    method: str
    df: float | None = None
    mc_error_low: float | None = None
    mc_error_high: float | None = None

    def clipped(self, lower: float | None, upper: float | None) -> Interval:
        """The interval with its ends inside the range that the quantity cannot leave."""
        low = self.low if lower is None else max(self.low, lower)
        high = self.high if upper is None else min(self.high, upper)
        return replace(self, low=low, high=high)


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless ``0 < confidence < 1``."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")


def percent(confidence: float) -> str:
    """A confidence level as a percentage, with as many digits as tell it from 100%."""
    digits = 4 if confidence < 0.9999 else 11
    return f"{100 * confidence:.{digits}g}%"


def normal_quantile(confidence: float) -> float:
    """Two-sided critical value of the normal distribution: 1.96 for 0.95."""
    check_confidence(confidence)
    return float(ndtri(0.5 + confidence / 2))
