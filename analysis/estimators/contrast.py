"""Probabilities, means and expected outcomes, their differences, and differences of those."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.estimators.converged import estimate_converged
from vggstudy.analysis.estimators.expected import MIN_RUNS, estimate_expected
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import estimate_mean, unusual
from vggstudy.analysis.estimators.seeds import estimate_shared
from vggstudy.analysis.estimators.selection import with_bounds
from vggstudy.analysis.estimators.times import mean_time, restricted
from vggstudy.analysis.numbers.arrays import BoolArray


def contrast(cells: Cells, asked: Estimand, how: How) -> Finding:
    """The estimator of the outcome; over seeds where several cells share them."""
    # The runs of one cell never share seeds with one another.
    shared = how.shared_seeds and sum(group.cells.size for group in asked.groups(cells)) > 1
    mean = _mean if cells.table.horizon is None else mean_time
    estimate = {"converged": _converged, "expected": _expected}.get(asked.outcome, mean)
    return estimate(cells, asked, replace(how, shared_seeds=shared))


def usable(cells: Cells, asked: Estimand) -> BoolArray:
    """Cells that an average of the outcome can include; shape (C,)."""
    if asked.outcome == "converged":
        return cells.n >= 1
    if cells.table.horizon is not None:
        return restricted(cells).n >= MIN_RUNS
    return (cells.n if asked.outcome == "expected" else cells.k) >= MIN_RUNS


def _converged(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Probability of converging."""
    return estimate_converged(
        cells,
        asked.groups(cells),
        confidence=how.confidence,
        shared_seeds=how.shared_seeds,
        single=how.probability_interval,
    )


def _mean(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Mean among converged runs, with bounds where a compared level lost many."""
    estimate = estimate_shared if how.shared_seeds else estimate_mean
    found = estimate(
        cells,
        asked.groups(cells),
        claim_id=asked.id,
        confidence=how.confidence,
        resampling=how.resampling,
    )
    if how.shared_seeds and found.interval is not None:
        used = np.concatenate([group.cells for group in asked.groups(cells)])
        found = replace(found, cautions=(*found.cautions, *unusual(cells, used)))
    return with_bounds(found, cells, asked, how)


def _expected(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Expected outcome by its two parts; differences over seeds where cells share them."""
    groups, shared = asked.groups(cells), how.shared_seeds
    found = estimate_expected(cells, groups, confidence=how.confidence, shared_seeds=shared)
    if not shared or found.reason is not None or len(groups) == 1:
        return found
    over_seeds = estimate_shared(
        cells,
        groups,
        claim_id=asked.id,
        confidence=how.confidence,
        resampling=how.resampling,
        everyone=True,
    )
    return replace(over_seeds, cautions=(*found.cautions, *over_seeds.cautions))
