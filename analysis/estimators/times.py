"""Times until a target is reached: restricted means, the share that got there, the log-rank test.

A cell's restricted mean is the area under its Kaplan-Meier curve up to the table's horizon. Every
run has one number (`restricted_values`) whose mean that is, so that means and contrasts of times
have the intervals of any other mean, over seeds where cells share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.outcomes import CONVERGED, MISSING
from vggstudy.analysis.estimators.converged import WIDE_BELOW
from vggstudy.analysis.estimators.finding import Finding, refused
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.means import estimate_mean, rule_for
from vggstudy.analysis.estimators.seeds import estimate_shared
from vggstudy.analysis.notes import Caution, Named, Note, Reason, say
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.analysis.numbers.survival import (
    LogRank,
    TwoGroups,
    kaplan_meier,
    log_rank,
    reached_by,
    restricted_values,
)

if TYPE_CHECKING:
    import pandas as pd


@lru_cache(maxsize=8)
def restricted(cells: Cells) -> Cells:
    """The cells with every run's number for the restricted mean, reached or not.

    Cells of which no run was followed to the horizon have no runs here, unless all reached the
    target: their restricted mean is not known.
    """
    table = cells.table
    value, label = table.value.copy(), np.where(table.labelled, CONVERGED, table.label)
    for cell in range(len(cells)):
        rows = _rows(cells, cell)
        time, reached = table.value[rows], table.converged[rows]
        if rows.size and _is_known(time, reached, horizon_of(cells)):
            value[rows] = restricted_values(time, reached, horizon_of(cells))
        else:
            label[rows] = MISSING
    return Cells.from_table(replace(table, value=value, label=label, horizon=None))


def of_means(cells: Cells) -> Cells:
    """The cells whose means are those that are claimed: restricted ones of times to a target."""
    return cells if cells.table.horizon is None else restricted(cells)


def horizon_of(cells: Cells) -> float:
    """Of a table of times."""
    if cells.table.horizon is None:
        raise ValueError(f"{cells.table.outcome} is no time to a target")
    return cells.table.horizon


def _rows(cells: Cells, cell: int) -> IntArray:
    """A cell's runs that gave data, as rows of the table."""
    return np.flatnonzero((cells.run_cell == cell) & cells.table.labelled)


def _is_known(time: FloatArray, reached: BoolArray, horizon: float) -> bool:
    """Whether the curve is known up to the horizon."""
    return bool(time.max() >= horizon or reached[time == time.max()].all())


