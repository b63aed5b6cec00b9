"""One claim of several studies: each study's, all together, and how far the studies differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.comparing.like import interval_of, range_of, same_confidence
from vggstudy.analysis.comparing.studies import asked
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.blocks import (
    Heterogeneity,
    hartung_knapp,
    heterogeneity,
    next_block,
)
from vggstudy.analysis.numbers.intervals import Interval, normal_quantile
from vggstudy.errors import AnalysisError

LEAST = 2
"""Studies that must have a claim."""

ODD_BY_CHANCE = 0.05
"""Share of claims on which studies of one thing seem to differ."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A claim over studies.

    Attributes
    ----------
    claims : mapping of str to Claim
        By the study's name; those that have an interval.
    mean : Interval
        Of all studies that could have been made: random effects, by Hartung and Knapp.
    spread : Heterogeneity
        How much studies differ beyond what their runs leave open.
    another : Interval
        Where the estimate of one more such study lies; nowhere nearer than the mean.
    """

    claims: Mapping[str, Claim]
    mean: Interval
    spread: Heterogeneity
    another: Interval

    @property
    def id(self) -> str:
        """That of all claims."""
        return self.claim.id

    @property
    def odd(self) -> bool:
        """Whether the studies differ beyond chance, by Cochran's test at `ODD_BY_CHANCE`."""
        return self.spread.p < ODD_BY_CHANCE

    @property
    def claim(self) -> Claim:
        """The first study's."""
        return next(iter(self.claims.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "id": self.id,
            "estimand": self.claim.estimand,
            "unit": self.claim.unit,
            "studies": {
                name: {"estimate": one.estimate, "low": one.low, "high": one.high, "n": one.n}
                for name, one in self.claims.items()
            },
            "mean": {
                "estimate": self.mean.estimate,
                "low": self.mean.low,
                "high": self.mean.high,
                "method": self.mean.method,
            },
            "next_study": [self.another.low, self.another.high],
            "tau": self.spread.tau2**0.5,
            "i2": self.spread.i2,
            "q": self.spread.q,
            "p": self.spread.p,
        }


@dataclass(frozen=True, slots=True)
class Pooling:
    """All claims that several studies share.

    Attributes
    ----------
    names : tuple of str
    claims : tuple of Pooled
    notes : tuple of Note
    """

    names: tuple[str, ...]
    claims: tuple[Pooled, ...]
    notes: tuple[Note, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "studies": list(self.names),
            "compared": len(self.claims),
            "notes": [note.to_dict() for note in self.notes],
            "claims": [one.to_dict() for one in self.claims],
        }


def pool(
    studies: Mapping[str, Mapping[str, Claim]],
    *,
    match: Sequence[str] = (),
    notes: Sequence[Note] = (),
) -> Pooling:
    """Pool every claim that at least two of the studies have.

    Parameters
    ----------
    studies : mapping of str to mapping
        Claims by id, by the study's name.
    match : sequence of str
        Patterns of the ids; all where there is none.
    notes : sequence of Note
        Taken over.

    Raises
    ------
    AnalysisError
        If no two have a claim in common, or intervals are of different confidence.
    """
    wanted = {study: asked(claims, match) for study, claims in studies.items()}
    ids = dict.fromkeys(name for claims in wanted.values() for name in claims)
    found = tuple(
        one
        for name in ids
        if (one := _pooled({s: c[name] for s, c in wanted.items() if name in c})) is not None
    )
    if not found:
        msg = f"{', '.join(studies)} have no claim in common with an interval in two of them"
        raise AnalysisError(msg)
    return Pooling(tuple(studies), found, tuple(notes))


def _pooled(claims: Mapping[str, Claim]) -> Pooled | None:
    """A claim over the studies that have an interval for it; None where those are too few."""
    intervals = {
        name: found for name, one in claims.items() if (found := interval_of(one)) is not None
    }
    if len(intervals) < LEAST:
        return None
    usable = {name: claims[name] for name in intervals}
    first = next(iter(usable.values()))
    if not same_confidence([*usable.values()]) or len({x.unit for x in usable.values()}) > 1:
        raise AnalysisError(f"{first.id} has not the same confidence and unit in all studies")
    confidence, limits = first.confidence, range_of(first)
    effects = np.array([one.estimate for one in intervals.values()])
    widths = np.array([one.high - one.low for one in intervals.values()])
    quantiles = np.array([normal_quantile(one.level) for one in usable.values()])
    variance = (widths / (2 * quantiles)) ** 2
    spread = heterogeneity(effects, variance)
    mean = hartung_knapp(effects, variance, spread.tau2, confidence=confidence)
    next_ = next_block(effects, confidence=confidence)
    # Estimates that happen to agree, as shares of few runs do, tell no more of it than of the mean.
    another = replace(next_, low=min(next_.low, mean.low), high=max(next_.high, mean.high))
    return Pooled(usable, mean.clipped(*limits), spread, another.clipped(*limits))
