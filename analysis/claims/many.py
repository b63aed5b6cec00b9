"""Many claims at once: which stand up to their number, and families whose intervals hold together.

Every interval holds its value at the analysis' level, so that of many that compare something with a
reference, some exclude it by chance. Claims that a hypothesis names are judged together elsewhere
(`hypotheses.judge`); here are all others.

References
----------
.. [1] Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from vggstudy.analysis.claims.catalogue import asked_for
from vggstudy.analysis.claims.claim import Alternative, Claim, side_of
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.borrowing import lent_variance
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.notes import Caution, say
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.multiplicity import CellMeans, benjamini_hochberg, max_t
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.errors import AnalysisError
from vggstudy.quantities import PLAIN

UNBOUNDED = Interval(math.nan, -math.inf, math.inf, "unbounded")
"""Where a stricter level has no interval."""


class FamilyError(AnalysisError):
    """A family that was asked for cannot be told."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Exploratory:
    """How many claims that nobody registered compare something, and what their number does.

    Attributes
    ----------
    claims : int
        Those with a reference and an interval.
    by_chance : float
        Intervals that would exclude the reference if it were true everywhere.
    beyond, surviving : int
        Intervals that do, and those among them that stand at a false discovery rate of 1 less the
        level [1]_.
    """

    claims: int
    by_chance: float
    beyond: int
    surviving: int

    @classmethod
    def of(cls, claims: Iterable[Claim]) -> Exploratory:
        """Count them."""
        judged = [claim for claim in claims if claim.survives is not None]
        return cls(
            len(judged),
            sum(1 - claim.level for claim in judged),
            sum(claim.side != 0 for claim in judged),
            sum(bool(claim.survives) for claim in judged),
        )


def with_survivors(claims: Mapping[str, Claim], maker: ClaimMaker) -> dict[str, Claim]:
    """The claims, the exploratory ones with whether they survive Benjamini and Hochberg's steps.

    Parameters
    ----------
    claims : mapping of str to Claim
        By id.
    maker : ClaimMaker
        Estimates anew, at the level of each step, what excludes its reference.
    """
    judged = [
        claim
        for claim in claims.values()
        if claim.available and claim.reference is not None and not _set_apart(claim)
    ]
    brief = replace(maker, how=replace(maker.how, bounds=False))  # of ends alone
    stands = benjamini_hochberg(
        [_decides(claim, brief) for claim in judged], rate=1 - maker.confidence
    )
    marks = {claim.id: stood for claim, stood in zip(judged, stands, strict=True)}
    return {
        key: replace(claim, survives=marks[key]) if key in marks else claim
        for key, claim in claims.items()
    }


def _set_apart(claim: Claim) -> bool:
    """Whether the claim is registered, or of a family whose intervals hold together."""
    return claim.registered or any(note.code == Caution.SIMULTANEOUS for note in claim.warnings)


def _decides(claim: Claim, maker: ClaimMaker) -> Callable[[float], bool]:
    """Whether the claim's interval at a level, its own or above, excludes its reference."""
    reference = claim.reference if claim.reference is not None else 0.0

    def at(level: float) -> bool:
        if level <= maker.confidence or not claim.side:
            return claim.side != 0
        found = maker.finding(maker.parse(claim.id), level).interval
        return found is not None and side_of(found.low, found.high, reference) != 0

    return at


def with_families(
    claims: Mapping[str, Claim], patterns: Sequence[str], maker: ClaimMaker
) -> dict[str, Claim]:
    """The claims, those of each family with intervals that hold together.

    Parameters
    ----------
    claims : mapping of str to Claim
        By id.
    patterns : sequence of str
        Ids with ``*`` and ``?``. The claims that one matches are a family; where it matches
        fewer than two, all that could be made are.
    maker : ClaimMaker

    Raises
    ------
    FamilyError
        If a pattern matches fewer than two claims with an interval, or two patterns match one.
    """
    made = dict(claims)
    taken: dict[str, str] = {}
    for pattern in patterns:
        family = _matching(claims, pattern, maker)
        if len(family) < 2:
            said = family[0].id if family else "no claim with an interval"
            raise FamilyError(f"a family needs two claims: {pattern!r} matches {said}")
        if twice := next((x.id for x in family if x.id in taken), None):
            raise FamilyError(f"{twice} is in two families: {taken[twice]!r} and {pattern!r}")
        taken |= {claim.id: pattern for claim in family}
        made |= {claim.id: claim for claim in _together(family, pattern, maker)}
    return made


