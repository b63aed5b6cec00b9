"""Runs of two studies that draw from the same seeds, and how far that ties their claims together.

A probability, a mean and contrasts of them are weighted sums of cell means. What a run adds to one
is its weight times its distance from its cell's mean; summed seed by seed, products of both
studies' sums are the claims' covariance [1]_. Claims of other quantities stay independent ones.

References
----------
.. [1] Liang & Zeger (1986), Biometrika 73, 13-22 (seeds as clusters).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Group
from vggstudy.analysis.data.estimands import Estimand, same_runs
from vggstudy.analysis.data.failed_values import outcome_of_all
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.paired_shares import difference_of_pairs
from vggstudy.analysis.estimators.seed_sums import by_seed
from vggstudy.analysis.estimators.seeds import MIN_SEEDS, signed_weights
from vggstudy.analysis.numbers.arrays import BoolArray, FloatArray
from vggstudy.analysis.numbers.intervals import Interval
from vggstudy.analysis.numbers.proportions import mover_sum
from vggstudy.errors import AnalysisError
from vggstudy.quantities import PLAIN

SUMS = ("p", *PLAIN)
"""Quantities that are weighted sums of cell means."""


@dataclass(frozen=True, slots=True)
class Paired:
    """How two studies' claims go together.

    Attributes
    ----------
    runs : int
        Runs of the second study in the claim's cells that have a partner in the first.
    correlation : float
        Of both estimates, in [-1, 1].
    least : Interval or None
        Of a difference of probabilities: what the pairs that differ leave open. Few failures hardly
        vary, and their correlation says too much.
    """

    runs: int
    correlation: float
    least: Interval | None = None


@dataclass(frozen=True, eq=False)
class SeededRuns:
    """A study's runs, and what each drew its random numbers from.

    Attributes
    ----------
    table : RunTable
        As it was analysed.
    names : tuple of str
        Of each run of the table; runs of one name in corresponding cells drew the same numbers.
    shared : bool
        Whether runs of one name in several cells did so too.
    further : tuple of RunTable
        The same runs with other outcomes.
    """

    table: RunTable
    names: tuple[str, ...]
    shared: bool
    further: tuple[RunTable, ...] = ()
    reduced: dict[str, Cells] = field(default_factory=dict, repr=False)

    @cached_property
    def named(self) -> dict[tuple[str, ...], str]:
        """Names by levels and replicate, so that tables of the same runs find them."""
        return {key: name for key, name in zip(_keys(self.table), self.names, strict=True) if name}

    @property
    def named_cells(self) -> set[tuple[str, ...]]:
        """The levels of every named run's cell, by the factors' names in order, and its name."""
        return {(*key[:-1], name) for key, name in self.named.items()}

    def cells(self, table: RunTable) -> Cells:
        """The cells of one of the tables, reduced once."""
        if table.outcome not in self.reduced:
            self.reduced[table.outcome] = Cells.from_table(table.independent())
        return self.reduced[table.outcome]

    def part(self, claim_id: str) -> _Part | None:
        """What each run adds to a claim; None where that is no weighted sum of cell means."""
        try:
            asked = Estimand.parse(claim_id, self.table, self.further)
        except AnalysisError:
            return None
        own = asked.table
        plain = asked.along is None and asked.quantity in SUMS and own.horizon is None
        if not plain or not (own is self.table or same_runs(own, self.table)):
            return None
        cells = self.cells(own)
        groups = asked.groups(cells)
        shared = self.shared and sum(group.cells.size for group in groups) > 1
        return _Part(self, cells, groups, asked.outcome, shared=shared)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A claim in one study."""

    runs: SeededRuns
    cells: Cells
    groups: list[Group]
    outcome: str
    shared: bool

    @property
    def present(self) -> BoolArray:
        """Runs that count in its cells; shape (N,)."""
        table = self.cells.table
        everyone = self.outcome in ("converged", "expected")
        used = (signed_weights(self.cells, self.groups) != 0)[self.cells.run_cell]
        return np.asarray(used & (table.labelled if everyone else table.converged))

    def at(self) -> dict[tuple[str, ...], int]:
        """The place of every named run that counts, by its cell's levels and its name."""
        present = self.present
        return {
            (*key[:-1], name): i
            for i, key in enumerate(_keys(self.cells.table))
            if present[i] and (name := self.runs.named.get(key))
        }

    def sums(self) -> dict[str, float]:
        """What the runs of each seed add to the claim; unnamed runs stand for themselves."""
        cells, weights, present = self.cells, signed_weights(self.cells, self.groups), self.present
        value = self._value()
        count = np.bincount(cells.run_cell[present], minlength=len(cells))
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.bincount(
                cells.run_cell[present], weights=value[present], minlength=len(cells)
            )
            mean, each = total / count, np.where(count > 0, weights / count, 0.0)
        if self.shared:
            whole = by_seed(cells, weights[:, None], value, present)
            if len(whole.seeds) >= MIN_SEEDS:
                present = present & np.isin(cells.table.replicate, whole.seeds)
        added = each[cells.run_cell] * (value - mean[cells.run_cell])
        found: dict[str, float] = {}
        for i, key in enumerate(_keys(cells.table)):
            if present[i]:
                name = self.runs.named.get(key)
                own = name if name and self.shared else "\n".join((*key[:-1], name or f"\0{i}"))
                found[own] = found.get(own, 0.0) + float(added[i])
        return found

    def _value(self) -> FloatArray:
        """The number of every run; shape (N,)."""
        if self.outcome == "converged":
            return self.cells.table.converged.astype(np.float64)
        if self.outcome == "expected":
            return outcome_of_all(self.cells)
        return self.cells.table.value


