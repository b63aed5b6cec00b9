"""From contrasts to claims: the estimator, the words, the sub-grid where cells are missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from vggstudy._version import __version__
from vggstudy.analysis.claims.claim import Alternative, Claim
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import (
    Contrast,
    Group,
    differences,
    interactions,
    marginal_means,
)
from vggstudy.analysis.data.estimands import claim_id, conditions_of, estimand, quantity_of
from vggstudy.analysis.data.outcomes import unit
from vggstudy.analysis.data.subgrid import complete_part
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.converged import ProbabilityInterval, estimate_converged
from vggstudy.analysis.estimators.expected import estimate_expected
from vggstudy.analysis.estimators.finding import Finding
from vggstudy.analysis.estimators.means import Resampling, estimate_mean
from vggstudy.analysis.estimators.seeds import estimate_shared
from vggstudy.analysis.estimators.selection import with_bounds
from vggstudy.analysis.notes import Caution, Note, Reason, say
from vggstudy.analysis.numbers.arrays import BoolArray
from vggstudy.analysis.numbers.intervals import Interval


@dataclass(frozen=True, slots=True)
class Subject:
    """What a claim is about, in words and codes.

    Attributes
    ----------
    id, estimand, outcome, quantity, unit : str
        See `Claim`.
    reference : float or None
    """

    id: str
    estimand: str
    outcome: str
    quantity: str
    unit: str
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class ClaimMaker:
    """Everything that claims of one analysis share.

    Attributes
    ----------
    cells : Cells
    confidence : float
    resampling : Resampling
    inputs_digest : str
    shared_seeds : bool
        Whether runs of one replicate share their seeds across cells, which are then blocks.
    beside : RunTable or None
        For claims on a further outcome: the same runs with the main one.
    probability_interval : str
        Of the probability of a single cell.
    """

    cells: Cells
    confidence: float
    resampling: Resampling
    inputs_digest: str
    shared_seeds: bool = False
    beside: RunTable | None = None
    probability_interval: ProbabilityInterval = "clopper_pearson"

    def all_claims(self, *, only: str | None = None, headline_only: bool = False) -> list[Claim]:
        """Means, differences and interactions of every outcome; refused ones with what is offered.

        With `only`, those of one outcome; with `headline_only`, those without conditions.

        A claim on a sub-grid follows the first claim that was refused for it.
        """
        table = self.cells.table
        contrasts = [*marginal_means(table), *differences(table), *interactions(table)]
        if headline_only:
            contrasts = [contrast for contrast in contrasts if not contrast.conditions]
        made: dict[str, Claim] = {}
        for outcome in self.outcomes() if only is None else [only]:
            for contrast in contrasts:
                for claim in self._with_offer(outcome, contrast):
                    made.setdefault(claim.id, claim)
        return list(made.values())

    def outcomes(self) -> list[str]:
        """``converged``, the column, and ``expected`` where the column has bounds."""
        table = self.cells.table
        return ["converged", table.outcome, *(["expected"] if table.bounds else [])]

    def _with_offer(self, outcome: str, contrast: Contrast) -> Iterator[Claim]:
        """The claim, and where its cells are incomplete the one on the largest complete part."""
        claim = self.claim(outcome, contrast)
        part = None
        if claim.reason == Reason.MISSING_CELLS:
            part = complete_part(contrast, self.cells, self._usable(outcome))
        if part is None or part == contrast:
            yield claim
            return
        offered = self.claim(outcome, part, note=self.part_note(contrast, part))
        yield claim.offering(offered)
        yield offered

    def claim(self, outcome: str, contrast: Contrast, note: Note | None = None) -> Claim:
        """Estimate one contrast of one outcome."""
        table = self.cells.table
        name = claim_id(outcome, contrast, table)
        return self.claim_of(
            self._estimate(outcome, contrast, name),
            Subject(
                name,
                estimand(outcome, contrast, table),
                outcome,
                quantity_of(outcome, contrast),
                "probability" if outcome == "converged" else unit(table.outcome),
                0.0 if contrast.factors else None,
            ),
            contrast,
            note,
        )

    def claim_of(
        self, finding: Finding, subject: Subject, contrast: Contrast, note: Note | None = None
    ) -> Claim:
        """A claim on the cells of a contrast from a finding."""
        used = np.concatenate([group.cells for group in contrast.groups(self.cells)])
        drawn = finding.resamples is not None
        everyone = subject.outcome == "expected"
        claim = Claim(
            id=subject.id,
            estimand=subject.estimand,
            outcome=subject.outcome,
            quantity=subject.quantity,
            factors=contrast.factors,
            conditions=conditions_of(contrast, self.cells.table),
            unit=subject.unit,
            level=self.confidence,
            n=finding.runs if finding.runs and everyone else int(self.cells.n[used].sum()),
            k=finding.runs if finding.runs and not everyone else int(self.cells.k[used].sum()),
            estimate=finding.estimate,
            B=finding.resamples,
            seed=self.resampling.seed if drawn else None,
            reference=subject.reference,
            status="ok" if finding.reason is None else "not_available",
            refusal=finding.reason,
            warnings=(*finding.cautions, *([note] if note else [])),
            alternatives=tuple(Alternative(x.method, x.low, x.high) for x in finding.alternatives),
            inputs_digest=self.inputs_digest,
            code_version=__version__,
        )
        return with_ends(claim, finding.interval).sealed()

    def _estimate(self, outcome: str, contrast: Contrast, name: str) -> Finding:
        """The estimator of an outcome."""
        groups = contrast.groups(self.cells)
        # The runs of one cell never share seeds with one another.
        shared = self.shared_seeds and sum(group.cells.size for group in groups) > 1
        if outcome == "converged":
            return estimate_converged(
                self.cells,
                groups,
                confidence=self.confidence,
                shared_seeds=shared,
                single=self.probability_interval,
            )
        if outcome == "expected":
            return self._expected(groups, name, shared=shared)
        estimate = estimate_shared if shared else estimate_mean
        finding = estimate(
            self.cells,
            groups,
            claim_id=name,
            confidence=self.confidence,
            resampling=self.resampling,
        )
        return with_bounds(
            finding,
            self.cells,
            groups,
            claim_id=name,
            confidence=self.confidence,
            seed=self.resampling.seed,
        )

    def _expected(self, groups: list[Group], name: str, *, shared: bool) -> Finding:
        """Expected outcome by its two parts; differences over seeds where cells share them."""
        found = estimate_expected(
            self.cells, groups, confidence=self.confidence, shared_seeds=shared
        )
        if not shared or found.reason is not None or len(groups) == 1:
            return found
        over_seeds = estimate_shared(
            self.cells,
            groups,
            claim_id=name,
            confidence=self.confidence,
            resampling=self.resampling,
            everyone=True,
        )
        return replace(over_seeds, cautions=(*found.cautions, *over_seeds.cautions))

    def _usable(self, outcome: str) -> BoolArray:
        """Cells that an average of the outcome can include."""
        averaged = outcome not in {"converged", "expected"}
        return self.cells.k >= 2 if averaged else self.cells.n >= 1

    def part_note(self, contrast: Contrast, part: Contrast) -> Note | None:
        """How much of the grid a sub-grid keeps; ordinary conditions speak for themselves."""
        if all(len(condition.levels) == 1 for condition in part.conditions):
            return None
        full = sum(group.cells.size for group in contrast.groups(self.cells))
        kept = sum(group.cells.size for group in part.groups(self.cells))
        return say("over_part", Caution.SUB_GRID, n=kept, cells=full)


def with_ends(claim: Claim, interval: Interval | None) -> Claim:
    """The claim with the fields that its interval fills; an infinite end is none."""
    if interval is None:
        return claim
    return replace(
        claim,
        low=interval.low if math.isfinite(interval.low) else None,
        high=interval.high if math.isfinite(interval.high) else None,
        method=interval.method,
        mc_error_low=interval.mc_error_low,
        mc_error_high=interval.mc_error_high,
    )
