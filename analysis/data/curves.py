"""The cells along a numeric factor while the others are held: what a curve is fitted through."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vggstudy.analysis.data.borrowing import lent_variance, no_lender
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.levels import is_numeric, write_level
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.notes import (
    Caution,
    Levels,
    ModelCaution,
    ModelReason,
    Named,
    Note,
    NotedError,
    Reason,
    say,
)
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray
from vggstudy.analysis.numbers.resampling import Strata

Scale = Literal["log2", "linear"]

MIN_RUNS = 3
"""Converged runs from which a cell supports a curve: below, its variance says next to nothing."""

MIN_LEVELS = 3
"""Levels from which a quadratic can be fitted at all."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A numeric factor and the scale on which curves are drawn.

    Attributes
    ----------
    factor : str
    scale : str
        ``log2`` or ``linear``.
    levels : tuple of float
        In the table's order and the data's unit.
    """

    factor: str
    scale: Scale
    levels: tuple[float, ...]

    @property
    def x(self) -> FloatArray:
        """Positions of the levels on the scale; shape (L,)."""
        levels = np.array(self.levels, dtype=np.float64)
        return np.log2(levels) if self.scale == "log2" else levels

    def to_original(self, x: float) -> float:
        """From the scale back to the data's unit; infinite where no number is large enough."""
        if self.scale == "linear":
            return x
        return math.inf if x >= 1024 else 2.0**x


def axis_of(table: RunTable, factor: str, scale: Scale) -> Axis:
    """The axis of a numeric factor.

    Raises
    ------
    AnalysisError
        If the factor is unknown or not numeric, or has a level without a logarithm on log2.
    """
    if factor not in table.factors:
        raise NotedError(say("no_factor", name=factor, names=table.factors))
    if not table.is_numeric(factor):
        raise NotedError(say("levels_in_words", name=factor))
    levels = tuple(float(level) for level in table.levels[factor])
    if scale == "log2" and min(levels) <= 0:
        raise NotedError(say("log2_above_zero", factor=factor, level=min(levels)))
    return Axis(factor, scale, levels)


def axis_for(table: RunTable, factor: str, scale: Scale | None) -> Axis:
    """The axis on the scale asked for; by default log2 where all levels are positive numbers.

    Raises
    ------
    AnalysisError
        As `axis_of` does.
    """
    levels = table.levels.get(factor, ())
    positive = all(is_numeric(x) and float(x) > 0 for x in levels)
    return axis_of(table, factor, scale or ("log2" if positive else "linear"))


