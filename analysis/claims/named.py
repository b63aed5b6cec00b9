"""Claims that somebody names by their ids: which maker of claims an id belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.lookup import claim_at
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.errors import AnalysisError
from vggstudy.identity import split_claim_id


def maker_of(text: str, maker: ClaimMaker, further: Mapping[str, ClaimMaker]) -> ClaimMaker:
    """The maker of claims on the outcome that an id begins with.

    Parameters
    ----------
    text : str
        Id of a claim; the first maker takes what is none, and says so when it is asked.
    maker : ClaimMaker
        On the outcome that is analysed.
    further : mapping of str to ClaimMaker
        On the further outcomes, by the first word of their ids.
    """
    try:
        return further.get(split_claim_id(text).outcome, maker)
    except ValueError:
        return maker


def named_claims(
    texts: Iterable[str], maker: ClaimMaker, further: Mapping[str, ClaimMaker]
) -> dict[str, Claim]:
    """The claims with these ids; none for an id of what the table does not have.

    Parameters
    ----------
    texts : iterable of str
    maker, further
        See `maker_of`.
    """
    made = {}
    for text in texts:
        try:
            claim = claim_at(text, maker_of(text, maker, further))
        except AnalysisError:
            continue
        made[claim.id] = claim
    return made
