"""Weighted sums of cells' mean curves, with bands that hold at all times together.

A run that ended before the others keeps the value that it ended with: the network that it left is
what one has of it from then on. Between two records of a run lies a straight line. Where runs share
seeds across cells, every seed gives one curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vggstudy.analysis.data.levels import Level
from vggstudy.analysis.data.outcomes import is_fraction
from vggstudy.analysis.data.run_curves import RunCurves
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.curve_bands import CurveBandFit, Sample, curve_bands
from vggstudy.analysis.numbers.resampling import claim_generator
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd

MIN_RUNS = 3
"""Runs of a cell from which its mean curve has a band."""

Ended = Literal["last", "common"]
"""A run that ended early keeps its last value, or curves end where the first run does."""

CellLevels = tuple[Level, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanCurve:
    """A mean curve, or a difference of two, with its band.

    Attributes
    ----------
    measure : str
    at : mapping of str to str
        Factors that are held, and their levels as written; ``earlier..later`` of one that is
        compared.
    time : tuple of float
    estimate : tuple of float
    low, high : tuple of (float or None)
        None where no run differs from another.
    runs : tuple of int
        Runs that were still recorded at each time.
    n, cells : int
        Runs, and cells that are averaged; of a difference, pairs of cells.
    left_out : int
        Runs without the measure, or with a value that is not finite.
    confidence : float
        Of all times together.
    """

    measure: str
    at: Mapping[str, str]
    time: tuple[float, ...]
    estimate: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    runs: tuple[int, ...]
    n: int
    cells: int
    left_out: int
    confidence: float

    def to_frame(self) -> pd.DataFrame:
        """One row a time."""
        import pandas as pd

        names = ("time", "runs", "estimate", "low", "high")
        columns = {name: list(getattr(self, name)) for name in names}
        held = {name: [level] * len(self.time) for name, level in self.at.items()}
        return pd.DataFrame({"measure": [self.measure] * len(self.time), **held, **columns})


@dataclass(frozen=True, slots=True, eq=False)
class CurveSum:
    """A weighted sum of cells' mean curves that is asked for.

    Attributes
    ----------
    measure : str
    cells : mapping of levels to sequence of RunCurves
    weights : mapping of levels to float
    at : mapping of str to str
        As in `MeanCurve`.
    count : int
        Cells that are averaged, or pairs of them.
    time : ndarray of shape (T,)
        The common grid.
    there : int
        Runs of the cells, also those without the measure.
    """

    measure: str
    cells: Mapping[CellLevels, Sequence[RunCurves]]
    weights: Mapping[CellLevels, float]
    at: Mapping[str, str]
    count: int
    time: FloatArray
    there: int


def mean_curves(
    asked: Sequence[CurveSum], *, confidence: float, seed: int, shared_seeds: bool
) -> list[MeanCurve]:
    """Weighted sums of cells' mean curves with bands; cells of one grid are drawn once.

    Parameters
    ----------
    asked : sequence of CurveSum
    confidence : float
        Of all times together.
    seed : int
        With a cell's name, the seed of its draws.
    shared_seeds : bool
        Whether runs of one replicate share their seeds across cells.

    Raises
    ------
    AnalysisError
        If too few seeds have a curve in every cell.
    """
    known: dict[tuple[CellLevels, bytes], FloatArray] = {}
    samples = [_samples(one, known, shared_seeds=shared_seeds) for one in asked]
    bands = [_without_band(each) for each in samples]
    for grid in dict.fromkeys(one.time.tobytes() for one in asked):
        mine = [
            i
            for i, one in enumerate(asked)
            if one.time.tobytes() == grid and min(len(x.curves) for x in samples[i]) >= MIN_RUNS
        ]
        made = curve_bands(
            [samples[i] for i in mine],
            confidence=confidence,
            rng=lambda one: claim_generator(seed, one.name),
        )
        for i, band in zip(mine, made, strict=True):
            bands[i] = band
    return [_made(one, band, confidence) for one, band in zip(asked, bands, strict=True)]


def _samples(
    asked: CurveSum, known: dict[tuple[CellLevels, bytes], FloatArray], *, shared_seeds: bool
) -> list[Sample]:
    """The curves of each cell on the common grid, or of each seed."""
    values = {}
    for cell, members in asked.cells.items():
        key = (cell, asked.time.tobytes())
        if key not in known:
            points = (points_of(run, asked.measure) for run in members)
            known[key] = np.array([np.interp(asked.time, *each) for each in points])
        values[cell] = known[key]
    if shared_seeds and len(asked.cells) > 1:
        name = f"{asked.measure} curve {dict(asked.at)}"
        return [_by_seed(asked.cells, values, asked.weights, name)]
    return [
        Sample(asked.weights[cell], own, f"{asked.measure} curve of {cell}")
        for cell, own in values.items()
    ]


def _made(asked: CurveSum, band: CurveBandFit, confidence: float) -> MeanCurve:
    """A mean curve with its band, inside the range of its measure."""
    weights = asked.weights.values()
    limits = (-np.inf, np.inf)
    if is_fraction(asked.measure):
        limits = (sum(x for x in weights if x < 0), sum(x for x in weights if x > 0))
    runs = [run for members in asked.cells.values() for run in members]
    last = [points_of(run, asked.measure)[0][-1] for run in runs]
    return MeanCurve(
        measure=asked.measure,
        at=asked.at,
        time=tuple(asked.time.tolist()),
        estimate=tuple(band.estimate.tolist()),
        low=_ends(np.maximum(band.low, limits[0])),
        high=_ends(np.minimum(band.high, limits[1])),
        runs=tuple(int(sum(end >= t for end in last)) for t in asked.time),
        n=len(runs),
        cells=asked.count,
        left_out=asked.there - len(runs),
        confidence=confidence,
    )


def _without_band(samples: Sequence[Sample]) -> CurveBandFit:
    """The sum of the means alone."""
    mean = np.array([one.weight * one.curves.mean(axis=0) for one in samples]).sum(axis=0)
    none = np.full(mean.size, np.nan)
    return CurveBandFit(mean, none, none, np.zeros(mean.size, np.bool_), np.nan, np.nan)


def points_of(run: RunCurves, measure: str) -> tuple[FloatArray, FloatArray]:
    """Times and values of a run that has them."""
    found = run.points(measure)
    if found is None:
        raise ValueError("the run has no such curve")
    return found


def grid_of(times: Sequence[FloatArray], ended: Ended) -> FloatArray:
    """All times at which some run was recorded, from where all of them had begun."""
    first = max(float(one[0]) for one in times)
    ends = [float(one[-1]) for one in times]
    last = max(ends) if ended == "last" else min(ends)
    every = np.unique(np.concatenate(times))
    return np.asarray(every[(every >= first) & (every <= last)])


def _by_seed(
    cells: Mapping[CellLevels, Sequence[RunCurves]],
    values: Mapping[CellLevels, FloatArray],
    weights: Mapping[CellLevels, float],
    name: str,
) -> Sample:
    """One curve a seed that has a run in every cell."""
    rows = {cell: {run.replicate: i for i, run in enumerate(own)} for cell, own in cells.items()}
    shared = set.intersection(*(set(own) for own in rows.values()))
    if len(shared) < MIN_RUNS:
        raise AnalysisError(
            f"{len(shared)} seeds have a curve in every cell; {MIN_RUNS} are needed"
        )
    each = [
        sum(weights[cell] * values[cell][rows[cell][seed]] for cell in cells)
        for seed in sorted(shared)
    ]
    return Sample(1.0, np.array(each, dtype=np.float64), name)


def _ends(values: FloatArray) -> tuple[float | None, ...]:
    """Ends of a band; None where there is none."""
    return tuple(None if np.isnan(x) else float(x) for x in values)
