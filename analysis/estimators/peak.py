"""Whether an outcome rises to a peak and falls again along a numeric factor.

Where lower is better, whether it falls to a trough and rises again: the values are negated.

Three tests must agree. The slopes of the quadratic at both ends of the converged range [1]_ and
Fieller's set inside it believe in the quadratic, which finds a peak on a plateau too. The third,
cross-fitted, does not: the peak cell is chosen on one half of the runs and compared with both ends
on the other half, and again with the halves exchanged.

References
----------
.. [1] Lind & Mehlum (2010), Oxford Bulletin of Economics and Statistics 72, 109-118, eq. 4 and 5.
.. [2] Berger (1982), Technometrics 24, 295-300 (all of several tests must reject: no correction).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition
from vggstudy.analysis.data.curves import Axis, Curve, curve_at
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.quadratic import Quadratic, SignTest, fit_quadratic, sign_test
from vggstudy.analysis.estimators.seeds import replicates_of
from vggstudy.analysis.notes import ModelReason, Note, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.analysis.numbers.student import satterthwaite

MIN_LEVELS = 4
"""Converged levels from which a peak is tested; three cannot disagree with a quadratic."""


ORDERS = 200
"""Orders of shared seeds that are tried for halves with runs of every cell."""


@dataclass(frozen=True, slots=True)
class SlopesTest:
    """The quadratic rises at the low end of the converged range and falls at the high end [1]_.

    Attributes
    ----------
    low, high : SignTest
        Of the slope at either end.
    """

    low: SignTest
    high: SignTest

    @property
    def p_value(self) -> float:
        """The larger of both one-sided p values ([2]_)."""
        return max(self.low.p_above, self.high.p_below)


@dataclass(frozen=True, slots=True)
class HalfTest:
    """A peak chosen on one half of the runs, tested on the other.

    Attributes
    ----------
    peak : float
        The level chosen, on the axis' scale.
    p_value : float
        The larger of the one-sided p values against both ends; 1 where an end was chosen.
    """

    peak: float
    p_value: float


@dataclass(frozen=True, slots=True)
class CrossFit:
    """The peak test on both halves.

    Attributes
    ----------
    halves : tuple of HalfTest
        Two of them.
    """

    halves: tuple[HalfTest, HalfTest]

    @property
    def p_value(self) -> float:
        """Twice the smaller one (Bonferroni): halves that agree by chance stay apart."""
        return min(1.0, 2 * min(half.p_value for half in self.halves))


@dataclass(frozen=True, slots=True, eq=False)
class PeakTest:
    """The verdict's parts.

    Attributes
    ----------
    quadratic : Quadratic
    slopes : SlopesTest
    cross_fit : CrossFit
    fieller_p : float
        Smallest level alpha at which the (1 - alpha) set lies inside the converged range.
    """

    quadratic: Quadratic
    slopes: SlopesTest
    cross_fit: CrossFit
    fieller_p: float

    @property
    def p_value(self) -> float:
        """Of "there is a peak": the largest of the three ([2]_), as Holm's method takes it."""
        return max(self.slopes.p_value, self.cross_fit.p_value, self.fieller_p)


def peak_test(
    cells: Cells,
    axis: Axis,
    conditions: tuple[Condition, ...],
    *,
    seed: int,
    shared_seeds: bool,
    min_levels: int = MIN_LEVELS,
) -> PeakTest | Note:
    """Test one stratum for a peak among converged runs.

    Parameters
    ----------
    cells : Cells
    axis : Axis
    conditions : tuple of Condition
        The stratum.
    seed : int
        With the claim's id, decides which runs form the halves.
    shared_seeds : bool
        Whether runs of one replicate share seeds across cells; a replicate then stays whole.
    min_levels : int
        Converged levels that are needed.

    Returns
    -------
    PeakTest or Note
        Refused as `curve_at` refuses, with `ModelReason.TOO_FEW_LEVELS` below `min_levels`
        levels, or `ModelReason.TOO_FEW_SEEDS` where no half has a run of every cell.
    """
    cells = cells.oriented()
    curve = curve_at(cells, axis, conditions)
    if isinstance(curve, Note):
        return curve
    if curve.x.size < min_levels:
        values = {"least": min_levels, "factor": axis.factor, "n": curve.x.size}
        return say("peak_needs_levels", ModelReason.TOO_FEW_LEVELS, **values)
    name = Estimand.level("peak", axis.factor, conditions, cells.table).id
    rng = claim_generator(seed, f"{name} halves")
    first = _halves(curve, replicates_of(curve), rng, shared=shared_seeds)
    if first is None:
        return say("seeds_cannot_be_halved", ModelReason.TOO_FEW_SEEDS)
    quadratic = fit_quadratic(curve)
    return PeakTest(
        quadratic=quadratic,
        slopes=slopes_test(quadratic),
        cross_fit=cross_fit(curve, first),
        fieller_p=fieller_p_value(quadratic),
    )


