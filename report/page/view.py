"""One reading of a result for all sections: factors, cells, claims by what they are about.

Counts come from the rows of the table and from nowhere else; estimates come from claims.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.data.contrasts import Contrast, Pair, is_headline
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.flow import Flow
from vggstudy.analysis.data.levels import write_level
from vggstudy.analysis.data.parsing import conditions_at
from vggstudy.report.page.context import ReportContext
from vggstudy.report.words.i18n import gettext, pgettext
from vggstudy.report.words.names import friendly

if TYPE_CHECKING:
    from vggstudy.analysis import AnalysisResult, Claim, RunTable

MOST_NAMED = 12
"""Levels that are named one by one."""

Level = Any
COUNTED = ("converged", "failed_to_learn", "diverged")


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor and the levels that occur, in order.

    A switch has the two levels false and true (or 0 and 1) and is read as with and without.
    """

    name: str
    levels: tuple[Level, ...]

    @property
    def label(self) -> str:
        """The factor in words."""
        return friendly(self.name)

    @property
    def is_switch(self) -> bool:
        """Whether the levels are off and on."""
        return tuple(self.levels) in {(False, True)} and len(self.levels) == 2

    @property
    def is_numeric(self) -> bool:
        """Whether the levels are numbers that lie on an axis."""
        return not self.is_switch and all(
            isinstance(level, (int, float)) and not isinstance(level, bool) for level in self.levels
        )

    @property
    def is_worded(self) -> bool:
        """Whether there are several levels of which no two are first and last."""
        return not self.is_numeric and len(self.levels) > 2

    @property
    def is_geometric(self) -> bool:
        """Whether all levels are powers of two, as batch sizes are."""
        return self.is_numeric and all(
            level > 0 and math.log2(level).is_integer() for level in self.levels
        )

    @property
    def ratio(self) -> float:
        """The largest level over the smallest; 0 where there is no such ratio."""
        if not self.is_numeric or min(self.levels) <= 0:
            return 0.0
        return float(max(self.levels) / min(self.levels))

    def text(self, level: Level) -> str:
        """The level alone: yes and no for a switch."""
        if self.is_switch:
            return pgettext("level", "yes") if level else pgettext("level", "no")
        return write_level(level)

    def short(self, level: Level) -> str:
        """The level where the factor is named already: "19", "with"."""
        if self.is_switch:
            return gettext("with") if level else gettext("without")
        return write_level(level)

    def setting(self, level: Level) -> str:
        """The level as a label: "depth 19", "batch normalisation: yes"."""
        if not self.is_switch:
            return self.phrase(level)
        return gettext("%(factor)s: %(level)s") % {
            "factor": self.label,
            "level": self.text(level),
        }

    def phrase(self, level: Level) -> str:
        """The level in a sentence: "depth 19", "with batch normalisation"."""
        if self.is_switch:
            words = gettext("with %(factor)s") if level else gettext("without %(factor)s")
            return words % {"factor": self.label}
        words = gettext("%(factor)s %(level)s")
        return words % {"factor": self.label, "level": write_level(level)}


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of levels: its runs counted, its claims looked up.

    Attributes
    ----------
    levels : tuple
        In the order of the study's factors.
    counts : mapping of str to int
        Planned runs by outcome: converged, failed_to_learn, diverged, crashed, missing.
    converged, failed : tuple of float
        The outcome variable of the runs that converged, and of those that did not.
    """

    levels: tuple[Level, ...]
    counts: Mapping[str, int]
    converged: tuple[float, ...]
    failed: tuple[float, ...]
    probability: Claim | None
    accuracy: Claim | None
    expected: Claim | None

    @property
    def planned(self) -> int:
        """Runs that the plan holds for this cell."""
        return sum(self.counts.values())

    @property
    def n(self) -> int:
        """Runs with a label: data."""
        return sum(self.counts[outcome] for outcome in COUNTED)

    @property
    def k(self) -> int:
        """Runs that converged."""
        return self.counts["converged"]


class ClaimIndex:
    """Claims by what they are about.

    Parameters
    ----------
    claims : mapping of str to Claim
    table : RunTable
        Whose levels the sections name.
    """

    def __init__(self, claims: Mapping[str, Claim], table: RunTable) -> None:
        self._claims = dict(claims)  # those that were made: a report asks for no other
        self._table = table
        self._offered = {claim.offered for claim in claims.values() if claim.offered}

    def __iter__(self) -> Iterator[Claim]:
        """All claims, in the order of the set."""
        return iter(self._claims.values())

    def __len__(self) -> int:
        """How many claims there are."""
        return len(self._claims)

    def get(self, claim_id: str) -> Claim | None:
        """The claim with an id, if there is one."""
        return self._claims.get(claim_id)

    def offered(self, claim: Claim) -> Claim:
        """The claim on the largest complete part of the grid, where this one was refused."""
        return self._claims[claim.offered] if claim.offered else claim

    def is_offered(self, claim: Claim) -> bool:
        """Whether the claim stands in for one that could not be made on the whole grid."""
        return claim.id in self._offered

    def mean(self, outcome: str, conditions: Mapping[str, Level]) -> Claim | None:
        """The claim about a probability or a mean where factors have these levels."""
        return self.over(outcome, Contrast(conditions=conditions_at(conditions, self._table)))

    def effect(
        self, outcome: str, factor: Factor, conditions: Mapping[str, Level] | None = None
    ) -> Claim | None:
        """The claim about a factor's last level minus its first, averaged over what is not held.

        None where nothing says which of its levels are first and last.
        """
        pair = (0, len(factor.levels) - 1)
        if not is_headline(self._table, factor.name, pair):
            return None
        return self.difference(outcome, factor.name, pair, conditions or {})

    def difference(
        self, outcome: str, factor: str, pair: Pair, conditions: Mapping[str, Level]
    ) -> Claim | None:
        """The claim about two levels of a factor, later minus earlier, by their indices."""
        held = conditions_at(conditions, self._table)
        return self.over(outcome, Contrast((factor,), (pair,), held))

    def contrasts(self, outcome: str, factor: Factor) -> list[Claim]:
        """The claims that compare levels of a factor, averaged over all others."""
        return [
            claim
            for claim in self
            if (claim.outcome, claim.quantity) == (outcome, "diff")
            and claim.factors == (factor.name,)
            and set(claim.conditions) <= {factor.name}
            and not self.is_offered(claim)
        ]

    def interactions(self, outcome: str) -> list[Claim]:
        """The differences in differences over the whole grid."""
        return [
            claim
            for claim in self
            if (claim.outcome, claim.quantity) == (outcome, "did")
            and set(claim.conditions) <= set(claim.factors)
            and not self.is_offered(claim)
        ]

    def of_quantity(self, outcome: str) -> list[Claim]:
        """The claims about a level of a numeric factor: ``needed``, ``best`` and the like."""
        return [claim for claim in self if claim.outcome == outcome]

    def over(self, outcome: str, contrast: Contrast) -> Claim | None:
        """The claim about a contrast of an outcome, or None where the analysis made none."""
        return self._claims.get(Estimand.of(outcome, contrast, self._table).id)


@dataclass(frozen=True)
class StudyView:
    """Everything the sections read.

    Attributes
    ----------
    outcome : str
        Column that measures a run, e.g. ``test_accuracy``.
    settings : mapping of str to str
        How the analysis was done: level, resamples, seed.
    """

    factors: tuple[Factor, ...]
    cells: tuple[Cell, ...]
    claims: ClaimIndex
    flow: Flow
    outcome: str
    settings: Mapping[str, str]
    result: AnalysisResult
    context: ReportContext

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes of claims as they name them: convergence, the column, the expected value.

        The column alone where nothing tells which runs converged.
        """
        if not self.judged:
            return (self.outcome,)
        return ("converged", self.outcome, "expected")

    @property
    def compared_factors(self) -> list[Factor]:
        """The factors whose levels are compared: all but the blocks."""
        return [factor for factor in self.factors if factor.name != self.result.table.block]

    @property
    def judged(self) -> bool:
        """Whether anything tells which runs converged."""
        return self.result.table.judged

    @cached_property
    def axis(self) -> Factor | None:
        """The factor drawn along the x axis: the numeric one with most levels, else any.

        Among equals, levels that are powers of two come first, then the widest range of levels.
        """
        if not self.factors:
            return None
        return max(
            self.factors, key=lambda f: (f.is_numeric, len(f.levels), f.is_geometric, f.ratio)
        )

    @cached_property
    def panel_factors(self) -> tuple[Factor, ...]:
        """The factors that are not on the x axis."""
        return tuple(factor for factor in self.factors if factor is not self.axis)

    @cached_property
    def panels(self) -> tuple[tuple[Level, ...], ...]:
        """Combinations of the other factors' levels that hold at least one cell."""
        wanted = product(*(factor.levels for factor in self.panel_factors))
        return tuple(levels for levels in wanted if any(self.row(levels)))

    def row(self, panel: tuple[Level, ...]) -> tuple[Cell | None, ...]:
        """The cells of one panel along the x axis; None where the plan has no such cell."""
        if self.axis is None:
            return ()
        fixed = dict(zip((f.name for f in self.panel_factors), panel, strict=True))
        return tuple(self._cell({**fixed, self.axis.name: level}) for level in self.axis.levels)

    def _cell(self, levels: Mapping[str, Level]) -> Cell | None:
        return self._cells_by_levels.get(tuple(levels[f.name] for f in self.factors))

    def number(self, cell: Cell) -> int | None:
        """The cell's place among those of the study; None of one that is pooled."""
        pooled = len(self.factors) < len(self.result.table.factors)
        return None if pooled else self._numbers[cell.levels]

    @cached_property
    def _numbers(self) -> dict[tuple[Level, ...], int]:
        return {cell.levels: number for number, cell in enumerate(self.cells)}

    @cached_property
    def _cells_by_levels(self) -> dict[tuple[Level, ...], Cell]:
        return {cell.levels: cell for cell in self.cells}

    def phrase(self, factors: Iterable[Factor], levels: Iterable[Level]) -> str:
        """Levels in words: "depth 19, with batch normalisation"."""
        pairs = zip(factors, levels, strict=True)
        return ", ".join(factor.phrase(level) for factor, level in pairs)

    def compared(self, claim: Claim) -> dict[str, tuple[Level, Level]]:
        """Earlier and later level of each factor whose levels a claim compares."""
        contrast, levels = self.result.estimand(claim.id).contrast, self.result.table.levels
        pairs = zip(contrast.factors, contrast.pairs, strict=True)
        return {name: (levels[name][a], levels[name][b]) for name, (a, b) in pairs}

    def held(self, claim: Claim) -> dict[str, Level] | None:
        """The one level at which each factor of a claim's conditions is held; None of several."""
        conditions, levels = (
            self.result.estimand(claim.id).contrast.conditions,
            self.result.table.levels,
        )
        if any(len(condition.levels) > 1 for condition in conditions):
            return None
        return {c.factor: levels[c.factor][c.levels[0]] for c in conditions}

    def place(self, claim: Claim) -> str:
        """A claim's conditions in words: "batch size 8, 16, without data normalisation"."""
        asked = self.result.estimand(claim.id)
        by_name = {factor.name: factor for factor in self.factors}
        held = {c.factor: c.levels for c in asked.contrast.conditions}
        compared = self.compared(claim)
        phrases = []
        for name in asked.held:
            factor = by_name[name]
            levels = [factor.levels[i] for i in held.get(name, ())]
            if len(levels) == 1:
                phrases.append(factor.phrase(levels[0]))
            else:
                words = _listed(factor, levels) if levels else _pair(factor, *compared[name])
                phrases.append(f"{factor.label} {words}")
        return ", ".join(phrases)


def _pair(factor: Factor, earlier: Level, later: Level) -> str:
    """Two levels that a claim compares: "19 against 11"."""
    words = gettext("%(later)s against %(earlier)s")
    return words % {"later": factor.text(later), "earlier": factor.text(earlier)}


def _listed(factor: Factor, levels: list[Level]) -> str:
    """Some levels of a factor: "8 and 32", "128 to 1024", "80 of 86 levels"."""
    texts = [factor.text(level) for level in levels]
    first = factor.levels.index(levels[0])
    run = tuple(levels) == factor.levels[first : first + len(levels)]
    if factor.is_numeric and run and len(levels) > 2:
        return gettext("%(low)s to %(high)s") % {"low": texts[0], "high": texts[-1]}
    if len(texts) < 2:
        return "".join(texts)
    if len(texts) > MOST_NAMED:
        return gettext("%(n)s of %(all)s levels") % {"n": len(texts), "all": len(factor.levels)}
    words = gettext("%(some)s and %(last)s")
    return words % {"some": ", ".join(texts[:-1]), "last": texts[-1]}
