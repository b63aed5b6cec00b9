"""Every quantity with its estimator: the one place where an analysis looks them up.

A new quantity is a file here with a function of the signature `Estimator`, a line below, and its
words and unit in `vggstudy.quantities`. `vggstudy.analysis.claims.catalogue` says where it is
claimed without being asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.association import association
from vggstudy.analysis.estimators.best import best
from vggstudy.analysis.estimators.block_effects import block_effect, block_wins
from vggstudy.analysis.estimators.block_ranks import block_rank
from vggstudy.analysis.estimators.contrast import contrast, usable
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.needed import needed, tolerated
from vggstudy.analysis.estimators.next_runs import improvement, prediction, with_two
from vggstudy.analysis.estimators.secondary import robust, with_enough
from vggstudy.analysis.estimators.times import rate_ratio, reached
from vggstudy.analysis.estimators.turning_point import peak
from vggstudy.analysis.numbers.arrays import BoolArray

Estimator = Callable[[Cells, Estimand, How], Finding]


@dataclass(frozen=True, slots=True)
class Entry:
    """How a quantity is estimated.

    Attributes
    ----------
    estimate : Estimator
    usable : callable or None
        Cells that it can include, of which the largest complete part is offered where some are
        missing; None where no part is.
    """

    estimate: Estimator
    usable: Callable[[Cells, Estimand], BoolArray] | None = None


ESTIMATORS = {
    "p": Entry(contrast, usable),
    "mean": Entry(contrast, usable),
    "diff": Entry(contrast, usable),
    "did": Entry(contrast, usable),
    "iqm": Entry(robust, with_enough),
    "median": Entry(robust),
    "hedges_g": Entry(robust),
    "cliffs_delta": Entry(robust),
    "improvement": Entry(improvement, with_two),
    "prediction": Entry(prediction),
    "association": Entry(association),
    "reached": Entry(reached),
    "logrank": Entry(rate_ratio),
    "peak": Entry(peak),
    "best": Entry(best),
    "needed": Entry(needed),
    "block_diff": Entry(block_effect),
    "block_ratio": Entry(block_effect),
    "block_scaled": Entry(block_effect),
    "block_wins": Entry(block_wins),
    "block_rank": Entry(block_rank),
    "tolerated": Entry(tolerated),
}
"""By the names of `vggstudy.quantities.QUANTITIES`."""
