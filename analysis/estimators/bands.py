"""Bands over the levels of a factor that hold at all levels together.

References
----------
.. [1] Sidak (1967), Journal of the American Statistical Association 62, 626-633 (normal variables
   of any correlation lie within symmetric limits at least as often as independent ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vggstudy.analysis.data.availability import unavailable
from vggstudy.analysis.data.borrowing import Lent, lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast, Group
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.levels import Level, write_level
from vggstudy.analysis.data.parsing import level_index
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.multiplicity import CellMeans, max_t
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Band:
    """Simultaneous intervals of the mean at each level of a factor.

    Attributes
    ----------
    factor : str
    at : mapping of str to str
        Other factors that are held, and their levels as written.
    levels : tuple of Level
        Those that have an interval.
    intervals : tuple of Interval
    left_out : tuple of (Level, Note)
        Levels without one, each with its reason.
    confidence : float
        Of all levels together.
    """

    factor: str
    at: Mapping[str, str]
    levels: tuple[Level, ...]
    intervals: tuple[Interval, ...]
    left_out: tuple[tuple[Level, Note], ...]
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row a level that has an interval."""
        import pandas as pd

        columns = ("estimate", "low", "high")
        values = {name: [getattr(one, name) for one in self.intervals] for name in columns}
        return pd.DataFrame({self.factor: list(self.levels), **values})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "factor": self.factor,
            "at": dict(self.at),
            "confidence": self.confidence,
            "rows": [
                {"level": level, "estimate": one.estimate, "low": one.low, "high": one.high}
                for level, one in zip(self.levels, self.intervals, strict=True)
            ],
            "left_out": [{"level": level, **note.to_dict()} for level, note in self.left_out],
        }


def level_band(
    cells: Cells,
    factor: str,
    at: Mapping[str, Level],
    *,
    confidence: float,
    seed: int,
    pooled: bool = False,
    shared_seeds: bool = False,
) -> Band:
    """Means of converged runs at every level of a factor, by the maximum of their t statistics.

    Parameters
    ----------
    cells : Cells
    factor : str
    at : mapping
        Other factors to the level at which each is held; what is not held is averaged with equal
        weights.
    confidence : float
        Of all levels together.
    seed : int
        With the family's name, the seed of the draws.
    pooled : bool
        One within-cell variance for all cells: only where it is known to be one.
    shared_seeds : bool
        Runs of one replicate share their seeds across cells. The band then holds more often than
        asked for where a level is one cell [1]_; levels that are averages of cells are left out.

    Returns
    -------
    Band
        A level needs two converged runs in each of its cells; with a pooled variance, one.

    Raises
    ------
    AnalysisError
        If a factor or level is unknown, or the factor itself is held.
    """
    conditions, held = _conditions(cells.table, factor, at)
    kept, left_out, groups = [], [], []
    lent = lent_variance(cells)
    for code, level in enumerate(cells.table.levels[factor]):
        here = sorted((*conditions, Condition(factor, (code,))), key=lambda c: c.factor)
        group = Contrast(conditions=tuple(here)).groups(cells)[0]
        reason = _refusal(cells, group, pooled=pooled, shared_seeds=shared_seeds)
        if reason is None and not pooled:
            reason = no_lender(cells, group.cells, lent)
        if reason is None:
            kept.append(level)
            groups.append(group)
        else:
            left_out.append((level, reason))
    if not kept or not cells.pooled[0] > 0:
        flat = say("cells_do_not_vary", Reason.NO_VARIANCE)
        lost = (*left_out, *((level, flat) for level in kept))
        return Band(factor, held, (), (), lost, confidence)
    name = Estimand.of(cells.table.outcome, Contrast(conditions=conditions), cells.table).id
    means, rows = _means(cells, groups, lent, pooled=pooled)
    rng = claim_generator(seed, f"{name} band {factor}")
    found = max_t(means, rows, confidence=confidence, rng=rng)
    intervals = tuple(found.interval(k) for k in range(len(kept)))
    return Band(factor, held, tuple(kept), intervals, tuple(left_out), confidence)


def _conditions(
    table: RunTable, factor: str, at: Mapping[str, Level]
) -> tuple[tuple[Condition, ...], dict[str, str]]:
    """What is held, in codes and as written."""
    if factor not in table.factors:
        raise AnalysisError(f"no factor {factor!r}; factors are {', '.join(table.factors)}")
    if factor in at:
        raise AnalysisError(f"a band along {factor} cannot hold {factor}")
    codes = {name: level_index(name, write_level(level), table) for name, level in at.items()}
    held = {name: write_level(table.levels[name][code]) for name, code in codes.items()}
    return tuple(Condition(name, (codes[name],)) for name in sorted(codes)), held


def _refusal(cells: Cells, group: Group, *, pooled: bool, shared_seeds: bool) -> Note | None:
    """Why a level has no interval."""
    if shared_seeds and group.cells.size > 1:
        return say("band_shares_seeds", Reason.SHARED_SEEDS)
    minimum = 1 if pooled else 2
    return unavailable(cells, group.cells, cells.k, minimum=minimum, what="converged runs")


def _means(
    cells: Cells, groups: list[Group], lent: Lent, *, pooled: bool
) -> tuple[CellMeans, FloatArray]:
    """Means of all cells in use and every level's weights; a flat cell borrows its variance."""
    used = np.concatenate([group.cells for group in groups])
    sizes = [group.cells.size for group in groups]
    level = np.repeat(np.arange(len(groups)), sizes)
    rows = (level == np.arange(len(groups))[:, None]) / np.array(sizes)[:, None]
    variance = np.full(used.size, cells.pooled[0]) if pooled else lent.variance[used]
    means = CellMeans(cells.mean[used], variance, cells.k[used], cells.pooled if pooled else None)
    return means, rows