def slopes_test(quadratic: Quadratic) -> SlopesTest:
    """Lind and Mehlum's test at the ends of the converged range."""
    low, high = quadratic.curve.range
    return SlopesTest(
        sign_test(quadratic, quadratic.slope_weights(low)),
        sign_test(quadratic, quadratic.slope_weights(high)),
    )


def fieller_p_value(quadratic: Quadratic) -> float:
    """Smallest level at which Fieller's set of a maximum lies inside the converged range.

    The set at a critical value t lies inside exactly when the slope exceeds t standard errors at
    the low end and falls below -t of them at the high end. Degrees of freedom are those of the
    set, at the estimate.
    """
    if not quadratic.c < 0:
        return 1.0
    low, high = quadratic.curve.range
    turn = quadratic.center - quadratic.b / (2 * quadratic.c)
    df = quadratic.spread(quadratic.slope_weights(turn)).df
    ends = slopes_test(quadratic)
    t = min(ends.low.estimate / ends.low.se, -ends.high.estimate / ends.high.se)
    return min(1.0, 2 * float(stdtr(df, -t))) if low < turn < high else 1.0


def cross_fit(curve: Curve, first: BoolArray) -> CrossFit:
    """Choose on one half, test on the other, exchange.

    Variances are those of all runs of a cell: they do not depend on which mean is largest.

    Parameters
    ----------
    curve : Curve
    first : ndarray of bool, shape (N,)
        The runs of the first half, in the order of ``curve.strata``.
    """
    cell = np.repeat(np.arange(curve.x.size), curve.strata.sizes)
    halves = [_half_test(curve, cell, chosen) for chosen in (first, ~first)]
    return CrossFit((halves[0], halves[1]))


def _half_test(curve: Curve, cell: IntArray, chosen: BoolArray) -> HalfTest:
    """The peak of the chosen runs, against both ends among the others."""
    size, value = curve.x.size, curve.strata.values
    means = np.bincount(cell[chosen], value[chosen], size) / np.bincount(cell[chosen])
    counts = np.bincount(cell[~chosen]).astype(np.float64)
    tested = np.bincount(cell[~chosen], value[~chosen], size) / counts
    peak = int(means.argmax())
    worst = 0.0
    for end in (0, size - 1):
        worst = max(worst, 1.0 if peak == end else _above(curve, tested, counts, peak, end))
    return HalfTest(float(curve.x[peak]), worst)


def _above(curve: Curve, means: FloatArray, counts: FloatArray, peak: int, end: int) -> float:
    """One-sided p value of "the mean at the peak exceeds that at an end"."""
    pair = np.array([peak, end])
    spread = satterthwaite(
        np.array([1.0, -1.0]), curve.variance[pair], counts[pair], curve.df[pair]
    )
    return float(stdtr(spread.df, -(means[peak] - means[end]) / spread.se))


def _halves(
    curve: Curve, replicate: list[str], rng: np.random.Generator, *, shared: bool
) -> BoolArray | None:
    """The first half: every second replicate in random order, overall or within each cell.

    Where seeds are shared and runs failed, orders that leave a cell without runs on one side are
    drawn again: that depends on which runs converged, not on their values.
    """
    cell = np.repeat(np.arange(curve.x.size), curve.strata.sizes)
    names = sorted(set(replicate))
    number = {name: i for i, name in enumerate(names)}
    who = np.array([number[name] for name in replicate])
    if not shared:
        within = np.lexsort((rng.permutation(len(names))[who], cell))
        first = np.zeros(cell.size, dtype=np.bool_)
        first[within] = (
            np.arange(cell.size) - np.repeat(curve.strata.starts, curve.strata.sizes)
        ) % 2 == 0
        return first
    for _ in range(ORDERS):
        chosen = np.asarray(rng.permutation(len(names))[who] % 2 == 0)
        counts = np.bincount(cell[chosen], minlength=curve.x.size)
        if ((counts > 0) & (counts < curve.n)).all():
            return chosen
    return None
