"""Mean curves of a set of runs, and differences of such: which cells enter, and with what weight.

Cells are averaged with equal weights. `curve_sums` makes the curves and their bands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.data.levels import Level, canonical_level, write_level
from vggstudy.analysis.data.run_curves import RunCurves, levels_in
from vggstudy.analysis.estimators.curve_sums import (
    MIN_RUNS,
    CellLevels,
    CurveSum,
    Ended,
    MeanCurve,
    grid_of,
    mean_curves,
    points_of,
)
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    import pandas as pd


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
        asked = self._sum(measure, cells, weights, _written(held), len(cells), ended)
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
        return self.drawn_once(measure, pairs, cells=(), ended=ended)[1]

    def _difference(
        self,
        measure: str,
        factor: str,
        levels: tuple[Level, Level] | None,
        at: Mapping[str, Level] | None,
        ended: Ended,
    ) -> CurveSum:
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
        return self._sum(measure, used, weights, written, len(pairs), ended)

    def every(
        self, measure: str, *, ended: Ended = "last", least: int = MIN_RUNS
    ) -> dict[CellLevels, MeanCurve]:
        """The mean curve of each cell with so many runs; below `MIN_RUNS` without a band."""
        return self.drawn_once(measure, {}, ended=ended, least=least)[0]

    def drawn_once(
        self,
        measure: str,
        pairs: Mapping[str, tuple[Level, Level]],
        *,
        cells: Collection[CellLevels] | None = None,
        ended: Ended = "last",
        least: int = MIN_RUNS,
    ) -> tuple[dict[CellLevels, MeanCurve], dict[str, MeanCurve]]:
        """What `every` and `differences` give; a cell that both need is drawn once.

        Parameters
        ----------
        measure, pairs, ended, least
            As there.
        cells : collection of levels, optional
            Of which `every` is to speak; of all by default.
        """
        own = {
            cell: self._of_cell(measure, cell, members, ended)
            for cell, members in self._cells(measure, {}).items()
            if len(members) >= least and (cells is None or cell in cells)
        }
        between = {}
        for factor, levels in pairs.items():
            with suppress(AnalysisError):
                between[factor] = self._difference(measure, factor, levels, None, ended)
        made = self._curves([*own.values(), *between.values()])
        curves = dict(zip(own, made, strict=False))
        return curves, dict(zip(between, made[len(own) :], strict=True))

    def _of_cell(
        self, measure: str, cell: CellLevels, members: Sequence[RunCurves], ended: Ended
    ) -> CurveSum:
        """What the mean curve of a cell asks for."""
        at = _written(dict(zip(self.factors, cell, strict=True)))
        return self._sum(measure, {cell: members}, {cell: 1.0}, at, 1, ended)

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

    def _sum(
        self,
        measure: str,
        cells: Mapping[CellLevels, Sequence[RunCurves]],
        weights: Mapping[CellLevels, float],
        at: Mapping[str, str],
        count: int,
        ended: Ended,
    ) -> CurveSum:
        """A weighted sum of the cells' mean curves, on the grid of all their runs' times."""
        times = [points_of(run, measure)[0] for members in cells.values() for run in members]
        there = sum(tuple(run.levels[name] for name in self.factors) in cells for run in self.runs)
        return CurveSum(measure, cells, weights, at, count, grid_of(times, ended), there)

    def _curves(self, sums: Sequence[CurveSum]) -> list[MeanCurve]:
        """The sums with their bands."""
        return mean_curves(
            sums, confidence=self.confidence, seed=self.seed, shared_seeds=self.shared_seeds
        )


def _written(held: Mapping[str, Any]) -> dict[str, str]:
    """Levels as they are written."""
    return {name: write_level(level) for name, level in held.items()}