def mean_time(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Restricted mean, or a signed sum of averages of such means."""
    groups = asked.groups(cells)
    used = np.concatenate([group.cells for group in groups])
    least = rule_for(used.size, len(groups)).minimum
    problem = unavailable(cells, used, cells.n, minimum=least, what="labelled runs")
    if problem := problem or _not_followed(cells, used):
        return Finding(None, None, problem, runs=_runs(cells, used))
    estimate = estimate_shared if how.shared_seeds else estimate_mean
    found = estimate(
        restricted(cells),
        groups,
        claim_id=asked.id,
        confidence=how.confidence,
        resampling=how.resampling,
    )
    gain, loss = (
        horizon_of(cells) * sum(group.sign == sign for group in groups) for sign in (1, -1)
    )
    return replace(
        found,
        interval=None if found.interval is None else found.interval.clipped(-loss, gain),
        cautions=(*_censored(cells, used), *found.cautions),
        alternatives=tuple(other.clipped(-loss, gain) for other in found.alternatives),
        runs=_runs(cells, used),
    )


def reached(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Probability of reaching the target by the horizon, of one cell."""
    used = asked.groups(cells)[0].cells
    problem = unavailable(cells, used, cells.n, minimum=1, what="labelled runs")
    if problem := problem or _not_followed(cells, used):
        return Finding(None, None, problem, runs=_runs(cells, used))
    rows = _rows(cells, int(used[0]))
    interval = reached_by(
        cells.table.value[rows],
        cells.table.converged[rows],
        horizon_of(cells),
        confidence=how.confidence,
    )
    few = (say("interval_wide", Caution.WIDE, n=rows.size),) if rows.size < WIDE_BELOW else ()
    return Finding(interval.estimate, interval, cautions=few, runs=rows.size)


def rate_ratio(cells: Cells, asked: Estimand, how: How) -> Finding:
    """Later level's rate over the earlier one's, by the log-rank test within matched cells."""
    later, earlier = asked.groups(cells)
    used = np.concatenate([later.cells, earlier.cells])
    least = rule_for(used.size, 2).minimum
    problem = unavailable(cells, used, cells.n, minimum=least, what="labelled runs")
    if problem is not None:
        return Finding(None, None, problem, runs=_runs(cells, used))
    tested = log_rank_of(cells, asked, how)
    if tested is None:
        return refused(Reason.NO_VARIANCE, "times_tell_nothing")
    notes = [say("log_rank_p", Caution.LOG_RANK, p=tested.p), *_censored(cells, used)]
    if how.shared_seeds:
        notes.append(say("log_rank_takes_unrelated", Caution.SHARED_SEEDS))
    interval = tested.ratio
    return Finding(interval.estimate, interval, cautions=tuple(notes), runs=_runs(cells, used))


def log_rank_of(cells: Cells, asked: Estimand, how: How) -> LogRank | None:
    """The test of two levels up to the horizon; every pair of matched cells is a stratum."""
    later, earlier = asked.groups(cells)
    strata = [
        _two_groups(cells, a, b)
        for a, b in zip(earlier.cells.tolist(), later.cells.tolist(), strict=True)
    ]
    rng = claim_generator(how.resampling.seed, asked.id)
    return log_rank(strata, confidence=how.confidence, rng=rng)


def _two_groups(cells: Cells, first: int, second: int) -> TwoGroups:
    """The runs of two cells; what happens after the horizon does not count."""
    rows = [_rows(cells, cell) for cell in (first, second)]
    both, horizon = np.concatenate(rows), horizon_of(cells)
    time = cells.table.value[both]
    return TwoGroups(
        np.minimum(time, horizon),
        cells.table.converged[both] & (time <= horizon),
        np.repeat([False, True], [one.size for one in rows]),
    )


def _runs(cells: Cells, used: IntArray) -> int:
    """Runs that gave data."""
    return int(cells.n[used].sum())


def _censored(cells: Cells, used: IntArray) -> tuple[Note, ...]:
    """That some runs did not reach the target."""
    rows = np.isin(cells.run_cell, used) & cells.table.labelled
    end = horizon_of(cells)
    there = cells.table.converged[rows] & (cells.table.value[rows] <= end)
    if there.all():
        return ()
    return (say("some_did_not_reach", Caution.CENSORED, k=there.sum(), n=there.size, number=end),)


def _not_followed(cells: Cells, used: IntArray) -> Note | None:
    """That a cell's runs all ended before the horizon, and not all of them at the target."""
    lost = used[restricted(cells).n[used] == 0]
    if not lost.size:
        return None
    named = Named((cells.levels_of(int(lost[0])),), lost.size - 1)
    code = Reason.NOT_FOLLOWED if used.size == 1 else Reason.MISSING_CELLS
    return say("not_followed", code, names=named, number=horizon_of(cells))


@dataclass(frozen=True, slots=True, eq=False)
class SurvivalCurve:
    """Kaplan and Meier's curve of a cell: the share of runs that have not reached the target.

    Attributes
    ----------
    outcome : str
        The time.
    levels : mapping of str to level
        The cell.
    n, k : int
        Runs, and those that reached the target by the horizon.
    horizon : float
        Where the curve ends: that of the table, or the end of the last run before.
    time : tuple of float
        0, and every time at which runs reached the target.
    at_risk : tuple of int
        Runs that were followed until just before.
    share : tuple of Interval
        That have not reached it, from that time on; each interval holds by itself.
    """

    outcome: str
    levels: dict[str, Any]
    n: int
    k: int
    horizon: float
    time: tuple[float, ...]
    at_risk: tuple[int, ...]
    share: tuple[Interval, ...]


def survival_curves(cells: Cells, *, confidence: float) -> list[SurvivalCurve]:
    """The curve of every cell with runs, up to the horizon."""
    table, horizon = cells.table, horizon_of(cells)
    found = []
    for cell in np.flatnonzero(cells.n > 0).tolist():
        rows = _rows(cells, cell)
        time, there = table.value[rows], table.converged[rows]
        curve = kaplan_meier(time, there)
        kept = curve.time <= horizon
        at = (0.0, *curve.time[kept].tolist())
        codes = zip(table.factors, cells.codes[cell].tolist(), strict=True)
        found.append(
            SurvivalCurve(
                outcome=table.outcome,
                levels={name: table.levels[name][code] for name, code in codes},
                n=rows.size,
                k=int((there & (time <= horizon)).sum()),
                horizon=min(horizon, float(time.max())),
                time=at,
                at_risk=(rows.size, *curve.at_risk[kept].astype(int).tolist()),
                share=tuple(
                    _not_yet(reached_by(time, there, t, confidence=confidence)) for t in at
                ),
            )
        )
    return found


def _not_yet(there: Interval) -> Interval:
    """Of not having reached it, from that of having done so."""
    return replace(there, estimate=1 - there.estimate, low=1 - there.high, high=1 - there.low)


def survival_frame(curves: Sequence[SurvivalCurve]) -> pd.DataFrame:
    """One row a cell and time."""
    import pandas as pd

    rows = [
        {
            **curve.levels,
            curve.outcome: time,
            "at_risk": at_risk,
            "not_reached": share.estimate,
            "low": share.low,
            "high": share.high,
        }
        for curve in curves
        for time, at_risk, share in zip(curve.time, curve.at_risk, curve.share, strict=True)
    ]
    return pd.DataFrame(rows)
