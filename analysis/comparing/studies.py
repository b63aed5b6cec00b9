"""Two studies claim by claim, and several study by study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.comparing.like import Finding, Like, Pairing, likes
from vggstudy.analysis.notes import Note
from vggstudy.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A hypothesis in both studies."""

    id: str
    first: str
    second: str

    @property
    def same(self) -> bool:
        """Whether both came to one verdict."""
        return self.first == self.second


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two studies side by side.

    Attributes
    ----------
    names : (str, str)
    likes : tuple of Like
        Claims that both have with an interval.
    only : (tuple of str, tuple of str)
        Ids of claims with an interval that the other has not.
    verdicts : tuple of Verdicts
        Hypotheses of both.
    notes : tuple of Note
        What a reader must know of the pair: settings that differ, runs that are the same.
    """

    names: tuple[str, str]
    likes: tuple[Like, ...]
    only: tuple[tuple[str, ...], tuple[str, ...]]
    verdicts: tuple[Verdicts, ...] = ()
    notes: tuple[Note, ...] = field(default=())

    @property
    def counts(self) -> dict[str, int]:
        """Claims by finding."""
        found = Counter(one.finding for one in self.likes)
        return {str(kind): found.get(kind, 0) for kind in Finding}

    @property
    def captured(self) -> tuple[int, float]:
        """How many of the first's intervals hold the second's estimate, and how many should."""
        return sum(one.captured for one in self.likes), sum(one.capture for one in self.likes)

    @property
    def expected(self) -> tuple[int, float]:
        """How many of the second's estimates are where expected, and how many should be."""
        level = sum(one.first.confidence for one in self.likes)
        return sum(one.as_expected for one in self.likes), level

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        captured, expected = self.captured, self.expected
        return {
            "studies": list(self.names),
            "compared": len(self.likes),
            "only": [len(ids) for ids in self.only],
            "findings": self.counts,
            "captured": {"claims": captured[0], "expected": captured[1]},
            "as_expected": {"claims": expected[0], "expected": expected[1]},
            "notes": [note.to_dict() for note in self.notes],
            "hypotheses": [
                {"id": one.id, "first": one.first, "second": one.second, "same": one.same}
                for one in self.verdicts
            ],
            "claims": [one.to_dict() for one in self.likes],
        }


def compare(
    names: tuple[str, str],
    first: Mapping[str, Claim],
    second: Mapping[str, Claim],
    *,
    match: Sequence[str] = (),
    margin: float | None = None,
    verdicts: Sequence[Verdicts] = (),
    notes: Sequence[Note] = (),
    pairing: Pairing | None = None,
) -> Comparison:
    """Compare two studies' claims.

    Parameters
    ----------
    names : (str, str)
        What the studies are called.
    first, second : mapping of str to Claim
    match : sequence of str
        Patterns (``accuracy.diff.*``) of the ids to compare; all where there is none.
    margin : float, optional
        Difference between the studies that counts as none, in the claims' own unit.
    verdicts, notes
        Taken over.
    pairing : callable, optional
        How claims go together; by default both studies are independent.

    Raises
    ------
    AnalysisError
        If they have no claim in common, or their intervals are of different confidence.
    """
    a, b = (asked(claims, match) for claims in (first, second))
    found = tuple(likes(a, b, margin=margin, pairing=pairing))
    if not found:
        which = f" that matches {', '.join(match)}" if match else ""
        msg = f"{names[0]} and {names[1]} have no claim in common with an interval in both{which}"
        raise AnalysisError(msg)
    both = {one.first.id for one in found}
    only = tuple(
        tuple(name for name, claim in claims.items() if name not in both and claim.available)
        for claims in (a, b)
    )
    return Comparison(names, found, (only[0], only[1]), tuple(verdicts), tuple(notes))


def asked(claims: Mapping[str, Claim], match: Sequence[str]) -> dict[str, Claim]:
    """Claims whose id fits one of the patterns; one that is an id may be made on demand."""
    if not match:
        return dict(claims)
    named = {name: claims[name] for name in match if name in claims}
    return named | {
        name: claim
        for name, claim in claims.items()
        if any(fnmatchcase(name, pattern) for pattern in match)
    }
