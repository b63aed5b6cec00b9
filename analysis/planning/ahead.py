"""What many simulated studies come to: half-widths, powers, smallest effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.hypotheses.judge import HypothesisResult
from vggstudy.analysis.hypotheses.verdicts import Evidence, Verdict
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.planning.sequential import LookAhead
from vggstudy.stated.hypotheses import Hypothesis, parts_of

TAILS = (0.1, 0.9)
"""Between these shares of studies lies what is given as a range."""


@dataclass(frozen=True, slots=True)
class ClaimAhead:
    """The interval of a claim, before there are runs.

    Attributes
    ----------
    id : str
    half_width : float or None
        Half of the interval's width in the middle study, where that ends; None where that has no
        interval.
    low, high : float or None
        Eight of ten studies lie between, those that the pilot leaves possible; None likewise.
    available : float
        Share of studies in which there is an interval.
    smallest : float or None
        Distance from a reference at which the interval excludes it with the power asked for.
    """

    id: str
    half_width: float | None
    low: float | None
    high: float | None
    available: float
    smallest: float | None


@dataclass(frozen=True, slots=True)
class PartAhead:
    """One part of a hypothesis.

    Attributes
    ----------
    estimand : str
    kind : str
        Of evidence: ``claim``, ``peak`` and so on.
    power : float
        Share of studies in which it is supported at the hypothesis' level.
    smallest : float or None
        Distance from the threshold at which the part is supported with the power asked for; of an
        equivalence the smallest margin; None where the part is on no single number.
    """

    estimand: str
    kind: str
    power: float
    smallest: float | None


@dataclass(frozen=True, slots=True)
class HypothesisAhead:
    """The verdict on a hypothesis, before there are runs.

    Attributes
    ----------
    id : str
    power : float
        Share of studies that support it, if runs come out as the pilot suggests.
    error : float
        Its Monte Carlo standard error.
    contradicted : float
        Share of studies that contradict it.
    assured : float
        Share that support it among studies that the pilot leaves possible.
    parts : tuple of PartAhead
    """

    id: str
    power: float
    error: float
    contradicted: float
    assured: float
    parts: tuple[PartAhead, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What so many studies show of n runs a cell, or at most so many where they have looks."""

    n: int
    studies: int
    claims: tuple[ClaimAhead, ...]
    hypotheses: tuple[HypothesisAhead, ...]
    looks: tuple[LookAhead, ...] = ()


def claim_ahead(
    text: str,
    expected: Sequence[Finding],
    possible: Sequence[Finding],
    whole: Sequence[Finding],
    power: float,
) -> ClaimAhead:
    """The intervals of one claim.

    Parameters
    ----------
    text : str
    expected, possible : sequence of Finding
        Of each study where it ended.
    whole : sequence of Finding
        Of the expected ones, of all their runs.
    power : float
    """
    widths = _half_widths(expected)
    low, high = np.quantile(_half_widths(possible), TAILS, method="nearest")
    found = [x for x in expected if x.interval is not None and x.estimate is not None]
    return ClaimAhead(
        id=text,
        half_width=_finite(float(np.quantile(widths, 0.5, method="nearest"))),
        low=_finite(float(low)),
        high=_finite(float(high)),
        available=len(found) / len(expected),
        smallest=_smallest(
            [
                (x.estimate, x.interval.low, x.interval.high)
                for x in whole
                if x.interval is not None and x.estimate is not None
            ],
            len(whole),
            power,
        ),
    )


def _half_widths(found: Sequence[Finding]) -> FloatArray:
    """Half of each interval's width; infinite where there is none."""
    return np.array(
        [math.inf if x.interval is None else (x.interval.high - x.interval.low) / 2 for x in found]
    )


def hypothesis_ahead(
    stated: Hypothesis,
    expected: Sequence[HypothesisResult],
    possible: Sequence[HypothesisResult],
    whole: Sequence[HypothesisResult],
    aimed: float,
) -> HypothesisAhead:
    """The verdicts on one hypothesis; see `claim_ahead`."""
    power, count = _share(expected, Verdict.SUPPORTED), len(expected)
    parts = [
        _part(part.kind, [x.parts[i] for x in expected], [x.parts[i] for x in whole], aimed)
        for i, part in enumerate(parts_of(stated))
    ]
    return HypothesisAhead(
        id=stated.id,
        power=power,
        error=math.sqrt(power * (1 - power) / count),
        contradicted=_share(expected, Verdict.CONTRADICTED),
        assured=_share(possible, Verdict.SUPPORTED),
        parts=tuple(parts),
    )


def _share(results: Sequence[HypothesisResult], verdict: Verdict) -> float:
    return sum(one.verdict == verdict for one in results) / len(results)


def _part(
    kind: str, found: Sequence[Evidence], whole: Sequence[Evidence], power: float
) -> PartAhead:
    """The evidence for one part, study by study."""
    supported = sum(one.verdict == Verdict.SUPPORTED for one in found) / len(found)
    return PartAhead(found[0].estimand, kind, supported, _smallest_of(whole, power))


def _smallest_of(found: Sequence[Evidence], power: float) -> float | None:
    """The smallest effect that a part of a hypothesis finds."""
    known = [x for x in found if x.low is not None and x.high is not None]
    margins = [x for x in known if len(x.thresholds) == 2]
    if margins:
        ends = [max(-(x.low or 0.0), x.high or 0.0) for x in margins]
        return _quantile(ends, len(found), power)
    if found[0].parts:
        pairs = len(found[0].parts)
        alike = [x for x in found if len(x.parts) == pairs]
        each = [_smallest_of([x.parts[i] for x in alike], power) for i in range(pairs)]
        numbers = [x for x in each if x is not None]
        return max(numbers) if len(numbers) == pairs and _of_pairs(found[0]) else None
    if not known or not known[0].thresholds:
        return None
    return _smallest(
        [
            (x.estimate, x.low, x.high)
            for x in known
            if x.estimate is not None and x.low is not None and x.high is not None
        ],
        len(found),
        power,
    )


def _of_pairs(one: Evidence) -> bool:
    """Whether each of its parts is an interval that is set against one threshold."""
    return all(len(part.thresholds) == 1 for part in one.parts)


def _smallest(
    found: Sequence[tuple[float, float, float]], studies: int, power: float
) -> float | None:
    """How far from a threshold the truth must lie for the interval to exclude it.

    An interval is taken to move with the truth: it excludes what lies farther from the truth than
    its end on that side. The larger of both sides is given.
    """
    if not found:
        return None
    estimate, low, high = np.array(found).T
    truth = float(estimate.mean())
    sides = [_quantile(x, studies, power) for x in (truth - low, high - truth)]
    known = [x for x in sides if x is not None]
    return max(known) if len(known) == len(sides) else None


def _quantile(values: Sequence[float] | FloatArray, studies: int, power: float) -> float | None:
    """Quantile among all studies; those without a value come last."""
    missing = studies - len(values)
    padded = np.concatenate([np.asarray(values, dtype=np.float64), np.full(missing, math.inf)])
    return _finite(float(np.quantile(padded, power, method="higher")))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
