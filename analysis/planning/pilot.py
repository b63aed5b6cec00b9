"""From a pilot to how runs come out, and what so few runs leave open of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.models.components import components_of
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray, IntArray
from vggstudy.analysis.numbers.shrinkage import Moderated, beta_prior, moderated_variances
from vggstudy.analysis.numbers.variance import CellPlusSeed
from vggstudy.analysis.planning.run_model import RunModel
from vggstudy.errors import AnalysisError

ENOUGH = 10
"""Converged runs of a cell from which on its own runs are drawn again, instead of normal ones."""


@dataclass(frozen=True, eq=False)
class Pilot:
    """How runs come out, by the runs that there are.

    Attributes
    ----------
    model : RunModel
        With the values that the runs suggest: shares of converged runs, means, and variances that
        are drawn towards one another (`moderated_variances`).
    n, k : ndarrays of shape (C,)
        Runs behind each cell, and the converged among them; infinite where that was stated.
    spread : Moderated or None
        The variances of the main outcome; None where nothing rests on runs.
    prior : (float, float)
        Of the probabilities: see `beta_prior`.
    """

    model: RunModel
    n: FloatArray
    k: FloatArray
    spread: Moderated | None
    prior: tuple[float, float]

    @property
    def sure(self) -> bool:
        """Whether nothing is left open: everything was stated."""
        return self.spread is None or bool(np.isinf(self.n).all())

    def possible(self, key: Sequence[int]) -> RunModel:
        """Another way in which runs may come out, as likely as others after this pilot.

        Variances follow scaled inverse chi-squares, all of them together and each by itself; means
        Student's t about theirs; probabilities beta distributions.

        Parameters
        ----------
        key : sequence of int
            Names the draw.
        """
        if self.sure or self.spread is None:
            return self.model
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(list(key))))
        model, spread, open_ = self.model, self.spread, np.isfinite(self.n)
        ratio = np.full(len(model), spread.pooled_df / rng.chisquare(spread.pooled_df))
        if spread.prior_df < spread.pooled_df:
            ratio = ratio * np.maximum(spread.df - 2, spread.df / 3) / rng.chisquare(spread.df)
        ratio = np.where(open_, ratio, 1.0)
        sd = model.sd * np.sqrt(ratio)
        known = np.maximum(np.where(open_, self.k, 1.0), 1.0)
        moved = sd * rng.standard_normal(sd.shape) / np.sqrt(known)
        mean = np.where(open_, model.mean + moved, model.mean)
        return replace(
            model,
            converges=self._possible_shares(rng, open_),
            mean=mean,
            sd=sd,
            seed_sd=model.seed_sd * float(np.sqrt(np.median(ratio))),
        )

    def _possible_shares(self, rng: np.random.Generator, open_: BoolArray) -> FloatArray:
        """Probabilities of converging; as they are where nothing judges runs."""
        if not self.model.tables[0].judged:
            return self.model.converges
        a, b = self.prior
        runs, hits = (np.where(open_, x, 1.0) for x in (self.n, self.k))
        drawn = rng.beta(hits + a, runs - hits + b)
        return np.where(open_, drawn, self.model.converges)


def read_pilot(cells: Cells, further: Sequence[Cells], *, shared_seeds: bool) -> Pilot:
    """How runs come out, from the runs of a pilot.

    Parameters
    ----------
    cells : Cells
        Of the main outcome, of runs that share no seed within a cell.
    further : sequence of Cells
        Of the same runs with other outcomes.
    shared_seeds : bool
        Whether runs of one replicate share their seeds across cells.

    Raises
    ------
    AnalysisError
        If no run of the pilot converged, or no cell has two that did and differ.
    """
    each = (cells, *further)
    used = np.flatnonzero(cells.n > 0)
    if not cells.k.any():
        raise AnalysisError("no run of the pilot converged: it says nothing of those that will")
    try:
        spread = moderated_variances(cells.variance[used], cells.k[used] - 1.0)
    except ValueError:
        raise AnalysisError(
            "no cell of the pilot has two converged runs that differ: nothing says how runs vary"
        ) from None
    rows = [_rows(each, cell) for cell in used.tolist()]
    n, k = cells.n[used], cells.k[used]
    seeds = _seed_variance(cells) if shared_seeds else 0.0
    model = RunModel(
        tables=tuple(one.table for one in each),
        codes=cells.codes[used],
        converges=k / n,
        mean=np.array([_means(one, used) for one in each]),
        sd=np.sqrt([spread.variance, *(_variance(one, used) for one in further)]),
        failed=_failed(each, used),
        shapes=tuple(_shape(found) for found in rows),
        correlation=_correlation(rows, len(each)),
        seed_sd=float(np.sqrt(seeds)),
        every=tuple(_counts_every(one, cells) for one in each),
        chance=_chances(cells, used),
    )
    return Pilot(model, n, k, spread, beta_prior(k, n))


def _variance(cells: Cells, used: IntArray) -> FloatArray:
    """Variance of a further outcome in each cell: none where it is the same for all runs."""
    try:
        return moderated_variances(cells.variance[used], cells.k[used] - 1.0).variance
    except ValueError:
        return np.zeros(len(used))


def _means(cells: Cells, used: IntArray) -> FloatArray:
    """Mean of each cell; of one without converged runs that of all that have some."""
    mean = cells.mean[used]
    return np.where(cells.k[used] > 0, mean, np.nanmean(mean))


def _counts_every(one: Cells, cells: Cells) -> bool:
    """Whether every run counts in a table of a further outcome, where the main one judges them."""
    return cells.table.judged and not one.table.judged


def _rows(each: Sequence[Cells], cell: int) -> FloatArray:
    """Outcomes of a cell's converged runs, those that have all; shape (K, O)."""
    main = each[0]
    chosen = np.flatnonzero((main.run_cell == cell) & main.table.converged)
    values = np.stack([one.table.value[chosen] for one in each], axis=1)
    return np.asarray(values[np.isfinite(values).all(axis=1)])


