"""Equivalence: two one-sided tests of a difference against a margin.

Where runs of different cells share their seeds the difference is one contrast a seed
(`seeds.difference_over_seeds`), and so it is where runs are paired by seed: cells weigh alike in
every one of them. Otherwise every cell has its own mean and variance.

The two tests reject at level alpha exactly when the (1 - 2 alpha) interval lies inside the margin,
so the interval shown is the 90% one for a test at 5%.

References
----------
.. [1] Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680, eq. 4-6.
.. [2] Berger & Hsu (1996), Statistical Science 11, 283-319 (intersection-union; the interval).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.estimators.means import spread_where_flat
from vggstudy.analysis.notes import Note, NotedValueError, say
from vggstudy.analysis.numbers.intervals import Interval, check_confidence
from vggstudy.analysis.numbers.student import Spread, t_interval


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided t tests.

    Attributes
    ----------
    estimate, se, df, margin : float
        Difference and margin in the unit of the data.
    p_lower, p_upper : float
        Of the tests against ``-margin`` and ``margin``.
    interval : Interval
        At confidence 1 - 2 alpha.
    """

    estimate: float
    se: float
    df: float
    margin: float
    p_lower: float
    p_upper: float
    interval: Interval

    @property
    def p(self) -> float:
        """The larger of the two: that of equivalence."""
        return max(self.p_lower, self.p_upper)

    @property
    def equivalent(self) -> bool:
        """Whether the interval lies inside the margin."""
        return -self.margin < self.interval.low and self.interval.high < self.margin


def tost(
    estimate: float, spread: Spread, *, margin: float, alpha: float, method: str
) -> Equivalence:
    """Test a difference with a known standard error against both margins ([1]_, eq. 4).

    Parameters
    ----------
    estimate : float
    spread : Spread
        Standard error and degrees of freedom.
    margin : float
        Positive, in the unit of the estimate.
    alpha : float
        Level of each one-sided test, in (0, 0.5).
    method : str
        Recorded with the interval.

    Raises
    ------
    ValueError
        If the margin is not positive, the level is out of range, or the standard error is zero.
    """
    if not margin > 0:
        raise ValueError(f"the margin of equivalence must be positive, got {margin}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, got {alpha}")
    if not spread.se > 0:
        raise ValueError("the standard error is zero: equivalence cannot be tested")
    confidence = 1 - 2 * alpha
    check_confidence(confidence)
    return Equivalence(
        estimate=estimate,
        se=spread.se,
        df=spread.df,
        margin=margin,
        p_lower=float(stdtr(spread.df, -(estimate + margin) / spread.se)),
        p_upper=float(stdtr(spread.df, (estimate - margin) / spread.se)),
        interval=t_interval(estimate, spread, confidence=confidence, method=method),
    )


def spread_by_cell(cells: Cells, groups: list[Group], *, pooled: bool = False) -> Spread:
    """Standard error of a contrast of cell means among converged runs, adjusted by cell.

    Parameters
    ----------
    cells : Cells
    groups : list of Group
    pooled : bool
        One within-cell variance for all cells of the table, with its degrees of freedom, in place
        of every cell's own (which a cell whose runs do not vary has not, and takes it then too).

    Raises
    ------
    ValueError
        If a used cell has no converged run (without `pooled`: fewer than two), or there is no
        variance.
    """
    used = np.concatenate([group.cells for group in groups])
    weights = np.concatenate([group.sign * group.weights for group in groups])
    need = 1 if pooled else 2
    if (cells.k[used] < need).any():
        raise NotedValueError(say("every_cell_needs", least=need))
    if not pooled:
        spread = spread_where_flat(cells, used, weights)
        if isinstance(spread, Note):
            raise NotedValueError(spread)
        return spread
    variance, df = cells.pooled
    if not variance > 0:
        raise NotedValueError(say("variances_are_zero"))
    return Spread(float(np.sqrt((weights**2 * variance / cells.k[used]).sum())), df)
