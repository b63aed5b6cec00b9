"""From estimands to claims: the finding, the counts, the part offered where cells are missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from vggstudy._version import __version__
from vggstudy.analysis.claims.claim import Alternative, Claim
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.subgrid import complete_part
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.how import How
from vggstudy.analysis.estimators.registry import ESTIMATORS
from vggstudy.analysis.notes import Caution, Note, Reason, say


@dataclass(frozen=True, slots=True)
class ClaimMaker:
    """Everything that claims of one analysis share.

    Attributes
    ----------
    cells : Cells
    how : How
    inputs_digest : str
    further : mapping of str to Cells
        Of the same runs with other outcomes, by column.
    notes : tuple of Note
        What must be known of every claim.
    """

    cells: Cells
    how: How
    inputs_digest: str
    further: Mapping[str, Cells] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()

    @property
    def confidence(self) -> float:
        """At all looks together, where there are several."""
        return self.how.confidence if self.how.overall is None else self.how.overall

    def parse(self, text: str) -> Estimand:
        """What an id asks for.

        Raises
        ------
        AnalysisError
            If the id is none, or names what the table does not have.
        """
        others = [cells.table for cells in self.further.values()]
        return Estimand.parse(text, self.cells.table, others)

    def cells_of(self, asked: Estimand) -> Cells:
        """The cells of its outcome."""
        main = asked.table is self.cells.table
        return self.cells if main else self.further.get(asked.table.outcome, self.cells)

    def finding(self, asked: Estimand, confidence: float | None = None) -> Finding:
        """The estimate alone, at the analysis' level or at another one of all looks together."""
        how = self.how if confidence is None else self.how.at(confidence)
        return ESTIMATORS[asked.quantity].estimate(self.cells_of(asked), asked, how)

    def claim(self, asked: Estimand, *notes: Note) -> Claim:
        """The claim, with further notes."""
        finding, cells = self.finding(asked), self.cells_of(asked)
        used = np.concatenate([group.cells for group in asked.groups(cells)])
        ends = finding.interval
        n, k = int(cells.n[used].sum()), int(cells.k[used].sum())
        if finding.runs is not None:
            learned = k if finding.learned is None else finding.learned
            n, k = (finding.runs, learned) if asked.outcome == "expected" else (n, finding.runs)
        return Claim(
            id=asked.id,
            estimand=asked.words,
            outcome=asked.outcome if asked.along is None else asked.quantity,
            quantity=asked.along or asked.quantity,
            factors=asked.contrast.factors,
            conditions=asked.held,
            unit=asked.unit,
            level=self.how.confidence,
            n=n,
            k=k,
            estimate=finding.estimate,
            low=_finite(ends.low) if ends else None,
            high=_finite(ends.high) if ends else None,
            method=ends.method if ends else None,
            B=finding.resamples,
            seed=None if finding.resamples is None else self.how.resampling.seed,
            mc_error_low=ends.mc_error_low if ends else None,
            mc_error_high=ends.mc_error_high if ends else None,
            reference=asked.kind.reference,
            status="ok" if finding.reason is None else "not_available",
            refusal=finding.reason,
            warnings=(*finding.cautions, *notes, *self.notes),
            alternatives=tuple(Alternative(x.method, x.low, x.high) for x in finding.alternatives),
            levels_run=_levels_run(asked),
            inputs_digest=self.inputs_digest,
            code_version=__version__,
        )

    def claims(self, estimands: Iterable[Estimand]) -> dict[str, Claim]:
        """The claims by id; one that was refused is followed by what is offered in its place."""
        made: dict[str, Claim] = {}
        for asked in estimands:
            for claim in () if asked.id in made else self._with_offer(asked):
                made.setdefault(claim.id, claim)
        return made

    def demanded(self, asked: Estimand) -> Claim:
        """The claim as `claims` has it, whether it is asked for itself or offered for another."""
        for whole in self._wholes(asked):
            if self._part(whole) == asked and self.claim(whole).reason == Reason.MISSING_CELLS:
                return self.claim(asked, *self._part_notes(whole, asked))
        return next(self._with_offer(asked))

    def _wholes(self, asked: Estimand) -> Iterator[Estimand]:
        """What an average over some levels only can be offered for, the widest first."""
        held = {condition.factor: condition for condition in asked.contrast.conditions}
        if all(len(condition.levels) == 1 for condition in held.values()):
            return
        alone = [x for x in asked.table.factors if x in held and len(held[x].levels) == 1]
        for count in range(len(alone) + 1):
            for names in itertools.combinations(alone, count):
                kept = tuple(held[name] for name in sorted(names))
                yield replace(asked, contrast=replace(asked.contrast, conditions=kept))

    def _with_offer(self, asked: Estimand) -> Iterator[Claim]:
        """The claim, and where its cells are incomplete the one on the largest complete part."""
        claim = self.claim(asked)
        part = None if claim.reason != Reason.MISSING_CELLS else self._part(asked)
        if part is None or claim.refusal is None:
            yield claim
            return
        offered = self.claim(part, *self._part_notes(asked, part))
        note = say("part_offered", claim.refusal.code, text=claim.refusal, claim=offered.id)
        yield replace(claim, refusal=note, offered=offered.id)
        yield offered

    def _part(self, asked: Estimand) -> Estimand | None:
        """The same on the largest sub-grid whose cells can all enter."""
        usable, cells = ESTIMATORS[asked.quantity].usable, self.cells_of(asked)
        part = complete_part(asked.contrast, cells, usable(cells, asked)) if usable else None
        if part is None or part == asked.contrast:
            return None
        return replace(asked, contrast=part)

    def _part_notes(self, asked: Estimand, part: Estimand) -> list[Note]:
        """How much of the grid a sub-grid keeps; ordinary conditions speak for themselves."""
        if all(len(condition.levels) == 1 for condition in part.contrast.conditions):
            return []
        cells = self.cells_of(asked)
        full, kept = (sum(g.cells.size for g in x.groups(cells)) for x in (asked, part))
        return [say("over_part", Caution.SUB_GRID, n=kept, cells=full)]


def _levels_run(asked: Estimand) -> tuple[float, float] | None:
    """The least and the largest level of the factor of which the claim is a level itself."""
    if asked.along is None:
        return None
    levels = [float(level) for level in asked.table.levels[asked.along]]
    return min(levels), max(levels)


def _finite(end: float) -> float | None:
    """An end; an infinite one is none."""
    return end if math.isfinite(end) else None
