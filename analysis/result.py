"""The result of an analysis: claims, cells and the flow of runs, and how they print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.claims.block_tables import BlockTable, block_lines, block_tables
from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.claims.claim_set import ClaimSet
from vggstudy.analysis.claims.many import Exploratory
from vggstudy.analysis.data.cells import Cells
from vggstudy.analysis.data.contrasts import Condition, Contrast
from vggstudy.analysis.data.estimands import Estimand
from vggstudy.analysis.data.flow import Flow
from vggstudy.analysis.data.levels import Level
from vggstudy.analysis.data.outcomes import LABELS
from vggstudy.analysis.data.parsing import check_factor
from vggstudy.analysis.data.seeding import UNRELATED, SeedReading
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.estimators.bands import Band, level_band
from vggstudy.analysis.estimators.performance import PerformanceProfile, profile_of
from vggstudy.analysis.estimators.ranking import Ranking
from vggstudy.analysis.estimators.side_by_side import MOST_COMPARED, side_by_side, told_apart
from vggstudy.analysis.estimators.times import SurvivalCurve, of_means, survival_curves
from vggstudy.analysis.hypotheses.judge import HypothesisResult
from vggstudy.analysis.models.fit import FittedModels
from vggstudy.analysis.notes import Note, Reason
from vggstudy.analysis.numbers.arrays import FloatArray
from vggstudy.analysis.numbers.intervals import percent
from vggstudy.analysis.sensitivity import Sensitivity
from vggstudy.errors import AnalysisError
from vggstudy.markup import html_table, paragraph
from vggstudy.quantities import PLAIN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

HEADLINE = ("p", *PLAIN)
"""Quantities of the headline claims."""

LONGEST = 100
"""Characters of an id that a summary prints."""

MOST_ROWS = 40
"""Headline claims that a summary prints."""


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisResult:
    """Claims with everything they were made from.

    Attributes
    ----------
    table : RunTable
    cells : DataFrame
        One row a cell: its levels, counts by label, and for each outcome estimate, interval and
        the claim's id.
    claims : ClaimSet
    flow : Flow
    warnings : tuple of Note
        What a reader must know before any number.
    settings : mapping
        Confidence, resamples, seed and method.
    inputs_digest : str
        SHA-256 of the table's content and the protocol's digest.
    hypotheses : tuple of HypothesisResult
        Registered hypotheses with their verdicts, in the protocol's order.
    sensitivity : Sensitivity or None
        Verdicts under other label rules, where they were asked for.
    models : FittedModels or None
        The failure model, the accuracy model and the components of variance; None where only
        headline claims were asked for.
    seeds : SeedReading
        Whether runs of different cells share their seeds, and what that rests on.
    otherwise : tuple of Claim
        The headline claims as the other reading of the seeds would have them; empty where there is
        no other, and on parts of the grid that it does not offer.
    further : tuple of RunTable
        The same runs with the further outcomes.
    """

    table: RunTable
    cells: pd.DataFrame
    claims: ClaimSet
    flow: Flow
    warnings: tuple[Note, ...]
    settings: Mapping[str, Any]
    inputs_digest: str
    hypotheses: tuple[HypothesisResult, ...] = ()
    sensitivity: Sensitivity | None = None
    models: FittedModels | None = None
    seeds: SeedReading = UNRELATED
    otherwise: tuple[Claim, ...] = ()
    further: tuple[RunTable, ...] = ()

    def estimand(self, claim_id: str) -> Estimand:
        """What a claim is of.

        Raises
        ------
        AnalysisError
            If the id is none, or names what the tables do not have.
        """
        return Estimand.parse(claim_id, self.table, self.further)

    @property
    def exploratory(self) -> Exploratory:
        """How many exploratory claims compare something, and how many stand up to their number."""
        return Exploratory.of(self.claims.values())

    def to_frame(self) -> pd.DataFrame:
        """One row a claim."""
        return self.claims.to_frame()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: settings, flow, warnings, claims, verdicts and models."""
        return {
            "inputs_digest": self.inputs_digest,
            "settings": dict(self.settings),
            "seeding": {"asked": self.seeds.asked, "taken": self.seeds.taken},
            "flow": self.flow.to_dict(),
            "warnings": [note.text for note in self.warnings],
            "claims": [claim.to_dict() for claim in self.claims.values()],
            "exploratory": asdict(self.exploratory),
            "hypotheses": [hypothesis.to_dict() for hypothesis in self.hypotheses],
            "sensitivity": self.sensitivity.to_dict() if self.sensitivity else None,
            "models": self.models.to_dict() if self.models else None,
            "if_seeds": {
                "taken": self.seeds.other,
                "claims": [claim.to_dict() for claim in self.otherwise],
            },
        }

    def headline(self) -> list[Claim]:
        """Grand means and unconditional contrasts, or what is offered in place of refused ones.

        Of a factor whose levels are no numbers, every two levels are compared. A difference that
        cannot be made on any part is followed by what can (`stand_ins`).
        """
        found: dict[str, Claim] = {}
        for claim in self.claims.values():
            if claim.quantity not in HEADLINE or not self._unconditional(claim):
                continue
            shown = self.claims[claim.offered] if claim.offered else claim
            found.setdefault(shown.id, shown)
            found |= {one.id: one for one in self.stand_ins(shown) if one.id not in found}
        return list(found.values())

    def stand_ins(self, claim: Claim) -> list[Claim]:
        """Differences of the same factor that can be made, where one lacks cells, as in nests."""
        if claim.quantity != "diff" or claim.reason != Reason.MISSING_CELLS or claim.offered:
            return []
        return [
            other
            for other in self.claims.values()
            if (other.outcome, other.quantity) == (claim.outcome, "diff")
            and other.factors == claim.factors
            and other.available
        ]

    def _unconditional(self, claim: Claim) -> bool:
        """Whether it averages over the whole grid, and compares what its factor's name says.

        Of factors with more levels than two, that are no numbers, all pairs are.
        """
        if not claim.conditions:
            return True
        if claim.quantity != "diff" or {*claim.conditions} != {*claim.factors}:
            return False
        return not self.table.is_numeric(claim.factors[0])

    def performance_profile(
        self, at: Mapping[str, Level] | None = None, *, thresholds: FloatArray | None = None
    ) -> PerformanceProfile:
        """Share of runs above each value of the outcome in a part of the grid (`profile_of`)."""
        confidence = float(self.settings["confidence"])
        return profile_of(self.table, at or {}, confidence=confidence, thresholds=thresholds)

    def survival(self) -> list[SurvivalCurve]:
        """How many runs of each cell have not reached the target, over time: Kaplan and Meier's.

        Empty where the table has no times to a target.
        """
        tables = [one for one in (self.table, *self.further) if one.horizon is not None]
        confidence = float(self.settings["confidence"])
        return [
            curve
            for table in tables
            for curve in survival_curves(_cells(table), confidence=confidence)
        ]

    @property
    def block_tables(self) -> list[BlockTable]:
        """The claims over blocks, and the ranks that they come from, an outcome and factor each."""
        if self.table.block is None:
            return []
        return list(block_tables(_cells(self.table), self.claims))

    def level_band(
        self, factor: str, at: Mapping[str, Level] | None = None, *, pooled: bool = False
    ) -> Band:
        """Means among converged runs along a factor that hold at all its levels together.

        See `vggstudy.analysis.estimators.bands.level_band`.
        """
        return level_band(
            of_means(_cells(self.table)),
            factor,
            at or {},
            confidence=float(self.settings["confidence"]),
            seed=int(self.settings["seed"]),
            pooled=pooled,
            shared_seeds=self.seeds.shared,
        )

    def rankings(self, *factors: str) -> tuple[Ranking, ...]:
        """The combinations of some factors ranked by accuracy, by reliability and by both.

        See `vggstudy.analysis.estimators.side_by_side`.

        Raises
        ------
        AnalysisError
            If no factor is named, or one that the table does not have.
        """
        if not factors:
            raise AnalysisError("name the factors whose combinations are ranked")
        for name in factors:
            check_factor(name, self.table)
        return side_by_side(
            of_means(_cells(self.table)),
            factors,
            confidence=float(self.settings["confidence"]),
            seed=int(self.settings["seed"]),
            shared_seeds=self.seeds.shared,
        )

    def plot(self, name: str, **how: Any) -> Figure:
        """A figure of the report: ``accuracy``, ``converged``, ``accuracy.diff`` and the like.

        See `vggstudy.report.page.paper.plot`.
        """
        # The report rests on the analysis, never the other way; this name alone leads up to it.
        found: Figure = import_module("vggstudy.report.page.paper").plot(self, name, **how)
        return found

    def summary(self) -> str:
        """A plain text table of the headline claims, the counts and the warnings."""
        flow = self.flow
        lines = [
            f"{flow.planned} runs planned, {flow.started} started, {flow.finished} finished"
            + (f", {flow.outcomes['converged']} converged" if self.table.judged else ""),
            *(f"warning: {note.text}" for note in self.warnings),
            "",
        ]
        rows = [(_short(name), *rest) for name, *rest in self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += [
            "  ".join(x.ljust(w) for x, w in zip(r, widths, strict=True)).rstrip() for r in rows
        ]
        lines += block_lines(self.block_tables)
        if len(self.headline()) > MOST_ROWS:
            more = f"{len(self.claims) - MOST_ROWS} more claims were made"
            lines += ["", f"{more}; any other is estimated by its id"]
        lines += self._told_apart()
        lines += _many(self.exploratory)
        lines += map(_verdict_line, self.hypotheses)
        lines += ["", *self.models.lines()] if self.models else []
        return "\n".join(lines) + "\n"

    def _rows(self) -> list[tuple[str, ...]]:
        """Heading and headline claims, and beside them what the other reading of seeds gives."""
        counted = "k/n" if self.table.judged else "n"
        head = ("claim", "estimate", f"{percent(self.settings['confidence'])} interval", counted)
        judged = self.table.judged
        rows = [_summary_row(claim, judged=judged) for claim in self.headline()[:MOST_ROWS]]
        if not self.otherwise:
            return [head, *rows]
        other = {claim.id: claim.interval_text for claim in self.otherwise}
        asked = f"if seeds were {self.seeds.other}"
        return [(*head, asked), *((*row, other.get(row[0], "")) for row in rows)]

    def _told_apart(self) -> list[str]:
        """How many pairs of levels in words are told apart, by what."""
        if not self.table.judged or self.models is None:
            return []
        words = [
            name
            for name in self.table.factors
            if not self.table.is_numeric(name) and 2 < len(self.table.levels[name]) <= MOST_COMPARED
        ]
        return [told_apart(name, self.rankings(name)) for name in words]

    def _repr_html_(self) -> str:
        """The same table for notebooks."""
        first, *rows = self._rows()
        notes = "".join(paragraph(note.text) for note in self.warnings)
        verdicts = "".join(paragraph(_verdict_line(one)) for one in self.hypotheses)
        return notes + html_table(first, rows) + verdicts

    def __repr__(self) -> str:
        hypotheses = f", {len(self.hypotheses)} hypotheses" if self.hypotheses else ""
        return f"<AnalysisResult: {self.flow.finished} runs, {len(self.claims)} claims{hypotheses}>"


@lru_cache(maxsize=4)
def _cells(table: RunTable) -> Cells:
    """What bands, rankings and curves are made from, reduced once for all of them."""
    return Cells.from_table(table.independent())


def _short(claim_id: str) -> str:
    """The id without its middle, where it names dozens of levels."""
    half = LONGEST // 2 - 2
    return claim_id if len(claim_id) <= LONGEST else f"{claim_id[:half]} ... {claim_id[-half:]}"


def _verdict_line(hypothesis: HypothesisResult) -> str:
    """A hypothesis with its verdict, and when it was stated where that was late."""
    late = f"; {hypothesis.registration.text}" if hypothesis.registration else ""
    return f"{hypothesis.id}: {hypothesis.verdict_in_words} ({hypothesis.text}){late}"


def _summary_row(claim: Claim, *, judged: bool) -> tuple[str, str, str, str]:
    """Id, estimate, interval or reason, and counts."""
    counted = f"{claim.k}/{claim.n}" if judged else f"{claim.k}"
    interval = claim.interval_text + (" *" if claim.survives else "")
    return claim.id, claim.estimate_text, interval, counted


def _many(found: Exploratory) -> list[str]:
    """How many exploratory claims there are, and what their number alone does."""
    if not found.claims:
        return []
    return [
        f"{found.claims} exploratory claims compare something with a reference: "
        f"{found.by_chance:.3g} would exclude it by chance alone; {found.beyond} do, and "
        f"{found.surviving} of those survive Benjamini and Hochberg's correction (*)"
    ]


def cell_frame(cells: Cells, claims: ClaimSet, outcomes: list[str]) -> pd.DataFrame:
    """One row a planned cell, with the claims made of it.

    Parameters
    ----------
    cells : Cells
    claims : ClaimSet
        Holding the claim of every cell and outcome.
    outcomes : list of str
    """
    import pandas as pd

    table = cells.table
    rows = []
    for index, codes in enumerate(cells.codes.tolist()):
        row: dict[str, Level | None] = {
            name: table.levels[name][code] for name, code in zip(table.factors, codes, strict=True)
        }
        row["planned"] = int(cells.planned[index])
        row |= {"n": int(cells.n[index]), "k": int(cells.k[index])}
        row |= dict(zip(LABELS, cells.counts[index].tolist(), strict=True))
        row["sd"] = float(cells.variance[index] ** 0.5) if cells.k[index] >= 2 else None
        held = tuple(
            Condition(name, (code,))
            for name, code in sorted(zip(table.factors, codes, strict=True))
        )
        for outcome in outcomes:
            row |= _claim_columns(
                outcome, claims[Estimand.of(outcome, Contrast((), (), held), table).id]
            )
        rows.append(row)
    return pd.DataFrame(rows)


def _claim_columns(outcome: str, claim: Claim) -> dict[str, Level | None]:
    """Estimate, ends and id under the outcome's short name."""
    short = {"converged": "p", "expected": "expected"}.get(outcome, "mean")
    return {
        short: claim.estimate,
        f"{short}_low": claim.low,
        f"{short}_high": claim.high,
        f"{short}_claim": claim.id,
    }