def strata_of(table: RunTable, axis: Axis) -> list[tuple[Condition, ...]]:
    """Every combination of levels of the other factors, conditions sorted by name."""
    others = sorted(name for name in table.factors if name != axis.factor)
    levels = itertools.product(*(range(len(table.levels[name])) for name in others))
    return [
        tuple(Condition(name, (i,)) for name, i in zip(others, chosen, strict=True))
        for chosen in levels
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The usable cells of one stratum, by increasing x.

    Attributes
    ----------
    source : Cells
        Those of the whole grid.
    axis : Axis
    conditions : tuple of Condition
        Where the other factors are held.
    cells : ndarray of shape (M,)
        Indices into `Cells`, each with `MIN_RUNS` converged runs or more.
    x : ndarray of shape (M,)
        On the axis' scale.
    n, mean, variance, df : ndarrays of shape (M,)
        Converged runs, their mean, its variance and the degrees of freedom of that: the pooled
        ones where a cell's runs do not vary.
    strata : Strata
        The runs' values, cell after cell.
    flat : tuple of Levels
        The cells whose runs do not vary.
    left_out : tuple of str
        Levels with some converged runs, but fewer than `MIN_RUNS`.
    """

    source: Cells
    axis: Axis
    conditions: tuple[Condition, ...]
    cells: IntArray
    x: FloatArray
    n: FloatArray
    mean: FloatArray
    variance: FloatArray
    df: FloatArray
    strata: Strata
    flat: tuple[Levels, ...]
    left_out: tuple[str, ...]

    @property
    def range(self) -> tuple[float, float]:
        """The converged range: smallest and largest x."""
        return float(self.x[0]), float(self.x[-1])

    def cautions(self, least: int) -> tuple[Note, ...]:
        """Cells with fewer runs than these, levels left out, cells whose runs do not vary."""
        notes, fewest = [], int(self.n.min())
        if fewest < least:
            notes.append(say("only_converged_in_cell", Caution.FEW_RUNS, n=fewest))
        if self.left_out:
            code, left = ModelCaution.LEVELS_LEFT_OUT, self.left_out
            notes.append(say("levels_left_out", code, factor=self.axis.factor, levels=left))
        if self.flat:
            flat = Named(self.flat[:1])
            notes.append(say("pooled_for_flat", Caution.ZERO_VARIANCE, names=flat))
        return tuple(notes)

    @property
    def within(self) -> float:
        """Sum of squares within cells."""
        means = np.repeat(self.mean, self.strata.sizes)
        return float(((self.strata.values - means) ** 2).sum())


def curve_at(cells: Cells, axis: Axis, conditions: tuple[Condition, ...]) -> Curve | Note:
    """The curve of a stratum, or why there is none.

    Parameters
    ----------
    cells : Cells
    axis : Axis
    conditions : tuple of Condition
        One level of every other factor.

    Returns
    -------
    Curve or Note
        Refused with `Reason.NO_RUNS`, `Reason.NONE_CONVERGED`, `ModelReason.TOO_FEW_LEVELS` or
        `Reason.NO_VARIANCE`.

    Raises
    ------
    ValueError
        If the conditions leave more than one cell at a level.
    """
    along = Contrast(conditions=conditions).groups(cells)[0].cells
    if along.size != len(axis.levels):
        raise ValueError("a curve needs one level of every factor but its own")
    x = axis.x[cells.codes[along, cells.table.factors.index(axis.factor)]]
    order = np.argsort(x)
    along, x = along[order], x[order]
    usable = cells.k[along] >= MIN_RUNS
    problem = _refusal(cells, axis, along, usable)
    if problem:
        return problem
    used = along[usable]
    flat, lent = cells.flat[used], lent_variance(cells)
    if lost := no_lender(cells, used, lent):
        return lost
    return Curve(
        source=cells,
        axis=axis,
        conditions=conditions,
        cells=used,
        x=x[usable],
        n=cells.k[used],
        mean=cells.mean[used],
        variance=lent.variance[used],
        df=lent.df[used],
        strata=Strata(
            cells.k[used].astype(np.int64),
            np.concatenate([cells.cell_values(c) for c in used.tolist()]),
        ),
        flat=tuple(cells.levels_of(c) for c in used[flat].tolist()),
        left_out=_level_names(cells, axis, along[~usable & (cells.k[along] > 0)]),
    )


def _refusal(cells: Cells, axis: Axis, along: IntArray, usable: np.ndarray) -> Note | None:
    """Too few levels with enough converged runs."""
    if not cells.n[along].any():
        return say("no_labelled", Reason.NO_RUNS)
    if not cells.k[along].any():
        n = cells.n[along].sum()
        return say("none_of_runs_converged", Reason.NONE_CONVERGED, n=n)
    if usable.sum() >= MIN_LEVELS:
        return None
    return say(
        "curve_needs_levels",
        ModelReason.TOO_FEW_LEVELS,
        least=MIN_LEVELS,
        factor=axis.factor,
        runs=MIN_RUNS,
        n=usable.sum(),
        levels=_level_names(cells, axis, along[usable]),
    )


def _level_names(cells: Cells, axis: Axis, at: IntArray) -> tuple[str, ...]:
    """The axis' levels of some cells, in words."""
    codes = cells.codes[at, cells.table.factors.index(axis.factor)]
    return tuple(write_level(cells.table.levels[axis.factor][code]) for code in codes.tolist())
