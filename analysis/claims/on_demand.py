"""The claims that an analysis made, and any other as soon as somebody asks for its id."""

from __future__ import annotations

from collections.abc import Iterable

from vggstudy.analysis.claims.catalogue import everything, known
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.claims.maker import ClaimMaker

MOST_SEARCHED = 10_000
"""Claims that are made at most when a number is searched for that names no claim."""


class ClaimsOnDemand(ClaimSet):
    """A set of claims that estimates what it does not hold.

    Iterating, counting and writing give the claims that were made; ``claims[id]``, ``claims.get``
    and ``in`` also know every other id that the tables have, whose claim is then estimated once.
    """

    def __init__(self, claims: Iterable[Claim], maker: ClaimMaker) -> None:
        super().__init__(claims)
        self._maker = maker
        self._asked: dict[str, Claim] = {}

    def __getitem__(self, claim_id: str) -> Claim:
        if (claim := self._claims.get(claim_id) or self._asked.get(claim_id)) is not None:
            return claim
        asked = known(claim_id, self._maker)
        if asked is None:
            raise KeyError(claim_id)
        found = self._claims.get(asked.id) or self._maker.demanded(asked).sealed()
        self._asked[claim_id] = found
        return found

    def searched(self) -> list[Claim]:
        """All claims that a pattern could name; none where they are more than `MOST_SEARCHED`."""
        ids: list[str] = []
        for one in everything(self._maker):
            if len(ids) >= MOST_SEARCHED:
                return []
            ids.append(one.id)
        return [self[claim_id] for claim_id in ids]
