"""What single runs do, not means of them: the next run's value, and which of two runs is better."""

from __future__ import annotations

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.borrowing import lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import unusual
from vggstudy.analysis.estimators.secondary import MINIMUM, WARN_BELOW, robust
from vggstudy.analysis.notes import Caution, ModelCaution, Note, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.effects import cliffs_delta
from vggstudy.analysis.numbers.prediction import next_value
from vggstudy.analysis.numbers.proportions import mover_sum

TO_PREDICT = 3
"""Converged runs that a prediction needs."""


def prediction(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Where the outcome of one more run of a cell falls if it converges (`next_value`).

    Where runs do not vary, their variance is that of cells of the same scale.
    """
    used = asked.groups(cells)[0].cells
    what = "converged runs"
    if problem := unavailable(cells, used, cells.k, minimum=TO_PREDICT, what=what):
        return Finding(None, None, problem)
    cell = int(used[0])
    values, variance, df = cells.cell_values(cell), float(cells.variance[cell]), cells.k[cell] - 1
    if cells.flat[cell]:
        lent = lent_variance(cells)
        if lost := no_lender(cells, used, lent):
            return Finding(float(values.mean()), None, lost)
        variance, df = float(lent.variance[cell]), float(lent.df[cell])
    found = next_value(values, confidence=how.confidence, variance=variance, df=float(df))
    notes: tuple[Note, ...] = _few(int(cells.k[cell]))
    if found.method == "prediction_t":
        notes += tuple(say("predicted_as_normal", x.code) for x in unusual(cells, used)[:1])
    return Finding(
        found.estimate, found.clipped(*(cells.table.bounds or (None, None))), None, notes
    )


def improvement(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Probability that a run of the later level is better, ties counted half.

    Of a column among converged runs, or of all runs (``expected``), failed ones being worst. Over
    several cells it is the mean of matched cells' probabilities, by MOVER.
    """
    if asked.outcome != "expected":
        return robust(cells, asked, how)
    later, earlier = (group.cells for group in asked.groups(cells))
    used = np.concatenate([later, earlier])
    least = MINIMUM["improvement"]
    if problem := unavailable(cells, used, cells.n, minimum=least, what="labelled runs"):
        return Finding(None, None, problem)
    parts = [
        cliffs_delta(_scores(cells, i), _scores(cells, j), confidence=how.confidence)
        for i, j in zip(later.tolist(), earlier.tolist(), strict=True)
    ]
    each = [part.probability_of_improvement for part in parts]
    weights = [1 / len(each)] * len(each)
    found = each[0] if len(each) == 1 else mover_sum(each, weights, method="mover_improvement")
    notes = _few(int(cells.n[used].min()))
    if how.shared_seeds:
        notes += (say("improvement_takes_independent", ModelCaution.TAKEN_AS_INDEPENDENT),)
    return Finding(found.estimate, found.clipped(0.0, 1.0), cautions=notes)


def with_two(cells: Cells, asked: Estimand) -> BoolArray:
    """Cells with the runs that an improvement needs; shape (C,)."""
    return (cells.n if asked.outcome == "expected" else cells.k) >= MINIMUM["improvement"]


def _scores(cells: Cells, cell: int) -> FloatArray:
    """Every labelled run of a cell on a scale of which higher is better; failed ones are lowest."""
    values = cells.cell_values(cell)
    failed = np.full(int(cells.n[cell]) - values.size, -np.inf)
    return np.concatenate([failed, -values if cells.table.lower_is_better else values])


def _few(runs: int) -> tuple[Note, ...]:
    """That there are few runs, where there are."""
    return (say("only_runs_in_cell", Caution.FEW_RUNS, n=runs),) if runs < WARN_BELOW else ()