def _shape(rows: FloatArray) -> FloatArray:
    """Standardised outcomes to draw from: with mean 0 and variance 1, not (n - 1)/n of it."""
    empty = np.zeros((0, rows.shape[1]))
    if len(rows) < ENOUGH:
        return empty
    deviation = rows.std(axis=0)
    if (deviation <= 0).any():
        return empty
    return np.asarray((rows - rows.mean(axis=0)) / deviation)


def _correlation(rows: Sequence[FloatArray], outcomes: int) -> FloatArray:
    """Correlation of the outcomes within cells, all cells alike."""
    total = np.zeros((outcomes, outcomes))
    for one in rows:
        if len(one) >= 2:
            centred = one - one.mean(axis=0)
            total += centred.T @ centred
    size = np.sqrt(np.diag(total))
    if outcomes == 1 or (size <= 0).any():
        return np.eye(outcomes)
    return np.asarray(total / np.outer(size, size))


def _failed(each: Sequence[Cells], used: IntArray) -> tuple[FloatArray, ...]:
    """Outcomes of failed runs of each cell, or else of all cells; shape (K, O) each."""
    main = each[0]
    lost = np.flatnonzero(main.table.failed & np.isfinite(main.table.value))
    values = np.stack([one.table.value[lost] for one in each], axis=1)
    at = main.run_cell[lost]
    own = main.table.own_chance is not None
    found = []
    for cell in used.tolist():
        mine = values[at == cell]
        found.append(mine if len(mine) or own else values)
    return tuple(found)


def _chances(cells: Cells, used: IntArray) -> FloatArray | None:
    """The chance level of each cell, where its runs say one."""
    own = cells.table.own_chance
    if own is None:
        return None
    found = np.full(len(used), np.nan)
    for place, cell in enumerate(used.tolist()):
        said: BoolArray = (cells.run_cell == cell) & ~np.isnan(own)
        if said.any():
            found[place] = float(own[said].mean())
    return found


def _seed_variance(cells: Cells) -> float:
    """Variance of what seeds add in all cells; 0 where the pilot shows none."""
    found = components_of(cells, cells.table, confidence=0.95, shared_seeds=True).seeds
    return found.seed if isinstance(found, CellPlusSeed) else 0.0
