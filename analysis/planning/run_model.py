"""How runs of each cell come out, and tables of such runs: a study before it is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vggstudy.analysis.data.outcomes import CONVERGED, FAILED_TO_LEARN
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.numbers.arrays import FloatArray, IntArray

LEAST_OWN = 0.05
"""Least share of a cell's variance that its runs have for themselves, whatever seeds share."""


@dataclass(frozen=True, eq=False)
class RunModel:
    """What a run of each of C cells comes to, in O outcomes.

    Attributes
    ----------
    tables : tuple of RunTable
        One an outcome, the main one first: factors, levels and names. Their rows do not matter.
    codes : ndarray of shape (C, F)
        Level indices of the cells that are run.
    converges : ndarray of shape (C,)
        Probability that a run converges.
    mean, sd : ndarrays of shape (O, C)
        Of the outcomes of converged runs.
    failed : tuple of ndarray of shape (K, O)
        For each cell, what failed runs score, each row as likely as another; none where that is not
        known.
    shapes : tuple of ndarray of shape (K, O)
        For each cell, outcomes of a converged run in standard deviations from the mean, each row as
        likely as another; without rows they are normal.
    correlation : ndarray of shape (O, O)
        Of the outcomes within cells, where they are normal.
    seed_sd : float
        Standard deviation of what a seed adds to the main outcome in every cell; 0 where cells
        share no seeds.
    every : tuple of bool
        Of which outcomes every run counts, whether it has converged or not.
    chance : ndarray of shape (C,) or None
        Chance level of each cell, where cells differ in it.
    """

    tables: tuple[RunTable, ...]
    codes: IntArray
    converges: FloatArray
    mean: FloatArray
    sd: FloatArray
    failed: tuple[FloatArray, ...]
    shapes: tuple[FloatArray, ...]
    correlation: FloatArray
    seed_sd: float = 0.0
    every: tuple[bool, ...] = (False,)
    chance: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def draw(self, n: int, key: Sequence[int]) -> list[RunTable]:
        """Tables of n runs a cell, one an outcome.

        Parameters
        ----------
        n : int
        key : sequence of int
            Names the study: with the same key the first runs of a larger study are those of a
            smaller one, so that predictions for several n differ by n alone.
        """
        count, outcomes = len(self), len(self.tables)
        lots, own, failures, shared, *values = (
            np.random.Generator(np.random.Philox(seed))
            for seed in np.random.SeedSequence(list(key)).spawn(4 + outcomes)
        )
        converged = lots.random((n, count)) < self.converges
        normal = np.stack([one.standard_normal((n, count)) for one in values], axis=-1)
        z = normal @ self._root.T
        places = own.random((n, count))
        for cell in self._shaped:
            shape = self.shapes[cell]
            z[:, cell] = shape[(places[:, cell] * len(shape)).astype(np.int64)]
        seeds = shared.standard_normal((n, 1))
        common = np.minimum(self.seed_sd, np.sqrt(1 - LEAST_OWN) * self.sd[0])
        drawn = self.mean.T + self.sd.T * z
        drawn[..., 0] = self.mean[0] + common * seeds
        drawn[..., 0] += np.sqrt(self.sd[0] ** 2 - common**2) * z[..., 0]
        lost = self._of_failed(failures.random((n, count)), outcomes)
        return [
            self._table(i, n, converged, np.where(converged, drawn[..., i], lost[..., i]), drawn)
            for i in range(outcomes)
        ]

    @cached_property
    def _root(self) -> FloatArray:
        """A lower triangular root of the correlation: no outcome moves the main one."""
        values, vectors = np.linalg.eigh(self.correlation)
        upper = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T)[1]
        return np.asarray((upper * np.where(np.diag(upper) < 0, -1.0, 1.0)[:, None]).T)

    @cached_property
    def _shaped(self) -> list[int]:
        """Cells whose runs are not normal."""
        return [cell for cell, shape in enumerate(self.shapes) if len(shape)]

    def _of_failed(self, places: FloatArray, outcomes: int) -> FloatArray:
        """What runs score that fail; shape (n, C, O)."""
        found = np.full((*places.shape, outcomes), np.nan)
        for cell, rows in enumerate(self.failed):
            if len(rows):
                found[:, cell] = rows[(places[:, cell] * len(rows)).astype(np.int64)]
        return found

    def _table(
        self, outcome: int, n: int, converged: np.ndarray, value: FloatArray, drawn: FloatArray
    ) -> RunTable:
        """The runs with one outcome, cell after cell."""
        template, count = self.tables[outcome], len(self)
        if self.every[outcome]:
            converged, value = np.ones_like(converged), drawn[..., outcome]
        low, high = template.bounds or (-np.inf, np.inf)
        if template.horizon is not None:
            low = 0.0
        chance = None if self.chance is None else np.repeat(self.chance, n)
        return replace(
            template,
            codes=np.repeat(self.codes, n, axis=0),
            replicate=tuple(map(str, range(n))) * count,
            label=np.where(converged, CONVERGED, FAILED_TO_LEARN).T.ravel(),
            value=np.clip(value, low, high).T.ravel(),
            own_chance=chance if template.own_chance is not None else None,
            streams=None,
            seeds=None,
        )
