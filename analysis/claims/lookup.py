"""Any claim of a table by its id, whether or not the analysis makes it by itself."""

from __future__ import annotations

from vggstudy.analysis.claims.associations import QUANTITY as ASSOCIATION
from vggstudy.analysis.claims.associations import association_claim
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.further import needed_claim, peak_claim, robust_claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import Axis, axis_for, strata_of
from vggstudy.analysis.data.parsing import level_index, parse_claim
from vggstudy.analysis.estimators.secondary import OF_ONE_CELL, OF_TWO_CELLS
from vggstudy.analysis.notes import NotedError, say
from vggstudy.errors import AnalysisError
from vggstudy.identity import ClaimName, split_claim_id


def claim_at(text: str, maker: ClaimMaker) -> Claim:
    """The claim with an id, at the maker's confidence.

    Parameters
    ----------
    text : str
    maker : ClaimMaker

    Raises
    ------
    AnalysisError
        If the id is none, or names what the table does not have.
    """
    try:
        name = split_claim_id(text)
    except ValueError as error:
        raise AnalysisError(str(error)) from None
    if name.outcome in {"peak", "needed"}:
        axis, stratum = _stratum(name, maker, text)
        make = peak_claim if name.outcome == "peak" else needed_claim
        return make(maker, axis, stratum)
    if name.quantity in (*OF_ONE_CELL, *OF_TWO_CELLS):
        return _robust(name, maker, text)
    if name.quantity == ASSOCIATION and not name.factors:
        return _association(maker, text)
    asked = parse_claim(text, maker.cells.table)
    return maker.claim(asked.outcome, asked.contrast)


def _stratum(name: ClaimName, maker: ClaimMaker, text: str) -> tuple[Axis, tuple[Condition, ...]]:
    """The numeric factor and the level at which every other factor is held."""
    table = maker.cells.table
    axis = axis_for(table, name.quantity, None)
    held = tuple(
        Condition(part.factor, (level_index(part.factor, part.levels[0], table),))
        for part in sorted(name.held, key=lambda part: part.factor)
    )
    if held not in strata_of(table, axis):
        others = sorted(set(table.factors) - {axis.factor})
        raise NotedError(say("must_hold", claim=text, names=others))
    return axis, held


def _association(maker: ClaimMaker, text: str) -> Claim:
    """The association of a further outcome with the main one over any part of the grid."""
    asked = parse_claim(text.replace(f".{ASSOCIATION}", ".mean", 1), maker.cells.table)
    if asked.outcome != maker.cells.table.outcome:
        raise NotedError(say("association_of_further", claim=text))
    return association_claim(maker, asked.contrast)


def _robust(name: ClaimName, maker: ClaimMaker, text: str) -> Claim:
    """A robust quantity of one cell, an interquartile mean of several, or an effect size of two."""
    plain = "mean" if name.quantity in OF_ONE_CELL else "diff"
    asked = parse_claim(text.replace(f".{name.quantity}", f".{plain}", 1), maker.cells.table)
    groups = asked.contrast.groups(maker.cells)
    wrong = asked.outcome != maker.cells.table.outcome
    several = name.quantity != "iqm" and any(group.cells.size > 1 for group in groups)
    if wrong or several:
        raise NotedError(say("of_single_cells", claim=text, name=name.quantity))
    return robust_claim(maker, name.quantity, asked.contrast)
