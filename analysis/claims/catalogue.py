"""Which claims an analysis makes without being asked for any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.data.contrasts import Contrast, differences, interactions, marginal_means
from vggstudy.analysis.data.curves import MIN_LEVELS, axis_for, strata_of
from vggstudy.analysis.data.estimands import Estimand, same_runs
from vggstudy.analysis.data.outcomes import COSTS
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.secondary import OF_ONE_CELL, OF_TWO_CELLS
from vggstudy.analysis.notes import Reason
from vggstudy.errors import AnalysisError


def made_by_default(maker: ClaimMaker, *, headline_only: bool) -> Iterator[Estimand]:
    """Everything that is claimed unasked.

    Parameters
    ----------
    maker : ClaimMaker
    headline_only : bool
        Means, differences and interactions over the whole grid, and associations over it.
    """
    table = maker.cells.table
    for outcome in outcomes_of(table):
        yield from _contrasts(outcome, table, headline_only=headline_only)
    if not headline_only:
        yield from _of_cells(table)
        yield from _pooled(table)
        yield from _levels(table)
    for other in (cells.table for cells in maker.further.values()):
        yield from _contrasts(other.outcome, other, headline_only=headline_only)
        yield from _associations(other, table, headline_only=headline_only)


def default_claims(
    maker: ClaimMaker, named: Iterable[str] = (), *, headline_only: bool
) -> dict[str, Claim]:
    """The claims made by default, after those that somebody names.

    Parameters
    ----------
    maker : ClaimMaker
    named : iterable of str
        Ids; of what the table does not have, none is made.
    headline_only : bool
    """
    found = {
        key: claim
        for key, claim in maker.claims(made_by_default(maker, headline_only=headline_only)).items()
        if not _says_nothing(claim)
    }
    asked = [estimand for text in named if (estimand := known(text, maker)) is not None]
    first = {one.id: found.get(one.id) or maker.claim(one) for one in asked}
    return {**first, **found}


def known(text: str, maker: ClaimMaker) -> Estimand | None:
    """What an id asks for; None where the table does not have it."""
    try:
        return maker.parse(text)
    except AnalysisError:
        return None


def outcomes_of(table: RunTable) -> list[str]:
    """``converged``, the column, and ``expected`` where the column has bounds.

    The column alone where nothing tells which runs converged.
    """
    if not table.judged:
        return [table.outcome]
    return ["converged", table.outcome, *(["expected"] if table.bounds else [])]


def _contrasts(outcome: str, table: RunTable, *, headline_only: bool) -> Iterator[Estimand]:
    """Means, differences and interactions of an outcome."""
    for contrast in chain(marginal_means(table), differences(table), interactions(table)):
        if not (headline_only and contrast.conditions):
            yield Estimand.of(outcome, contrast, table)


def _of_cells(table: RunTable) -> Iterator[Estimand]:
    """Robust quantities of every cell, effect sizes of every matched pair of cells."""
    count = len(table.factors)
    for contrasts, held, quantities in (
        (marginal_means(table), count, OF_ONE_CELL),
        (differences(table), count - 1, OF_TWO_CELLS),
    ):
        for contrast in contrasts:
            if len(contrast.conditions) == held:
                yield from (Estimand(table.outcome, x, contrast, table) for x in quantities)


def _pooled(table: RunTable) -> Iterator[Estimand]:
    """Interquartile means over the whole grid and at each level of each factor."""
    for contrast in _wide(table):
        if any(len(x) > 1 for x in contrast.allowed(table)):
            yield Estimand(table.outcome, "iqm", contrast, table)


def _levels(table: RunTable) -> Iterator[Estimand]:
    """Turning points and levels needed along every numeric factor with levels enough."""
    for name in table.factors:
        if not table.is_numeric(name) or len(table.levels[name]) < MIN_LEVELS:
            continue
        for stratum in strata_of(table, axis_for(table, name, None)):
            yield Estimand.level("peak", name, stratum, table)
            if table.judged:
                yield Estimand.level("needed", name, stratum, table)


def _associations(table: RunTable, main: RunTable, *, headline_only: bool) -> Iterator[Estimand]:
    """Of a further outcome with the main one, over the whole grid and at each level.

    None where it holds other rows than the main outcome, as ensembles do.
    """
    if same_runs(table, main):
        for contrast in _wide(table):
            if not (headline_only and contrast.conditions):
                yield Estimand(table.outcome, "association", contrast, table, beside=main)


def _wide(table: RunTable) -> Iterator[Contrast]:
    """Means over the whole grid and at each level of each factor."""
    return (contrast for contrast in marginal_means(table) if len(contrast.conditions) < 2)


def _says_nothing(claim: Claim) -> bool:
    """Whether it is the association of a cost that is the same for all runs of a cell."""
    of_cost = claim.quantity == "association" and claim.outcome in COSTS
    return of_cost and claim.reason == Reason.NO_VARIANCE
