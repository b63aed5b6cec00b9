"""The components of variance of one analysis: between cells, between seeds, between runs.

The values are those of converged runs: components compare survivors, as means among them do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.stream_tables import crossed_tables
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.seeds import replicates
from vggstudy.analysis.models.text_tables import ends, text_table
from vggstudy.analysis.notes import Note
from vggstudy.analysis.numbers.arrays import IntArray
from vggstudy.analysis.numbers.crossed import Crossed, crossed_components
from vggstudy.analysis.numbers.intervals import Interval, percent
from vggstudy.analysis.numbers.variance import (
    CellPlusSeed,
    OneWay,
    cell_plus_seed,
    one_way,
)
from vggstudy.analysis.numbers.variance_intervals import (
    MeanSquare,
    component_interval,
    variance_interval,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Components of variance of the outcome among converged runs.

    Attributes
    ----------
    confidence : float
    cells : OneWay or Note
        Between cells and between the runs of a cell; or why not.
    seeds : CellPlusSeed, Note or None
        Between replicates that share their seeds across cells; None where none do.
    streams : Crossed, Note or None
        First kind: initialisation; second kind: order of the data and what else is drawn while
        training. None where the protocol does not cross them.
    """

    confidence: float
    cells: OneWay | Note
    seeds: CellPlusSeed | Note | None = None
    streams: Crossed | Note | None = None

    def intervals(self) -> list[tuple[str, Interval]]:
        """Each component's name and interval, in the square of the outcome's unit."""
        found: list[tuple[str, Interval]] = []
        if isinstance(self.cells, OneWay):
            one = self.cells
            within = MeanSquare(one.ms_within, one.n - one.k)
            between = MeanSquare(one.ms_between, one.k - 1)
            found.append(("between cells", self._component(between, within, one.n0)))
            found.append(
                ("between runs of a cell", variance_interval(within, confidence=self.confidence))
            )
        if isinstance(self.seeds, CellPlusSeed):
            two = self.seeds
            rest = MeanSquare(two.ms_residual, two.df_residual)
            seed = MeanSquare(two.ms_seed, two.df_seed)
            found.append(("between shared seeds", self._component(seed, rest, two.divisor)))
        if isinstance(self.streams, Crossed):
            found.append(("between initialisations", self.streams.first))
            found.append(("between orders of the data", self.streams.second))
            found.append(("between runs beyond both", self.streams.residual))
        return found

    def _component(self, large: MeanSquare, small: MeanSquare, divisor: float) -> Interval:
        return component_interval(large, small, divisor, confidence=self.confidence)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the components, and the reasons of those that are missing."""
        parts = {"cells": self.cells, "seeds": self.seeds, "streams": self.streams}
        return {
            "confidence": self.confidence,
            "components": [
                {"name": name, "variance": x.estimate, "low": x.low, "high": x.high}
                | {"method": x.method}
                for name, x in self.intervals()
            ],
            "reasons": {
                name: {"reason": part.code, "text": part.text}
                for name, part in parts.items()
                if isinstance(part, Note)
            },
        }

    def summary(self) -> str:
        """A plain text table of variances and standard deviations."""
        rows = [
            (name, f"{x.estimate:.4g}", ends(x.low, x.high), f"{max(0.0, x.estimate) ** 0.5:.4g}")
            for name, x in self.intervals()
        ]
        parts = (self.cells, self.seeds, self.streams)
        notes = [f"not available: {part.text}" for part in parts if isinstance(part, Note)]
        head = ("component", "variance", f"{percent(self.confidence)} interval", "sd")
        return "\n".join([*(text_table(head, rows) if rows else []), *notes]) + "\n"


def components_of(
    cells: Cells, table: RunTable, *, confidence: float, shared_seeds: bool
) -> Components:
    """The components that the design tells apart.

    Parameters
    ----------
    cells : Cells
        Of runs that share no seed within a cell.
    table : RunTable
        All runs.
    confidence : float
    shared_seeds : bool
        Runs of one replicate share their seeds across cells.
    """
    cell: IntArray = np.repeat(np.arange(len(cells)), cells.k.astype(np.int64))
    return Components(
        confidence=confidence,
        cells=one_way(cells.values, cell, confidence=confidence),
        seeds=_seeds(cells, cell) if shared_seeds else None,
        streams=_streams(table, confidence) if len(cells.table) < len(table) else None,
    )


def _streams(table: RunTable, confidence: float) -> Crossed | Note:
    """Initialisation against data seeds, in the cells where all of their pairs converged."""
    found = crossed_tables(table)
    if isinstance(found, Note):
        return found
    return crossed_components(found, confidence=confidence)


def _seeds(cells: Cells, cell: IntArray) -> CellPlusSeed | Note:
    """Between replicates, beside fixed cells."""
    names = np.unique(np.array(replicates(cells)), return_inverse=True)[1]
    return cell_plus_seed(cells.values, cell, names.astype(np.int64))
