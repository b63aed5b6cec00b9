"""Which claims an analysis makes without being asked for any, and what each of them is for.

===========  ===========================================================================
purpose      claims
===========  ===========================================================================
headline     every outcome over the whole grid: its mean, the differences between levels
             of a factor, the differences in differences of two factors, the association
             with the main outcome; the interquartile mean of all runs
levels       means, and associations, at each level of each factor
cells        means in each cell; the probability of converging at every two levels
comparisons  differences between the levels of a factor in matched cells, and at each
             level of one other factor
curves       levels of a factor along which one can be told
times        log-rank tests, and the share of each cell that reached a target (`of_times`)
blocks       ranks of levels over blocks, and their pairs (`over_blocks`)
===========  ===========================================================================

The numbers of claims grow as those of levels and cells: `MOST_PAIRS`, `MOST_CELLS`, and a factor in
words is compared in single cells only where it has no more pairs of levels than levels. All other
claims (`everything`: margins over some factors, robust quantities of cells, effect sizes) are made
on demand, by their ids.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.maker import ClaimMaker
from vggstudy.analysis.claims.of_times import of_times
from vggstudy.analysis.claims.over_blocks import over_blocks
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import (
    Condition,
    Contrast,
    count_pairs,
    differences,
    interactions,
    main_effects,
    marginal_means,
    simple_effects,
)
from vggstudy.analysis.data.curves import MIN_LEVELS, Axis, axis_for, strata_of
from vggstudy.analysis.data.estimands import Estimand, same_runs
from vggstudy.analysis.data.outcomes import COSTS
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.learning import OF_ONE_KIND, learning_along
from vggstudy.analysis.estimators.secondary import OF_ONE_CELL, OF_TWO_CELLS
from vggstudy.analysis.notes import Note, Reason
from vggstudy.analysis.numbers.shape import Shape
from vggstudy.errors import AnalysisError
from vggstudy.quantities import LEVELS

MOST_PAIRS = 100
"""Pairs of levels of a factor, or of pairs of two factors, that are compared unasked."""

MOST_CELLS = 5_000
"""Cells up to which cells, and comparisons of them, are claimed unasked."""

CURVE_LEVELS = 4
"""Levels of a numeric factor from which a level of it is claimed unasked."""


def made_by_default(
    maker: ClaimMaker, *, headline_only: bool, along: Collection[str] = ()
) -> Iterator[Estimand]:
    """Everything that is claimed unasked.

    Parameters
    ----------
    maker : ClaimMaker
    headline_only : bool
        Those over the whole grid alone.
    along : collection of str
        Factors along which somebody declared a curve: three levels are then enough.
    """
    table = maker.cells.table
    if not headline_only and claims_cells(table) and table.horizon is None:
        yield from _half_learned(maker.cells)
    for outcome in outcomes_of(table):
        yield from _contrasts(outcome, table, headline_only=headline_only)
    if table.horizon is not None:
        yield from of_times(table, headline_only=headline_only)
    elif not headline_only:
        yield Estimand(table.outcome, "iqm", Contrast(), table)
        if claims_cells(table):
            yield from _levels(maker, along)
        yield from over_blocks(maker.cells)
    for other in (cells.table for cells in maker.further.values()):
        yield from _contrasts(other.outcome, other, headline_only=headline_only)
        if other.horizon is None:
            yield from _associations(other, table, headline_only=headline_only)
        else:
            yield from of_times(other, headline_only=headline_only)


def _half_learned(cells: Cells) -> Iterator[Estimand]:
    """Interquartile means of the cells of which no interval of a mean holds (`shape.looks`)."""
    for cell, codes in enumerate(cells.codes.tolist()):
        look = cells.look(cell)
        if look is not None and look.shape != Shape.CEILING:
            levels = sorted(zip(cells.table.factors, codes, strict=True))
            held = tuple(Condition(name, (code,)) for name, code in levels)
            yield Estimand(cells.table.outcome, "iqm", Contrast(conditions=held), cells.table)


def everything(maker: ClaimMaker) -> Iterator[Estimand]:
    """What a pattern of ids is looked for in; their number is no longer bounded by that of runs."""
    table = maker.cells.table
    for own in (table, *(cells.table for cells in maker.further.values())):
        for outcome in outcomes_of(own) if own is table else [own.outcome]:
            for contrast in chain(marginal_means(own), differences(own), interactions(own)):
                yield Estimand.of(outcome, contrast, own)
        if own.horizon is not None:
            yield from of_times(own, headline_only=False)
        else:
            yield from _associations(own, table, headline_only=False)
    if table.horizon is not None:
        return
    yield from _of_cells(table)
    yield from (Estimand(table.outcome, "iqm", x, table) for x in marginal_means(table, {0, 1}))
    yield from over_blocks(maker.cells)
    for axis, stratum in _strata(table, table.factors):
        for quantity in LEVELS if table.judged else ("peak", "best"):
            yield Estimand.level(quantity, axis.factor, stratum, table)


def default_claims(
    maker: ClaimMaker,
    named: Iterable[str] = (),
    *,
    headline_only: bool,
    along: Collection[str] = (),
) -> dict[str, Claim]:
    """The claims made by default, after those that somebody names.

    Parameters
    ----------
    maker : ClaimMaker
    named : iterable of str
        Ids; of what the table does not have, none is made.
    headline_only : bool
    along : collection of str
        As `made_by_default` takes it.
    """
    made = maker.claims(made_by_default(maker, headline_only=headline_only, along=along))
    found = {key: claim for key, claim in made.items() if not _says_nothing(claim)}
    asked = [estimand for text in named if (estimand := known(text, maker)) is not None]
    first = {one.id: found.get(one.id) or maker.claim(one) for one in asked}
    return {**first, **found}


def asked_for(patterns: Iterable[str], maker: ClaimMaker) -> list[Estimand]:
    """What ids, and patterns of ids, ask for.

    Parameters
    ----------
    patterns : iterable of str
        Each an id, or one with ``*`` for any text and ``?`` for any sign, of the claims of
        `everything`.
    maker : ClaimMaker

    Raises
    ------
    AnalysisError
        If one is no id, and matches none.
    """
    found: dict[str, Estimand] = {}
    open_patterns = []
    for pattern in patterns:
        one = known(pattern, maker)
        if one is None:
            open_patterns.append(pattern)
        else:
            found[one.id] = one
    if not open_patterns:
        return [*found.values()]
    missed = set(open_patterns)
    for one in everything(maker):
        if hits := {pattern for pattern in open_patterns if fnmatchcase(one.id, pattern)}:
            found.setdefault(one.id, one)
            missed -= hits
    for pattern in open_patterns:
        if pattern in missed and {"*", "?"}.intersection(pattern):
            raise AnalysisError(f"no claim matches '{pattern}'")
        if pattern in missed:
            maker.parse(pattern)  # says what is wrong with an id
    return [*found.values()]


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


def claims_cells(table: RunTable) -> bool:
    """Whether there are so few cells that each is claimed unasked."""
    return math.prod(len(table.levels[name]) for name in table.factors) <= MOST_CELLS


def _contrasts(outcome: str, table: RunTable, *, headline_only: bool) -> Iterator[Estimand]:
    """Means, differences and interactions of an outcome."""
    for contrast in _purposeful(outcome, table, headline_only=headline_only):
        yield Estimand.of(outcome, contrast, table)


def _purposeful(outcome: str, table: RunTable, *, headline_only: bool) -> Iterator[Contrast]:
    """The contrasts of an outcome that have a purpose."""
    count = len(table.factors)
    cells = not headline_only and claims_cells(table)
    orders = {0} if headline_only else {0, 1}
    if cells:
        orders |= {count, 2} if outcome == "converged" else {count}
    yield from marginal_means(table, orders)
    for factor in table.factors:
        if count_pairs(table, factor) <= MOST_PAIRS:
            yield from main_effects(table, factor)
        if cells and count_pairs(table, factor) <= len(table.levels[factor]):
            yield from simple_effects(table, factor)
    yield from interactions(table, MOST_PAIRS)


def _of_cells(table: RunTable) -> Iterator[Estimand]:
    """Robust quantities of every cell, effect sizes of every matched pair of cells."""
    count = len(table.factors)
    for contrasts, held, quantities in (
        (marginal_means(table, {count}), count, (*OF_ONE_CELL, "prediction")),
        (differences(table), count - 1, OF_TWO_CELLS),
    ):
        for contrast in contrasts:
            if len(contrast.conditions) == held:
                yield from (Estimand(table.outcome, x, contrast, table) for x in quantities)


def _levels(maker: ClaimMaker, along: Collection[str]) -> Iterator[Estimand]:
    """Along numeric factors with levels enough: vertices, best levels, needed or tolerated ones."""
    table = maker.cells.table
    for axis, stratum in _strata(table, along):
        yield Estimand.level("peak", axis.factor, stratum, table)
        yield Estimand.level("best", axis.factor, stratum, table)
        if table.judged:
            yield from _half_learning(maker, axis, stratum)


def _strata(
    table: RunTable, along: Collection[str]
) -> Iterator[tuple[Axis, tuple[Condition, ...]]]:
    """Every numeric factor with levels enough, in every stratum of the others."""
    for name in table.factors:
        fewest = MIN_LEVELS if name in along else CURVE_LEVELS
        if not table.is_numeric(name) or len(table.levels[name]) < fewest:
            continue
        axis = axis_for(table, name, None)
        yield from ((axis, stratum) for stratum in strata_of(table, axis))


def _half_learning(
    maker: ClaimMaker, axis: Axis, stratum: tuple[Condition, ...]
) -> Iterator[Estimand]:
    """The level needed, or the one tolerated; none where all runs or none converged.

    Where neither direction is established, that of the level needed says why.
    """
    asked = Estimand.level("needed", axis.factor, stratum, maker.cells.table)
    found = learning_along(maker.cells, axis, stratum, maker.how)
    if isinstance(found, Note) and found.code in OF_ONE_KIND:
        return
    yield replace(asked, quantity="tolerated") if found == "decreasing" else asked


def _associations(table: RunTable, main: RunTable, *, headline_only: bool) -> Iterator[Estimand]:
    """Of a further outcome with the main one, over the whole grid and at each level.

    None where it holds other rows than the main outcome, as ensembles do.
    """
    if same_runs(table, main):
        for contrast in marginal_means(table, {0} if headline_only else {0, 1}):
            yield Estimand(table.outcome, "association", contrast, table, beside=main)


def _says_nothing(claim: Claim) -> bool:
    """Whether it is the association of a cost that is the same for all runs of a cell."""
    of_cost = claim.quantity == "association" and claim.outcome in COSTS
    return of_cost and claim.reason == Reason.NO_VARIANCE