def pair(first: SeededRuns, second: SeededRuns, claim_id: str, confidence: float) -> Paired | None:
    """How the claims of both studies go together; None where no two runs are partners.

    Parameters
    ----------
    first, second : SeededRuns
    claim_id : str
    confidence : float
        Of the claims' intervals.
    """
    if {*first.table.factors} != {*second.table.factors} or first.shared != second.shared:
        return None
    a, b = first.part(claim_id), second.part(claim_id)
    if a is None or b is None:
        return None
    ours, theirs = a.at(), b.at()
    both = [key for key in theirs if key in ours]
    if not both:
        return None
    mine, other = a.sums(), b.sums()
    common = [(mine[key], other[key]) for key in other if key in mine]
    scale = float(np.sqrt(sum(x * x for x in mine.values()) * sum(x * x for x in other.values())))
    product = float(sum(x * y for x, y in common))
    correlation = max(-1.0, min(1.0, product / scale)) if scale > 0 else 0.0
    least = _discordant(a, b, ours, theirs, confidence) if b.outcome == "converged" else None
    return Paired(len(both), correlation, least)


def _discordant(
    a: _Part,
    b: _Part,
    ours: Mapping[tuple[str, ...], int],
    theirs: Mapping[tuple[str, ...], int],
    confidence: float,
) -> Interval | None:
    """The second's contrast less the first's, from the pairs of each group, pooled.

    None where a group has none.
    """
    parts = []
    for group in b.groups:
        inside = {*group.cells.tolist()}
        keys = [k for k, i in theirs.items() if k in ours and b.cells.run_cell[i] in inside]
        if not keys:
            return None
        second = b.cells.table.converged[[theirs[key] for key in keys]]
        first = a.cells.table.converged[[ours[key] for key in keys]]
        parts.append(difference_of_pairs(second.astype(float), first.astype(float), confidence))
    return mover_sum(parts, [group.sign for group in b.groups], method="paired")


def names_by_cell(
    table: RunTable, root: Callable[[Mapping[str, str]], str | None]
) -> tuple[str, ...]:
    """The seeds of runs that are told by their cell and their replicate.

    Parameters
    ----------
    table : RunTable
    root : callable
        From a cell's levels to what its replicates draw from; None where that is not known.
    """
    names, found = sorted(table.factors), []
    for key in _keys(table):
        known = root(dict(zip(names, key[:-1], strict=True)))
        found.append("" if known is None else f"{known}/{key[-1]}")
    return tuple(found)


def _keys(table: RunTable) -> list[tuple[str, ...]]:
    """The levels of each run, by the factors' names in order, and its replicate."""
    order = sorted(range(len(table.factors)), key=lambda i: table.factors[i])
    texts = [[write_level(x) for x in table.levels[table.factors[i]]] for i in order]
    return [
        (*(text[codes[i]] for text, i in zip(texts, order, strict=True)), replicate)
        for codes, replicate in zip(table.codes.tolist(), table.replicate, strict=True)
    ]
