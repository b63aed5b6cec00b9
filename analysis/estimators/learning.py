"""Along which factors learning rises, along which it falls: by the runs, or as declared.

A direction is established where rates that never rise (or never fall) are refuted, and the opposite
is not. Each test has half of the error, so that a factor that does nothing has a direction in as
many studies as the confidence allows; what is claimed of a level rests on nothing else.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.curves import Axis
from vggstudy.analysis.data.estimands import named
from vggstudy.analysis.estimators.how import Declared, How
from vggstudy.analysis.estimators.threshold import Direction
from vggstudy.analysis.notes import ModelReason, Note, Reason, say
from vggstudy.analysis.numbers.arrays import IntArray
from vggstudy.analysis.numbers.monotone import Monotone, monotone_test
from vggstudy.analysis.numbers.resampling import claim_generator

DIRECTIONS: dict[Declared, Direction] = {"rises": "increasing", "falls": "decreasing"}

Counts = tuple[IntArray, IntArray]
"""Converged and labelled runs of a stratum by level."""

OF_ONE_KIND = (ModelReason.ALL_CONVERGED, Reason.NONE_CONVERGED)
"""Codes of strata in which no level was seen to matter: nothing is claimed of a level there."""


def learning_along(
    cells: Cells,
    axis: Axis,
    conditions: tuple[Condition, ...],
    how: How,
    *,
    confidence: float | None = None,
) -> Direction | Note:
    """How convergence runs along a factor, over the strata in which some conditions hold.

    Parameters
    ----------
    cells : Cells
    axis : Axis
    conditions : tuple of Condition
        Of other factors; a condition may leave several levels, each a stratum of its own.
    how : How
        What was declared, and the confidence at which one of both orders is refuted.
    confidence : float, optional
        At which a direction is established, where it is not that of `how`.

    Returns
    -------
    "increasing", "decreasing" or Note
        Refused where all runs converged, or none; where runs are at fewer than two levels; where
        neither direction is established, or both orders are refuted.
    """
    said = how.learning.get(axis.factor)
    declared = None if said is None else DIRECTIONS[said]
    strata = _strata(cells, axis, conditions)
    if declared is None and (without := _of_one_kind(axis, strata)):
        return without
    test = _tested(cells, axis, conditions, how.resampling.seed)
    refuted = 1 - how.confidence
    if declared is not None:
        against = test.falls_p if declared == "increasing" else test.rises_p
        return declared if against > refuted else _undeclared(axis, declared, against)
    return _established(axis, test, (1 - (confidence or how.confidence)) / 2, refuted)


@lru_cache(maxsize=64)
def _tested(cells: Cells, axis: Axis, conditions: tuple[Condition, ...], seed: int) -> Monotone:
    """Both tests, once for all levels of confidence at which they are read."""
    strata = [(k, n) for k, n in _strata(cells, axis, conditions) if n.size > 1]
    name = named(("learning", axis.factor), conditions, cells.table)
    return monotone_test(strata, rng=claim_generator(seed, name))


def _established(axis: Axis, test: Monotone, least: float, refuted: float) -> Direction | Note:
    """The direction that the runs show."""
    if test.rises_p <= least and test.falls_p > refuted:
        return "increasing"
    if test.falls_p <= least and test.rises_p > refuted:
        return "decreasing"
    values = {"factor": axis.factor, "a": test.rises_p, "b": test.falls_p}
    if max(test.rises_p, test.falls_p) <= refuted:
        return say("learning_rises_and_falls", ModelReason.NOT_MONOTONE, **values)
    return say("no_direction", ModelReason.NO_DIRECTION, **values)


def _undeclared(axis: Axis, declared: Direction, p: float) -> Note:
    """That the runs refute what was declared."""
    name = "declared_rises" if declared == "increasing" else "declared_falls"
    return say(name, ModelReason.NOT_MONOTONE, factor=axis.factor, p=p)


def _of_one_kind(axis: Axis, strata: list[Counts]) -> Note | None:
    """That no runs, none or all converged, or that all are at one level."""
    k, n = (sum(int(counts[i].sum()) for counts in strata) for i in (0, 1))
    if not n:
        return say("no_labelled", Reason.NO_RUNS)
    if not k:
        return say("none_of_runs_converged", Reason.NONE_CONVERGED, n=n)
    if k == n:
        return say("all_of_runs_converged", ModelReason.ALL_CONVERGED, n=n)
    if all(n.size < 2 for _, n in strata):
        values = {"factor": axis.factor, "n": 1}
        return say("line_needs_levels", ModelReason.TOO_FEW_LEVELS, **values)
    return None


def _strata(cells: Cells, axis: Axis, conditions: tuple[Condition, ...]) -> list[Counts]:
    """Converged and labelled runs of every stratum at its levels with runs, levels increasing."""
    used = Contrast(conditions=conditions).groups(cells)[0].cells
    used = used[cells.n[used] > 0]
    column = cells.table.factors.index(axis.factor)
    x = axis.x[cells.codes[used, column]]
    others = np.delete(cells.codes[used], column, axis=1)
    order = np.lexsort((x, *others.T))
    used, others = used[order], others[order]
    k, n = cells.k[used].astype(np.int64), cells.n[used].astype(np.int64)
    starts = np.flatnonzero((np.diff(others, axis=0) != 0).any(axis=1)) + 1
    return list(zip(np.split(k, starts), np.split(n, starts), strict=True))
