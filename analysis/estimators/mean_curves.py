"""Mean curves of runs, and differences of such, with bands that hold at all times together.

A run that ended before the others keeps the value that it ended with: the network that it left is
what one has of it from then on. Between two records of a run lies a straight line. Cells are
averaged with equal weights; where runs share seeds across cells, every seed gives one curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vggstudy.analysis.data.levels import Level, canonical_level, write_level
from vggstudy.analysis.data.outcomes import is_fraction
from vggstudy.analysis.data.run_curves import RunCurves, levels_in
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


@dataclass(frozen=True, slots=True)
class CurveSet:
    """The curves of some runs, and how their bands are made.

    Attributes
    ----------
    runs : tuple of RunCurves
        Those that count: of a study, the converged ones.
    factors : tuple of str
    confidence : float
    seed : int
        With a curve's name, the seed of its draws.
    shared_seeds : bool
        Whether runs of one replicate share their seeds across cells.
    """

    runs: tuple[RunCurves, ...]
    factors: tuple[str, ...]
    confidence: float = 0.95
    seed: int = 0
    shared_seeds: bool = False

    @property
    def measures(self) -> list[str]:
        """What the runs recorded."""
        return list(dict.fromkeys(name for run in self.runs for name in run.curves))

    def mean(
        self, measure: str, at: Mapping[str, Level] | None = None, *, ended: Ended = "last"
    ) -> MeanCurve:
        """The mean curve where factors are held, averaged over the cells of the others.

        Parameters
        ----------
        measure : str
        at : mapping, optional
            Factors to the levels at which they are held.
        ended : str
            ``last``: a run that ended before the others keeps its last value; ``common``: the
            curve ends where the first run does.

        Raises
        ------
        AnalysisError
            If a name or level is unknown, or a cell has fewer than `MIN_RUNS` runs.
        """
        held = self._held(at or {}, measure)
        cells = self._cells(measure, held)
        for cell, members in cells.items():
            self._enough(cell, members, measure)
        if not cells:
            raise AnalysisError(f"no run has a curve of {measure!r} there")
        weights = {cell: 1 / len(cells) for cell in cells}
        asked = _Asked.of(measure, cells, weights, _written(held), len(cells), ended)
        return self._curves([asked])[0]

    def difference(
        self,
        measure: str,
        factor: str,
        levels: tuple[Level, Level] | None = None,
        at: Mapping[str, Level] | None = None,
        *,
        ended: Ended = "last",
    ) -> MeanCurve:
        """The mean curve at a factor's later level minus that at its earlier one.

        Averaged over the pairs of cells that differ in nothing else and both have `MIN_RUNS` runs.

        Parameters
        ----------
        measure : str
        factor : str
        levels : (level, level), optional
            Earlier and later; first and last by default.
        at, ended
            As in `mean`.

        Raises
        ------
        AnalysisError
            If a name or level is unknown, or no such pair of cells has the runs.
        """
        return self._curves([self._difference(measure, factor, levels, at, ended)])[0]

    def differences(
        self, measure: str, pairs: Mapping[str, tuple[Level, Level]], *, ended: Ended = "last"
    ) -> dict[str, MeanCurve]:
        """The differences that several factors make, as `difference` has them, in one go.

        Parameters
        ----------
        measure : str
        pairs : mapping of str to (level, level)
            Factor to its earlier and later level.
        ended
            As in `mean`.

        Returns
        -------
        dict of str to MeanCurve
            Without factors for which no pair of cells has the runs.
        """
        asked = {}
        for factor, levels in pairs.items():
            with suppress(AnalysisError):
                asked[factor] = self._difference(measure, factor, levels, None, ended)
        return dict(zip(asked, self._curves([*asked.values()]), strict=True))

    def _difference(
        self,
        measure: str,
        factor: str,
        levels: tuple[Level, Level] | None,
        at: Mapping[str, Level] | None,
        ended: Ended,
    ) -> _Asked:
        """What `difference` asks for."""
        known = self._levels(factor)
        pair = tuple(map(canonical_level, levels)) if levels else (known[0], known[-1])
        if len(known) < 2 or not set(pair) <= set(known) or pair[0] == pair[1]:
            texts = ", ".join(map(write_level, known))
            raise AnalysisError(f"{factor} has the levels {texts}: name two of them")
        held = self._held(at or {}, measure)
        if factor in held:
            raise AnalysisError(f"a difference along {factor} cannot hold {factor}")
        cells = {
            cell: members
            for cell, members in self._cells(measure, held).items()
            if len(members) >= MIN_RUNS
        }
        place = self.factors.index(factor)
        later = [cell for cell in cells if cell[place] == pair[1]]
        pairs = [
            (other, cell)
            for cell in later
            if (other := (*cell[:place], pair[0], *cell[place + 1 :])) in cells
        ]
        if not pairs:
            raise AnalysisError(f"no two cells along {factor} have {MIN_RUNS} runs each")
        weights = {two[i]: sign / len(pairs) for two in pairs for i, sign in ((0, -1), (1, 1))}
        written = {factor: "..".join(map(write_level, pair)), **_written(held)}
        used = {cell: cells[cell] for cell in weights}
        return _Asked.of(measure, used, weights, written, len(pairs), ended)

    def every(
        self, measure: str, *, ended: Ended = "last", least: int = MIN_RUNS
    ) -> dict[CellLevels, MeanCurve]:
        """The mean curve of each cell with so many runs; below `MIN_RUNS` without a band."""
        return {
            cell: self._of_cell(measure, cell, members, ended)
            for cell, members in self._cells(measure, {}).items()
            if len(members) >= least
        }

    def _of_cell(
        self, measure: str, cell: CellLevels, members: Sequence[RunCurves], ended: Ended
    ) -> MeanCurve:
        """The mean curve of a cell."""
        at = _written(dict(zip(self.factors, cell, strict=True)))
        asked = _Asked.of(measure, {cell: members}, {cell: 1.0}, at, 1, ended)
        return self._curves([asked])[0]

    def to_frame(self, *, ended: Ended = "last") -> pd.DataFrame:
        """One row a measure, cell and time: every mean curve with its band.

        Raises
        ------
        AnalysisError
            If no cell has runs enough.
        """
        import pandas as pd

        frames = [
            curve.to_frame()
            for name in self.measures
            for curve in self.every(name, ended=ended).values()
        ]
        if not frames:
            raise AnalysisError(f"no cell has curves of {MIN_RUNS} runs")
        return pd.concat(frames, ignore_index=True)

    def _levels(self, factor: str) -> list[Level]:
        """A factor's levels."""
        if factor not in self.factors:
            names = ", ".join(self.factors)
            raise AnalysisError(f"no factor {factor!r}; factors are {names}")
        return levels_in(self.runs, factor)

    def _held(self, at: Mapping[str, Level], measure: str) -> dict[str, Level]:
        """What is held, once it is known to exist."""
        if measure not in self.measures:
            names = ", ".join(self.measures)
            raise AnalysisError(f"no curve of {measure!r}; there are {names or 'none'}")
        held = {name: canonical_level(level) for name, level in at.items()}
        for name, level in held.items():
            if level not in self._levels(name):
                raise AnalysisError(f"{name} has no level {write_level(level)!r} with curves")
        return held

    def _cells(self, measure: str, held: Mapping[str, Level]) -> dict[CellLevels, list[RunCurves]]:
        """The runs of each cell there, in the order of the levels."""
        order = {name: self._levels(name) for name in self.factors}
        found: dict[CellLevels, list[RunCurves]] = {}
        for run in self.runs:
            if all(run.levels[name] == level for name, level in held.items()):
                cell = tuple(run.levels[name] for name in self.factors)
                found.setdefault(cell, [])
                if run.points(measure) is not None:
                    found[cell].append(run)

        def place(cell: CellLevels) -> list[int]:
            return [order[n].index(x) for n, x in zip(self.factors, cell, strict=True)]

        return {cell: found[cell] for cell in sorted(found, key=place)}

    def _enough(self, cell: CellLevels, members: Sequence[RunCurves], measure: str) -> None:
        """A band needs `MIN_RUNS` runs of every cell."""
        if len(members) < MIN_RUNS:
            named = _written(dict(zip(self.factors, cell, strict=True)))
            where = ", ".join(f"{name}={level}" for name, level in named.items())
            msg = (
                f"{len(members)} runs have a curve of {measure!r} ({where}); {MIN_RUNS} are needed"
            )
            raise AnalysisError(msg)

    def _curves(self, asked: Sequence[_Asked]) -> list[MeanCurve]:
        """Weighted sums of cells' mean curves with bands; cells of one grid are drawn once."""
        known: dict[tuple[CellLevels, bytes], FloatArray] = {}
        samples = [self._samples(one, known) for one in asked]
        bands = [_without_band(each) for each in samples]
        for grid in dict.fromkeys(one.time.tobytes() for one in asked):
            mine = [
                i
                for i, one in enumerate(asked)
                if one.time.tobytes() == grid and min(len(x.curves) for x in samples[i]) >= MIN_RUNS
            ]
            made = curve_bands(
                [samples[i] for i in mine],
                confidence=self.confidence,
                rng=lambda one: claim_generator(self.seed, one.name),
            )
            for i, band in zip(mine, made, strict=True):
                bands[i] = band
        return [self._made(one, band) for one, band in zip(asked, bands, strict=True)]

    def _samples(
        self, asked: _Asked, known: dict[tuple[CellLevels, bytes], FloatArray]
    ) -> list[Sample]:
        """The curves of each cell on the common grid, or of each seed."""
        values = {}
        for cell, members in asked.cells.items():
            key = (cell, asked.time.tobytes())
            if key not in known:
                points = (_points(run, asked.measure) for run in members)
                known[key] = np.array([np.interp(asked.time, *each) for each in points])
            values[cell] = known[key]
        if self.shared_seeds and len(asked.cells) > 1:
            name = f"{asked.measure} curve {dict(asked.at)}"
            return [_by_seed(asked.cells, values, asked.weights, name)]
        return [
            Sample(asked.weights[cell], own, f"{asked.measure} curve of {cell}")
            for cell, own in values.items()
        ]

    def _made(self, asked: _Asked, band: CurveBandFit) -> MeanCurve:
        """A mean curve with its band, inside the range of its measure."""
        weights = asked.weights.values()
        limits = (-np.inf, np.inf)
        if is_fraction(asked.measure):
            limits = (sum(x for x in weights if x < 0), sum(x for x in weights if x > 0))
        runs = [run for members in asked.cells.values() for run in members]
        last = [_points(run, asked.measure)[0][-1] for run in runs]
        everyone = [r for r in self.runs if tuple(r.levels[f] for f in self.factors) in asked.cells]
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
            left_out=len(everyone) - len(runs),
            confidence=self.confidence,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A weighted sum of mean curves that is asked for.

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
    """

    measure: str
    cells: Mapping[CellLevels, Sequence[RunCurves]]
    weights: Mapping[CellLevels, float]
    at: Mapping[str, str]
    count: int
    time: FloatArray

    @classmethod
    def of(
        cls,
        measure: str,
        cells: Mapping[CellLevels, Sequence[RunCurves]],
        weights: Mapping[CellLevels, float],
        at: Mapping[str, str],
        count: int,
        ended: Ended,
    ) -> _Asked:
        """With the grid of all runs' times."""
        times = [_points(run, measure)[0] for members in cells.values() for run in members]
        return cls(measure, cells, weights, at, count, _grid(times, ended))


def _without_band(samples: Sequence[Sample]) -> CurveBandFit:
    """The sum of the means alone."""
    mean = np.array([one.weight * one.curves.mean(axis=0) for one in samples]).sum(axis=0)
    none = np.full(mean.size, np.nan)
    return CurveBandFit(mean, none, none, np.zeros(mean.size, np.bool_), np.nan, np.nan)


def _points(run: RunCurves, measure: str) -> tuple[FloatArray, FloatArray]:
    """Times and values of a run that has them."""
    found = run.points(measure)
    if found is None:
        raise ValueError("the run has no such curve")
    return found


def _grid(times: Sequence[FloatArray], ended: Ended) -> FloatArray:
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


def _written(held: Mapping[str, Any]) -> dict[str, str]:
    """Levels as they are written."""
    return {name: write_level(level) for name, level in held.items()}


def _ends(values: FloatArray) -> tuple[float | None, ...]:
    """Ends of a band; None where there is none."""
    return tuple(None if np.isnan(x) else float(x) for x in values)
