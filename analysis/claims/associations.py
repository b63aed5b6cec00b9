"""Claims that a further outcome and the main one go together within cells.

Cells differ in both by design: what a factor does to each is what differences are for. Here only
runs of one cell are compared, so that the difference between cells cannot pass for an association.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker, Subject
from vggstudy.analysis.data.contrasts import Contrast, marginal_means
from vggstudy.analysis.data.estimands import claim_id, estimand
from vggstudy.analysis.data.outcomes import COSTS
from vggstudy.analysis.estimators.association import estimate_association
from vggstudy.analysis.notes import NotedError, Reason, say

QUANTITY = "association"
WORDS = "rank correlation (Kendall's tau-b) of {0} and {1} within cells among converged runs"


def association_claims(maker: ClaimMaker, *, headline_only: bool) -> Iterator[Claim]:
    """Over the whole grid, and at each level of each factor.

    Parameters
    ----------
    maker : ClaimMaker
        On a further outcome. None are made where it holds other rows than the main outcome, as
        ensembles do; nor of a cost that is the same for all runs of a cell.
    headline_only : bool
        Over the whole grid only.
    """
    if maker.beside is None:
        return
    for contrast in marginal_means(maker.cells.table):
        if len(contrast.conditions) > (0 if headline_only else 1):
            continue
        claim = association_claim(maker, contrast)
        if claim.reason == Reason.NO_VARIANCE and maker.cells.table.outcome in COSTS:
            continue
        yield claim


def association_claim(maker: ClaimMaker, contrast: Contrast) -> Claim:
    """The association over the cells of a marginal mean.

    Raises
    ------
    AnalysisError
        If the maker is not of a further outcome, measured on the same runs.
    """
    table = maker.cells.table
    name = claim_id(table.outcome, contrast, table).replace(".mean", f".{QUANTITY}", 1)
    if maker.beside is None:
        raise NotedError(say("association_of_further", claim=name))
    found = estimate_association(
        maker.cells,
        maker.beside,
        np.sort(contrast.groups(maker.cells)[0].cells),
        confidence=maker.confidence,
        shared_seeds=maker.shared_seeds,
    )
    phrases = estimand(table.outcome, contrast, table).split(", ", 1)[1:]
    subject = Subject(
        name,
        ", ".join([WORDS.format(table.outcome, maker.beside.outcome), *phrases]),
        table.outcome,
        QUANTITY,
        "correlation",
        0.0,
    )
    claim = maker.claim_of(found.finding, subject, contrast)
    return replace(claim, k=found.runs).sealed()
