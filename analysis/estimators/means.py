"""Means of converged runs and their contrasts, from saturated cell means.

Every cell has its own mean and variance, so that no curve through the cells can bias a contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.borrowing import lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.estimators.cell_draws import contrast_deviations, strata_of_cells
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.notes import Caution, Named, Note, say
from vggstudy.analysis.numbers import bootstrap
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.resampling import claim_generator, studentized_draws
from vggstudy.analysis.numbers.shape import Look, Shape
from vggstudy.analysis.numbers.student import (
    Spread,
    cautious_freedom,
    satterthwaite,
    t_interval,
)

FEW, SMALL_BY_CHANCE = 3, 0.3
"""Runs of a cell below which a contrast's degrees of freedom are cautious, and their tail."""

MANY_CELLS = 2.0
"""How much farther apart two groups must be where a contrast is of more than two cells."""

PLAIN_BELOW = 20
"""Runs per cell below which percentile, basic and BCa intervals are too narrow."""

STUDENTIZED_BELOW = 10
"""Runs per cell below which studentized intervals are much too wide."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are drawn.

    Attributes
    ----------
    method : str
        A method of `bootstrap`.
    resamples : int
    seed : int
    chunk_draws : int
        Draws held in memory at a time.
    """

    method: bootstrap.Method
    resamples: int
    seed: int
    chunk_draws: int


@dataclass(frozen=True, slots=True)
class _Rule:
    """From how many converged runs a cell is used, and below how many a warning is given."""

    minimum: int
    warn_below: int


