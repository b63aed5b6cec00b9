"""Claims besides means and contrasts: robust quantities, effect sizes, turning points.

Curves are drawn along every numeric factor with three levels or more.
"""

from __future__ import annotations

from collections.abc import Iterator

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker, Subject
from vggstudy.analysis.data.contrasts import Condition, Contrast, differences, marginal_means
from vggstudy.analysis.data.curves import MIN_LEVELS, Axis, axis_of, peak_claim_id, strata_of
from vggstudy.analysis.data.estimands import claim_id, estimand
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.outcomes import unit
from vggstudy.analysis.data.subgrid import complete_part
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.needed import Needed, estimate_threshold, needed_claim_id
from vggstudy.analysis.estimators.secondary import (
    MINIMUM,
    OF_ONE_CELL,
    OF_TWO_CELLS,
    estimate_robust,
)
from vggstudy.analysis.estimators.turning_point import estimate_turning_point
from vggstudy.analysis.notes import Note, Reason

WORDS = {
    "iqm": "interquartile mean of the {0} among converged runs",
    "median": "median {0} among converged runs",
    "hedges_g": "standardised difference (Hedges' g) in {0} among converged runs",
    "cliffs_delta": "Cliff's delta of the {0} among converged runs",
    "improvement": "probability of a higher {0} among converged runs",
}
UNITS = {
    "hedges_g": "standard deviations",
    "cliffs_delta": "difference of probabilities",
    "improvement": "probability",
}
REFERENCES = {"hedges_g": 0.0, "cliffs_delta": 0.0, "improvement": 0.5}


def more_claims(maker: ClaimMaker) -> Iterator[Claim]:
    """Claims on single cells, matched pairs of cells, and strata of numeric factors.

    Parameters
    ----------
    maker : ClaimMaker
    """
    yield from _robust(maker)
    yield from _pooled(maker)
    for axis in axes_of(maker.cells.table):
        for stratum in strata_of(maker.cells.table, axis):
            yield peak_claim(maker, axis, stratum)
            yield needed_claim(maker, axis, stratum)


def axes_of(table: RunTable) -> list[Axis]:
    """Numeric factors with levels enough for a curve, on log2 where all levels are positive."""
    found = []
    for name in table.factors:
        levels = table.levels[name]
        if table.is_numeric(name) and len(levels) >= MIN_LEVELS:
            positive = all(float(level) > 0 for level in levels)
            found.append(axis_of(table, name, "log2" if positive else "linear"))
    return found


def peak_claim(maker: ClaimMaker, axis: Axis, stratum: tuple[Condition, ...]) -> Claim:
    """The level at which the outcome of converged runs is largest, in one stratum."""
    turning = estimate_turning_point(
        maker.cells, axis, stratum, confidence=maker.confidence, resampling=maker.resampling
    )
    finding = Finding(None, None, turning) if isinstance(turning, Note) else turning.finding()
    column = maker.cells.table.outcome
    words = f"{axis.factor} at which the mean {column} among converged runs turns"
    subject = Subject(
        peak_claim_id(maker.cells.table, axis, stratum),
        ", ".join([words, *_held_words(maker.cells.table, stratum)]),
        "peak",
        axis.factor,
        unit(axis.factor),
    )
    return maker.claim_of(finding, subject, Contrast(conditions=stratum))


def needed_claim(maker: ClaimMaker, axis: Axis, stratum: tuple[Condition, ...]) -> Claim:
    """The level at which half of the runs converge, in one stratum.

    Convergence is taken not to fall along the factor. A limit beyond the levels that were run is
    None: the claim is then one-sided, and a warning says so in words.
    """
    table = maker.cells.table
    needed = Needed(axis, 0.5, "increasing")
    found = estimate_threshold(maker.cells, needed, stratum, confidence=maker.confidence)
    finding = Finding(None, None, found) if isinstance(found, Note) else found.finding()
    words = f"{axis.factor} at which half of the runs converge"
    subject = Subject(
        needed_claim_id(table, needed, stratum),
        ", ".join([words, *_held_words(table, stratum)]),
        "needed",
        axis.factor,
        unit(axis.factor),
    )
    return maker.claim_of(finding, subject, Contrast(conditions=stratum))


def _held_words(table: RunTable, stratum: tuple[Condition, ...]) -> list[str]:
    """``at depth = 19``, one a condition."""
    return [f"at {c.factor} = {write_level(table.levels[c.factor][c.levels[0]])}" for c in stratum]


def _robust(maker: ClaimMaker) -> Iterator[Claim]:
    """Robust quantities of every cell, effect sizes of every matched pair."""
    table = maker.cells.table
    count = len(table.factors)
    single = [c for c in marginal_means(table) if len(c.conditions) == count]
    paired = [c for c in differences(table) if len(c.conditions) == count - 1]
    for contrasts, quantities in ((single, OF_ONE_CELL), (paired, OF_TWO_CELLS)):
        for contrast in contrasts:
            for quantity in quantities:
                yield robust_claim(maker, quantity, contrast)


def _pooled(maker: ClaimMaker) -> Iterator[Claim]:
    """Interquartile means over the whole grid and at each level; refused ones with an offer."""
    made: dict[str, Claim] = {}
    for contrast in marginal_means(maker.cells.table):
        if len(contrast.conditions) > 1 or contrast.groups(maker.cells)[0].cells.size == 1:
            continue
        claim = robust_claim(maker, "iqm", contrast)
        part = None
        if claim.reason == Reason.MISSING_CELLS:
            part = complete_part(contrast, maker.cells, maker.cells.k >= MINIMUM["iqm"])
        if part is not None and part != contrast:
            offered = robust_claim(maker, "iqm", part, maker.part_note(contrast, part))
            claim = claim.offering(offered)
            made.setdefault(claim.id, claim)
            made.setdefault(offered.id, offered)
        made.setdefault(claim.id, claim)
    yield from made.values()


def robust_claim(
    maker: ClaimMaker, quantity: str, contrast: Contrast, note: Note | None = None
) -> Claim:
    """One robust quantity of one or two cells, or an interquartile mean of several."""
    table = maker.cells.table
    plain = claim_id(table.outcome, contrast, table)
    head, _, tail = plain.partition(".")
    name = f"{head}.{quantity}{tail[4:]}"  # "mean" and "diff" have four letters
    finding = estimate_robust(
        quantity,
        maker.cells,
        contrast.groups(maker.cells),
        claim_id=name,
        confidence=maker.confidence,
        resampling=maker.resampling,
    )
    words = estimand(table.outcome, contrast, table).split(", ", 1)
    where = f", {words[1]}".replace(", averaged over", ", pooled over") if len(words) > 1 else ""
    subject = Subject(
        name,
        _words(quantity, table).format(table.outcome) + where,
        table.outcome,
        quantity,
        UNITS.get(quantity, unit(table.outcome)),
        REFERENCES.get(quantity),
    )
    return maker.claim_of(finding, subject, contrast, note)


def _words(quantity: str, table: RunTable) -> str:
    """What a robust quantity is, with a gap for the outcome."""
    if quantity == "improvement" and table.lower_is_better:
        return "probability of a lower {0} among converged runs"
    return WORDS[quantity]
