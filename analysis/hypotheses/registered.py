"""Claims that hypotheses name: marked as registered or late, with threshold and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vggstudy.analysis.claims.catalogue import known
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.hypotheses.judge import HypothesisResult
from vggstudy.analysis.hypotheses.specs import ClaimPart, EquivalencePart, HypothesisSpec


def registered(
    claims: Mapping[str, Claim],
    specs: Sequence[HypothesisSpec],
    results: Sequence[HypothesisResult],
    maker: ClaimMaker,
) -> dict[str, Claim]:
    """The claims, those that a hypothesis names with when it was stated.

    A claim is registered where its hypothesis was stated before there was any run. It keeps its
    own interval at the analysis' level; its verdict is that of the part of the hypothesis, at the
    level adjusted over all hypotheses. A claim that two hypotheses name takes the first one's
    verdict, a registered one's before a late one's. Named claims that the analysis does not make
    by itself are added.

    Parameters
    ----------
    claims : mapping of str to Claim
    specs : sequence of HypothesisSpec
    results : sequence of HypothesisResult
        In the same order.
    maker : ClaimMaker
    """
    made = dict(claims)
    done: set[str] = set()
    both = sorted(zip(specs, results, strict=True), key=lambda one: not one[1].registered)
    for spec, result in both:
        for part, evidence in zip(spec.parts, result.parts, strict=True):
            if not isinstance(part, (ClaimPart, EquivalencePart)):
                continue
            asked = known(part.claim, maker)
            # Where there is none, the evidence says so, with its reason.
            if asked is None or asked.id in done:
                continue
            done.add(asked.id)
            claim = made.get(asked.id) or maker.claim(asked)
            threshold = part.threshold if isinstance(part, ClaimPart) else part.margin
            made[claim.id] = replace(
                claim,
                registered=result.registered,
                registration=result.registration,
                verdict=evidence.verdict.value,
                reference=threshold,
            )
    return made
