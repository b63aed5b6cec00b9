"""Variance of two kinds of seeds that are crossed: every first seed with every second one.

Within a cell the outcome is ``mean + a_i + b_j + e_ij`` with independent random effects; ``e``
holds their interaction and whatever no seed fixes. Mean squares are pooled over cells.

References
----------
.. [1] Searle, Casella & McCulloch (1992), Variance Components, section 4.7 (two-way crossed random
   model with one value a combination; table 4.10 for the expected mean squares).
.. [2] Bouthillier et al. (2021), MLSys 3 (initialisation against data order in learning curves).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import fdtrc

from vggstudy.analysis.notes import Note, Reason, say
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.variance_intervals import (
    MeanSquare,
    component_interval,
    variance_interval,
)

ZERO_SPREAD = 1e-10
"""A standard deviation below this share of the largest value is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """Components of a crossed design.

    Attributes
    ----------
    n_cells, n_first, n_second : int
        Complete tables, and their rows and columns.
    ms_first, ms_second, ms_residual : MeanSquare
    first, second, residual : Interval
        Variances; estimate and limits of the first two may be negative, which says that none was
        found. Modified large sample limits, and chi-squared ones for the residual.
    p_first, p_second : float
        F tests of no variance.
    """

    n_cells: int
    n_first: int
    n_second: int
    ms_first: MeanSquare
    ms_second: MeanSquare
    ms_residual: MeanSquare
    first: Interval
    second: Interval
    residual: Interval
    p_first: float
    p_second: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: counts, and for each component estimate, limits and p value."""
        parts = (
            ("first", self.first, self.ms_first, self.p_first),
            ("second", self.second, self.ms_second, self.p_second),
            ("residual", self.residual, self.ms_residual, None),
        )
        counts = {"cells": self.n_cells, "first": self.n_first, "second": self.n_second}
        return {
            "counts": counts,
            **{
                name: {
                    "variance": x.estimate,
                    "low": x.low,
                    "high": x.high,
                    "mean_square": square.value,
                    "df": square.df,
                    "p": p,
                }
                for name, x, square, p in parts
            },
        }


def crossed_components(tables: FloatArray, *, confidence: float) -> Crossed | Note:
    """Balanced two-way analysis of variance with random rows and columns ([1]_).

    Parameters
    ----------
    tables : ndarray of shape (C, I, J)
        One complete table a cell: I first seeds by J second seeds. Every cell has seeds of its own.
    confidence : float
        Of each interval.

    Returns
    -------
    Crossed or Note
        Refused with `Reason.TOO_FEW_RUNS` (no table, or fewer than two rows or columns) or
        `Reason.NO_VARIANCE` (rows and columns explain every value).
    """
    cells, rows, columns = tables.shape
    if not cells or rows < 2 or columns < 2:
        return say("few_crossed_cells", Reason.TOO_FEW_RUNS, cells=cells, a=rows, b=columns)
    centred = tables - tables.mean(axis=(1, 2), keepdims=True)
    a = centred.mean(axis=2, keepdims=True)
    b = centred.mean(axis=1, keepdims=True)
    rest = float(((centred - a - b) ** 2).sum())
    if np.sqrt(rest / tables.size) <= ZERO_SPREAD * float(np.abs(tables).max()):
        return say("both_seeds_explain", Reason.NO_VARIANCE)
    first = _mean_square(columns * float((a**2).sum()), cells * (rows - 1))
    second = _mean_square(rows * float((b**2).sum()), cells * (columns - 1))
    residual = _mean_square(rest, cells * (rows - 1) * (columns - 1))
    return Crossed(
        n_cells=cells,
        n_first=rows,
        n_second=columns,
        ms_first=first,
        ms_second=second,
        ms_residual=residual,
        first=component_interval(first, residual, columns, confidence=confidence),
        second=component_interval(second, residual, rows, confidence=confidence),
        residual=variance_interval(residual, confidence=confidence),
        p_first=_p(first, residual),
        p_second=_p(second, residual),
    )


def _mean_square(squares: float, df: int) -> MeanSquare:
    return MeanSquare(squares / df, df)


def _p(tested: MeanSquare, residual: MeanSquare) -> float:
    return float(fdtrc(tested.df, residual.df, tested.value / residual.value))
