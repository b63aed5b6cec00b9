"""What must be read with a number: cautions that change what it means, and checks that it fails.

A caution about precision (few runs, a wide interval) is left to the interval itself. These are said
with the number in every form in which it is cited; none has a digit, so that no reader of a paper
takes one for an estimate, but for how many runs there were before a hypothesis.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from vggstudy.analysis.notes import Caution, ModelCaution, Note
from vggstudy.errors import AnalysisError

if TYPE_CHECKING:
    from vggstudy.analysis import Claim

MEANINGS: dict[str, str] = {
    Caution.SELECTION: "survivors are compared",
    Caution.SUB_GRID: "over the largest complete part of the grid",
    Caution.CELLS_LEFT_OUT: "some cells are left out",
    Caution.FAILED_VALUE_ASSUMED: "what failed runs score is assumed",
    Caution.PLAIN_BOOTSTRAP: "by a bootstrap that is known to fail here",
    Caution.HALF_LEARNED: "some converged runs learned half and the interval is too narrow",
    Caution.OUTLIER_BELOW: "one converged run lies far below the others",
    Caution.SIMULTANEOUS: "simultaneous with the others of its family",
    Caution.SEQUENTIAL: "at a level that allows for the looks that were declared",
    Caution.LOOKED_EARLY: "results were analysed before all runs were there, undeclared",
    Caution.UNFINISHED: "not all planned runs are there yet",
    Caution.ZERO_VARIANCE: "with a variance pooled over cells",
    ModelCaution.GAPS: "some levels between the ends are excluded",
    ModelCaution.LEVELS_LEFT_OUT: "some levels are left out",
    ModelCaution.SEEDS_LEFT_OUT: "some seeds are left out",
    ModelCaution.OUTSIDE_RANGE: "it reaches beyond the levels that were run",
    ModelCaution.TAKEN_AS_INDEPENDENT: "dependent runs are taken as independent",
}
"""Codes of cautions that change what a number means, in the words that stand behind it."""

CHECKS: dict[str, str] = {
    ModelCaution.LACK_OF_FIT: "the curve does not fit",
    ModelCaution.MINIMUM: "the curve has a minimum there",
    ModelCaution.MAXIMUM: "the curve has a maximum there",
    ModelCaution.CURVATURE_NOT_SIGNIFICANT: "the curvature is not significant",
}
"""Codes of checks that a claim makes of itself."""

BY_CHANCE = "exploratory, and no more than so many claims exclude by chance"
"""Behind an interval that excludes its reference and does not survive their number."""

OF_A_PEAK: dict[str, str] = {
    ModelCaution.OUTSIDE_RANGE: "it lies outside the levels at which runs converged"
}
"""What is a failed check of a turning point, and merely a one-sided bound of a level needed."""


def checks_of(claim: Claim) -> dict[str, str]:
    """The codes that are failed checks of a claim, in words."""
    return {**CHECKS, **OF_A_PEAK} if claim.outcome == "peak" else CHECKS


def failed_checks(claim: Claim) -> list[Note]:
    """The claim's notes on itself that say that it does not hold."""
    known = checks_of(claim)
    return [note for note in claim.warnings if note.code in known]


def cautions(claim: Claim) -> tuple[str, ...]:
    """What must be read with the claim, in words, failed checks first."""
    checks = checks_of(claim)
    codes = dict.fromkeys(note.code for note in claim.warnings)
    failed = [checks[code] for code in codes if code in checks]
    meanings = [MEANINGS[code] for code in codes if code in MEANINGS and code not in checks]
    late = [f"hypothesis {claim.registration.text}"] if claim.registration else []
    chance = [BY_CHANCE] if claim.survives is False and claim.side else []
    return (*failed, *late, *chance, *meanings)


def said_behind(claim: Claim) -> str:
    """The cautions as they stand behind a number, with the space before them; or nothing."""
    found = cautions(claim)
    return f" (caution: {'; '.join(found)})" if found else ""


def refused_checks(claim: Claim, despite: Collection[str]) -> list[Note]:
    """Failed checks that nobody asked to disregard."""
    return [note for note in failed_checks(claim) if note.code not in despite]


def refuse_failed(claim: Claim, despite: Collection[str]) -> None:
    """Refuse to cite a claim that fails its own check, unless it is cited despite that.

    Raises
    ------
    AnalysisError
        Naming every check, and how it can be disregarded.
    """
    left = refused_checks(claim, despite)
    if left:
        why = "; ".join(note.text for note in left)
        options = " ".join(f"--despite {note.code}" for note in left)
        raise AnalysisError(
            f"{claim.id} fails its own check and is not cited: {why} (cite it all the same with "
            f"{options})"
        )
