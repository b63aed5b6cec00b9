"""The levels of a factor that hold the best outcome: multiple comparisons with the best.

No curve is fitted. A level is left out where another one is better by more than chance allows, so
that the best level is among those that stay with the confidence asked for, whichever it is. Each
level is set against all others by one-sided comparisons with their own variances [1]_; they hold
together at Sidak's level, because estimates that share a level rise and fall together [2]_. Where
runs share seeds the comparisons are paired by seed, at Bonferroni's level.

References
----------
.. [1] Hsu (1984), Annals of Statistics 12, 1136-1144 (constrained comparisons with the best);
   Edwards & Hsu (1983), Journal of the American Statistical Association 78, 965-971 (unequal n).
.. [2] Slepian (1962), Bell System Technical Journal 41, 463-501.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from vggstudy.analysis.data.cells import ZERO_SPREAD, Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import Axis, Curve, axis_for, curve_at
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.seeds import MIN_SEEDS, replicates_of
from vggstudy.analysis.estimators.times import of_means
from vggstudy.analysis.notes import ModelCaution, Note, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.multiplicity import SMALL_BY_CHANCE
from vggstudy.analysis.numbers.student import cautious_freedom

METHOD = "best_by_comparisons"
WARN_RUNS = 5
"""Converged runs of a level below which the set comes with a warning."""


@dataclass(frozen=True, slots=True, eq=False)
class BestLevels:
    """The set, among the levels of one stratum with converged runs enough.

    Attributes
    ----------
    curve : Curve
        Their cells; where lower is better with negated values.
    held : ndarray of bool, shape (M,)
        Whether a level may be the best, in the order of the curve.
    confidence : float
    """

    curve: Curve
    held: BoolArray
    confidence: float

    @property
    def inside(self) -> bool:
        """Whether neither the least nor the largest level can be the best."""
        return not (self.held[0] or self.held[-1])

    @property
    def at_ends(self) -> bool:
        """Whether no level between the least and the largest can be the best."""
        return not self.held[1:-1].any()

    def note(self) -> Note:
        """The levels of the set, as data."""
        axis = self.curve.axis
        named = [level for level, held in zip(self._levels(), self.held, strict=True) if held]
        texts = [write_level(level) for level in named]
        code = ModelCaution.BEST_SET
        return say("best_among", code, factor=axis.factor, levels=texts, p=self.confidence)

    def finding(self) -> Finding:
        """The level of the best mean, and the least and the largest of the set."""
        levels, places = self._levels(), np.flatnonzero(self.held)
        best = levels[int(self.curve.mean.argmax())]
        interval = Interval(best, levels[places[0]], levels[places[-1]], METHOD)
        notes = [self.note()]
        if places[-1] - places[0] >= places.size:
            factor = self.curve.axis.factor
            notes.append(say("best_with_gaps", ModelCaution.GAPS, factor=factor))
        return Finding(best, interval, cautions=(*notes, *self.curve.cautions(WARN_RUNS)))

    def _levels(self) -> list[float]:
        """The curve's levels as the data have them."""
        source, axis = self.curve.source, self.curve.axis
        codes = source.codes[self.curve.cells, source.table.factors.index(axis.factor)]
        return [axis.levels[code] for code in codes.tolist()]


def best(cells: Cells, asked: Estimand, how: How) -> Finding:
    """The levels that may hold the best mean among converged runs, in one stratum."""
    axis = axis_for(cells.table, str(asked.along), None)
    found = best_levels(
        of_means(cells),
        axis,
        asked.contrast.conditions,
        confidence=how.confidence,
        shared_seeds=how.shared_seeds,
    )
    return Finding(None, None, found) if isinstance(found, Note) else found.finding()


def best_levels(
    cells: Cells,
    axis: Axis,
    conditions: tuple[Condition, ...],
    *,
    confidence: float,
    shared_seeds: bool,
) -> BestLevels | Note:
    """The set of a stratum.

    Parameters
    ----------
    cells : Cells
    axis : Axis
    conditions : tuple of Condition
        One level of every other factor.
    confidence : float
        That the best level is in the set.
    shared_seeds : bool
        Whether runs of one replicate share their seeds: levels are then compared seed by seed.

    Returns
    -------
    BestLevels or Note
        Refused as `curve_at` refuses.
    """
    curve = curve_at(cells.oriented(), axis, conditions)
    if isinstance(curve, Note):
        return curve
    beaten = _by_seed(curve, confidence) if shared_seeds else _apart(curve, confidence)
    held = np.asarray(~beaten.any(axis=1))
    held[int(curve.mean.argmax())] = True
    return BestLevels(curve, held, confidence)


def _apart(curve: Curve, confidence: float) -> BoolArray:
    """Whether level i is worse than level j, for unrelated runs; shape (M, M).

    Where levels differ in runs the degrees of freedom are cautious ones, as in `max_t`.
    """
    level = confidence ** (1 / (curve.x.size - 1))
    part = curve.variance / curve.n
    both = np.stack(np.broadcast_arrays(part[:, None], part[None, :]), axis=-1)
    df = np.stack(np.broadcast_arrays(curve.df[:, None], curve.df[None, :]), axis=-1)
    if (curve.n == curve.n[0]).all():
        freedom = both.sum(axis=-1) ** 2 / (both**2 / df).sum(axis=-1)
    else:
        freedom = cautious_freedom(both, df, tail=SMALL_BY_CHANCE)
    apart = curve.mean[None, :] - curve.mean[:, None]
    return np.asarray(apart > stdtrit(freedom, level) * np.sqrt(both.sum(axis=-1)))


def _by_seed(curve: Curve, confidence: float) -> BoolArray:
    """The same by differences within seeds; levels that share fewer than `MIN_SEEDS` both stay."""
    size = curve.x.size
    level = 1 - (1 - confidence) / (size - 1)
    value = _seeds_by_level(curve)
    nothing = ZERO_SPREAD * float(np.nanmax(np.abs(value)))
    beaten = np.zeros((size, size), dtype=np.bool_)
    for i, j in itertools.permutations(range(size), 2):
        difference = value[:, j] - value[:, i]
        difference = difference[~np.isnan(difference)]
        count = difference.size
        if count < MIN_SEEDS or not (spread := difference.std(ddof=1)) > nothing:
            continue
        critical = stdtrit(count - 1, level) * spread / math.sqrt(count)
        beaten[i, j] = difference.mean() > critical
    return beaten


def _seeds_by_level(curve: Curve) -> FloatArray:
    """Values by seed and level, NaN where a seed has no converged run; shape (G, M)."""
    names = replicates_of(curve)
    seeds = {name: i for i, name in enumerate(sorted(set(names)))}
    value = np.full((len(seeds), curve.x.size), np.nan)
    level = np.repeat(np.arange(curve.x.size), curve.strata.sizes)
    value[[seeds[name] for name in names], level] = curve.strata.values
    return value
