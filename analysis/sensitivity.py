"""Sensitivity of the verdicts to the label rule: the same analysis under many specifications.

A specification is a margin above chance, the checkpoint that is judged, and what a failed run
counts as that was still improving when its budget ended. The tables come from the caller, who has
the curves; here they are analysed and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from vggstudy.analysis.claims.claim import Claim
from vggstudy.analysis.data.labelling import chance_rule
from vggstudy.analysis.data.outcomes import CONVERGED, FAILED_TO_LEARN
from vggstudy.analysis.data.table import RunTable
from vggstudy.analysis.hypotheses.judge import HypothesisResult
from vggstudy.analysis.notes import Note

MARGINS = (0.02, 0.05, 0.10, 0.20)
Checkpoint = Literal["best", "final"]
Unfinished = Literal["failed", "converged"]


class Compared(Protocol):
    """What of a result is compared between rules."""

    @property
    def table(self) -> RunTable:
        """The runs under a rule."""

    @property
    def hypotheses(self) -> tuple[HypothesisResult, ...]:
        """Their verdicts."""

    def headline(self) -> list[Claim]:
        """The claims whose sides are told."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One way to label runs.

    Attributes
    ----------
    margin : float
        Accuracy above chance that a converged run exceeds.
    checkpoint : str or None
        ``best`` or ``final``: which one is judged; None where the data do not tell.
    unfinished : str or None
        What a failed run that was still improving counts as: ``failed`` within its budget, or
        ``converged`` at the accuracy it had reached; None where the data do not tell.
    """

    margin: float
    checkpoint: Checkpoint | None = None
    unfinished: Unfinished | None = None

    @property
    def name(self) -> str:
        """``margin 0.05, best checkpoint, unfinished as failed``."""
        parts = [f"margin {self.margin:g}"]
        if self.checkpoint:
            parts.append(f"{self.checkpoint} checkpoint")
        if self.unfinished:
            parts.append(f"unfinished as {self.unfinished}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one specification gives.

    Attributes
    ----------
    specification : Specification
    converged : int
        Runs labelled converged.
    verdicts : mapping of str to str
        Hypothesis id to verdict; headline claim id to the side of its reference on which its
        interval lies: ``above``, ``below``, ``open`` or ``not_estimable``.
    estimates : mapping of str to (float, float, float) or None
        Estimate and ends of every headline claim; None where it is not available.
    changed : tuple of str
        Ids whose verdict differs from that of the analysis itself.
    """

    specification: Specification
    converged: int
    verdicts: Mapping[str, str]
    estimates: Mapping[str, tuple[float, float, float] | None]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The multiverse of label rules.

    Attributes
    ----------
    outcomes : tuple of RuleResult
        In the order of the specifications.
    note : Note or None
        What could not be varied, and why; empty if everything was.
    """

    outcomes: tuple[RuleResult, ...]
    note: Note | None = None

    @property
    def changed(self) -> dict[str, list[str]]:
        """Id to the specifications that change its verdict; ids that never change are left out."""
        found: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            for name in outcome.changed:
                found.setdefault(name, []).append(outcome.specification.name)
        return found

    def sentence(self) -> str:
        """One sentence that counts the changed verdicts."""
        total = len(self.outcomes[0].verdicts) if self.outcomes else 0
        count = len(self.changed)
        text = f"{count} of {total} verdicts change under at least one of {len(self.outcomes)} "
        return text + "label rules" + (f"; {self.note}" if self.note else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "note": self.note.text if self.note else "",
            "sentence": self.sentence(),
            "outcomes": [
                {
                    **asdict(outcome),
                    "specification": asdict(outcome.specification),
                    "estimates": {
                        name: list(value) if value else None
                        for name, value in outcome.estimates.items()
                    },
                    "changed": list(outcome.changed),
                }
                for outcome in self.outcomes
            ],
        }


def specifications(*, curves: bool) -> list[Specification]:
    """Every combination of margins, checkpoints and handling of unfinished runs.

    Parameters
    ----------
    curves : bool
        Whether runs have curves; without them only the margin can be varied.
    """
    if not curves:
        return [Specification(margin) for margin in MARGINS]
    return [
        Specification(margin, checkpoint, unfinished)
        for margin in MARGINS
        for checkpoint in ("best", "final")
        for unfinished in ("failed", "converged")
    ]


def relabelled(table: RunTable, specification: Specification) -> RunTable:
    """A table without curves under another margin: its outcome against chance.

    Crashed, missing and diverged runs stay what they are.

    Raises
    ------
    ValueError
        If the table knows no chance level.
    """
    chance = table.chances
    if chance is None:
        raise ValueError("a margin needs the chance level")
    judged = np.isin(table.label, (CONVERGED, FAILED_TO_LEARN)) & ~np.isnan(table.value + chance)
    label = table.label.copy()
    above = table.value > chance + specification.margin
    label[judged] = np.where(above[judged], CONVERGED, FAILED_TO_LEARN)
    rule = chance_rule(table.outcome, table.chance, specification.margin)
    return replace(table, label=label, label_rule=rule)


def to_analyse(table: RunTable, tables: Mapping[Specification, RunTable]) -> list[RunTable]:
    """The relabelled tables that differ from a table and from one another.

    Several rules often label all runs alike.
    """
    known = {_labelled(table): table}
    for other in tables.values():
        known.setdefault(_labelled(other), other)
    return list(known.values())[1:]


def compare_rules(
    base: Compared,
    tables: Mapping[Specification, RunTable],
    analysed: Sequence[Compared],
    *,
    note: Note | None = None,
) -> Sensitivity:
    """Compare the verdicts under every rule with those of the analysis.

    Parameters
    ----------
    base : Compared
    tables : mapping of Specification to RunTable
        The same runs, in the same order, under other label rules.
    analysed : sequence of Compared
        Of the tables that `to_analyse` names.
    note : Note or None
        What could not be varied.
    """
    known = {_labelled(result.table): _Said.of(result) for result in (base, *analysed)}
    expected = known[_labelled(base.table)]
    outcomes = []
    for specification, table in tables.items():
        said = known[_labelled(table)]
        found = {name: said.verdicts.get(name, "not_estimable") for name in expected.verdicts}
        changed = tuple(name for name, one in expected.verdicts.items() if found[name] != one)
        estimates = {name: _ends(said.headline.get(name)) for name in expected.headline}
        outcomes.append(
            RuleResult(specification, table.count("converged"), found, estimates, changed)
        )
    return Sensitivity(tuple(outcomes), note)


@dataclass(frozen=True, slots=True)
class _Said:
    """What one result is compared by: its verdicts, and its headline claims by their ids."""

    verdicts: Mapping[str, str]
    headline: Mapping[str, Claim]

    @classmethod
    def of(cls, result: Compared) -> _Said:
        """Looked up once a result, whatever the number of rules that it stands for."""
        headline = result.headline()
        return cls(_verdicts(result, headline), {claim.id: claim for claim in headline})


def _labelled(table: RunTable) -> bytes:
    """Labels and values of all runs: what differs between rules."""
    return table.label.tobytes() + table.value.tobytes()


def verdicts_of(result: Compared) -> dict[str, str]:
    """Verdicts of the hypotheses, then the sides of the headline differences."""
    return _verdicts(result, result.headline())


def _verdicts(result: Compared, headline: Sequence[Claim]) -> dict[str, str]:
    """The same, of a result whose headline claims are at hand."""
    found = {hypothesis.id: hypothesis.verdict.value for hypothesis in result.hypotheses}
    for claim in headline:
        if claim.reference is not None:
            found[claim.id] = side(claim)
    return found


def side(claim: Claim) -> str:
    """On which side of its reference a claim's interval lies."""
    if claim.low is None or claim.high is None or claim.reference is None:
        return "not_estimable"
    if claim.low > claim.reference:
        return "above"
    return "below" if claim.high < claim.reference else "open"


def _ends(claim: Claim | None) -> tuple[float, float, float] | None:
    """Estimate and ends of an available claim."""
    if claim is None or claim.estimate is None or claim.low is None or claim.high is None:
        return None
    return claim.estimate, claim.low, claim.high