def _matching(claims: Mapping[str, Claim], pattern: str, maker: ClaimMaker) -> list[Claim]:
    """The claims with an interval that a pattern matches, made for it where there are none."""
    family = [x for x in claims.values() if fnmatchcase(x.id, pattern)]
    if len(family) < 2:
        try:
            asked = asked_for([pattern], maker)
        except AnalysisError:
            asked = []
        family = [claims.get(one.id) or maker.demanded(one) for one in asked]
    return [claim for claim in family if claim.available]


def _together(family: list[Claim], pattern: str, maker: ClaimMaker) -> list[Claim]:
    """A family's claims with simultaneous intervals, each beside the one that stands alone."""
    asked = [maker.parse(claim.id) for claim in family]
    found = _max_t(asked, pattern, maker) or _bonferroni(asked, maker)
    note = say("simultaneous", Caution.SIMULTANEOUS, n=len(family), name=pattern)
    made = []
    for claim, interval in zip(family, found, strict=True):
        low, high = _outer(min, claim.low, interval.low), _outer(max, claim.high, interval.high)
        made.append(
            replace(
                claim,
                low=low,
                high=high,
                method=interval.method,
                mc_error_low=interval.mc_error_low,
                mc_error_high=interval.mc_error_high,
                warnings=(*claim.warnings, note),
                alternatives=(*_alone(claim), *claim.alternatives),
            )
        )
    return made


def _alone(claim: Claim) -> list[Alternative]:
    """The claim's own interval, where it has two ends."""
    if claim.low is None or claim.high is None:
        return []
    return [Alternative(claim.method or "", claim.low, claim.high)]


def _outer(
    choose: Callable[[float, float], float], alone: float | None, other: float
) -> float | None:
    """The end that is further out; None, an infinite one, is furthest."""
    return None if alone is None or not math.isfinite(other) else choose(alone, other)


def _bonferroni(asked: list[Estimand], maker: ClaimMaker) -> list[Interval]:
    """Every claim's own interval, at its share of the error."""
    level = 1 - (1 - maker.confidence) / len(asked)
    found = [maker.finding(one, level).interval or UNBOUNDED for one in asked]
    return [replace(x, method=f"{x.method}_bonferroni") for x in found]


def _max_t(asked: list[Estimand], pattern: str, maker: ClaimMaker) -> list[Interval] | None:
    """Intervals by the largest t; None unless all claims are of means of one outcome's cells."""
    table, cells = asked[0].table, maker.cells_of(asked[0])
    alike = all(
        one.table is table and one.outcome == table.outcome and one.quantity in PLAIN
        for one in asked
    )
    if not alike or maker.how.shared_seeds:
        return None
    rows = np.zeros((len(asked), len(cells)))
    for row, one in zip(rows, asked, strict=True):
        for group in one.groups(cells):
            row[group.cells] += group.sign * group.weights
    used = (rows != 0).any(axis=0)
    lent = lent_variance(cells)
    if not (cells.k[used] >= 2).all() or not (lent.variance[used] > 0).all():
        return None
    means = CellMeans(cells.mean[used], lent.variance[used], cells.k[used])
    rng = claim_generator(maker.how.resampling.seed, f"{pattern}#together")
    level = maker.how.together(maker.confidence)
    found = max_t(means, rows[:, used], confidence=level, rng=rng)
    bounds = [
        (None, None) if table.bounds is None or one.quantity != "mean" else table.bounds
        for one in asked
    ]
    return [found.interval(i).clipped(*ends) for i, ends in enumerate(bounds)]
