"""Claims that hypotheses name: marked as registered or late, with threshold and verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vggstudy.analysis.claims.catalogue import known
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.hypotheses.evidence import KINDS
from vggstudy.analysis.hypotheses.judge import HypothesisResult
from vggstudy.stated.hypotheses import Hypothesis, parts_of


def registered(
    claims: Mapping[str, Claim],
    specs: Sequence[Hypothesis],
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
    specs : sequence of Hypothesis
    results : sequence of HypothesisResult
        In the same order.
    maker : ClaimMaker
    """
    made = dict(claims)
    done: set[str] = set()
    both = sorted(zip(specs, results, strict=True), key=lambda one: not one[1].registered)
    for spec, result in both:
        for part, evidence in zip(parts_of(spec), result.parts, strict=True):
            kind = KINDS[part.kind]
            if kind.bound is None:
                continue
            asked = known(kind.about(part), maker)
            # Where there is none, the evidence says so, with its reason.
            if asked is None or asked.id in done:
                continue
            done.add(asked.id)
            claim = made.get(asked.id) or maker.claim(asked)
            made[claim.id] = replace(
                claim,
                registered=result.registered,
                registration=result.registration,
                verdict=evidence.verdict.value,
                reference=kind.bound(part),
            )
    return made