def estimate_mean(
    cells: Cells,
    groups: list[Group],
    *,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Finding:
    """Mean of the outcome among converged runs, or a signed sum of averages of such means.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
    claim_id : str
        Names the random stream.
    confidence : float
    resampling : Resampling

    Returns
    -------
    Finding
        With a calibrated bootstrap interval by default and the t interval beside it, which it
        holds where runs are few or the level is strict (`bootstrap.at_least`). Where a cell's
        values do not vary, its variance is that of the cells of its scale and the interval is the t
        interval. Refused where a cell has too few converged runs, or no cell of its scale varies.
    """
    used = np.concatenate([group.cells for group in groups])
    weights = np.concatenate([group.sign * group.weights for group in groups])
    rule = rule_for(used.size, len(groups))
    problem = unavailable(cells, used, cells.k, minimum=rule.minimum, what="converged runs")
    if problem:
        known = float(weights @ cells.mean[used]) if (cells.k[used] > 0).all() else None
        return Finding(known, None, problem)
    estimate = float(weights @ cells.mean[used])
    spread = spread_where_flat(cells, used, weights)
    if isinstance(spread, Note):
        return Finding(estimate, None, spread)
    limits = limits_of(cells, weights)
    analytic = t_interval(estimate, spread, confidence=confidence, method=_t_name(groups))
    notes = _cautions(cells, used, rule, resampling.method)
    if cells.flat[used].any():
        return Finding(estimate, analytic.clipped(*limits), cautions=notes)
    drawn = _draw(cells, used, weights, estimate, spread, claim_id, confidence, resampling)
    if resampling.method == "calibrated":
        fewest = int(cells.k[used].min())
        drawn = bootstrap.at_least(drawn, analytic, fewest=fewest, confidence=confidence)
    return Finding(
        estimate,
        drawn.clipped(*limits),
        cautions=notes,
        alternatives=(analytic.clipped(*limits),),
        resamples=resampling.resamples,
    )


def rule_for(cells: int, groups: int) -> _Rule:
    """Part 3 of the plan: cell mean, difference of two cells, averaged contrast."""
    if cells == 1:
        return _Rule(3, 20)
    return _Rule(3, 8) if groups == cells == 2 else _Rule(2, 3)


def spread_where_flat(cells: Cells, used: IntArray, weights: FloatArray) -> Spread | Note:
    """Spread of a contrast; cells that do not vary borrow from others, as `lent_variance` says.

    Where a cell has two runs its variance may be small by chance, and Satterthwaite's degrees of
    freedom too many: they are then `cautious_freedom`'s.

    Returns
    -------
    Spread or Note
        A note where a cell's variance cannot be told.
    """
    freedom = cells.k[used] - 1.0
    variance = cells.variance[used]
    if cells.flat[used].any():
        lent = lent_variance(cells)
        if lost := no_lender(cells, used, lent):
            return lost
        variance, freedom = lent.variance[used], lent.df[used]
    spread = satterthwaite(weights, variance, cells.k[used], freedom)
    if used.size == 1 or cells.k[used].min() >= FEW:
        return spread
    parts = weights**2 * variance / cells.k[used]
    return Spread(spread.se, float(cautious_freedom(parts, freedom, tail=SMALL_BY_CHANCE)))


def _draw(
    cells: Cells,
    used: IntArray,
    weights: FloatArray,
    estimate: float,
    spread: Spread,
    claim_id: str,
    confidence: float,
    resampling: Resampling,
) -> Interval:
    """The bootstrap interval by the method asked for."""
    resamples, chunk = resampling.resamples, resampling.chunk_draws
    method = resampling.method
    if method == "studentized":
        strata = strata_of_cells(cells, used)
        rng = claim_generator(resampling.seed, claim_id)
        drawn = studentized_draws(strata, weights, resamples=resamples, rng=rng, chunk_draws=chunk)
        return bootstrap.studentized(
            estimate, spread.se, drawn.deviation, drawn.se, confidence=confidence
        )
    deviation = contrast_deviations(
        cells,
        used,
        weights,
        claim_id=claim_id,
        seed=resampling.seed,
        resamples=resamples,
        inflate=method == "calibrated",
        chunk_draws=chunk,
    )
    if method == "calibrated":
        return bootstrap.calibrated(estimate, deviation, spread.df, confidence=confidence)
    if method == "bca":
        skew = bootstrap.acceleration(strata_of_cells(cells, used), weights)
        return bootstrap.bca(estimate, deviation, skew, confidence=confidence)
    plain = bootstrap.percentile if method == "percentile" else bootstrap.basic
    return plain(estimate, deviation, confidence=confidence)


def limits_of(cells: Cells, weights: FloatArray) -> tuple[float | None, float | None]:
    """The range that the signed sum cannot leave."""
    bounds = cells.table.bounds
    if bounds is None:
        return None, None
    gain, loss = float(weights[weights > 0].sum()), float(-weights[weights < 0].sum())
    return bounds[0] * gain - bounds[1] * loss, bounds[1] * gain - bounds[0] * loss


def _t_name(groups: list[Group]) -> str:
    """The usual name of the t interval in this case."""
    if all(group.cells.size == 1 for group in groups) and len(groups) <= 2:
        return "student_t" if len(groups) == 1 else "welch"
    return "satterthwaite"


def _cautions(cells: Cells, used: IntArray, rule: _Rule, method: str) -> tuple[Note, ...]:
    """Few runs, cells that do not vary, and methods that are known to fail here."""
    notes = []
    fewest = int(cells.k[used].min())
    if fewest < rule.warn_below:
        name = "only_converged" if used.size == 1 else "only_converged_in_cell"
        notes.append(say(name, Caution.FEW_RUNS, n=fewest))
    flat = used[cells.flat[used]]
    if flat.size:
        named = Named((cells.levels_of(int(flat[0])),), flat.size - 1)
        notes.append(say("pooled_for_flat", Caution.ZERO_VARIANCE, names=named))
    notes += unusual(cells, used)
    if method in {"percentile", "basic", "bca"} and fewest < PLAIN_BELOW:
        notes.append(say("bootstrap_narrow", Caution.PLAIN_BOOTSTRAP, method=method, n=fewest))
    if method == "studentized" and fewest < STUDENTIZED_BELOW:
        notes.append(say("studentized_wide", Caution.PLAIN_BOOTSTRAP, n=fewest))
    return tuple(notes)


def unusual(cells: Cells, used: IntArray) -> list[Note]:
    """Cells with two groups of runs, a run far below, or runs at a ceiling: one note of each kind.

    Among many cells one looks unusual by chance, so that more is asked of each.
    """
    strict = 1.0 if used.size <= 2 else MANY_CELLS
    found: dict[Shape, list[tuple[int, Look]]] = {}
    for cell in used.tolist():
        if (look := cells.look(cell, strict=strict)) is not None:
            found.setdefault(look.shape, []).append((cell, look))
    notes = []
    for shape, (name, code) in _UNUSUAL.items():
        if shape in found:
            cell, look = found[shape][0]
            values = {"names": Named((cells.levels_of(cell),), len(found[shape]) - 1), "n": look.n}
            if shape != Shape.BELOW:
                values["k"] = look.k
            notes.append(say(name, code, **values))
    return notes


_UNUSUAL = {
    Shape.TWO_GROUPS: ("two_groups", Caution.HALF_LEARNED),
    Shape.BELOW: ("one_below", Caution.OUTLIER_BELOW),
    Shape.CEILING: ("at_ceiling", Caution.CEILING),
}
"""Sentence and code of each."""
